//! Checks of `contacts`.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{Client, Suite, longest_key, lost};
use crate::Contacts;
use crate::types::{Card, Field, FieldSpec, FieldType, Identifier, Native, Problem, Value};

/// Cards that a look-up may answer.
const CARDS_MAX: usize = 20;

/// The keys of the contract, and one of the CRM's own.
const KEYS: [&str; 20] = [
    "name",
    "phone",
    "email",
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
    "Own_Field_7",
];

/// Stands for what is told of a person, and so is not to be told on.
const PRIVATE: &str = "Zq7-private";

impl Suite<'_> {
    /// Every check of the interface that all CRM adapters have. Answers the card that was made.
    pub fn contacts<T: Contacts>(&self) -> Result<Card, String> {
        let Client { identifiers, fields } = (self.client)(0);
        self.mapping_is_total(&|fields| T::map_fields(identifiers.clone(), fields), &KEYS)?;
        self.host.run_pure(|| super::mapping_is_pure::<T>(&identifiers, &fields))?;
        check_specs("describe-fields", &self.good("describe-fields", T::describe_fields)?)?;
        self.nothing_is_found_of_nobody::<T>()?;
        let card =
            self.host.run(|| super::contacts::<T>(&identifiers, &fields, self.unknown_id))?;
        self.notations_find_the_card::<T>(&identifiers, &card.id)?;
        self.a_change_keeps_the_card::<T>(&card)?;
        lost::contacts::<T>(self)?;
        Ok(card)
    }

    /// Every key with a value of every kind has a record or problems, which tell nothing of the value.
    pub(super) fn mapping_is_total(
        &self,
        map: &dyn Fn(Vec<Field>) -> Result<Native, Vec<Problem>>,
        keys: &[&str],
    ) -> Result<(), String> {
        for key in keys {
            for value in values() {
                let fields = vec![Field::new(*key, value.clone())];
                let told = self.host.run_pure(|| map(fields));
                let is_told = match &told {
                    Ok(native) => serde_json::from_str::<Json>(native).is_ok(),
                    Err(problems) => !problems.is_empty(),
                };
                if !is_told {
                    return Err(format!(
                        "the mapping of `{key}` to {value:?} has no answer: {told:?}"
                    ));
                }
                let tells = |problem: &Problem| format!("{problem:?}").contains(PRIVATE);
                if told.is_err_and(|problems| problems.iter().any(tells)) {
                    return Err(format!("a problem of `{key}` tells the value that it is about"));
                }
            }
        }
        Ok(())
    }

    fn nothing_is_found_of_nobody<T: Contacts>(&self) -> Result<(), String> {
        let unknown = Identifier::Card(self.unknown_id.to_owned());
        for any_of in [Vec::new(), vec![unknown], (self.client)(1).identifiers] {
            let cards = self.good("lookup-client", || T::lookup_client(any_of))?;
            if !cards.is_empty() {
                return Err(format!("a look-up of nobody finds {} cards", cards.len()));
            }
        }
        Ok(())
    }

    /// A number with `00`, and with what people put between digits; an address in capitals.
    fn notations_find_the_card<T: Contacts>(
        &self,
        identifiers: &[Identifier],
        id: &str,
    ) -> Result<(), String> {
        for identifier in identifiers {
            let notations = match identifier {
                Identifier::Phone(number) => {
                    let digits = number.trim_start_matches('+');
                    let (start, end) = digits.split_at(digits.len() / 2);
                    let texts = [format!("00{digits}"), format!("+{start} ({end})")];
                    texts.map(Identifier::Phone).to_vec()
                }
                Identifier::Email(email) => vec![Identifier::Email(email.to_uppercase())],
                Identifier::External(_) => Vec::new(),
                Identifier::Card(_) => continue,
            };
            for notation in notations {
                let any_of = vec![notation.clone()];
                let cards = self.good("lookup-client", || T::lookup_client(any_of))?;
                if cards.iter().all(|card| card.id != id) {
                    return Err(format!("card `{id}` is not found by the notation {notation:?}"));
                }
                if CARDS_MAX < cards.len() {
                    return Err(format!("a look-up answers {} cards; at most 20", cards.len()));
                }
            }
        }
        let by_id = vec![Identifier::Card(id.to_owned())];
        let cards = self.good("lookup-client", || T::lookup_client(by_id))?;
        match cards.as_slice() {
            [card] if card.id == id => Ok(()),
            _ => Err(format!("card `{id}` is not found by its own id")),
        }
    }

    /// The longest key is taken, what is empty changes nothing, and the id stays.
    fn a_change_keeps_the_card<T: Contacts>(&self, card: &Card) -> Result<(), String> {
        let Client { identifiers, fields } = (self.client)(0);
        for (number, fields) in [Vec::new(), fields].into_iter().enumerate() {
            let native = self.native::<T>(&identifiers, &fields)?;
            let key = longest_key(&format!("change-{number}"));
            let id = Some(card.id.clone());
            let changed = self.good("upsert-contact", || T::upsert_contact(id, native, key))?;
            if changed.id != card.id {
                return Err(format!("a change of card `{}` answers `{}`", card.id, changed.id));
            }
        }
        let cards = self.good("lookup-client", || T::lookup_client(identifiers))?;
        match cards.as_slice() {
            [found] if found.id == card.id => Ok(()),
            cards => Err(format!("after a change {} cards are found", cards.len())),
        }
    }
}

/// A value of each kind, empty, full and odd.
fn values() -> Vec<Value> {
    let text = |text: &str| text.to_owned();
    vec![
        Value::Empty,
        Value::Text(String::new()),
        Value::Text(text(" \0 ")),
        Value::Text(text(PRIVATE)),
        Value::Number(7.0),
        Value::Number(-0.5),
        Value::Number(f64::NAN),
        Value::Number(f64::INFINITY),
        Value::Flag(true),
        Value::Flag(false),
        Value::Instant(text("2025-10-09T12:01:00+03:00")),
        Value::Instant(text(PRIVATE)),
        Value::Texts(Vec::new()),
        Value::Texts(vec![String::new(), text(PRIVATE)]),
        Value::Json(text("{\"a\":[null]}")),
        Value::Json(text(PRIVATE)),
    ]
}

/// Keys once each, titles, and choices where there is something to choose from.
pub(super) fn check_specs(what: &str, specs: &[FieldSpec]) -> Result<(), String> {
    if specs.is_empty() {
        return Err(format!("`{what}` describes nothing"));
    }
    let mut keys = BTreeSet::new();
    for spec in specs {
        if spec.key.is_empty() || spec.title.is_empty() {
            return Err(format!("`{what}` describes a field without a key or a title: {spec:?}"));
        }
        if !keys.insert(spec.key.as_str()) {
            return Err(format!("`{what}` describes `{}` twice", spec.key));
        }
        if spec.type_ != FieldType::Choice && !spec.choices.is_empty() {
            return Err(format!("`{what}` has choices for `{}`, which is none", spec.key));
        }
    }
    Ok(())
}
