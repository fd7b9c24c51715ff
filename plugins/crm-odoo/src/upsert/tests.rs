//! Tests of `upsert`.

use patchbay_sdk::types::Field;
use serde_json::json;

use super::*;
use crate::server;

fn contact(value: &Value) -> Contact {
    Contact::parse(&value.to_string()).unwrap()
}

fn row(value: &Value) -> Vec<(String, String)> {
    let (fields, row) = contact(value).into_row("plughost.key-1");
    assert_eq!(fields.len(), row.len());
    fields.into_iter().zip(row).collect()
}

fn cell(row: &[(String, String)], column: &str) -> Option<String> {
    row.iter().find(|(field, _)| field == column).map(|(_, text)| text.clone())
}

#[test]
fn a_row_holds_texts_only_and_the_external_id_first() {
    let row = row(&json!({
        "name": "Anna Test", "user_id": 2, "state_id": "Kyiv", "x_rate": 12.5, "x_vip": true, "x_cold": false,
        "x_count": 3, "if-empty": { "ref": "jivo:2746", "name": "never" },
    }));
    assert_eq!(row[0], ("id".to_owned(), "plughost.key-1".to_owned()));
    for (column, text) in [
        ("name", "Anna Test"),
        ("user_id/.id", "2"),
        ("state_id", "Kyiv"),
        ("x_rate", "12.5"),
        ("x_vip", "1"),
        ("x_cold", ""),
        ("x_count", "3"),
        ("ref", "jivo:2746"),
    ] {
        assert_eq!(cell(&row, column).as_deref(), Some(text), "{column}");
    }
}

#[test]
fn a_partner_without_a_name_is_called_by_what_is_known() {
    for (vals, name) in [
        (json!({ "email": "a@b.test", "phone": "+1" }), "a@b.test"),
        (json!({ "if-empty": { "phone": "+380671234567" } }), "+380671234567"),
        (json!({ "name": false, "email": false }), "Client"),
        (json!({}), "Client"),
    ] {
        assert_eq!(cell(&row(&vals), "name").as_deref(), Some(name), "{vals}");
    }
}

#[test]
fn a_key_has_at_most_128_bytes_of_its_letters() {
    let server = server::example();
    assert_eq!(external_id(&server, "jivo-1_A").unwrap(), "plughost.jivo-1_A");
    assert!(external_id(&server, &"k".repeat(128)).is_ok());
    for key in ["", "a.b", "a b", "é", &"k".repeat(129)] {
        assert!(matches!(external_id(&server, key), Err(Error::Invalid(_))), "{key}");
    }
}

#[test]
fn an_answer_of_load_is_an_id_or_a_refusal() {
    assert_eq!(
        loaded(&json!({ "ids": [6], "messages": [], "nextrow": 0 })),
        Some(Loaded::Partner(6))
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

#[test]
fn only_free_places_are_filled() {
    let partner = |value: Value| card::partners(json!([value])).unwrap().remove(0);
    let mut known =
        contact(&json!({ "city": "Kyiv", "if-empty": { "ref": "jivo:1", "phone": "+1" } }));
    known.fill(&partner(json!({ "id": 6, "ref": "A-17", "phone": false })));
    assert_eq!(Value::Object(known.vals), json!({ "city": "Kyiv", "phone": "+1" }));
}

#[test]
fn a_record_of_somebody_else_is_refused() {
    for native in ["", "[]", "{", "null", r#"{"if-empty":1}"#] {
        assert!(matches!(Contact::parse(native), Err(Error::Invalid(_))), "{native}");
    }
}

#[test]
fn what_map_makes_upsert_reads() {
    let fields = [Field {
        key: "name".to_owned(),
        value: patchbay_sdk::types::Value::Text("Anna".to_owned()),
    }];
    let native =
        crate::map::map(&[patchbay_sdk::types::Identifier::Email("a@b.test".to_owned())], &fields)
            .unwrap();
    let contact = Contact::parse(&native).unwrap();
    assert_eq!(Value::Object(contact.vals), json!({ "name": "Anna" }));
    assert_eq!(Value::Object(contact.if_empty), json!({ "email": "a@b.test" }));
}
