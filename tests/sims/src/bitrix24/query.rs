//! The query of a command inside a `batch`, and what it refers to.

use serde_json::{Map, Value};

/// Reads `a[b][0]=c&d=e`, and puts the answers of earlier commands in where they are referred to.
///
/// A reference to nothing is an empty text.
pub(super) fn parse(query: &str, answers: &Map<String, Value>) -> Value {
    read(query, |text| referred(text, answers))
}

/// Reads a query as it was written, with its references.
pub(super) fn written(query: &str) -> Value {
    read(query, |_| None)
}

fn read(query: &str, referred: impl Fn(&str) -> Option<Value>) -> Value {
    let mut params = Value::Object(Map::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(value));
        let value = referred(&value).unwrap_or(Value::String(value));
        let (first, rest) = name.split_once('[').unwrap_or((&name, ""));
        let mut keys = vec![first.to_owned()];
        keys.extend(
            rest.split('[')
                .map(|key| key.trim_end_matches(']').to_owned())
                .filter(|_| !rest.is_empty()),
        );
        put(&mut params, &keys, value);
    }
    listed(params)
}

fn put(place: &mut Value, keys: &[String], value: Value) {
    let Some((key, rest)) = keys.split_first() else {
        *place = value;
        return;
    };
    if !place.is_object() {
        *place = Value::Object(Map::new());
    }
    if let Some(members) = place.as_object_mut() {
        let key = if key.is_empty() { members.len().to_string() } else { key.clone() };
        put(members.entry(key).or_insert(Value::Null), rest, value);
    }
}

/// Objects with the keys 0, 1, 2 … are lists.
fn listed(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    let members: Map<String, Value> =
        members.into_iter().map(|(key, member)| (key, listed(member))).collect();
    let is_list = !members.is_empty()
        && (0..members.len()).all(|index| members.contains_key(&index.to_string()));
    if !is_list {
        return Value::Object(members);
    }
    let items = (0..members.len()).filter_map(|index| members.get(&index.to_string()).cloned());
    Value::Array(items.collect())
}

/// `$result[find][CONTACT][0]`; `None` for a text that refers to nothing.
fn referred(text: &str, answers: &Map<String, Value>) -> Option<Value> {
    let path = text.strip_prefix("$result[")?.strip_suffix(']')?;
    let mut keys = path.split("][");
    let mut value = keys.next().and_then(|name| answers.get(name));
    for key in keys {
        value = value.and_then(|value| match value {
            Value::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
            value => value.get(key),
        });
    }
    Some(match value {
        None | Some(Value::Null) => Value::String(String::new()),
        Some(Value::Number(number)) => Value::String(number.to_string()),
        Some(value) => value.clone(),
    })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let hex: Vec<u8> = rest.by_ref().take(2).collect();
                let hex = std::str::from_utf8(&hex).unwrap_or_default();
                bytes.extend(u8::from_str_radix(hex, 16).ok());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn queries_are_read_as_php_reads_them() {
        let answers = json!({ "find": { "CONTACT": [7, 8] }, "list": { "items": [{ "id": 9 }] } });
        let parse = |query: &str| parse(query, answers.as_object().unwrap());
        assert_eq!(
            parse("type=PHONE&values[]=%2B380671234567&values[]=x+y&a[b][0][c]=1"),
            json!({ "type": "PHONE", "values": ["+380671234567", "x y"], "a": { "b": [{ "c": "1" }] } }),
        );
        assert_eq!(
            parse(
                "filter[%40id][0]=0&filter[%40id][1]=%24result%5Bfind%5D%5BCONTACT%5D%5B1%5D&x=$result[find][CONTACT]"
            ),
            json!({ "filter": { "@id": ["0", "8"] }, "x": [7, 8] }),
        );
        assert_eq!(
            parse("id=$result[list][items][0][id]&no=$result[list][items][1][id]"),
            json!({ "id": "9", "no": "" })
        );
        assert_eq!(parse(""), json!({}));
    }
}
