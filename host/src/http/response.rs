//! Raw bodies and answers as the API shows them: JSON where they are JSON, and never less than
//! they were.

use serde::Serialize;
use serde_json::Value;

use crate::{base64, event::Response};

/// An answer to a sender.
#[derive(Debug, Serialize)]
pub(super) struct AnswerBody {
    status: u16,
    headers: Vec<(String, String)>,
    #[serde(flatten)]
    body: RawBody,
}

impl AnswerBody {
    pub(super) fn of(response: Response) -> Self {
        let Response { status, headers, body } = response;
        Self { status, headers, body: RawBody::of(&body) }
    }
}

/// A body that may be anything.
#[derive(Debug, Serialize)]
pub(super) struct RawBody {
    /// As JSON where it is JSON, else as text.
    body: Value,
    /// The bytes, where they are no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

impl RawBody {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let body_base64 = matches!(text, std::borrow::Cow::Owned(_)).then(|| base64::encode(bytes));
        let body = serde_json::from_slice(bytes)
            .unwrap_or_else(|_not_json| Value::String(text.into_owned()));
        Self { body, body_base64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_shown_as_what_it_is() {
        let shown = |bytes: &[u8]| serde_json::to_value(RawBody::of(bytes)).unwrap();
        assert_eq!(shown(b" {\"a\": [1]} "), serde_json::json!({ "body": { "a": [1] } }));
        assert_eq!(shown(b"a=1&b=%20"), serde_json::json!({ "body": "a=1&b=%20" }));
        assert_eq!(shown(b""), serde_json::json!({ "body": "" }));
        let bytes = b"name=\xcf\xf0\xe8";
        let binary = shown(bytes);
        assert_eq!(base64::decode(binary["body_base64"].as_str().unwrap()).unwrap(), bytes);
        assert!(binary["body"].as_str().unwrap().starts_with("name="));
    }
}
