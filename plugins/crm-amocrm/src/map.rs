//! Canonical fields to the CRM's own records. Pure, and total: every input has an answer.

use patchbay_sdk::types::{
    Error, ExternalId, Field as HostField, Identifier, Problem, Value as FieldValue,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::account::Places;
use crate::values::{self, Field};

/// Longest name of a contact or a deal, in characters; the rest is cut.
pub(crate) const NAME_CHARS_MAX: usize = 255;

/// Canonical keys that have a place only where the operator names one.
const HOMELESS: [&str; 15] = [
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
    "name",
];

/// What a contact shall be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Contact {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<u64>,
    /// All of them, in their order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phones: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emails: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Entries of `custom_fields_values`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub custom: Vec<Value>,
    /// What the contact is found by afterwards, besides what the fields name.
    #[serde(rename = "found-by", skip_serializing_if = "FoundBy::is_empty")]
    pub found_by: FoundBy,
}

/// Identifiers that are added where the contact lacks them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FoundBy {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub external: Vec<String>,
}

/// What a deal shall be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Lead {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub custom: Vec<Value>,
}

impl FoundBy {
    fn is_empty(&self) -> bool {
        self.phones.is_empty() && self.emails.is_empty() && self.external.is_empty()
    }
}

/// The text that stands for another system's id on a contact; none with blanks in it.
pub(crate) fn reference(external: &ExternalId) -> Option<String> {
    let (system, id) = (external.system.trim(), external.id.trim());
    let text = format!("{system}:{id}");
    let is_good = !system.is_empty() && !id.is_empty() && !text.contains(char::is_whitespace);
    is_good.then_some(text)
}

pub(crate) fn contact(client: &[Identifier], fields: &[HostField]) -> Result<String, Vec<Problem>> {
    let places = Places::of_contacts().map_err(|problem| vec![problem])?;
    let mut contact = Contact::default();
    let mut problems = Vec::new();
    for field in fields {
        let mapped = contact_field(&mut contact, field, &places);
        problems.extend(mapped.err().map(|message| Problem::new(&field.key, message)));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    for identifier in client {
        let found_by = &mut contact.found_by;
        let (list, text) = match identifier {
            Identifier::Phone(phone) => (&mut found_by.phones, values::cleaned(phone)),
            Identifier::Email(email) => (&mut found_by.emails, values::cleaned(email)),
            Identifier::External(external) if places.external.is_some() => {
                let text = reference(external).and_then(|text| values::cleaned(&text));
                (&mut found_by.external, text)
            }
            Identifier::External(_) | Identifier::Card(_) => continue,
        };
        list.extend(text);
    }
    Ok(native(&contact))
}

fn contact_field(
    contact: &mut Contact,
    HostField { key, value }: &HostField,
    places: &Places,
) -> Result<(), &'static str> {
    match key.as_str() {
        key if places.fields.contains_key(key) => place(&mut contact.custom, key, value, places)?,
        // A contact without a name cannot be told from others: known to be empty is not written.
        "name" => contact.name = text(value)?.map(|text| cut(&text)).or(contact.name.take()),
        "manager" => contact.manager = id(value)?.or(contact.manager),
        "phone" | "PHONE" => contact.phones = texts(value)?.or(contact.phones.take()),
        "email" | "EMAIL" => contact.emails = texts(value)?.or(contact.emails.take()),
        "tag" => contact.tags.extend(texts(value)?.unwrap_or_default()),
        key if HOMELESS.contains(&key) => {}
        key => place(&mut contact.custom, key, value, places)?,
    }
    Ok(())
}

pub(crate) fn lead(fields: &[HostField]) -> Result<String, Vec<Problem>> {
    let places = Places::of_deals().map_err(|problem| vec![problem])?;
    let mut lead = Lead::default();
    let mut problems = Vec::new();
    for field in fields {
        let mapped = lead_field(&mut lead, field, &places);
        problems.extend(mapped.err().map(|message| Problem::new(&field.key, message)));
    }
    if problems.is_empty() { Ok(native(&lead)) } else { Err(problems) }
}

fn lead_field(
    lead: &mut Lead,
    HostField { key, value }: &HostField,
    places: &Places,
) -> Result<(), &'static str> {
    match key.as_str() {
        key if places.fields.contains_key(key) => place(&mut lead.custom, key, value, places)?,
        "title" => lead.title = text(value)?.map(|text| cut(&text)).or(lead.title.take()),
        "price" => lead.price = price(value)?.or(lead.price.take()),
        "pipeline" => lead.pipeline = id(value)?.or(lead.pipeline),
        "stage" => lead.stage = id(value)?.or(lead.stage),
        "manager" => lead.manager = id(value)?.or(lead.manager),
        "tag" => lead.tags.extend(texts(value)?.unwrap_or_default()),
        key => match Field::tracking(key) {
            Some(field) => put(&mut lead.custom, &field, value)?,
            None if HOMELESS.contains(&key) || matches!(key, "phone" | "email") => {}
            None => place(&mut lead.custom, key, value, places)?,
        },
    }
    Ok(())
}

/// Into the operator's place for the key, or the CRM's own field of this name.
fn place(
    custom: &mut Vec<Value>,
    key: &str,
    value: &FieldValue,
    places: &Places,
) -> Result<(), &'static str> {
    let named = places.fields.get(key).map(|id| Field::Id(*id));
    let field = named
        .or_else(|| Field::own(key))
        .ok_or("is neither a canonical key nor a field of amoCRM: write `cf_` and its number")?;
    put(custom, &field, value)
}

/// Of a field that is named twice the last value counts.
fn put(custom: &mut Vec<Value>, field: &Field, value: &FieldValue) -> Result<(), &'static str> {
    let Some(values) = values::written(value)? else { return Ok(()) };
    values::overlay(custom, &[field.entry(values)]);
    Ok(())
}

fn text(value: &FieldValue) -> Result<Option<String>, &'static str> {
    Ok(texts(value)?.and_then(|texts| texts.into_iter().next()))
}

/// `None` where nothing is said; no texts at all where the value is known to be empty.
fn texts(value: &FieldValue) -> Result<Option<Vec<String>>, &'static str> {
    let texts: Vec<String> = match value {
        FieldValue::Empty => return Ok(Some(Vec::new())),
        FieldValue::Text(text) | FieldValue::Instant(text) => {
            values::cleaned(text).into_iter().collect()
        }
        FieldValue::Texts(texts) => texts.iter().filter_map(|text| values::cleaned(text)).collect(),
        FieldValue::Number(number) => vec![values::number(*number)?.to_string()],
        FieldValue::Flag(_) | FieldValue::Json(_) => return Err("must be a text here"),
    };
    Ok((!texts.is_empty()).then_some(texts))
}

/// The number of a manager, a pipeline or a stage; `None` where nothing is said.
fn id(value: &FieldValue) -> Result<Option<u64>, &'static str> {
    let Some(text) = text(value)? else { return Ok(None) };
    let id = text.parse().ok().filter(|id| 0 < *id);
    id.map(Some).ok_or("must be the number that amoCRM gave it")
}

fn price(value: &FieldValue) -> Result<Option<Value>, &'static str> {
    let wrong = "must be an amount of money";
    let number = match value {
        FieldValue::Empty => return Ok(Some(json!(0))),
        FieldValue::Number(number) => *number,
        other => match text(other)? {
            None => return Ok(None),
            Some(text) => text.replace(',', ".").parse().ok().ok_or(wrong)?,
        },
    };
    let is_good = number.is_finite() && 0.0 <= number;
    if is_good { values::number(number).map(Some) } else { Err(wrong) }
}

fn cut(text: &str) -> String {
    let text: String = text.chars().take(NAME_CHARS_MAX).collect();
    text.trim_end().to_owned()
}

fn native(record: &impl Serialize) -> String {
    serde_json::to_string(record).expect("texts, numbers and lists have a place in JSON")
}

/// A record that the mappings above have made.
pub(crate) fn parse<T: DeserializeOwned>(native: &str) -> Result<T, Error> {
    serde_json::from_str(native).ok().ok_or_else(|| {
        let text = "the record is none that the mappings of this adapter make";
        Error::Invalid(vec![Problem::general(text)])
    })
}

/// A number in an id of the contract.
pub(crate) fn number(id: &str) -> Option<u64> {
    let is_plain = id.bytes().all(|byte| byte.is_ascii_digit());
    id.parse().ok().filter(|id| is_plain && 0 < *id && i64::try_from(*id).is_ok())
}

#[cfg(test)]
mod tests;
