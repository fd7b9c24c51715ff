//! Parameters as PHP reads them: numbers may be texts, lists may be objects.

use serde_json::{Map, Value};

pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(if *flag { "1" } else { "0" }.to_owned()),
        _ => None,
    }
}

pub(super) fn number(value: &Value) -> Option<u64> {
    text(value)?.parse().ok()
}

pub(super) fn member<'v>(params: &'v Value, key: &str) -> Option<&'v Value> {
    params.get(key).filter(|value| !value.is_null())
}

pub(super) fn number_of(params: &Value, key: &str) -> Option<u64> {
    number(member(params, key)?)
}

pub(super) fn text_of(params: &Value, key: &str) -> Option<String> {
    text(member(params, key)?).filter(|text| !text.is_empty())
}

/// The items of a list or of an object; one value is a list of one.
pub(super) fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        value => vec![value],
    }
}

pub(super) fn members(value: Option<&Value>) -> Map<String, Value> {
    value.and_then(Value::as_object).cloned().unwrap_or_default()
}
