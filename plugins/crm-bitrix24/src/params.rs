//! Parameters of a command inside `batch`: JSON as a query in PHP's notation, `fields[fm][0][typeId]=PHONE`.

use std::fmt::Write as _;

use serde_json::Value;

/// The query; values that are empty lists or objects cannot be written this way and are left out.
pub(crate) fn query(params: &Value) -> String {
    let mut out = String::new();
    if let Value::Object(members) = params {
        for (key, value) in members {
            append(&mut out, &escape(key), value);
        }
    }
    out
}

fn append(out: &mut String, name: &str, value: &Value) {
    let mut pair = |text: &str| {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        out.push_str(&escape(text));
    };
    match value {
        Value::Null => pair(""),
        Value::Bool(flag) => pair(if *flag { "1" } else { "0" }),
        Value::Number(number) => pair(&number.to_string()),
        Value::String(text) => pair(text),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                append(out, &format!("{name}[{index}]"), item);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                append(out, &format!("{name}[{}]", escape(key)), member);
            }
        }
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_parameters_are_written_as_php_reads_them() {
        let params = json!({
            "entityTypeId": 3,
            "filter": { "@id": [0, "$result[p0][CONTACT][0]"], ">id": 5 },
            "fields": { "fm": { "n0": { "value": "+380 67" } }, "opened": true, "none": null, "list": [] },
        });
        let expected = [
            "entityTypeId=3",
            "fields[fm][n0][value]=%2B380%2067",
            "fields[none]=",
            "fields[opened]=1",
            "filter[%3Eid]=5",
            "filter[%40id][0]=0",
            "filter[%40id][1]=%24result%5Bp0%5D%5BCONTACT%5D%5B0%5D",
        ];
        let query = query(&params);
        let mut pairs: Vec<&str> = query.split('&').collect();
        pairs.sort_unstable();
        assert_eq!(pairs, expected);
    }

    #[test]
    fn a_text_cannot_end_its_value() {
        assert_eq!(query(&json!({ "a": "x&b=1#ж" })), "a=x%26b%3D1%23%D0%B6");
        assert_eq!(query(&json!({})), "");
    }
}
