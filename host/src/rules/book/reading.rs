//! What an event says, by the rules: filter, mapping, and who the client is.

use std::sync::Arc;

use minijinja::value::{Value, ValueKind};

use super::{Mapped, Reading, Rulebook, Wanted};
use crate::{
    account::Update,
    card::{self, Field, Identifier},
    event::{Event, Remark, RemarkKind},
    id::AccountId,
    rules::{
        check::Target,
        context::Context,
        decision::Decision,
        identity::{self, CANONICAL_KEYS},
        policy::KEYS_FILLED_IN,
        template::{self, Failure},
    },
};

/// Members of a list that become the values of a field.
pub(super) const TEXTS_MAX: usize = 100;

/// The largest whole number that a field holds as a number.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

impl Rulebook {
    /// Filters and maps. A template that fails leaves its field alone, with a remark; a filter that
    /// fails lets the event through: a lead too many is seen, one too few is not.
    pub fn read(&self, event: &Event, channel: &AccountId, body: Option<&[u8]>) -> Reading {
        let context = Context::of(event, channel, body, &self.wanted);
        let mut reading = Reading {
            filtered: None,
            client: Vec::new(),
            contact: Vec::new(),
            deal: Vec::new(),
            decisions: Vec::with_capacity(1 + self.mapping.len()),
            remarks: Vec::new(),
            context,
            standard: Arc::clone(&self.standard),
        };
        self.filter(&mut reading);
        if reading.filtered.is_some() {
            return reading;
        }
        let root = reading.context.root();
        for mapped in &self.mapping {
            self.map(mapped, root.clone(), &mut reading);
        }
        if self.rules().own_fields {
            self.add_own_fields(event, &mut reading);
        }
        reading.client = self.client(event, &reading.contact);
        reading
    }

    fn filter(&self, reading: &mut Reading) {
        let Some(filter) = &self.filter else { return };
        let (decided, because) = match self.templates.value(filter, reading.context.root()) {
            Ok(value) if value.is_true() => ("goes on", "the expression is true".to_owned()),
            Ok(_) => {
                let because = "the expression of `rules.filter` is not true";
                reading.filtered = Some(because.to_owned());
                let text = because.to_owned();
                reading.remarks.push(Remark { kind: RemarkKind::Filtered, text });
                ("filtered", because.to_owned())
            }
            Err(failure) => {
                let text = format!("`rules.filter` failed, and the event goes on: {failure}");
                reading.remarks.push(Remark { kind: RemarkKind::Template, text });
                ("goes on", format!("the expression failed: {failure}"))
            }
        };
        reading.decisions.push(Decision::new("filter", decided, because));
    }

    fn map(&self, mapped: &Mapped, root: Value, reading: &mut Reading) {
        let place = match mapped.target {
            Target::Contact => "contact",
            Target::Deal => "deal",
        };
        let name = format!("{place}.{}", mapped.key);
        let value = self.templates.value(&mapped.template, root);
        let value = value.and_then(|value| self.field_value(&mapped.key, &value));
        let (decided, because) = match value {
            Ok(Some(value)) => {
                let decided = format!("{name} = {}", shown(&value));
                let field = Field { key: mapped.key.clone(), value };
                // Who looks after a card is decided once, when it is made.
                let is_manager = mapped.key == "manager";
                let update = if is_manager { Update::NewOnly } else { mapped.update };
                let fields = match mapped.target {
                    Target::Contact => &mut reading.contact,
                    Target::Deal => &mut reading.deal,
                };
                fields.push(Wanted { field, update });
                (decided, "the template gave a value".to_owned())
            }
            Ok(None) => (format!("{name} is left alone"), "the template gave nothing".to_owned()),
            Err(failure) => {
                reading.remarks.push(failed(&mapped.rule, failure));
                (format!("{name} is left alone"), format!("the template failed: {failure}"))
            }
        };
        reading.decisions.push(Decision::new(mapped.rule.as_str(), decided, because));
    }

    /// What a template gave as the value of a field; nothing where it is empty.
    fn field_value(&self, key: &str, value: &Value) -> Result<Option<card::Value>, Failure> {
        let is_text = CANONICAL_KEYS.contains(&key);
        let found = match value.kind() {
            ValueKind::Undefined | ValueKind::None => return Ok(None),
            ValueKind::Bool if !is_text => card::Value::Flag(value.is_true()),
            ValueKind::Number if !is_text => match f64::try_from(value.clone()) {
                Ok(number) if number.abs() <= WHOLE_MAX => card::Value::Number(number),
                _ => card::Value::Text(value.to_string()),
            },
            ValueKind::Seq | ValueKind::Iterable => {
                let members = value.try_iter().map_err(|error| Failure::Other(error.kind()))?;
                let texts: Result<Vec<String>, Failure> =
                    members.take(TEXTS_MAX).map(|member| template::text_of(&member)).collect();
                card::Value::Texts(texts?)
            }
            ValueKind::Map => card::Value::Json(template::text_of(value)?),
            _ => card::Value::Text(template::text_of(value)?),
        };
        let field = Field { key: key.to_owned(), value: found };
        Ok(identity::normal_field_by(&field, &self.standard).map(|field| field.value))
    }

    /// What the adapter has read, where no mapping names its key.
    fn add_own_fields(&self, event: &Event, reading: &mut Reading) {
        let is_mapped = |key: &str| {
            let mut contact = self.mapping.iter().filter(|it| it.target == Target::Contact);
            contact.any(|mapped| mapped.key == key)
        };
        for field in &event.fields {
            let key = field.key.as_str();
            if !CANONICAL_KEYS.contains(&key) || is_mapped(key) {
                continue;
            }
            let is_of_client = KEYS_FILLED_IN.contains(&key);
            let update = if is_of_client { self.rules().update } else { Update::NewOnly };
            let field = identity::normal_field_by(field, &self.standard);
            reading.contact.extend(field.map(|field| Wanted { field, update }));
        }
    }

    /// The event's own identifiers, then the mapped phones and e-mails.
    fn client(&self, event: &Event, contact: &[Wanted]) -> Vec<Identifier> {
        let mapped = contact.iter().flat_map(|wanted| {
            let of: Option<fn(String) -> Identifier> = match wanted.field.key.as_str() {
                "phone" => Some(Identifier::Phone),
                "email" => Some(Identifier::Email),
                _ => None,
            };
            let texts = of.map(|_| texts(&wanted.field.value)).unwrap_or_default();
            texts.iter().filter_map(move |text| Some(of?(text.clone())))
        });
        let mapped: Vec<Identifier> = mapped.collect();
        identity::distinct(
            event
                .client
                .iter()
                .chain(&mapped)
                .filter_map(|identifier| identity::normal_by(identifier, &self.standard)),
        )
    }
}

fn texts(value: &card::Value) -> &[String] {
    match value {
        card::Value::Text(text) => std::slice::from_ref(text),
        card::Value::Texts(texts) => texts,
        _ => &[],
    }
}

/// A value for the operator who asks why.
fn shown(value: &card::Value) -> String {
    match value {
        card::Value::Empty => String::new(),
        card::Value::Text(text) | card::Value::Instant(text) | card::Value::Json(text) => {
            text.clone()
        }
        card::Value::Number(number) => number.to_string(),
        card::Value::Flag(flag) => flag.to_string(),
        card::Value::Texts(texts) => texts.join(", "),
    }
}

/// Names the rule and none of the event.
pub(in super::super) fn failed(rule: &str, failure: Failure) -> Remark {
    let text = format!("the template of `rules.{rule}` failed: {failure}");
    Remark { kind: RemarkKind::Template, text }
}
