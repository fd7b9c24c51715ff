//! Stored webhooks with the answers that their senders expect.
//!
//! `NAME.http.json` says how it is sent: `method`, `path`, `query`, `headers`, and `body_file` or
//! `query_file`, which name the files with the exact bytes. `NAME.response.json`, or `.response.raw`,
//! is the answer expected, where there is one.

use std::path::Path;

use serde_json::Value;

use super::{fail, names, read, read_json};
use crate::channel::{Request, Response};

/// When the stored webhooks are said to have arrived.
pub const RECEIVED_AT: &str = "2025-10-09T12:01:00+03:00";

/// One stored webhook.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The name of its files, without endings.
    pub name: String,
    /// The request, received at [`RECEIVED_AT`].
    pub request: Request,
    /// The answer expected; a text for one that is not JSON.
    pub expected: Option<Value>,
}

/// Reads every webhook of the folder; fails the test where one cannot be read.
#[track_caller]
pub fn load(dir: impl AsRef<Path>) -> Vec<Webhook> {
    names(dir.as_ref(), ".http.json").into_iter().map(|name| webhook(dir.as_ref(), name)).collect()
}

/// The requests of every webhook of the folder.
#[track_caller]
pub fn requests(dir: impl AsRef<Path>) -> Vec<Request> {
    load(dir).into_iter().map(|webhook| webhook.request).collect()
}

/// Reads one webhook of the folder by its name.
#[track_caller]
pub fn load_one(dir: impl AsRef<Path>, name: &str) -> Webhook {
    webhook(dir.as_ref(), name.to_owned())
}

fn webhook(dir: &Path, name: String) -> Webhook {
    let http = read_json(&dir.join(format!("{name}.http.json")));
    let text = |key: &str| http.get(key).and_then(Value::as_str);
    let Some(method) = text("method") else {
        fail(&format!("`{name}.http.json` names no `method`"))
    };
    let headers = http.get("headers").and_then(Value::as_object);
    let header = |(key, value): (&String, &Value)| {
        Some((key.to_lowercase(), value.as_str()?.as_bytes().to_vec()))
    };
    let request = Request {
        method: method.to_owned(),
        path: text("path").unwrap_or_default().to_owned(),
        query: query(&http, dir),
        headers: headers.into_iter().flatten().filter_map(header).collect(),
        body: text("body_file").map(|file| read(&dir.join(file))).unwrap_or_default(),
        received_at: RECEIVED_AT.to_owned(),
        remote_address: "203.0.113.7".to_owned(),
    };
    let json = dir.join(format!("{name}.response.json"));
    let raw = dir.join(format!("{name}.response.raw"));
    let expected = if json.exists() {
        Some(read_json(&json))
    } else {
        raw.exists().then(|| Value::String(String::from_utf8_lossy(&read(&raw)).into_owned()))
    };
    Webhook { name, request, expected }
}

fn query(http: &Value, dir: &Path) -> String {
    if let Some(file) = http.get("query_file").and_then(Value::as_str) {
        return String::from_utf8_lossy(&read(&dir.join(file))).trim_end().to_owned();
    }
    let pairs = http.get("query").and_then(Value::as_object).into_iter().flatten();
    let encoded = pairs.map(|(key, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{}={}", encode(key), encode(&value))
    });
    encoded.collect::<Vec<_>>().join("&")
}

fn encode(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

impl Webhook {
    /// Whether the adapter's answer is the one expected; any answer is, where none is stored.
    pub fn check(&self, answer: &Response) -> Result<(), String> {
        let Some(expected) = &self.expected else { return Ok(()) };
        let body = String::from_utf8_lossy(&answer.body);
        let actual = match expected {
            Value::String(_) => Value::String(body.into_owned()),
            _ => serde_json::from_str(&body)
                .map_err(|error| format!("{}: no JSON: {error}", self.name))?,
        };
        matches(expected, &actual).map_err(|fault| format!("{}: {fault}", self.name))
    }
}

/// Compares an answer with the expected one and tells the first difference and its place.
///
/// A text `{{…}}` stands for any value but `null`, and within a longer text for any text; members
/// of the expected answer that begin with `_` are comments.
pub fn matches(expected: &Value, actual: &Value) -> Result<(), String> {
    compare(expected, actual, "$")
}

fn compare(expected: &Value, actual: &Value, at: &str) -> Result<(), String> {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (key, value) in expected.iter().filter(|(key, _)| !key.starts_with('_')) {
                let Some(found) = actual.get(key) else {
                    return Err(format!("`{at}.{key}` is missing"));
                };
                compare(value, found, &format!("{at}.{key}"))?;
            }
            let surplus =
                actual.keys().find(|key| !expected.contains_key(*key) && !key.starts_with('_'));
            surplus.map_or(Ok(()), |key| Err(format!("`{at}.{key}` is not expected")))
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            let mut pairs = expected.iter().zip(actual).enumerate();
            pairs.try_for_each(|(index, (expected, actual))| {
                compare(expected, actual, &format!("{at}[{index}]"))
            })
        }
        (Value::String(pattern), actual) if is_placeholder(pattern) && !actual.is_null() => Ok(()),
        (Value::String(pattern), Value::String(text)) if fits(pattern, text) => Ok(()),
        (expected, actual) if expected == actual => Ok(()),
        _ => Err(format!("`{at}` should be {expected} and is {actual}")),
    }
}

fn is_placeholder(pattern: &str) -> bool {
    let inner = pattern.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    inner.is_some_and(|inner| !inner.contains("}}"))
}

/// Whether the text is the pattern with any text for each `{{…}}`.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((before, rest)) = pattern.split_once("{{") else { return pattern == text };
    let Some((_, after)) = rest.split_once("}}") else { return pattern == text };
    let Some(text) = text.strip_prefix(before) else { return false };
    let mut starts = text.char_indices().map(|(start, _)| start).chain([text.len()]);
    starts.any(|start| text.get(start..).is_some_and(|tail| fits(after, tail)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(expected: &Value, actual: &Value, fault: Option<&str>) {
        assert_eq!(matches(expected, actual).err().as_deref(), fault);
    }

    #[test]
    fn an_answer_is_compared_member_by_member() {
        check(&json!({"a": 1}), &json!({"a": 1}), None);
        check(&json!({"a": 1}), &json!({}), Some("`$.a` is missing"));
        check(&json!({}), &json!({"a": 1}), Some("`$.a` is not expected"));
        check(&json!({"a": [1, 2]}), &json!({"a": [1, 3]}), Some("`$.a[1]` should be 2 and is 3"));
        check(&json!([1]), &json!([1, 2]), Some("`$` should be [1] and is [1,2]"));
    }

    #[test]
    fn placeholders_stand_for_any_value_and_comments_for_nothing() {
        check(&json!({"id": "{{id}}", "_note": "x"}), &json!({"id": 7}), None);
        check(
            &json!({"id": "{{id}}"}),
            &json!({"id": null}),
            Some("`$.id` should be \"{{id}}\" and is null"),
        );
        check(&json!("a {{x}} b {{y}}"), &json!("a ф b "), None);
        check(
            &json!("a {{x}} b"),
            &json!("a 1 c"),
            Some("`$` should be \"a {{x}} b\" and is \"a 1 c\""),
        );
    }

    #[test]
    fn names_and_values_of_a_query_are_encoded() {
        let query = query(&json!({"query": {"a b": "c&d", "n": 5}}), Path::new("."));
        assert_eq!(query, "a%20b=c%26d&n=5");
    }

    #[test]
    fn webhooks_are_read_with_the_exact_bytes_and_the_answer_expected() {
        let webhooks = load(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/webhooks"));
        let [message, verify] = webhooks.as_slice() else { panic!("two webhooks are stored") };
        assert_eq!(message.request.body, br#"{"text": "hello"}"#);
        assert_eq!(message.request.query, "event=new%20message");
        assert_eq!(message.request.header("x-signature"), Some(&b"abc"[..]));
        assert_eq!(message.check(&Response::json(200, r#"{"id": 7}"#)), Ok(()));
        assert_eq!(
            message.check(&Response::json(200, "{}")),
            Err("message: `$.id` is missing".to_owned())
        );
        assert_eq!(
            (verify.request.method.as_str(), verify.request.query.as_str()),
            ("GET", "challenge=a%20b")
        );
        assert_eq!(verify.check(&Response::text(200, "a b")), Ok(()));
        assert!(verify.check(&Response::text(200, "a")).is_err());
    }
}
