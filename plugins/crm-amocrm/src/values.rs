//! Custom fields: the host's names for them, and their values both ways.

use patchbay_sdk::instant;
use patchbay_sdk::types::Value as FieldValue;
use serde_json::{Map, Value, json};

use crate::account::Places;
use crate::moment;

/// Before the number of a custom field in the host's keys.
const PREFIX: &str = "cf_";

/// Codes of every account's contacts.
pub(crate) const PHONE: &str = "PHONE";
pub(crate) const EMAIL: &str = "EMAIL";

/// Codes of every account's deals for what tells where the client came from.
const TRACKING: [(&str, &str); 6] = [
    ("utm-source", "UTM_SOURCE"),
    ("utm-medium", "UTM_MEDIUM"),
    ("utm-campaign", "UTM_CAMPAIGN"),
    ("utm-term", "UTM_TERM"),
    ("utm-content", "UTM_CONTENT"),
    ("referrer", "REFERRER"),
];

/// How the CRM names a custom field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    Id(u64),
    Code(String),
}

impl Field {
    /// The field that the CRM's own key stands for: `cf_101` or a code in capitals.
    pub(crate) fn own(key: &str) -> Option<Self> {
        if let Some(number) = key.strip_prefix(PREFIX) {
            return number.parse().ok().filter(|id| 0 < *id).map(Self::Id);
        }
        is_code(key).then(|| Self::Code(key.to_owned()))
    }

    /// The field of a deal for this canonical key.
    pub(crate) fn tracking(key: &str) -> Option<Self> {
        let code = TRACKING.iter().find(|(canonical, _)| *canonical == key)?.1;
        Some(Self::Code(code.to_owned()))
    }

    /// An entry of `custom_fields_values`; `values` is `null` to empty the field.
    pub(crate) fn entry(&self, values: Value) -> Value {
        let (name, field) = match self {
            Self::Id(id) => ("field_id", json!(id)),
            Self::Code(code) => ("field_code", json!(code)),
        };
        let mut entry = Map::new();
        entry.insert(name.to_owned(), field);
        entry.insert("values".to_owned(), values);
        Value::Object(entry)
    }
}

/// Codes that people gave in another form are not told apart from canonical keys: numbers stand
/// for them.
fn is_code(text: &str) -> bool {
    let mut letters = text.bytes();
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= 64
        && letters.next().is_some_and(|first| first.is_ascii_uppercase())
        && letters.all(is_letter)
}

/// The host's key for a custom field.
pub(crate) fn key(id: Option<u64>, code: Option<&str>, places: Option<&Places>) -> Option<String> {
    if let Some(key) = id.and_then(|id| places?.key_of(id)) {
        return Some(key.to_owned());
    }
    match code.filter(|code| is_code(code)) {
        Some(PHONE) => Some("phone".to_owned()),
        Some(EMAIL) => Some("email".to_owned()),
        Some(code) => {
            let canonical = TRACKING.iter().find(|(_, own)| *own == code);
            Some(canonical.map_or(code, |(canonical, _)| *canonical).to_owned())
        }
        None => id.map(|id| format!("{PREFIX}{id}")),
    }
}

/// The host's key for an entry of `custom_fields_values`.
pub(crate) fn key_of(entry: &Value, places: Option<&Places>) -> Option<String> {
    let code = entry.get("field_code").and_then(Value::as_str);
    key(entry.get("field_id").and_then(Value::as_u64), code, places)
}

/// The `values` of a custom field; `Ok(None)` where there is nothing to write.
pub(crate) fn written(value: &FieldValue) -> Result<Option<Value>, &'static str> {
    let one = |value: Value| Some(json!([{ "value": value }]));
    Ok(match value {
        FieldValue::Empty => Some(Value::Null),
        FieldValue::Text(text) => cleaned(text).map(|text| json!([{ "value": text }])),
        FieldValue::Texts(texts) => {
            let texts = texts.iter().filter_map(|text| cleaned(text));
            let values: Vec<Value> = texts.map(|text| json!({ "value": text })).collect();
            (!values.is_empty()).then_some(Value::Array(values))
        }
        FieldValue::Number(number) => one(self::number(*number)?),
        FieldValue::Flag(flag) => one(Value::Bool(*flag)),
        FieldValue::Instant(instant) => {
            let unix = moment::unix(instant)
                .ok_or("must be a moment with an offset, as 2025-10-09T12:01:00+03:00")?;
            one(json!(unix))
        }
        FieldValue::Json(_) => return Err("must be a text, a number, a flag or a moment"),
    })
}

/// A whole number as such, also where it came as `5.0`.
pub(crate) fn number(number: f64) -> Result<Value, &'static str> {
    /// Largest whole number that both sides hold exactly.
    const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;
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

/// A text without blanks around it and without control characters but new lines; `None` for a
/// blank one.
pub(crate) fn cleaned(text: &str) -> Option<String> {
    let is_kept = |letter: &char| !letter.is_control() || matches!(letter, '\n' | '\t');
    let text: String = text.chars().filter(is_kept).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// What the values of a field say; `None` where they say nothing that the host could show.
pub(crate) fn shown(kind: Option<&str>, values: &[Value]) -> Option<FieldValue> {
    let mut plain = values.iter().filter_map(|value| {
        let value = value.get("value")?;
        match value {
            Value::String(text) => cleaned(text).map(Value::String),
            Value::Number(_) | Value::Bool(_) => Some(value.clone()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    });
    let first = plain.next()?;
    let rest: Vec<Value> = plain.collect();
    if !rest.is_empty() {
        let all = std::iter::once(first).chain(rest);
        return Some(FieldValue::Texts(all.map(|value| text(&value)).collect()));
    }
    Some(match (kind, first) {
        (Some("date" | "date_time" | "birthday"), Value::Number(seconds)) => {
            FieldValue::Instant(instant::from_unix(seconds.as_i64()?)?)
        }
        (Some("checkbox"), value) => {
            FieldValue::Flag(matches!(text(&value).as_str(), "true" | "1"))
        }
        (Some("numeric" | "monetary"), value) => {
            let text = text(&value);
            text.parse()
                .ok()
                .filter(|number: &f64| number.is_finite())
                .map_or(FieldValue::Text(text), FieldValue::Number)
        }
        (_, Value::Bool(flag)) => FieldValue::Flag(flag),
        (_, Value::Number(number)) => FieldValue::Number(number.as_f64()?),
        (_, value) => FieldValue::Text(text(&value)),
    })
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The entries of one list over those of another: of a field that both name, the new values.
pub(crate) fn overlay(held: &mut Vec<Value>, changed: &[Value]) {
    for entry in changed {
        let is_same = |own: &&mut Value| {
            ["field_id", "field_code"]
                .iter()
                .any(|key| entry.get(key).is_some_and(|value| own.get(key) == Some(value)))
        };
        let values = entry.get("values").cloned().unwrap_or_default();
        match held.iter_mut().find(is_same).and_then(Value::as_object_mut) {
            Some(own) => {
                own.insert("values".to_owned(), values);
            }
            None => held.push(entry.clone()),
        }
    }
}

/// An object with this member, made where it is missing.
pub(crate) fn member<'a>(object: &'a mut Map<String, Value>, key: &str) -> &'a mut Value {
    object.entry(key.to_owned()).or_insert(Value::Null)
}

#[cfg(test)]
mod tests;
