//! The simulator by itself, against the recorded and documented exchanges.

use serde_json::json;

use super::*;

fn sim() -> HubSpot {
    HubSpot { token: "t".to_owned(), ..HubSpot::default() }
}

fn ask(sim: &mut HubSpot, method: &str, path: &str, body: &Value, at_s: u64) -> (u16, Value) {
    let request = Request::new(method, format!("https://api.hubapi.com{path}"))
        .header("authorization", "Bearer t")
        .json(if body.is_null() { String::new() } else { body.to_string() });
    let response = sim.answer(&request, Duration::from_secs(at_s));
    (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
}

fn search(email: &str) -> Value {
    json!({
        "filterGroups": [{ "filters": [{ "propertyName": "email", "operator": "EQ", "value": email }] }],
        "properties": ["email"], "limit": 5, "after": "0", "sorts": [],
    })
}

const CONTACTS: &str = "/crm/v3/objects/contacts";

#[test]
fn a_new_contact_is_shown_by_the_search_after_its_lag() {
    let mut sim = HubSpot { search_lag: Duration::from_secs(30), ..sim() };
    let new = json!({ "properties": { "email": "anna@example.test" }, "associations": [] });
    let (status, made) = ask(&mut sim, "POST", CONTACTS, &new, 0);
    assert_eq!((status, &made["id"]), (201, &json!("51")));
    let total = |sim: &mut HubSpot, at| {
        ask(sim, "POST", "/crm/v3/objects/contacts/search", &search("ANNA@example.test"), at).1["total"].clone()
    };
    assert_eq!((total(&mut sim, 29), total(&mut sim, 30)), (json!(0), json!(1)));
    let (status, read) = ask(
        &mut sim,
        "GET",
        "/crm/v3/objects/contacts/anna%40example.test?idProperty=email",
        &Value::Null,
        1,
    );
    assert_eq!((status, &read["id"]), (200, &json!("51")));
}

#[test]
fn a_second_contact_with_the_e_mail_is_refused_with_the_id_in_words() {
    let mut sim = sim();
    sim.add("contacts", &[("email", "anna@example.test")]);
    let new = json!({ "properties": { "email": "Anna@example.test" }, "associations": [] });
    let (status, body) = ask(&mut sim, "POST", CONTACTS, &new, 0);
    assert_eq!((status, &body["category"]), (409, &json!("CONFLICT")));
    assert_eq!(body["message"], "Contact already exists. Existing ID: 51");
}

#[test]
fn the_limits_are_kept_to_the_request() {
    let mut sim = sim();
    let owners = |sim: &mut HubSpot, at| ask(sim, "GET", "/crm/v3/owners/", &Value::Null, at);
    for _ in 0..100 {
        assert_eq!(owners(&mut sim, 0).0, 200);
    }
    let (status, body) = owners(&mut sim, 9);
    assert_eq!((status, &body["policyName"]), (429, &json!("TEN_SECONDLY_ROLLING")));
    assert_eq!(body.get("category"), None);
    assert_eq!(owners(&mut sim, 10).0, 200);
    let searched = |sim: &mut HubSpot, at| {
        ask(sim, "POST", "/crm/v3/objects/contacts/search", &search("a@b.c"), at)
    };
    for _ in 0..5 {
        assert_eq!(searched(&mut sim, 10).0, 200);
    }
    let (status, body) = searched(&mut sim, 10);
    assert_eq!((status, &body["policyName"]), (429, &json!("SECONDLY")));
    assert_eq!(searched(&mut sim, 11).0, 200);
}

#[test]
fn a_search_beyond_its_limits_is_refused() {
    let mut sim = sim();
    let filter = json!({ "propertyName": "email", "operator": "EQ", "value": "a@b.c" });
    let asked = |sim: &mut HubSpot, groups: usize, filters: usize, limit: u64| {
        let group = json!({ "filters": vec![filter.clone(); filters] });
        let body = json!({ "filterGroups": vec![group; groups], "limit": limit, "after": "0" });
        ask(sim, "POST", "/crm/v3/objects/contacts/search", &body, 0).0
    };
    let cases =
        [(5, 1, 200, 200), (6, 1, 1, 400), (1, 6, 1, 200), (1, 7, 1, 400), (1, 1, 201, 400)];
    for (index, (groups, filters, limit, expected)) in cases.into_iter().enumerate() {
        sim.ahead = Duration::from_secs(10 * u64::try_from(index).unwrap());
        assert_eq!(asked(&mut sim, groups, filters, limit), expected, "{groups} {filters} {limit}");
    }
}

#[test]
fn a_batch_answers_207_for_what_is_not_there() {
    let mut sim = sim();
    sim.add("contacts", &[("firstname", "Anna")]);
    let body = json!({ "properties": ["firstname"], "inputs": [{ "id": "51" }, { "id": "99" }] });
    let (status, body) = ask(&mut sim, "POST", "/crm/v3/objects/contacts/batch/read", &body, 0);
    assert_eq!((status, &body["numErrors"]), (207, &json!(1)));
    assert_eq!(body["results"][0]["properties"]["firstname"], "Anna");
    assert_eq!(body["errors"][0]["category"], "OBJECT_NOT_FOUND");
}

#[test]
fn an_upsert_by_e_mail_tells_whether_it_is_new() {
    let mut sim = sim();
    let body = json!({ "inputs": [{ "idProperty": "email", "id": "anna@example.test", "properties": { "firstname": "Anna" } }] });
    for is_new in [true, false] {
        let (status, body) =
            ask(&mut sim, "POST", "/crm/v3/objects/contacts/batch/upsert", &body, 0);
        assert_eq!((status, &body["results"][0]["new"]), (200, &json!(is_new)));
    }
    assert_eq!(sim.all("contacts").len(), 1);
}
