//! Canonical fields to records of this adapter's own, which `upsert` and `deal` read. Pure.
//!
//! A contact is `{"name", "mechanisms": [[type, value]], "identifiers": [code], "values": {}}`, a deal
//! `{"stage", "values": {}}`; what is not named is absent, and nothing at all is `{}`.

use patchbay_sdk::types::{Field, Identifier, Native, Problem, Value as FieldValue};
use patchbay_sdk::{phone, shown};
use serde_json::{Map, Value, json};

use crate::party::{self, Mechanism};

/// Canonical keys that have no place in a party or an opportunity.
const WITHOUT_PLACE: [&str; 17] = [
    "comment",
    "source",
    "site",
    "page-url",
    "page-title",
    "referrer",
    "utm-source",
    "utm-medium",
    "utm-campaign",
    "utm-term",
    "utm-content",
    "country",
    "region",
    "city",
    "tag",
    "manager",
    "pipeline",
];

/// Fields of a party that this adapter fills itself, or that change by contact mechanisms.
const RESERVED: [&str; 9] = [
    "active",
    "code",
    "contact_mechanisms",
    "fax",
    "identifiers",
    "mobile",
    "party",
    "reference",
    "website",
];

/// The stages that a deal can be brought to: the others follow from its sales.
pub(crate) const STAGES: [(&str, &str); 4] = [
    ("lead", "Lead"),
    ("opportunity", "Opportunity"),
    ("lost", "Lost"),
    ("cancelled", "Cancelled"),
];

pub(crate) fn contact(client: &[Identifier], fields: &[Field]) -> Result<Native, Vec<Problem>> {
    let mut record = Map::new();
    let mut mechanisms: Vec<Mechanism> = Vec::new();
    let (mut values, mut problems) = (Map::new(), Vec::new());
    for Field { key, value } in fields {
        let all = value.texts().into_iter();
        match key.as_str() {
            "name" => match value {
                FieldValue::Empty => drop(record.insert("name".to_owned(), Value::Null)),
                _ => match value.as_text().and_then(shown::line) {
                    Some(name) => drop(record.insert("name".to_owned(), name.into())),
                    None => problems.push(Problem::new("name", "must be a text")),
                },
            },
            "phone" => add(&mut mechanisms, all.filter_map(number)),
            "email" => add(&mut mechanisms, all.filter_map(address)),
            "site" => add(&mut mechanisms, all.filter_map(site)),
            key if WITHOUT_PLACE.contains(&key) => {}
            key => own(key, value, &mut values, &mut problems),
        }
    }
    let mut identifiers: Vec<String> = Vec::new();
    for identifier in client {
        match identifier {
            Identifier::Phone(phone) => add(&mut mechanisms, number(phone)),
            Identifier::Email(email) => add(&mut mechanisms, address(email)),
            Identifier::External(external) => identifiers.extend(party::reference(external)),
            Identifier::Card(_) => {}
        }
    }
    identifiers.sort();
    identifiers.dedup();
    let pairs: Vec<Value> = mechanisms.iter().map(|it| json!([it.kind, it.value])).collect();
    put(&mut record, "mechanisms", pairs.is_empty(), pairs.into());
    put(&mut record, "identifiers", identifiers.is_empty(), identifiers.into());
    put(&mut record, "values", values.is_empty(), values.into());
    done(record, problems)
}

pub(crate) fn deal(fields: &[Field]) -> Result<Native, Vec<Problem>> {
    let mut record = Map::new();
    let (mut values, mut problems) = (Map::new(), Vec::new());
    for Field { key, value } in fields {
        match (key.as_str(), value) {
            ("title", FieldValue::Empty) => drop(values.insert("description".to_owned(), Value::Null)),
            ("title", _) => match value.as_text().and_then(shown::line) {
                Some(title) => drop(values.insert("description".to_owned(), title.into())),
                None => problems.push(Problem::new("title", "must be a text")),
            },
            ("stage", FieldValue::Empty) => {}
            ("stage", _) => match value.as_text().filter(|stage| is_stage(stage)) {
                Some(stage) => drop(record.insert("stage".to_owned(), stage.into())),
                None => problems.push(Problem::new(
                    "stage",
                    "must be `lead`, `opportunity`, `lost` or `cancelled`: Tryton sets the others by itself",
                )),
            },
            ("amount", FieldValue::Number(amount)) if amount.is_finite() => {
                values.insert("amount".to_owned(), decimal(*amount));
            }
            ("comment", _) => own("comment", value, &mut values, &mut problems),
            (key, _) if WITHOUT_PLACE.contains(&key) || matches!(key, "name" | "phone" | "email") => {}
            (key, _) => own(key, value, &mut values, &mut problems),
        }
    }
    put(&mut record, "values", values.is_empty(), values.into());
    done(record, problems)
}

pub(crate) fn is_stage(stage: &str) -> bool {
    STAGES.iter().any(|(known, _)| *known == stage)
}

/// Whether a field of this name is the operator's to fill.
pub(crate) fn is_own(key: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !RESERVED.contains(&key)
        && key.len() <= 63
        && key.bytes().all(is_plain)
        && key.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
}

/// Tryton's form of a number that is not rounded on its way.
fn decimal(number: f64) -> Value {
    json!({ "__class__": "Decimal", "decimal": number.to_string() })
}

fn done(record: Map<String, Value>, problems: Vec<Problem>) -> Result<Native, Vec<Problem>> {
    if problems.is_empty() { Ok(Value::Object(record).to_string()) } else { Err(problems) }
}

fn put(record: &mut Map<String, Value>, key: &str, is_empty: bool, value: Value) {
    if !is_empty {
        record.insert(key.to_owned(), value);
    }
}

/// Adds those that are not said yet.
fn add(mechanisms: &mut Vec<Mechanism>, more: impl IntoIterator<Item = Mechanism>) {
    for mechanism in more {
        if !mechanisms.iter().any(|held| held.covers(&mechanism)) {
            mechanisms.push(mechanism);
        }
    }
}

/// A number without its country is no phone to a Tryton that checks them, and is kept all the same.
fn number(phone: &str) -> Option<Mechanism> {
    let value = shown::line(phone).filter(|line| phone::searched(line).is_some())?;
    let kind = if phone::international(&value).is_some() { "phone" } else { "other" };
    Some(Mechanism::new(kind, &value))
}

fn address(email: &str) -> Option<Mechanism> {
    let value = shown::line(email).filter(|line| line.contains('@'))?;
    Some(Mechanism::new("email", &value))
}

fn site(url: &str) -> Option<Mechanism> {
    Some(Mechanism::new("website", &shown::line(url)?))
}

fn own(
    key: &str,
    value: &FieldValue,
    values: &mut Map<String, Value>,
    problems: &mut Vec<Problem>,
) {
    if !is_own(key) {
        let text = "is no field that can be set; those of `describe-fields` can";
        problems.push(Problem::new(key, text));
        return;
    }
    let value = match value {
        FieldValue::Empty => Value::Null,
        FieldValue::Text(text) => cleaned(text).into(),
        FieldValue::Flag(flag) => (*flag).into(),
        FieldValue::Number(number) => match whole(*number) {
            Some(whole) => whole.into(),
            None => json!(number),
        },
        FieldValue::Instant(_) | FieldValue::Texts(_) | FieldValue::Json(_) => {
            problems.push(Problem::new(key, "must be a text, a number or a flag"));
            return;
        }
    };
    values.insert(key.to_owned(), value);
}

/// A number without a fraction as Tryton's integer fields want it.
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0).then(|| number.to_string().parse().ok()).flatten()
}

/// A text without the control characters that Tryton and its database refuse.
pub(crate) fn cleaned(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests;
