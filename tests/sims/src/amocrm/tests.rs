//! The simulator does what the vendor documents.

use std::time::Duration;

use patchbay_sdk::http::{Request, Response};
use serde_json::{Value, json};

use super::*;

fn crm() -> Amocrm {
    Amocrm::new("t0ken").without_limits()
}

fn ask(crm: &mut Amocrm, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::new(method, format!("https://demo.amocrm.ru{path}"))
        .header("authorization", "Bearer t0ken");
    let request = if body.is_null() { request } else { request.json(body.to_string()) };
    read(&crm.answer(&request, Duration::ZERO))
}

fn get(crm: &mut Amocrm, path: &str) -> (u16, Value) {
    ask(crm, "GET", path, &Value::Null)
}

fn read(response: &Response) -> (u16, Value) {
    (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
}

fn anna() -> Value {
    json!({ "name": "Anna", "custom_fields_values": [
        { "field_code": "PHONE", "values": [{ "value": "+380671234567", "enum_code": "MOB" }] },
    ] })
}

#[test]
fn a_search_finds_parts_of_values_and_nothing_is_no_content() {
    let mut crm = crm();
    let id = crm.add_contact(&anna());
    for wanted in ["0671234567", "380671234567", "anna"] {
        let (status, answer) =
            get(&mut crm, &format!("/api/v4/contacts?query={wanted}&with=leads"));
        assert_eq!(
            (status, &answer["_embedded"]["contacts"][0]["id"]),
            (200, &json!(id)),
            "{wanted}"
        );
        assert_eq!(answer["_embedded"]["contacts"][0]["_embedded"]["leads"], json!([]));
    }
    let missed = get(&mut crm, "/api/v4/contacts?query=%2B38%20067");
    assert_eq!(missed, (204, Value::Null));
    assert_eq!(get(&mut crm, "/api/v4/contacts/77").0, 204);
    crm.searched_until = Some(0);
    assert_eq!(get(&mut crm, "/api/v4/contacts?query=anna").0, 204);
}

#[test]
fn pages_end_without_a_next_one() {
    let mut crm = crm();
    for _ in 0..3 {
        crm.add_contact(&anna());
    }
    let (_, first) = get(&mut crm, "/api/v4/contacts?page=1&limit=2&order[id]=desc");
    assert_eq!(first["_embedded"]["contacts"][0]["id"], 1_003);
    assert!(first["_links"]["next"].is_object());
    let (_, last) = get(&mut crm, "/api/v4/contacts?page=2&limit=2");
    assert!(last["_links"].get("next").is_none());
    assert_eq!(get(&mut crm, "/api/v4/contacts?page=3&limit=2").0, 204);
    assert_eq!(get(&mut crm, "/api/v4/contacts?limit=251").0, 400);
    assert_eq!(get(&mut crm, "/api/v4/contacts?limit=250").0, 200);
}

#[test]
fn filters_do_nothing_unless_the_account_has_them() {
    let mut crm = crm();
    let (one, _two) = (crm.add_contact(&anna()), crm.add_contact(&anna()));
    let path = format!("/api/v4/contacts?filter[id][0]={one}");
    let count = |answer: (u16, Value)| answer.1["_embedded"]["contacts"].as_array().map(Vec::len);
    assert_eq!(count(get(&mut crm, &path)), Some(2));
    crm.filters = true;
    assert_eq!(count(get(&mut crm, &path)), Some(1));
}

#[test]
fn an_array_is_written_whole_or_not_at_all() {
    let mut crm = crm();
    let bad = json!({ "custom_fields_values": [{ "field_id": 1, "values": [{ "value": "x" }] }] });
    let (status, answer) = ask(&mut crm, "POST", "/api/v4/contacts", &json!([anna(), bad]));
    assert_eq!(status, 400);
    let fault = &answer["validation-errors"][0];
    assert_eq!(fault["request_id"], "1");
    assert_eq!(fault["errors"][0]["path"], "custom_fields_values.0.field_id");
    assert!(crm.contacts().is_empty());
}

#[test]
fn values_replace_the_old_ones_and_an_unknown_id_makes_a_record() {
    let mut crm = crm();
    let id = crm.add_contact(&anna());
    let phone = json!([{ "id": id, "custom_fields_values": [
        { "field_code": "PHONE", "values": [{ "value": "+380501112233" }] },
    ] }]);
    assert_eq!(ask(&mut crm, "PATCH", "/api/v4/contacts", &phone).0, 200);
    let values = &crm.contacts()[0]["custom_fields_values"][0]["values"];
    assert_eq!(values.as_array().unwrap().len(), 1);
    assert_eq!(values[0]["value"], "+380501112233");
    ask(&mut crm, "PATCH", "/api/v4/contacts", &json!([{ "id": 5, "name": "New" }]));
    assert_eq!(crm.contacts().len(), 2);
    let one = ask(&mut crm, "PATCH", "/api/v4/contacts/5", &json!({ "name": "New" }));
    assert_eq!(one.0, 404);
}

#[test]
fn a_text_has_256_characters_at_most() {
    let mut crm = crm();
    let contact = |length: usize| json!([{ "custom_fields_values": [{ "field_id": 104, "values": [{ "value": "x".repeat(length) }] }] }]);
    assert_eq!(ask(&mut crm, "POST", "/api/v4/contacts", &contact(256)).0, 200);
    assert_eq!(ask(&mut crm, "POST", "/api/v4/contacts", &contact(257)).0, 400);
}

#[test]
fn seven_requests_a_second_and_a_block_for_those_who_go_on() {
    let mut crm = Amocrm::new("t0ken");
    crm.limits.refusals = 3;
    let request = Request::get("https://demo.amocrm.ru/api/v4/account")
        .header("authorization", "Bearer t0ken");
    let mut at = |millis: u64| crm.answer(&request, Duration::from_millis(millis)).status;
    for millis in 0..7 {
        assert_eq!(at(millis), 200);
    }
    assert_eq!(at(949), 429);
    assert_eq!([at(950), at(950)], [200, 429]);
    assert_eq!([at(950), at(950)], [429, 429]);
    assert_eq!([at(951), at(60_949)], [403, 403]);
    assert_eq!(at(60_951), 200);
}

#[test]
fn a_token_that_was_refreshed_is_spent() {
    let mut crm = crm();
    let grant = |crm: &mut Amocrm, kind: &str, key: &str, value: &str| {
        let mut body = json!({
            "client_id": "a1b2c3", "client_secret": "integration-secret", "grant_type": kind,
            "redirect_uri": "https://host.example.test/oauth",
        });
        body[key] = json!(value);
        ask(crm, "POST", "/oauth2/access_token", &body)
    };
    let (_, first) = grant(&mut crm, "authorization_code", "code", "code-1");
    assert_eq!(grant(&mut crm, "authorization_code", "code", "code-1").0, 400);
    let refresh = first["refresh_token"].as_str().unwrap();
    let (status, second) = grant(&mut crm, "refresh_token", "refresh_token", refresh);
    assert_eq!(status, 200);
    assert_eq!(grant(&mut crm, "refresh_token", "refresh_token", refresh).0, 400);
    let asked = |crm: &mut Amocrm, token: &Value| {
        let token = token["access_token"].as_str().unwrap();
        let request = Request::get("https://demo.amocrm.ru/api/v4/account")
            .header("authorization", format!("Bearer {token}"));
        crm.answer(&request, Duration::ZERO).status
    };
    assert_eq!((asked(&mut crm, &first), asked(&mut crm, &second)), (401, 200));
    crm.oauth.expire();
    assert_eq!(asked(&mut crm, &second), 401);
}

#[test]
fn a_call_goes_to_the_card_with_its_last_ten_digits_or_nowhere() {
    let mut crm = crm();
    let id = crm.add_contact(&anna());
    let call = |phone: &str| json!([{ "direction": "inbound", "duration": 10, "source": "Ringostat", "phone": phone }]);
    let (status, answer) = ask(&mut crm, "POST", "/api/v4/calls", &call("067 123-45-67"));
    assert_eq!((status, &answer["_embedded"]["calls"][0]["entity_id"]), (200, &json!(id)));
    let (status, answer) = ask(&mut crm, "POST", "/api/v4/calls", &call("+380500000000"));
    assert_eq!((status, &answer["errors"][0]["code"]), (400, &json!(263)));
    assert_eq!(crm.notes().len(), 1);
}

#[test]
fn a_deal_and_its_contact_are_made_at_once_and_linked() {
    let mut crm = crm();
    let lead = json!([{ "name": "Call", "_embedded": { "contacts": [anna()] } }]);
    let (_, answer) = ask(&mut crm, "POST", "/api/v4/leads/complex", &lead);
    let (lead, contact) =
        (answer[0]["id"].as_u64().unwrap(), answer[0]["contact_id"].as_u64().unwrap());
    assert_eq!(crm.contacts_of(lead), [contact]);
    let other = crm.add_contact(&anna());
    let link = json!([{ "to_entity_id": other, "to_entity_type": "contacts", "metadata": { "is_main": false } }]);
    assert_eq!(ask(&mut crm, "POST", &format!("/api/v4/leads/{lead}/link"), &link).0, 200);
    assert_eq!(crm.contacts_of(lead), [contact, other]);
    let (_, shown) = get(&mut crm, &format!("/api/v4/leads/{lead}?with=contacts"));
    assert_eq!(shown["_embedded"]["contacts"][0]["is_main"], true);
    assert_eq!(shown["status_id"], 3_101);
}

#[test]
fn a_token_that_nobody_knows_is_refused() {
    let mut crm = crm();
    crm.token = "another".to_owned();
    assert_eq!(get(&mut crm, "/api/v4/account").0, 401);
}
