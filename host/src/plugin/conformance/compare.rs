//! Where two JSON documents differ first.

use std::fmt;

use serde_json::Value;

/// Letters of a value that are shown.
const SHOWN_MAX: usize = 120;

/// How much of what was found has to be as expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// What is expected: members that it does not name are not compared, and `null` is absence.
    Named,
    /// All of it.
    Whole,
}

/// The first difference: its place and both values.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::plugin) struct Difference {
    path: String,
    expected: Option<String>,
    found: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        let (expected, found) = (text(&self.expected), text(&self.found));
        if !self.path.is_empty() {
            write!(f, "at `{}` ", self.path)?;
        }
        write!(f, "expected {expected}, found {found}")
    }
}

/// The first difference between what is expected and what was found.
///
/// Where an object or a list is expected and a text was found, the text is read as JSON, all of it.
pub(super) fn first(expected: &Value, found: &Value, extent: Extent) -> Option<Difference> {
    at(&mut String::new(), expected, found, extent)
}

/// The same for a body: a text is compared as it is.
pub(in crate::plugin) fn body(expected: &Value, found: &[u8]) -> Option<Difference> {
    first(expected, &as_value(found), Extent::Whole)
}

/// A body as JSON has it: a text, or `{"base64": …}` where it is none.
pub(super) fn as_value(bytes: &[u8]) -> Value {
    match str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_no_text) => serde_json::json!({ "base64": crate::base64::encode(bytes) }),
    }
}

/// A value, shortened, as one line.
pub(in crate::plugin) fn shown(value: &Value) -> String {
    let text = value.to_string();
    let end = text.floor_char_boundary(SHOWN_MAX);
    let start = text.get(..end).unwrap_or_default();
    if end < text.len() { format!("`{start}…`") } else { format!("`{start}`") }
}

fn at(path: &mut String, expected: &Value, found: &Value, extent: Extent) -> Option<Difference> {
    match (expected, found) {
        (Value::Object(wanted), Value::Object(there)) => {
            let named = wanted.iter().find_map(|(key, value)| {
                let found = match (there.get(key), extent) {
                    (None, Extent::Named) => &Value::Null,
                    (None, Extent::Whole) => return Some(differ(path, key, Some(value), None)),
                    (Some(found), _) => found,
                };
                below(path, key, |path| at(path, value, found, extent))
            });
            named.or_else(|| {
                let mut more = there.iter().filter(|(key, _)| !wanted.contains_key(*key));
                let (key, value) = more.next().filter(|_| extent == Extent::Whole)?;
                Some(differ(path, key, None, Some(value)))
            })
        }
        (Value::Array(wanted), Value::Array(there)) => {
            (0..wanted.len().max(there.len())).find_map(|index| {
                let key = index.to_string();
                match (wanted.get(index), there.get(index)) {
                    (Some(wanted), Some(there)) => {
                        below(path, &key, |path| at(path, wanted, there, extent))
                    }
                    (wanted, there) => Some(differ(path, &key, wanted, there)),
                }
            })
        }
        (Value::Object(_) | Value::Array(_), Value::String(text)) => {
            match serde_json::from_str::<Value>(text) {
                // A text within a text is one, and nothing is read twice.
                Ok(parsed) if !parsed.is_string() => at(path, expected, &parsed, Extent::Whole),
                _ => Some(here(path, expected, found)),
            }
        }
        _ => (!is_same(expected, found)).then(|| here(path, expected, found)),
    }
}

fn is_same(expected: &Value, found: &Value) -> bool {
    expected == found
        || match (expected, found) {
            // `1` and `1.0` are one number.
            (Value::Number(one), Value::Number(other)) if one.is_f64() != other.is_f64() => {
                one.as_f64() == other.as_f64()
            }
            _ => false,
        }
}

fn below<T>(path: &mut String, key: &str, look: impl FnOnce(&mut String) -> T) -> T {
    let before = path.len();
    path.push('/');
    path.extend(key.escape_debug());
    let seen = look(path);
    path.truncate(before);
    seen
}

fn here(path: &str, expected: &Value, found: &Value) -> Difference {
    Difference {
        path: path.to_owned(),
        expected: Some(shown(expected)),
        found: Some(shown(found)).filter(|_| !found.is_null() || expected.is_null()),
    }
}

fn differ(
    path: &mut String,
    key: &str,
    expected: Option<&Value>,
    found: Option<&Value>,
) -> Difference {
    let path = below(path, key, |path| path.clone());
    Difference { path, expected: expected.map(shown), found: found.map(shown) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn named(expected: &Value, found: &Value, told: &str) {
        check(first(expected, found, Extent::Named), told);
    }

    #[track_caller]
    fn whole(expected: &Value, found: &Value, told: &str) {
        check(first(expected, found, Extent::Whole), told);
    }

    #[track_caller]
    fn check(difference: Option<Difference>, told: &str) {
        assert_eq!(difference.map(|it| it.to_string()).unwrap_or_default(), told);
    }

    #[test]
    fn what_a_case_does_not_name_is_not_compared() {
        let found = json!({ "a": 1, "b": { "c": [1, 2], "d": null } });
        named(&json!({ "b": { "c": [1, 2] } }), &found, "");
        named(&json!({ "e": null, "b": { "d": null } }), &found, "");
        named(&json!({ "b": { "c": [1, 3] } }), &found, "at `/b/c/1` expected `3`, found `2`");
        named(&json!({ "b": { "c": [1] } }), &found, "at `/b/c/1` expected nothing, found `2`");
        named(
            &json!({ "b": { "c": [1, 2, 3] } }),
            &found,
            "at `/b/c/2` expected `3`, found nothing",
        );
        named(&json!({ "e": "x" }), &found, "at `/e` expected `\"x\"`, found nothing");
        named(&json!({ "a": null }), &found, "at `/a` expected `null`, found `1`");
    }

    #[test]
    fn of_a_whole_document_everything_is_compared() {
        whole(&json!({ "a": [1, { "b": 2 }] }), &json!({ "a": [1, { "b": 2 }] }), "");
        whole(
            &json!({ "a": 1 }),
            &json!({ "a": 1, "b": 2 }),
            "at `/b` expected nothing, found `2`",
        );
        whole(
            &json!({ "a": 1, "b": null }),
            &json!({ "a": 1 }),
            "at `/b` expected `null`, found nothing",
        );
        whole(&json!([]), &json!({}), "expected `[]`, found `{}`");
    }

    #[test]
    fn a_text_is_read_as_json_where_json_is_expected() {
        named(&json!({ "body": { "a": 1 } }), &json!({ "body": "{ \"a\": 1.0 }" }), "");
        let found = json!({ "body": "{\"a\":1,\"b\":2}" });
        named(&json!({ "body": { "a": 1 } }), &found, "at `/body/b` expected nothing, found `2`");
        named(
            &json!({ "body": [1] }),
            &json!({ "body": "no" }),
            "at `/body` expected `[1]`, found `\"no\"`",
        );
        named(&json!({ "body": "{}" }), &json!({ "body": "{}" }), "");
        named(&json!([1]), &json!("\"[1]\""), "expected `[1]`, found `\"\\\"[1]\\\"\"`");
    }

    #[test]
    fn numbers_are_compared_by_value() {
        whole(&json!([1, 1.0, 0.5]), &json!([1.0, 1, 0.5]), "");
        whole(&json!(1), &json!(1.5), "expected `1`, found `1.5`");
        whole(&json!(u64::MAX), &json!(u64::MAX - 1), &{
            format!("expected `{}`, found `{}`", u64::MAX, u64::MAX - 1)
        });
    }

    #[test]
    fn a_body_is_a_text_or_bytes() {
        check(body(&json!("a b"), b"a b"), "");
        check(body(&json!({ "a": 1 }), b"{\"a\": 1}"), "");
        check(body(&json!({ "base64": "/w==" }), b"\xff"), "");
        check(body(&json!(""), b"x"), "expected `\"\"`, found `\"x\"`");
    }

    #[test]
    fn what_is_shown_is_short_and_one_line() {
        let long = "ы".repeat(500);
        let told = first(&json!({ "a\nb": 1 }), &json!({ "a\nb": long }), Extent::Named).unwrap();
        let told = told.to_string();
        assert!(told.starts_with("at `/a\\nb` expected `1`, found `\"ыы"), "{told}");
        assert!(told.len() < 200 && told.ends_with("…`"), "{told}");
        assert_eq!(shown(&json!("a\nb")), "`\"a\\nb\"`");
    }
}
