//! Tests of `upsert`.

use patchbay_sdk::types::Field;
use serde_json::json;

use super::*;
use crate::server;

fn contact(value: &Value) -> Contact {
    Contact::parse(&value.to_string()).unwrap()
}

fn partner(value: &Value) -> Partner {
    card::partners(json!([value])).unwrap().remove(0)
}

fn two_phones() -> Server {
    Server { phone_fields: vec!["mobile".to_owned()], ..server::example() }
}

#[test]
fn a_partner_without_a_name_is_called_by_what_is_known() {
    for (vals, name) in [
        (json!({ "email": "a@b.test", "phone": "+1" }), "a@b.test"),
        (json!({ "if-empty": { "phone": "+380671234567" } }), "+380671234567"),
        (json!({ "name": false, "email": false }), "Client"),
        (json!({}), "Client"),
    ] {
        assert_eq!(contact(&vals).into_new(&server::example())["name"], json!(name), "{vals}");
    }
}

#[test]
fn further_numbers_go_into_the_free_fields_for_phones() {
    let record =
        json!({ "if-empty": { "phone": ["+380671234567", "+380501112233", "+48111111111"] } });
    let new = contact(&record).into_new(&two_phones());
    assert_eq!((&new["phone"], &new["mobile"]), (&json!("+380671234567"), &json!("+380501112233")));

    let mut known = contact(&record);
    known.fill(
        &two_phones(),
        Some(&partner(&json!({ "id": 6, "phone": "067 123-45-67", "mobile": false }))),
    );
    assert_eq!(Value::Object(known.vals), json!({ "mobile": "+380501112233" }));

    let mut full = contact(&record);
    full.fill(&two_phones(), Some(&partner(&json!({ "id": 6, "phone": "1", "mobile": "2" }))));
    assert!(full.vals.is_empty());
}

#[test]
fn a_list_of_records_is_replaced_by_a_command() {
    let vals = json!({ "category_id": [3, 7], "name": "A" });
    let expected = json!({ "category_id": [[6, 0, [3, 7]]], "name": "A" });
    assert_eq!(written_values(vals.as_object().unwrap().clone()), expected);
}

#[test]
fn only_free_places_are_filled() {
    let mut known =
        contact(&json!({ "city": "Kyiv", "if-empty": { "ref": "jivo:1", "phone": "+1" } }));
    let held = partner(&json!({ "id": 6, "ref": "A-17", "phone": false }));
    known.fill(&server::example(), Some(&held));
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
    let native = crate::map::contact(
        &[patchbay_sdk::types::Identifier::Email("a@b.test".to_owned())],
        &fields,
        &[],
    )
    .unwrap();
    let contact = Contact::parse(&native).unwrap();
    assert_eq!(Value::Object(contact.vals), json!({ "name": "Anna" }));
    assert_eq!(Value::Object(contact.if_empty), json!({ "email": "a@b.test" }));
}
