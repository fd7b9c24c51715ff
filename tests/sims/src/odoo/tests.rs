//! The simulator beside recorded answers of a real Odoo 19.

use serde_json::{Value, json};

use super::*;

fn post(odoo: &mut Odoo, target: &str, body: &Value) -> (u16, Value) {
    let request = Request::post(format!("https://odoo.example.test{target}"))
        .header("authorization", format!("bearer {}", odoo.key))
        .json(body.to_string());
    let response = odoo.answer(&request, Duration::ZERO);
    (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
}

fn recorded(name: &str) -> Value {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/crm-odoo/fixtures");
    serde_json::from_slice(&std::fs::read(format!("{dir}/{name}.json")).unwrap()).unwrap()
}

#[test]
fn errors_are_those_that_were_recorded() {
    for name in [
        "34-json2-err-unknown-model",
        "35-json2-err-unknown-method",
        "36-json2-err-private-method",
        "37-json2-err-unknown-field",
        "38-json2-err-required",
        "39-json2-err-bad-domain-field",
        "40-json2-err-missing-record",
        "41-json2-err-unexpected-kwarg",
        "64-json2-upsert-error",
        "67-json2-err-context-lang",
    ] {
        let cassette = recorded(name);
        let request = &cassette["request"];
        let target = request["path"].as_str().unwrap();
        let (status, body) = post(&mut Odoo::default(), target, &request["body"]);
        let expected = &cassette["response"];
        assert_eq!(json!(status), expected["status"], "{name}");
        assert_eq!(body["name"], expected["body"]["name"], "{name}");
    }
}

#[test]
fn what_is_loaded_again_under_its_external_id_is_the_same_record() {
    let mut odoo = Odoo::default();
    for name in ["61-json2-upsert-external-id-create", "62-json2-upsert-external-id-update"] {
        let request = recorded(name)["request"].clone();
        let (_, body) = post(&mut odoo, request["path"].as_str().unwrap(), &request["body"]);
        assert_eq!(body, json!({ "ids": [4], "messages": [], "nextrow": 0 }), "{name}");
    }
    let anna = odoo.all("res.partner").pop().unwrap();
    assert_eq!(anna["email"], "anna.new@example.test");
}

#[test]
fn a_value_that_cannot_be_is_told_in_a_200() {
    let cassette = recorded("65-json2-upsert-bad-user");
    let (status, body) =
        post(&mut Odoo::default(), "/json/2/res.partner/load", &cassette["request"]["body"]);
    let expected = &cassette["response"]["body"];
    assert_eq!((status, &body["ids"]), (200, &expected["ids"]));
    assert_eq!(body["messages"][0]["field"], expected["messages"][0]["field"]);
}

#[test]
fn archived_records_are_out_of_sight_until_somebody_asks_for_them() {
    let mut odoo = Odoo::default();
    let lost = odoo.add("crm.lead", &json!({ "name": "Lost", "active": false }));
    let mut count = |domain: Value, context: Value| {
        let body = json!({ "domain": domain, "context": context });
        post(&mut odoo, "/json/2/crm.lead/search_count", &body).1
    };
    assert_eq!(count(json!([]), json!({})), 0);
    assert_eq!(count(json!([["active", "=", false]]), json!({})), 1);
    assert_eq!(count(json!([["id", "=", lost]]), json!({ "active_test": false })), 1);
}

#[test]
fn a_condition_on_a_reference_does_not_hold_of_nothing() {
    let mut odoo = Odoo::default();
    let deal = odoo.add("crm.lead", &json!({ "name": "A" }));
    odoo.set("crm.lead", deal, "stage_id", json!(false));
    let mut count = |domain: Value| {
        post(&mut odoo, "/json/2/crm.lead/search_count", &json!({ "domain": domain })).1
    };
    assert_eq!(count(json!([["stage_id.is_won", "=", false]])), 0);
    assert_eq!(count(json!(["|", ["stage_id", "=", false], ["stage_id.is_won", "=", false]])), 1);
}
