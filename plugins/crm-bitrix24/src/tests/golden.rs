//! The requests of the vendor's own library (`sdk-*.json`), compared in meaning with those sent here.

use patchbay_sdk::notes::Note;
use patchbay_sdk::types::Subject;
use patchbay_sdk::{Contacts, Deals, Managers, Notes, Tasks};
use serde_json::{Value, json};

use super::bench::{Bench, phone, task, text};
use crate::Bitrix24;

fn golden(name: &str) -> Value {
    let path = format!("{}/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["request"].clone()
}

/// Checks that the last request calls what the library calls, with its parameters but `except`.
#[track_caller]
fn check(bench: &Bench, name: &str, except: &[&str]) -> Value {
    let golden = golden(name);
    let path = golden["path"].as_str().unwrap();
    let method = path.split('?').next().unwrap().rsplit('/').next().unwrap();
    let request = bench.last_request();
    assert_eq!(request.method, golden["method"]);
    assert_eq!(request.value_of("content-type"), golden["headers"]["content-type"].as_str());
    assert!(request.value_of("accept").is_some_and(|accept| accept.contains("application/json")));
    let calls = bench.last_called();
    let call = calls.iter().find(|(called, _)| called == method);
    let (_, params) = call.unwrap_or_else(|| panic!("`{method}` is not among {calls:?}"));
    let mut path = String::new();
    compare(params, &golden["body"], except, &mut path);
    params.clone()
}

/// Every leaf of the golden request is there; in a query every leaf is a text.
#[track_caller]
fn compare(own: &Value, golden: &Value, except: &[&str], path: &mut String) {
    if except.contains(&path.as_str()) {
        return;
    }
    let members: Vec<(String, &Value)> = match golden {
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        leaf => {
            let text = |leaf: &Value| leaf.as_str().map_or_else(|| leaf.to_string(), str::to_owned);
            assert_eq!(text(own), text(leaf), "{path}");
            return;
        }
    };
    for (key, value) in members {
        let length = path.len();
        path.push('/');
        path.push_str(&key);
        let pointer = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        compare(own.pointer(&pointer).unwrap_or(&Value::Null), value, except, path);
        path.truncate(length);
    }
}

#[test]
fn a_search_by_phone_is_that_of_the_library() {
    let bench = Bench::new();
    bench.lookup(&[phone("+380671234567")]);
    let params = check(&bench, "sdk-01-duplicate-findbycomm", &[]);
    // The library asks for one notation, the adapter for all that may have been typed in.
    assert_eq!(
        params["values"],
        json!(["+380671234567", "380671234567", "0671234567", "671234567"])
    );
}

#[test]
fn a_new_contact_is_that_of_the_library() {
    let bench = Bench::new();
    let fields = [
        text("name", "Anna"),
        text("lastName", "Test"),
        text("phone", "+380671234567"),
        text("email", "anna.test@example.test"),
    ];
    let client = [patchbay_sdk::types::Identifier::external("jivo", "1001")];
    bench.upsert(None, &client, &fields, "k1").unwrap();
    // The id of another system stands behind the system's name.
    let params = check(&bench, "sdk-02-contact-add-crm-item-add", &["/fields/originId"]);
    assert_eq!(params["fields"]["originId"], json!("jivo:1001"));
    assert_eq!(params["fields"]["originVersion"], json!("k1"));
}

#[test]
fn open_deals_are_asked_for_as_by_the_library() {
    let bench = Bench::new();
    let id = bench.portal().put_contact(&json!({}), &[], &[]);
    bench.host.run(|| Bitrix24::open_deals(id.to_string())).unwrap();
    // Open by the meaning of the stage, all fields, and without the dear count.
    let except = ["/filter/=closed", "/filter/contactId", "/select", "/start"];
    let params = check(&bench, "sdk-03-deal-find-crm-item-list", &except);
    assert_eq!(params["filter"], json!({ "contactId": id.to_string(), "stageSemanticId": "P" }));
    assert_eq!(params["start"], json!("-1"));
}

#[test]
fn a_to_do_is_that_of_the_library() {
    let bench = Bench::new();
    let id = bench.portal().put_contact(&json!({}), &[], &[]);
    let deal = bench.portal().put_deal(id, &json!({}));
    let task = patchbay_sdk::tasks::Task {
        manager: Some("1".to_owned()),
        due: "2026-12-01T10:00:00+02:00".to_owned(),
        ..task(Subject::Deal(deal.to_string()))
    };
    bench.host.run(|| Bitrix24::create_task(task, "k1".to_owned())).unwrap();
    let params = check(&bench, "sdk-04-todo-add", &["/ownerId"]);
    assert_eq!(params["ownerId"], json!(deal));
    assert_eq!(params["description"], json!("asked about [\u{200b}price]\n[patchbay:k1]"));
}

#[test]
fn a_comment_is_that_of_the_library() {
    let bench = Bench::new();
    let id = bench.portal().put_contact(&json!({}), &[], &[]);
    let deal = bench.portal().put_deal(id, &json!({}));
    let note = Note::Text("Transcript".to_owned());
    let add = || Bitrix24::add_note(Subject::Deal(deal.to_string()), note, "k1".to_owned());
    bench.host.run(add).unwrap();
    let params =
        check(&bench, "sdk-05-timeline-comment-add", &["/fields/ENTITY_ID", "/fields/COMMENT"]);
    assert_eq!(params["fields"]["ENTITY_ID"], json!(deal));
    assert_eq!(params["fields"]["COMMENT"], json!("Transcript\n[patchbay:k1]"));
}

#[test]
fn employees_are_asked_for_as_by_the_library() {
    let bench = Bench::new();
    bench.host.run(Bitrix24::list_managers).unwrap();
    // The contract wants those who were dismissed too.
    let params = check(&bench, "sdk-06-user-get", &["/FILTER/ACTIVE"]);
    assert!(params["FILTER"].get("ACTIVE").is_none());
}

#[test]
fn a_batch_is_written_as_by_the_library() {
    let golden = golden("sdk-07-batch");
    let bench = Bench::new();
    bench.host.run(Bitrix24::describe_fields).unwrap();
    let request = bench.last_request();
    assert!(request.url.ends_with("/batch"), "{}", request.url);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let keys = |body: &Value| body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&body), keys(&golden["body"]));
    assert_eq!(body["halt"], golden["body"]["halt"]);
    assert_eq!(body["cmd"]["fields"], golden["body"]["cmd"]["b"]);
}
