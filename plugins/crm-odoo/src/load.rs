//! Odoo's own upsert: `load` with an external id, which stays unique whatever happens.

use patchbay_sdk::types::Error;
use serde_json::{Map, Value};

use crate::client::{self, LEAD};
use crate::errors;
use crate::server::Server;

/// What `load` answers.
#[derive(Debug, PartialEq)]
enum Loaded {
    Record(u64),
    Refused(Vec<(Option<String>, String)>),
}

/// Makes the record of this key, or finds it made; answers its id.
pub(crate) fn load(
    server: &Server,
    model: &'static str,
    vals: Map<String, Value>,
    key: &str,
) -> Result<u64, Error> {
    let (fields, row) = cells(vals, &external_id(server, model, key));
    match client::send(server, &client::load(model, &fields, &row), |answer| loaded(&answer))? {
        Loaded::Record(id) => Ok(id),
        Loaded::Refused(messages) => Err(errors::refused_row(model, &messages)),
    }
}

/// Module and name. The contract's keys need no escaping: they are letters, digits, `-` and `_`.
fn external_id(server: &Server, model: &str, key: &str) -> String {
    // One name is one record, of whatever model.
    let kind = if model == LEAD { "deal-" } else { "" };
    format!("{}.{kind}{key}", server.module)
}

/// Column names and one row, which holds texts only.
fn cells(vals: Map<String, Value>, external_id: &str) -> (Vec<String>, Vec<String>) {
    let (mut fields, mut row) = (vec!["id".to_owned()], vec![external_id.to_owned()]);
    for (field, value) in vals {
        // A number in a field of this name is the id of another record; else `load` takes it for a name.
        let is_reference = (field.ends_with("_id") && value.is_u64()) || value.is_array();
        fields.push(if is_reference { format!("{field}/.id") } else { field });
        row.push(match value {
            Value::String(text) => text,
            Value::Bool(true) => "1".to_owned(),
            // Empties any kind of field; a flag that is not set is the same.
            Value::Bool(false) | Value::Null => String::new(),
            Value::Array(ids) => ids.iter().map(Value::to_string).collect::<Vec<_>>().join(","),
            other => other.to_string(),
        });
    }
    (fields, row)
}

fn loaded(answer: &Value) -> Option<Loaded> {
    match answer.get("ids")? {
        Value::Array(ids) => Some(Loaded::Record(ids.first()?.as_u64()?)),
        Value::Bool(false) | Value::Null => {
            let text =
                |message: &Value, key| message.get(key).and_then(Value::as_str).map(str::to_owned);
            let messages = answer.get("messages").and_then(Value::as_array).into_iter().flatten();
            let errors = messages
                .filter(|message| message.get("type").and_then(Value::as_str) == Some("error"));
            Some(Loaded::Refused(
                errors
                    .map(|it| (text(it, "field"), text(it, "message").unwrap_or_default()))
                    .collect(),
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::client::PARTNER;
    use crate::server;

    fn row(vals: &Value) -> Vec<(String, String)> {
        let vals = vals.as_object().unwrap().clone();
        let (fields, row) = cells(vals, "plughost.key-1");
        assert_eq!(fields.len(), row.len());
        fields.into_iter().zip(row).collect()
    }

    #[test]
    fn a_row_holds_texts_only_and_the_external_id_first() {
        let row = row(&json!({
            "name": "Anna Test", "user_id": 2, "state_id": "Kyiv", "x_rate": 12.5, "x_vip": true, "x_cold": false,
            "x_count": 3, "category_id": [3, 7],
        }));
        assert_eq!(row[0], ("id".to_owned(), "plughost.key-1".to_owned()));
        let cell = |column: &str| {
            row.iter().find(|(field, _)| field == column).map(|(_, text)| text.as_str())
        };
        for (column, text) in [
            ("name", "Anna Test"),
            ("user_id/.id", "2"),
            ("state_id", "Kyiv"),
            ("x_rate", "12.5"),
            ("x_vip", "1"),
            ("x_cold", ""),
            ("x_count", "3"),
            ("category_id/.id", "3,7"),
        ] {
            assert_eq!(cell(column), Some(text), "{column}");
        }
    }

    #[test]
    fn a_card_and_a_deal_of_one_key_are_two_records() {
        let server = server::example();
        assert_eq!(external_id(&server, PARTNER, "jivo-1_A"), "plughost.jivo-1_A");
        assert_eq!(external_id(&server, LEAD, "jivo-1_A"), "plughost.deal-jivo-1_A");
    }

    #[test]
    fn an_answer_of_load_is_an_id_or_a_refusal() {
        assert_eq!(
            loaded(&json!({ "ids": [6], "messages": [], "nextrow": 0 })),
            Some(Loaded::Record(6))
        );
        assert_eq!(
            loaded(&json!({ "ids": false, "messages": [
                { "type": "warning", "field": "phone", "message": "w" },
                { "type": "error", "field": "user_id", "message": "e" },
                { "type": "error", "field": false, "message": false },
            ]})),
            Some(Loaded::Refused(vec![
                (Some("user_id".to_owned()), "e".to_owned()),
                (None, String::new())
            ]))
        );
        for answer in [
            json!([]),
            json!({}),
            json!({ "ids": [] }),
            json!({ "ids": ["6"] }),
            json!({ "ids": 6 }),
            json!(null),
        ] {
            assert_eq!(loaded(&answer), None, "{answer}");
        }
    }
}
