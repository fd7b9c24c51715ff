//! Requests equal in meaning to those of a client whose author checked them against the vendor's SDK.

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{Call, Subject};
use patchbay_sdk::{Managers, Notes, Tasks};
use serde_json::json;

use super::notes::call;
use super::*;

/// What this adapter does in another way: one call of the contract for each record, and calls on
/// the card that is known rather than on one that the CRM guesses.
const NOT_SENT: [&str; 3] = ["sdk-04-lead-complex", "sdk-06-link", "sdk-13-calls-add"];

fn golden(name: &str) -> Value {
    let path = format!("{}/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["request"].clone()
}

fn pairs(path: &str) -> (&str, Vec<&str>) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    (path, pairs)
}

/// The request without what this adapter adds to texts, for repeats.
fn bare(request: &Request) -> Value {
    let body = String::from_utf8_lossy(&request.body).replace("\\n[patchbay:k]", "");
    serde_json::from_str(&body).unwrap_or_default()
}

#[track_caller]
fn check(request: &Request, name: &str) -> Value {
    let golden = golden(name);
    assert_eq!(request.method, golden["method"], "{name}");
    assert_eq!(request.value_of("authorization"), Some("Bearer {{secret:token}}"));
    for header in ["accept", "content-type"] {
        assert_eq!(
            request.value_of(header),
            golden["headers"][header].as_str(),
            "{name}: {header}"
        );
    }
    golden
}

/// The same request, whatever the order of its parameters.
#[track_caller]
fn same(request: &Request, name: &str) {
    let golden = check(request, name);
    let url = request.url.strip_prefix("https://demo.example.test").unwrap();
    assert_eq!(pairs(url), pairs(golden["path"].as_str().unwrap()), "{name}");
    assert_eq!(bare(request), golden["body"], "{name}");
}

/// The last request of a function under the answers given.
fn last(answers: &[(&str, Value)], function: impl FnOnce()) -> Request {
    let host = answers
        .iter()
        .fold(host(), |host, (at, body)| host.exchange(at, Response::json(200, body.to_string())));
    host.run(function);
    assert!(host.exchanges_left().is_empty());
    host.requests().pop().unwrap()
}

fn written(records: &str) -> Value {
    json!({ "_embedded": { records: [{ "id": 1 }] } })
}

#[test]
fn every_golden_request_is_sent_or_named_as_not_sent() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
    let names = std::fs::read_dir(dir)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap());
    let golden = names.filter(|name| name.starts_with("sdk-")).count();
    assert_eq!(golden, NOT_SENT.len() + 10);
    for name in NOT_SENT {
        assert!(self::golden(name).is_object());
    }
}

#[test]
fn a_lookup_asks_for_part_of_what_the_sdk_asks_for() {
    let answers = [("GET /api/v4/contacts", json!({}))];
    let request = last(&answers, || {
        AmoCrm::lookup_client(vec![phone("+380671234567")]).unwrap();
    });
    let golden = check(&request, "sdk-01-contact-lookup-query");
    let split = |url: &str| -> (String, Vec<String>) {
        let (path, pairs) = pairs(url);
        let kept = pairs
            .into_iter()
            .filter(|pair| !pair.starts_with("limit=") && !pair.starts_with("query="));
        (path.to_owned(), kept.map(str::to_owned).collect())
    };
    let url = request.url.strip_prefix("https://demo.example.test").unwrap();
    assert_eq!(split(url), split(golden["path"].as_str().unwrap()));
    let query = url.split("query=").nth(1).unwrap();
    assert_eq!(query, "0671234567");
    assert!(golden["path"].as_str().unwrap().ends_with(query));
}

#[test]
fn contacts_are_written_as_the_sdk_writes_them() {
    let client = [phone("+380671234567"), email("anna.test@example.test")];
    let request = last(&[("POST /api/v4/contacts", written("contacts"))], || {
        AmoCrm::upsert_contact(None, map(&client, &[text("name", "Anna Test")]), "k".to_owned())
            .unwrap();
    });
    same(&request, "sdk-02-contact-create");
    let answers = [
        ("GET /api/v4/contacts/2", json!({ "id": 2 })),
        ("PATCH /api/v4/contacts", written("contacts")),
    ];
    let request = last(&answers, || {
        AmoCrm::upsert_contact(Some("2".to_owned()), map(&client[..1], &[]), "k".to_owned())
            .unwrap();
    });
    same(&request, "sdk-03-contact-update");
}

#[test]
fn deals_and_tasks_are_written_as_the_sdk_writes_them() {
    let answers =
        [("GET /api/v4/leads/1", json!({ "id": 1 })), ("PATCH /api/v4/leads", written("leads"))];
    let request = last(&answers, || {
        let native = AmoCrm::map_deal_fields(vec![text("stage", "142")]).unwrap();
        AmoCrm::upsert_deal(Some("1".to_owned()), "2".to_owned(), native, None, "k".to_owned())
            .unwrap();
    });
    same(&request, "sdk-05-lead-update");
    let task = Task {
        subject: Subject::Deal("1".to_owned()),
        title: "Call back".to_owned(),
        text: String::new(),
        manager: Some("7".to_owned()),
        due: "2026-12-01T10:00:00Z".to_owned(),
    };
    let request = last(&[("POST /api/v4/tasks", written("tasks"))], || {
        AmoCrm::create_task(task, "k".to_owned()).unwrap();
    });
    same(&request, "sdk-07-task-create");
}

#[test]
fn notes_and_calls_are_written_as_the_sdk_writes_them() {
    let add = |note: Note| {
        last(&[("POST /api/v4/leads/notes", written("notes"))], || {
            AmoCrm::add_note(Subject::Deal("1".to_owned()), note, "k".to_owned()).unwrap();
        })
    };
    same(&add(Note::Text("Transcript".to_owned())), "sdk-08-note-create");
    let request =
        add(Note::Call(Call { status: None, rating: None, agent_number: None, ..call() }));
    let golden = check(&request, "sdk-09-note-call-in");
    let mut sent = body(&request);
    let params = sent[0]["params"].as_object_mut().unwrap();
    // More than that client knows, as the vendor's SDK has it.
    assert_eq!(params.remove("call_status"), Some(json!(4)));
    assert_eq!(params.remove("call_result"), Some(json!("[patchbay:k]")));
    assert_eq!(sent, golden["body"]);
}

#[test]
fn lists_are_asked_for_as_the_sdk_asks() {
    let request = last(&[("GET /api/v4/users", json!({}))], || {
        AmoCrm::list_managers().unwrap();
    });
    same(&request, "sdk-10-users-list");
    let request = last(&[("GET /api/v4/contacts/custom_fields", json!({}))], || {
        AmoCrm::describe_fields().unwrap();
    });
    same(&request, "sdk-11-describe-fields");
    let host = host().http(|_| Ok(Response::json(200, "{}")));
    host.run(AmoCrm::describe_deal_fields).unwrap();
    same(&host.requests()[0], "sdk-12-pipelines");
}
