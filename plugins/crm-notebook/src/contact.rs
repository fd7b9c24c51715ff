//! What a call wants written on a card: mapped from canonical fields, and read back.

use std::collections::BTreeSet;

use patchbay_sdk::types::{Error, Field, Identifier, Native, Problem, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::identifier::{self, IDENTIFIER_BYTES_MAX};

/// Largest native record, in bytes.
pub(crate) const NATIVE_BYTES_MAX: usize = 64 * 1024;

/// Longest key of a field, in bytes.
const FIELD_KEY_BYTES_MAX: usize = 128;

/// Most identifiers in one record: each one that is new takes two of the 64 changes of a commit.
pub(crate) const CONTACT_IDENTIFIERS_MAX: usize = 16;

/// The native record of a contact.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Contact {
    /// What the fields shall be; `null` empties one. Phones and e-mails are lists.
    pub(crate) fields: Map<String, Json>,
    /// Phones that the card shall be found by; added to those it has.
    pub(crate) phones: Vec<String>,
    /// E-mail addresses that the card shall be found by; added to those it has.
    pub(crate) emails: Vec<String>,
    /// Ids of other systems that the card shall be found by; added to those it has.
    pub(crate) external_ids: Vec<External>,
}

/// An id that another system gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct External {
    pub(crate) system: String,
    pub(crate) id: String,
}

/// Maps canonical fields and identifiers to the native record, or tells all that is impossible.
pub(crate) fn map(client: Vec<Identifier>, fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
    let (fields, mut problems) = json_fields(fields);
    let mut contact = Contact { fields, ..Contact::default() };
    for identifier in client {
        match identifier {
            Identifier::Phone(phone) => contact.phones.push(phone),
            Identifier::Email(email) => contact.emails.push(email),
            Identifier::External(external) => {
                contact.external_ids.push(External { system: external.system, id: external.id });
            }
            // A card is found by its own id without our help.
            Identifier::Card(_) => {}
        }
    }
    problems.extend(contact.problems());
    let native = to_native(&contact);
    problems.extend(size_problem(&native));
    if problems.is_empty() { Ok(native) } else { Err(problems) }
}

/// Reads the native record of a contact, or tells all that is wrong with it.
pub(crate) fn parse(native: &str) -> Result<Contact, Error> {
    let contact: Contact = from_native(native, "contact")?;
    let problems = contact.problems();
    if problems.is_empty() { Ok(contact) } else { Err(Error::Invalid(problems)) }
}

/// Reads a native record of either kind.
pub(crate) fn from_native<T: DeserializeOwned>(native: &str, name: &str) -> Result<T, Error> {
    if let Some(problem) = size_problem(native) {
        return Err(Error::Invalid(vec![problem]));
    }
    // By way of a map, because a list would pass for an object otherwise.
    let record = serde_json::from_str::<Map<String, Json>>(native);
    let record = record.and_then(|members| serde_json::from_value(Json::Object(members)));
    // The error's own text may quote the client's record.
    record.map_err(|_error| {
        Error::invalid(name, "is no record of this CRM; make it with its own mapping")
    })
}

/// Fields as JSON members. Several fields with the key of a list go on one list; of others the last counts.
pub(crate) fn json_fields(fields: Vec<Field>) -> (Map<String, Json>, Vec<Problem>) {
    let mut members = Map::new();
    let mut problems = Vec::new();
    for Field { key, value } in fields {
        match json(value).and_then(|value| {
            if is_list(&key) { extended(members.get(&key), value) } else { Ok(value) }
        }) {
            Ok(value) => {
                members.insert(key, value);
            }
            Err(message) => problems.push(Problem::new(key, message)),
        }
    }
    (members, problems)
}

/// The list so far with one more value or several.
fn extended(list: Option<&Json>, value: Json) -> Result<Json, &'static str> {
    if !is_texts(&value) {
        return Err("should be a text or a list of texts");
    }
    match list {
        Some(Json::Array(list)) => {
            Ok(list.iter().cloned().chain(texts(&value).into_iter().map(Json::String)).collect())
        }
        _ if value.is_null() => Ok(value),
        _ => Ok(texts(&value).into_iter().map(Json::String).collect()),
    }
}

fn json(value: Value) -> Result<Json, &'static str> {
    match value {
        Value::Empty => Ok(Json::Null),
        Value::Text(text) | Value::Instant(text) => {
            Ok(if text.is_empty() { Json::Null } else { Json::String(text) })
        }
        Value::Number(number) => serde_json::Number::from_f64(number)
            .map(Json::Number)
            .ok_or("is no finite number; leave it out"),
        Value::Flag(flag) => Ok(Json::Bool(flag)),
        Value::Texts(texts) => {
            Ok(texts.into_iter().filter(|text| !text.is_empty()).map(Json::String).collect())
        }
        Value::Json(text) => serde_json::from_str(&text).map_err(|_error| "is no valid JSON"),
    }
}

/// The native record as JSON text.
pub(crate) fn to_native(record: &impl Serialize) -> Native {
    serde_json::to_string(record).expect("texts, numbers and lists always have a JSON form")
}

/// Whether values of this key are kept as a list, each one found by.
pub(crate) fn is_list(key: &str) -> bool {
    key == "phone" || key == "email"
}

/// The texts of a member: one or several; other values have none.
pub(crate) fn texts(value: &Json) -> Vec<String> {
    match value {
        Json::String(text) => vec![text.clone()],
        Json::Array(list) => list.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => Vec::new(),
    }
}

/// Whether a member of a list's key has one of the forms it can have.
fn is_texts(value: &Json) -> bool {
    match value {
        Json::Null | Json::String(_) => true,
        Json::Array(list) => list.iter().all(Json::is_string),
        Json::Bool(_) | Json::Number(_) | Json::Object(_) => false,
    }
}

/// What is wrong with a native record of this length.
pub(crate) fn size_problem(native: &str) -> Option<Problem> {
    let message =
        || format!("the record has {} bytes; at most {NATIVE_BYTES_MAX} fit", native.len());
    (native.len() > NATIVE_BYTES_MAX).then(|| Problem::general(message()))
}

/// What is wrong with the keys of fields.
pub(crate) fn key_problems(fields: &Map<String, Json>) -> impl Iterator<Item = Problem> {
    let is_wrong = |key: &&String| key.is_empty() || key.len() > FIELD_KEY_BYTES_MAX;
    let message = format!("a field's key should have 1 to {FIELD_KEY_BYTES_MAX} bytes");
    fields.keys().filter(is_wrong).map(move |_key| Problem::general(message.clone()))
}

impl Contact {
    fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = key_problems(&self.fields).collect();
        for (key, extra) in [("phone", &self.phones), ("email", &self.emails)] {
            let value = self.fields.get(key).unwrap_or(&Json::Null);
            if !is_texts(value) {
                problems.push(Problem::new(key, "should be a text or a list of texts"));
            }
            for text in texts(value).iter().chain(extra) {
                if text.len() > IDENTIFIER_BYTES_MAX {
                    problems.push(Problem::new(
                        key,
                        format!("is longer than {IDENTIFIER_BYTES_MAX} bytes"),
                    ));
                } else if key == "email" && !identifier::is_email(text) {
                    problems.push(Problem::new(
                        key,
                        "is no e-mail address: it should be `name@domain`",
                    ));
                }
            }
        }
        for External { system, id } in &self.external_ids {
            if identifier::external_key(system, id).is_none() {
                let message = format!(
                    "system and id should not be empty, have at most {IDENTIFIER_BYTES_MAX} bytes, and no `:` in the system"
                );
                problems.push(Problem::new("external-ids", message));
            }
        }
        let count = self.index_keys().count();
        if count > CONTACT_IDENTIFIERS_MAX {
            let message = format!(
                "{count} phones, e-mails and external ids; at most {CONTACT_IDENTIFIERS_MAX} can be written at once"
            );
            problems.push(Problem::general(message));
        }
        problems
    }

    /// Every key that this record wants its card to be found by.
    fn index_keys(&self) -> impl Iterator<Item = String> {
        let list = |key| self.fields.get(key).map(texts).unwrap_or_default();
        let phones = list("phone").into_iter().chain(self.phones.clone());
        let emails = list("email").into_iter().chain(self.emails.clone());
        let externals = self.external_ids.iter();
        let keys: BTreeSet<String> =
            phones
                .filter_map(|phone| identifier::phone_key(&phone))
                .chain(emails.filter_map(|email| identifier::email_key(&email)))
                .chain(externals.filter_map(|external| {
                    identifier::external_key(&external.system, &external.id)
                }))
                .collect();
        keys.into_iter()
    }
}
