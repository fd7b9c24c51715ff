//! Who looks after whom: page by page, and never an empty list by mistake.

use patchbay_sdk::channel::{Kind, Outcome, Received, Request};
use patchbay_sdk::types::Error;
use serde_json::json;

use super::asks::{assigned, bank, manager};
use super::{event, fixture, json, receive_with, reply_with, request};

#[test]
fn managers_are_told_page_by_page() {
    let sync = Request { query: "page=2".to_owned(), ..fixture("persmgr_sync") };
    assert_eq!(event(sync.clone()).kind, Kind::ManagersAsked(Some("2".to_owned())));
    assert_eq!(event(fixture("persmgr_sync")).kind, Kind::ManagersAsked(None));
    let posted = |path: &str, body: &str| Request { path: path.to_owned(), ..request(body) };
    assert_eq!(event(posted("", "")).kind, Kind::ManagersAsked(None));
    assert_eq!(
        event(posted("/managers", r#"{"page":3}"#)).kind,
        Kind::ManagersAsked(Some("3".to_owned()))
    );
    let assignments = vec![
        manager(None, true, &["crm-1"]),
        manager(Some("m-2"), false, &["crm-2"]),
        manager(Some("m-3"), true, &[]),
    ];
    let answer = reply_with(&bank(), sync, assigned(assignments, Some("3")));
    let named = |id: &str, clients: &[&str]| json!({"id": id, "email": "operator@bank.example.com", "name": "Оператор Пример", "clients": clients});
    let expected = json!({
        "managers": [named("operator@bank.example.com", &["crm-1"]), named("m-3", &[])],
        "nextPage": "3",
    });
    assert_eq!(json(&answer), expected);
    let unsupported = Outcome {
        problem: Some(Error::Unsupported("no managers".to_owned())),
        ..assigned(Vec::new(), None)
    };
    assert_eq!(reply_with(&bank(), fixture("persmgr_sync"), unsupported).status, 503);
}

#[test]
fn no_list_is_empty_by_mistake() {
    let status = |query: &str, outcome: Outcome| {
        let request = Request { query: query.to_owned(), ..fixture("persmgr_sync") };
        reply_with(&bank(), request, outcome).status
    };
    // What the host tells where no integration, or no CRM, answers the question.
    let nothing = || assigned(Vec::new(), None);
    assert_eq!(status("", nothing()), 503);
    assert_eq!(status("page=", nothing()), 503);
    assert_eq!(status("page=2", nothing()), 200, "the last page may be empty");
    assert_eq!(status("", assigned(Vec::new(), Some("2"))), 200, "more is to come");
    let left = assigned(vec![manager(Some("m-1"), false, &["crm-1"])], None);
    assert_eq!(status("", left), 200, "the CRM knows: the manager has left");
}

#[test]
fn who_asks_for_anything_else_gets_no_managers() {
    let ask = |path: &str, query: &str| {
        let (path, query) = (path.to_owned(), query.to_owned());
        receive_with(&bank(), Request { path, query, ..fixture("persmgr_sync") })
    };
    for query in ["", "page=2", "page=", "&page"] {
        assert!(matches!(ask("", query), Received::Events(_)), "{query}");
    }
    for query in ["caller=79000000001", "page=2&x=1", "pages=1"] {
        assert!(matches!(ask("", query), Received::Reject(_)), "{query}");
        assert!(matches!(ask("/managers", query), Received::Events(_)), "{query}");
    }
}
