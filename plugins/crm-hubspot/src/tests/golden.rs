//! Requests as HubSpot's own client for Node sends them (`fixtures/sdk-*.json`), equal in meaning.

use patchbay_sdk::http::Request;
use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::testing::Host;
use patchbay_sdk::testing::host::placeholder;
use patchbay_sdk::types::{Call, Direction, Subject};
use patchbay_sdk::{Contacts, Deals, Managers, Notes, Tasks};
use serde_json::{Value, json};

use super::stage::{self, email};
use crate::HubSpot;
use crate::activity::TASK_TYPE;

fn golden(name: &str) -> Value {
    let path = format!("{}/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["request"].clone()
}

/// The last request of a call whose answers do not matter.
fn sent<T>(call: impl FnOnce() -> T) -> Request {
    let answer = json!({ "id": "1", "properties": {}, "results": [], "total": 0 }).to_string();
    let host = Host::new()
        .secret("token", "t")
        .setting("pipeline", "default")
        .setting("stage", "appointmentscheduled")
        .http(move |_| Ok(patchbay_sdk::http::Response::json(200, answer.clone())));
    host.put("account", "{}");
    host.run(call);
    host.requests().remove(0)
}

/// Method, path, headers that matter, and a body that holds all that the golden one holds.
#[track_caller]
fn check(name: &str, request: &Request, expected: &Value) {
    let golden = golden(name);
    assert_eq!(golden["method"], request.method);
    let path = golden["path"].as_str().unwrap();
    assert_eq!(request.url, format!("https://api.hubapi.com{path}"));
    let authorization = format!("Bearer {}", placeholder("token"));
    assert_eq!(request.value_of("authorization"), Some(authorization.as_str()));
    assert_eq!(request.value_of("content-type"), golden["headers"]["content-type"].as_str());
    assert_eq!(stage::body(request), *expected);
}

/// The body of the golden request, changed where the adapter means to differ.
fn but(name: &str, changes: &[(&str, Value)]) -> Value {
    let mut body = golden(name)["body"].clone();
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[key] = value.clone();
    }
    body
}

fn native(properties: &Value) -> String {
    json!({ "properties": properties }).to_string()
}

#[test]
fn a_search_by_e_mail() {
    let request = sent(|| HubSpot::lookup_client(vec![email("anna.test@example.test")]).unwrap());
    let sent = stage::body(&request);
    // Additional addresses are another group; more properties and hits are asked for.
    let mut groups = golden("sdk-01-contact-search-by-email")["body"]["filterGroups"].clone();
    let more = json!({ "filters": [{ "propertyName": "hs_additional_emails", "operator": "CONTAINS_TOKEN", "value": "anna.test@example.test" }] });
    groups.as_array_mut().unwrap().push(more);
    let changes = [
        ("/limit", json!(100)),
        ("/properties", sent["properties"].clone()),
        ("/filterGroups", groups),
    ];
    check(
        "sdk-01-contact-search-by-email",
        &request,
        &but("sdk-01-contact-search-by-email", &changes),
    );
    for property in ["email", "phone"] {
        assert!(sent["properties"].as_array().unwrap().contains(&json!(property)));
    }
}

#[test]
fn a_new_contact_and_a_changed_one() {
    let fields = json!({ "email": "anna.test@example.test", "firstname": "Anna" });
    let request = sent(|| HubSpot::upsert_contact(None, native(&fields), "k".to_owned()).unwrap());
    check("sdk-03-contact-create", &request, &golden("sdk-03-contact-create")["body"]);
    let stage = stage::crm();
    let request = stage.run(|| {
        let phone = native(&json!({ "phone": "+380671234567" }));
        HubSpot::upsert_contact(Some("1".to_owned()), phone, "k".to_owned())
    });
    assert!(request.is_err());
    // The contact is read first, and so the second request is the one.
    let host = Host::new()
        .secret("token", "t")
        .http(|_| Ok(patchbay_sdk::http::Response::json(200, r#"{"id":"1","properties":{}}"#)));
    host.put("account", "{}");
    host.run(|| {
        let phone = native(&json!({ "phone": "+380671234567" }));
        HubSpot::upsert_contact(Some("1".to_owned()), phone, "k".to_owned()).unwrap()
    });
    check("sdk-04-contact-update", &host.requests()[1], &golden("sdk-04-contact-update")["body"]);
}

#[test]
fn a_deal_with_its_contact() {
    let fields = json!({ "dealname": "Call" });
    let request = sent(|| {
        HubSpot::upsert_deal(None, "1".to_owned(), native(&fields), None, "k".to_owned()).unwrap()
    });
    let name = "sdk-05-deal-create-with-association";
    check(name, &request, &but(name, &[("/properties/description", json!("[patchbay:k]"))]));
}

#[test]
fn a_note() {
    let request = sent(|| {
        HubSpot::add_note(
            Subject::Card("1".to_owned()),
            Note::Text("Transcript".to_owned()),
            "k".to_owned(),
        )
        .unwrap()
    });
    let changes = [
        ("/properties/hs_timestamp", json!("2026-12-01T10:00:00Z")),
        ("/properties/hs_note_body", json!("Transcript<br>[patchbay:k]")),
    ];
    check("sdk-06-note-create", &request, &but("sdk-06-note-create", &changes));
}

#[test]
fn a_task() {
    let task = Task {
        subject: Subject::Card("1".to_owned()),
        title: "Call back".to_owned(),
        text: "text".to_owned(),
        manager: None,
        due: "2026-01-02T00:00:00Z".to_owned(),
    };
    let request = sent(|| HubSpot::create_task(task, "k".to_owned()).unwrap());
    // The golden one stands alone and is a call; this one belongs to a card and has a text.
    let changes = [
        ("/properties/hs_task_type", json!(TASK_TYPE)),
        ("/properties/hs_task_body", json!("text<br>[patchbay:k]")),
        (
            "/associations",
            json!([{ "to": { "id": "1" }, "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204 }] }]),
        ),
    ];
    check("sdk-07-task-create", &request, &but("sdk-07-task-create", &changes));
}

#[test]
fn a_call() {
    let call = Call {
        id: "1".to_owned(),
        direction: Direction::Inbound,
        client_number: None,
        agent_number: None,
        line: None,
        status: None,
        missed: false,
        duration_s: Some(95),
        recording_url: Some("https://rec.example.test/1.mp3".to_owned()),
        rating: None,
    };
    let request = sent(|| {
        HubSpot::add_note(Subject::Deal("1".to_owned()), Note::Call(call), "k".to_owned()).unwrap()
    });
    let changes = [
        ("/properties/hs_timestamp", json!("2026-12-01T10:00:00Z")),
        ("/properties/hs_call_title", json!("Incoming call")),
        ("/properties/hs_call_status", json!("COMPLETED")),
        ("/properties/hs_call_body", json!("Call: 1<br>[patchbay:k]")),
        (
            "/associations",
            json!([{ "to": { "id": "1" }, "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 206 }] }]),
        ),
    ];
    check("sdk-08-call-create", &request, &but("sdk-08-call-create", &changes));
}

#[test]
fn owners_and_properties() {
    let request = sent(|| HubSpot::list_managers().unwrap());
    check("sdk-09-owners-list", &request, &Value::Null);
    let request = sent(|| HubSpot::describe_fields().unwrap());
    check("sdk-10-describe-fields", &request, &Value::Null);
}
