//! Canonical fields to the values of a contact or a deal. Pure, and total: every input has an answer.

use patchbay_sdk::types::{Error, ExternalId, Field, Identifier, Problem, Value as FieldValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::bb;
use crate::own;

/// Canonical keys with a field of their own, in contacts and deals alike.
const SAME: [(&str, &str); 7] = [
    ("comment", "comments"),
    ("source", "sourceDescription"),
    ("utm-source", "utmSource"),
    ("utm-medium", "utmMedium"),
    ("utm-campaign", "utmCampaign"),
    ("utm-term", "utmTerm"),
    ("utm-content", "utmContent"),
];

/// Canonical keys that neither has a field for.
const NO_PLACE: [&str; 7] =
    ["page-url", "page-title", "referrer", "country", "region", "city", "tag"];

/// What a deal has no field for either: its contact has it.
const OF_CONTACTS: [&str; 5] = ["name", "phone", "email", "site", "manager"];

/// The native record of a contact.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Contact {
    /// Values to set.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
    /// Values for a new contact only.
    #[serde(rename = "new", skip_serializing_if = "Map::is_empty")]
    pub for_new: Map<String, Value>,
    #[serde(skip_serializing_if = "Addresses::is_empty")]
    pub phones: Addresses,
    #[serde(skip_serializing_if = "Addresses::is_empty")]
    pub emails: Addresses,
    #[serde(skip_serializing_if = "Addresses::is_empty")]
    pub sites: Addresses,
    /// The other system's id of the client, for a contact that has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

/// Phones, e-mails or sites. Those that a contact has already are always kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Addresses {
    /// Stand first, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<String>,
    /// Stand behind those that are there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
}

impl Addresses {
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.also.is_empty()
    }
}

/// The native record of a deal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Deal {
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

pub(crate) fn contact(client: &[Identifier], fields: &[Field]) -> Result<String, Vec<Problem>> {
    let mut contact = Contact::default();
    let mut problems = Vec::new();
    for Field { key, value } in fields {
        if let Err(message) = contact.take(key, value) {
            problems.push(Problem::new(key, message));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    contact.name_whole();
    contact.found_by(client);
    Ok(native(&contact))
}

pub(crate) fn deal(fields: &[Field]) -> Result<String, Vec<Problem>> {
    let mut deal = Deal::default();
    let mut problems = Vec::new();
    for Field { key, value } in fields {
        if OF_CONTACTS.contains(&key.as_str()) || NO_PLACE.contains(&key.as_str()) {
            continue;
        }
        let mapped = match key.as_str() {
            "title" => own::text(value).map(|value| ("title", value)),
            "stage" => own::text(value).map(|value| ("stageId", value)),
            "pipeline" => own::reference(value).map(|value| ("categoryId", value)),
            key => other(key, value),
        };
        match mapped {
            // No deal is without a title, a stage and a pipeline: empty cannot be written.
            Ok(("title" | "stageId", Some(Value::String(text)))) if text.is_empty() => {}
            Ok((field, Some(value))) => {
                deal.fields.insert(field.to_owned(), value);
            }
            Ok((_, None)) => {}
            Err(message) => problems.push(Problem::new(key, message)),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if deal.fields.contains_key("opportunity") {
        // Else the amount is that of the deal's products, and what was written is lost.
        deal.fields.entry("isManualOpportunity").or_insert(json!("Y"));
    }
    Ok(native(&deal))
}

/// The canonical key of a field of Bitrix24, in either of its spellings, for errors.
pub(crate) fn canonical(field: &str) -> String {
    let key = match field {
        "NAME" | "LAST_NAME" | "lastName" => "name",
        "PHONE" => "phone",
        "EMAIL" => "email",
        "WEB" => "site",
        "TITLE" => "title",
        "STAGE_ID" | "stageId" => "stage",
        "CATEGORY_ID" | "categoryId" => "pipeline",
        "ASSIGNED_BY_ID" | "assignedById" | "RESPONSIBLE_ID" | "responsibleId" => "manager",
        "COMMENTS" | "COMMENT" => "comment",
        "SOURCE_DESCRIPTION" => "source",
        field => SAME.iter().find(|(_, own)| *own == field).map_or(field, |(key, _)| key),
    };
    key.to_owned()
}

/// The canonical key that a field is read and written under, if it has one.
pub(crate) fn canonical_key(field: &str) -> Option<&'static str> {
    SAME.iter().find(|(_, own)| *own == field).map(|(key, _)| *key)
}

/// The text that stands for another system's id.
pub(crate) fn origin(external: &ExternalId) -> Option<String> {
    let (system, id) = (own::cleaned(&external.system)?, own::cleaned(&external.id)?);
    let origin = format!("{system}:{id}");
    // The column holds 255 letters, and a cut id would be somebody else's.
    (origin.chars().count() <= 255).then_some(origin)
}

pub(crate) fn read<T: serde::de::DeserializeOwned>(native: &str) -> Result<T, Error> {
    // By way of a map, because a list would pass for an object otherwise.
    let record = serde_json::from_str::<Map<String, Value>>(native);
    record.and_then(|members| serde_json::from_value(Value::Object(members))).ok().ok_or_else(
        || {
            let message = "the record is none that this adapter maps";
            Error::Invalid(vec![Problem::general(message)])
        },
    )
}

impl Contact {
    fn take(&mut self, key: &str, value: &FieldValue) -> Result<(), &'static str> {
        match key {
            _ if NO_PLACE.contains(&key) => {}
            "phone" => self.phones.first = addresses(value)?,
            "email" => self.emails.first = addresses(value)?,
            "site" => self.sites.first = addresses(value)?,
            "manager" => {
                let id = own::reference(value)?;
                self.for_new.extend(id.map(|id| ("assignedById".to_owned(), id)));
            }
            "name" => self.set("name", own::text(value)?),
            key => {
                let (field, value) = other(key, value)?;
                self.set(field, value);
            }
        }
        Ok(())
    }

    fn set(&mut self, field: &str, value: Option<Value>) {
        self.fields.extend(value.map(|value| (field.to_owned(), value)));
    }

    /// The canonical name is the whole name. Bitrix24 shows first, middle and last name in a row, so
    /// the other parts are emptied unless they are named too.
    fn name_whole(&mut self) {
        if self.fields.contains_key("name") {
            for part in ["secondName", "lastName"] {
                self.fields.entry(part).or_insert(json!(""));
            }
        }
    }

    /// What the contact shall be found by, as far as the fields do not say it already.
    fn found_by(&mut self, client: &[Identifier]) {
        for identifier in client {
            let (list, text) = match identifier {
                Identifier::Phone(number) => (&mut self.phones, own::cleaned(number)),
                Identifier::Email(email) => (&mut self.emails, own::cleaned(email)),
                Identifier::External(external) => {
                    // A contact has one place for it: the surest id takes it.
                    self.origin = self.origin.take().or_else(|| origin(external));
                    continue;
                }
                Identifier::Card(_) => continue,
            };
            let is_there = |text: &String| list.first.contains(text) || list.also.contains(text);
            if let Some(text) = text.filter(|text| !is_there(text)) {
                list.also.push(text);
            }
        }
    }
}

/// A canonical key that is the same everywhere, or a field that the operator has named.
fn other<'k>(key: &'k str, value: &FieldValue) -> Result<(&'k str, Option<Value>), &'static str> {
    if let Some((_, field)) = SAME.iter().find(|(canonical, _)| *canonical == key) {
        let text = own::text(value)?;
        let is_read_as_codes = *field == "comments";
        let plain = |text: Value| match text {
            Value::String(text) if is_read_as_codes => Value::String(bb::plain(&text)),
            text => text,
        };
        return Ok((field, text.map(plain)));
    }
    own::check_name(key)?;
    Ok((key, own::any(value)?))
}

/// Phones, e-mails and sites are never removed: `empty` names none.
fn addresses(value: &FieldValue) -> Result<Vec<String>, &'static str> {
    match value {
        FieldValue::Empty => Ok(Vec::new()),
        FieldValue::Texts(texts) => {
            let mut addresses: Vec<String> = Vec::new();
            for text in texts.iter().filter_map(|text| own::cleaned(text)) {
                if !addresses.contains(&text) {
                    addresses.push(text);
                }
            }
            Ok(addresses)
        }
        value => {
            let text = own::text(value)?;
            Ok(text.and_then(|text| text.as_str().map(str::to_owned)).into_iter().collect())
        }
    }
}

fn native<T: Serialize>(record: &T) -> String {
    serde_json::to_string(record).expect("texts, numbers and maps of them are always JSON")
}

#[cfg(test)]
mod tests;
