//! Answers in HubSpot's envelopes.

use std::collections::BTreeMap;

use patchbay_sdk::http::Response;
use serde_json::{Value, json};

const CORRELATION: &str = "c033cdaa-2c40-4a64-ae48-b4cec88dad24";

/// A status and a body.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn new(status: u16, body: Value) -> Self {
        Self { status, body }
    }

    pub(super) fn response(&self) -> Response {
        match self.body {
            Value::Null => Response::empty(self.status),
            _ => Response::json(self.status, self.body.to_string()),
        }
    }
}

/// A refusal; without a category where HubSpot tells none.
pub(super) fn refusal(status: u16, category: &str, message: &str) -> Answer {
    let body = json!({ "status": "error", "message": message, "correlationId": CORRELATION });
    let category = Some(Value::from(category)).filter(|_| !category.is_empty());
    Answer::new(status, with(body, "category", category))
}

pub(super) fn missing() -> Answer {
    refusal(404, "OBJECT_NOT_FOUND", "resource not found")
}

pub(super) fn missing_scope(scope: &str) -> Answer {
    let text = "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.";
    let Answer { status, body } = refusal(403, "MISSING_SCOPES", text);
    let error = json!({
        "message": "One or more of the following scopes are required.",
        "context": { "requiredGranularScopes": [scope] },
    });
    Answer::new(status, with(body, "errors", Some(json!([error]))))
}

/// An object with one member more, where there is one.
pub(super) fn with(mut object: Value, name: &str, value: Option<Value>) -> Value {
    if let (Some(object), Some(value)) = (object.as_object_mut(), value) {
        object.insert(name.to_owned(), value);
    }
    object
}

/// Faults of properties, listed as JSON in the message: that is how HubSpot tells them.
pub(super) fn invalid(faults: &[Value]) -> Answer {
    let list = Value::Array(faults.to_vec());
    refusal(400, "VALIDATION_ERROR", &format!("Property values were not valid: {list}"))
}

pub(super) fn fault(name: &str, code: &str, message: &str) -> Value {
    json!({ "isValid": false, "message": message, "error": code, "name": name })
}

/// A page of results, with the place of the next one.
pub(super) fn page(results: &[Value], next: Option<String>) -> Value {
    match next {
        None => json!({ "results": results }),
        Some(after) => {
            let link = format!("https://api.hubapi.com/?after={after}");
            json!({ "results": results, "paging": { "next": { "after": after, "link": link } } })
        }
    }
}

/// The members of a query, decoded; repeated ones are one list, parted by commas.
pub(super) fn query(text: &str) -> BTreeMap<String, String> {
    let mut members: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
        let value = decoded(value);
        let held = members.entry(decoded(name)).or_default();
        *held = if held.is_empty() { value } else { format!("{held},{value}") };
    }
    members
}

/// Undoes `%XX`.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%');
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
