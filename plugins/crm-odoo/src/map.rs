//! Canonical fields to the values of a partner. Pure, and total: every input has an answer.

use patchbay_sdk::phone;
use patchbay_sdk::types::{Field, Identifier, Problem, Value as FieldValue};
use serde_json::{Map, Value, json};

use crate::html;
use crate::lookup;
use crate::record;
use crate::server;
use crate::utc;

/// Beside the values to set: those that only go into an empty field. No field of Odoo has a `-`.
pub(crate) const IF_EMPTY: &str = "if-empty";

/// Largest integer that Odoo's columns and JSON numbers both hold exactly.
const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// Fields that Odoo fills itself.
const OWN_FIELDS: [&str; 7] = [
    "id",
    "create_date",
    "create_uid",
    "write_date",
    "write_uid",
    "email_normalized",
    "phone_sanitized",
];

/// Canonical keys that neither a partner nor a deal has a field for.
const NO_PLACE: [&str; 12] = [
    "source",
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
    "tag",
];

/// Where the value of a key goes.
enum Place<'k> {
    /// A text field; a value that is known to be empty empties it.
    Text(&'k str),
    /// A text field that Odoo needs: it is never emptied.
    Needed(&'k str),
    Html(&'k str),
    /// Another record, by its id.
    Record(&'k str),
    Phones,
    Emails,
    Own(&'k str),
    /// What the adapter itself decides.
    Decided,
    Nowhere,
}

fn of_contact(key: &str) -> Place<'_> {
    match key {
        "name" => Place::Needed("name"),
        "phone" => Place::Phones,
        "email" => Place::Emails,
        "city" => Place::Text("city"),
        "site" => Place::Text("website"),
        "comment" => Place::Html("comment"),
        "manager" => Place::Record("user_id"),
        key if NO_PLACE.contains(&key) => Place::Nowhere,
        key => Place::Own(key),
    }
}

fn of_deal(key: &str) -> Place<'_> {
    match key {
        "title" => Place::Needed("name"),
        "name" => Place::Text("contact_name"),
        "phone" => Place::Text("phone"),
        "email" => Place::Text("email_from"),
        "city" => Place::Text("city"),
        "site" => Place::Text("website"),
        "comment" => Place::Html("description"),
        "manager" => Place::Record("user_id"),
        "stage" => Place::Record("stage_id"),
        "pipeline" => Place::Record("team_id"),
        "partner_id" | "type" => Place::Decided,
        key if NO_PLACE.contains(&key) => Place::Nowhere,
        key => Place::Own(key),
    }
}

/// The values of a partner. `phone_fields` are those for a second phone and more.
pub(crate) fn contact(
    client: &[Identifier],
    fields: &[Field],
    phone_fields: &[String],
) -> Result<String, Vec<Problem>> {
    let mut vals = values(fields, of_contact, phone_fields)?;
    let found_by = found_by(client, &vals, phone_fields);
    if !found_by.is_empty() {
        vals.insert(IF_EMPTY.to_owned(), Value::Object(found_by));
    }
    Ok(Value::Object(vals).to_string())
}

/// The values of a deal.
pub(crate) fn deal(fields: &[Field]) -> Result<String, Vec<Problem>> {
    Ok(Value::Object(values(fields, of_deal, &[])?).to_string())
}

fn values(
    fields: &[Field],
    place: fn(&str) -> Place<'_>,
    phone_fields: &[String],
) -> Result<Map<String, Value>, Vec<Problem>> {
    let mut vals = Map::new();
    let mut problems = Vec::new();
    for Field { key, value } in fields {
        let mapped = match place(key) {
            Place::Nowhere => continue,
            Place::Needed(_) if *value == FieldValue::Empty => continue,
            Place::Text(field) | Place::Needed(field) => plain(value).map(|value| (field, value)),
            Place::Html(field) => plain(value).map(|value| (field, as_html(value))),
            Place::Record(field) => record_id(value).map(|value| (field, value)),
            Place::Emails => joined(value).map(|value| ("email", value)),
            Place::Phones => {
                let further = value.texts().into_iter().filter_map(cleaned).skip(1);
                for (field, number) in phone_fields.iter().zip(further) {
                    vals.insert(field.clone(), Value::String(number));
                }
                plain(value).map(|value| ("phone", value))
            }
            Place::Own(key) => own(key, value).map(|value| (key, value)),
            Place::Decided => Err("is set by the adapter: a deal is an opportunity of its card"),
        };
        match mapped {
            Ok((_, Value::Null)) => {}
            Ok((field, value)) => {
                vals.insert(field.to_owned(), value);
            }
            Err(message) => problems.push(Problem::new(key, message)),
        }
    }
    if problems.is_empty() { Ok(vals) } else { Err(problems) }
}

/// What the partner shall be found by, as far as the values do not say it already.
fn found_by(
    client: &[Identifier],
    vals: &Map<String, Value>,
    phone_fields: &[String],
) -> Map<String, Value> {
    let mut found_by = Map::new();
    let mut phones: Vec<String> = Vec::new();
    for identifier in client {
        let (field, text) = match identifier {
            Identifier::Phone(number) => {
                phones.extend(cleaned(number).filter(|number| !phones.contains(number)));
                continue;
            }
            Identifier::Email(email) => ("email", cleaned(email)),
            Identifier::External(external) => {
                ("ref", lookup::reference(external).and_then(|text| cleaned(&text)))
            }
            Identifier::Card(_) => continue,
        };
        // The first of each kind: a partner has one field for it.
        if let (Some(text), false, false) =
            (text, vals.contains_key(field), found_by.contains_key(field))
        {
            found_by.insert(field.to_owned(), Value::String(text));
        }
    }
    // The number that is written anyway takes a place too.
    let told = vals.get("phone").and_then(Value::as_str).unwrap_or_default();
    phones.retain(|number| !phone::matches(number, told, None));
    let is_told = vals.contains_key("phone");
    phones.truncate(if is_told { phone_fields.len() } else { 1 + phone_fields.len() });
    match phones.as_slice() {
        [] => {}
        [number] => {
            found_by.insert("phone".to_owned(), json!(number));
        }
        numbers => {
            found_by.insert("phone".to_owned(), json!(numbers));
        }
    }
    found_by
}

/// Several addresses share Odoo's one field, as its own forms allow.
fn joined(value: &FieldValue) -> Result<Value, &'static str> {
    let FieldValue::Texts(texts) = value else { return plain(value) };
    let mut addresses: Vec<String> = Vec::new();
    for address in texts.iter().filter_map(|text| cleaned(text)) {
        if addresses.iter().all(|known| known.to_lowercase() != address.to_lowercase()) {
            addresses.push(address);
        }
    }
    Ok(if addresses.is_empty() { Value::Null } else { Value::String(addresses.join(", ")) })
}

fn record_id(value: &FieldValue) -> Result<Value, &'static str> {
    let id = match value {
        FieldValue::Empty => return Ok(Value::Bool(false)),
        FieldValue::Number(number) => self::number(*number)?.as_u64(),
        value => match plain(value)? {
            Value::String(text) => record::id(&text),
            other => return Ok(other),
        },
    };
    id.map(|id| json!(id))
        .ok_or("must be the id of a record, as describe-fields or list-managers tell it")
}

/// A value for one of Odoo's text fields; `false` empties it, `null` stands for nothing to write.
fn plain(value: &FieldValue) -> Result<Value, &'static str> {
    let text = match value {
        FieldValue::Empty => return Ok(Value::Bool(false)),
        FieldValue::Text(text) | FieldValue::Instant(text) => cleaned(text),
        FieldValue::Texts(texts) => texts.iter().find_map(|text| cleaned(text)),
        FieldValue::Number(number) => Some(self::number(*number)?.to_string()),
        FieldValue::Flag(_) | FieldValue::Json(_) => return Err("must be a text here"),
    };
    Ok(text.map_or(Value::Null, Value::String))
}

/// A value for a field that the operator named.
fn own(key: &str, value: &FieldValue) -> Result<Value, &'static str> {
    if !server::is_name(key) {
        return Err("is neither a canonical key nor the name of a field in Odoo");
    }
    if OWN_FIELDS.contains(&key) {
        return Err("is filled by Odoo itself");
    }
    match value {
        FieldValue::Number(number) => self::number(*number),
        FieldValue::Flag(flag) => Ok(Value::Bool(*flag)),
        FieldValue::Instant(instant) => utc::datetime(instant)
            .map(Value::String)
            .ok_or("must be a moment with an offset, as 2025-10-09T12:01:00+03:00"),
        FieldValue::Json(_) => {
            Err("must be a text, a number, a flag or a moment: Odoo's lists cannot be written")
        }
        // A list of other records: `category_id`, `tag_ids`.
        FieldValue::Texts(ids) if key.ends_with("_ids") || key == "category_id" => {
            let ids: Option<Vec<u64>> = ids.iter().map(|id| record::id(id.trim())).collect();
            ids.map(|ids| json!(ids)).ok_or("must be ids of records")
        }
        text => plain(text),
    }
}

fn number(number: f64) -> Result<Value, &'static str> {
    if !number.is_finite() {
        return Err("must be a finite number");
    }
    if number.fract() == 0.0 && number.abs() <= INTEGER_MAX {
        // Exact: a whole number within 2^53. `{:.0}` spells it out, and `-0` becomes 0.
        let whole = format!("{number:.0}").parse::<i64>().expect("at most 2^53 in size");
        return Ok(json!(whole));
    }
    Ok(json!(number))
}

fn as_html(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(html::from_text(&text)),
        other => other,
    }
}

/// PostgreSQL cannot hold a NUL.
fn cleaned(text: &str) -> Option<String> {
    let text = text.replace('\0', "");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
