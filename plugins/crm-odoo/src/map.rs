//! Canonical fields to the values of a partner. Pure, and total: every input has an answer.

use patchbay_sdk::types::{Field, Identifier, Problem, Value as FieldValue};
use serde_json::{Map, Value, json};

use crate::html;
use crate::lookup;
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

/// Canonical keys that a partner has no field for.
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

pub(crate) fn map(client: &[Identifier], fields: &[Field]) -> Result<String, Vec<Problem>> {
    let mut vals = Map::new();
    let mut problems = Vec::new();
    for Field { key, value } in fields {
        if NO_PLACE.contains(&key.as_str()) {
            continue;
        }
        let mapped = match key.as_str() {
            "site" => plain(value).map(|value| Some(("website", value))),
            "comment" => plain(value).map(|value| Some(("comment", as_html(value)))),
            // Odoo has no partner without a name: known to be empty cannot be written.
            "name" if *value == FieldValue::Empty => Ok(None),
            "name" | "phone" | "email" | "city" => {
                plain(value).map(|value| Some((key.as_str(), value)))
            }
            key => own(key, value).map(|value| Some((key, value))),
        };
        match mapped {
            Ok(Some((_, Value::Null)) | None) => {}
            Ok(Some((field, value))) => {
                vals.insert(field.to_owned(), value);
            }
            Err(message) => {
                problems.push(Problem { field: Some(key.clone()), message: message.to_owned() });
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let found_by = found_by(client, &vals);
    if !found_by.is_empty() {
        vals.insert(IF_EMPTY.to_owned(), Value::Object(found_by));
    }
    Ok(Value::Object(vals).to_string())
}

/// What the partner shall be found by, as far as the values do not say it already.
fn found_by(client: &[Identifier], vals: &Map<String, Value>) -> Map<String, Value> {
    let mut found_by = Map::new();
    for identifier in client {
        let (field, text) = match identifier {
            Identifier::Phone(number) => ("phone", cleaned(number)),
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
    found_by
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
