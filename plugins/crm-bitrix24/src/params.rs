//! Parameters of a command inside `batch`: JSON as a query in PHP's notation, `fields[fm][0][typeId]=PHONE`.

use std::fmt::Write as _;

use patchbay_sdk::form;
use serde_json::Value;

/// The query; values that are empty lists or objects cannot be written this way and are left out.
pub(crate) fn query(params: &Value) -> String {
    let (mut out, mut name) = (String::new(), String::new());
    if let Value::Object(members) = params {
        for (key, value) in members {
            name.clear();
            form::push_encoded(&mut name, key);
            append(&mut out, &mut name, value);
        }
    }
    out
}

/// `name` is the same afterwards.
fn append(out: &mut String, name: &mut String, value: &Value) {
    let end = name.len();
    match value {
        Value::Null => pair(out, name, ""),
        Value::Bool(flag) => pair(out, name, if *flag { "1" } else { "0" }),
        Value::Number(number) => pair(out, name, &number.to_string()),
        Value::String(text) => pair(out, name, text),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                write!(name, "[{index}]").expect("writing to a string cannot fail");
                append(out, name, item);
                name.truncate(end);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                name.push('[');
                form::push_encoded(name, key);
                name.push(']');
                append(out, name, member);
                name.truncate(end);
            }
        }
    }
}

fn pair(out: &mut String, name: &str, text: &str) {
    if !out.is_empty() {
        out.push('&');
    }
    out.push_str(name);
    out.push('=');
    form::push_encoded(out, text);
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
