//! Checks of `contacts`.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{Client, Suite, is_not_found, longest_key, lost};
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
        let client = (self.client)(0);
        let identifiers = &client.identifiers;
        self.mapping_is_total(&|fields| T::map_fields(identifiers.clone(), fields), &KEYS)?;
        self.mapping_is_pure::<T>(&client)?;
        check_specs("describe-fields", &self.good("describe-fields", T::describe_fields)?)?;
        self.nothing_is_found_of_nobody::<T>()?;
        self.an_unknown_id_is_not_found::<T>(&client)?;
        let card = self.upserting_twice_makes_one_card::<T>(&client)?;
        self.every_identifier_finds_the_card::<T>(identifiers, &card.id)?;
        self.notations_find_the_card::<T>(identifiers, &card.id)?;
        self.a_change_keeps_the_card::<T>(&card)?;
        lost::contacts::<T>(self)?;
        Ok(card)
    }

    fn lookup<T: Contacts>(&self, any_of: &[Identifier]) -> Result<Vec<Card>, String> {
        self.good("lookup-client", || T::lookup_client(any_of.to_vec()))
    }

    /// Two calls of `map-fields` with the same input answer the same, also for no input at all.
    fn mapping_is_pure<T: Contacts>(&self, client: &Client) -> Result<(), String> {
        let Client { identifiers, fields } = client;
        let map = |identifiers: &[Identifier], fields: &[Field]| {
            self.host.run_pure(|| T::map_fields(identifiers.to_vec(), fields.to_vec()))
        };
        let inputs: [(&[Identifier], &[Field]); 4] =
            [(identifiers, fields), (&[], &[]), (identifiers, &[]), (&[], fields)];
        if inputs.into_iter().all(|(client, fields)| map(client, fields) == map(client, fields)) {
            return Ok(());
        }
        Err("`map-fields` answers differently to the same input".to_owned())
    }

    /// A change of a card that does not exist is not found, and makes none.
    fn an_unknown_id_is_not_found<T: Contacts>(&self, client: &Client) -> Result<(), String> {
        let native = self.native::<T>(&client.identifiers, &client.fields)?;
        let (id, key) = (Some(self.unknown_id.to_owned()), "card-unknown".to_owned());
        let told = self.call("upsert-contact", || T::upsert_contact(id, native, key))?;
        is_not_found("upsert-contact", told)?;
        if self.lookup::<T>(&client.identifiers)?.is_empty() {
            return Ok(());
        }
        Err("an upsert of an unknown id made a card".to_owned())
    }

    /// The same upsert with the same key answers the same card, and a look-up finds only that one.
    fn upserting_twice_makes_one_card<T: Contacts>(&self, client: &Client) -> Result<Card, String> {
        let upsert = || {
            let native = self.native::<T>(&client.identifiers, &client.fields)?;
            let key = "card-create".to_owned();
            self.good("upsert-contact", || T::upsert_contact(None, native, key))
        };
        let (first, second) = (upsert()?, upsert()?);
        if first.id != second.id {
            return Err(format!(
                "the same idempotency key made two cards: `{}` and `{}`",
                first.id, second.id
            ));
        }
        match self.lookup::<T>(&client.identifiers)?.as_slice() {
            [card] if card.id == first.id => Ok(first),
            cards => Err(format!(
                "a lookup should find card `{}` alone and finds {}",
                first.id,
                cards.len()
            )),
        }
    }

    /// Each identifier alone finds the card and stands in its `matched`.
    fn every_identifier_finds_the_card<T: Contacts>(
        &self,
        identifiers: &[Identifier],
        id: &str,
    ) -> Result<(), String> {
        for identifier in identifiers {
            let cards = self.lookup::<T>(std::slice::from_ref(identifier))?;
            let Some(card) = cards.iter().find(|card| card.id == id) else {
                return Err(format!("card `{id}` is not found by {identifier:?}"));
            };
            if !card.matched.contains(identifier) {
                return Err(format!("card `{id}` does not tell that {identifier:?} matched"));
            }
        }
        Ok(())
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
            let cards = self.lookup::<T>(&any_of)?;
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
                let cards = self.lookup::<T>(&any_of)?;
                if cards.iter().all(|card| card.id != id) {
                    return Err(format!("card `{id}` is not found by the notation {notation:?}"));
                }
                if CARDS_MAX < cards.len() {
                    return Err(format!("a look-up answers {} cards; at most 20", cards.len()));
                }
            }
        }
        let by_id = vec![Identifier::Card(id.to_owned())];
        let cards = self.lookup::<T>(&by_id)?;
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
        let cards = self.lookup::<T>(&identifiers)?;
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
