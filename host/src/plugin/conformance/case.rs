//! One case, as its author wrote it down.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::call::Call;
use crate::{base64, event, plugin::egress::Exchange, secret::Secret};

const NAME_BYTES_MAX: usize = 120;

/// When a request came in that does not say when: the same at every run.
const RECEIVED_AT: &str = "2025-01-01T00:00:00Z";
const REMOTE_ADDRESS: &str = "192.0.2.1";

/// One call and what shall come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::plugin) struct Case {
    pub(super) name: Name,
    #[serde(default)]
    pub(super) settings: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, Secret<String>>,
    pub(super) call: Call,
    /// What the call asks of other systems, in this order.
    #[serde(default)]
    pub(super) exchanges: Vec<Exchange>,
    pub(super) expect: Expected,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Expected {
    Ok(Value),
    /// The error, or its name alone.
    Error(Value),
}

/// What a case is called where it fails: one short line.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Name(pub(super) String);

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let is_good = !name.trim().is_empty()
            && name.len() <= NAME_BYTES_MAX
            && !name.contains(char::is_control);
        if is_good {
            return Ok(Self(name));
        }
        Err(format!("a case's `name` is one line of 1 to {NAME_BYTES_MAX} bytes"))
    }
}

/// A text as it is, `{"base64": …}` for bytes, and other JSON in its compact form.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Value")]
pub(in crate::plugin) struct Body(pub(in crate::plugin) Vec<u8>);

impl TryFrom<Value> for Body {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let encoded =
            value.get("base64").filter(|_| value.as_object().is_some_and(|it| it.len() == 1));
        match (encoded, &value) {
            (Some(Value::String(text)), _) => {
                base64::decode(text).map(Self).ok_or("`base64` of a body is none")
            }
            (_, Value::Null) => Ok(Self::default()),
            (_, Value::String(text)) => Ok(Self(text.clone().into_bytes())),
            _ => Ok(Self(value.to_string().into_bytes())),
        }
    }
}

/// A webhook; what it does not say is as little as there can be.
#[derive(Debug, Deserialize)]
#[serde(from = "RequestInput")]
pub(super) struct Request(pub(super) event::Request);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestInput {
    #[serde(default = "post")]
    method: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    query: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Body,
    #[serde(default = "received_at")]
    received_at: Timestamp,
    #[serde(default = "remote_address")]
    remote_address: String,
}

fn post() -> String {
    "POST".to_owned()
}

fn received_at() -> Timestamp {
    RECEIVED_AT.parse().expect("it is a timestamp")
}

fn remote_address() -> String {
    REMOTE_ADDRESS.to_owned()
}

impl From<RequestInput> for Request {
    fn from(input: RequestInput) -> Self {
        let RequestInput { method, path, query, headers, body, received_at, remote_address } =
            input;
        let header =
            |(name, value): (String, String)| (name.to_ascii_lowercase(), value.into_bytes());
        Self(event::Request {
            method,
            path,
            query,
            headers: headers.into_iter().map(header).collect(),
            body: body.0.into(),
            received_at,
            remote_address,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn a_body_is_a_text_bytes_or_json() {
        let body =
            |value| from_value::<Body>(value).map(|body| body.0).map_err(|it| it.to_string());
        assert_eq!(body(json!("a\n")).unwrap(), b"a\n");
        assert_eq!(body(json!({ "base64": "AP8=" })).unwrap(), b"\x00\xff");
        assert_eq!(body(json!({ "b": [1] })).unwrap(), br#"{"b":[1]}"#);
        assert_eq!(body(json!(null)).unwrap(), b"");
        assert!(body(json!({ "base64": "A" })).unwrap_err().contains("base64"));
    }

    #[test]
    fn a_name_is_one_short_line() {
        let name = |name: &str| from_value::<Name>(json!(name)).is_ok();
        assert!(name("a chat") && name(&"n".repeat(120)));
        assert!(!name(" ") && !name(&"n".repeat(121)) && !name("a\nb"));
    }

    #[test]
    fn a_webhook_needs_to_say_little() {
        let Request(request) = from_value(json!({ "headers": { "X-A": "b" } })).unwrap();
        assert_eq!((request.method.as_str(), request.body.len()), ("POST", 0));
        assert_eq!(request.headers, [("x-a".to_owned(), b"b".to_vec())]);
        assert!(from_value::<Request>(json!({ "url": "x" })).is_err(), "unknown members are told");
    }
}
