//! Requests beside those that a real Odoo was asked with.

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::testing::host::placeholder;
use patchbay_sdk::types::Subject;
use patchbay_sdk::{Contacts, Deals, Managers, Notes, Tasks};
use serde_json::Value;

use super::recorded::{FIELDS, LOAD, READ, SEARCH, WRITE, recorded};
use super::stage::{account, body, email, knowing_its_fields};
use crate::Odoo;

/// Arguments that have to be those of the recording, whatever else differs.
const EQUAL: [&str; 8] = [
    "ids",
    "vals",
    "message_type",
    "subtype_xmlid",
    "body_is_html",
    "act_type_xmlid",
    "date_deadline",
    "user_id",
];

/// What makes the requests, in the order of their answers.
fn every_call() {
    Odoo::lookup_client(vec![email("anna.test@example.test")]).unwrap();
    Odoo::upsert_contact(None, r#"{"name":"Anna Test"}"#.to_owned(), "jivo_1001".to_owned())
        .unwrap();
    Odoo::upsert_contact(
        Some("6".to_owned()),
        r#"{"function":"Buyer","phone":"+380671234568"}"#.to_owned(),
        "k".to_owned(),
    )
    .unwrap();
    Odoo::describe_fields().unwrap();
    assert_eq!(Odoo::open_deals("6".to_owned()), Ok(Vec::new()));
    let deal = r#"{"stage_id":2,"expected_revenue":1750.5}"#.to_owned();
    let deal = Odoo::upsert_deal(Some("1".to_owned()), "6".to_owned(), deal, None, "k".to_owned());
    let deal = deal.unwrap();
    assert_eq!((deal.title.as_str(), deal.stage.as_deref()), ("Call from Ringostat", Some("2")));
    let subject = Subject::Deal(deal.id);
    let task = Task {
        subject: subject.clone(),
        title: "Call the client back".to_owned(),
        text: "asked about price".to_owned(),
        manager: Some("2".to_owned()),
        due: "2026-12-01T10:00:00Z".to_owned(),
    };
    assert_eq!(Odoo::create_task(task, "k".to_owned()).as_deref(), Ok("1"));
    let note = Note::Text("Call".to_owned());
    assert_eq!(Odoo::add_note(subject, note, "k".to_owned()).as_deref(), Ok("58"));
    assert_eq!(Odoo::list_managers().unwrap().len(), 1);
}

#[test]
fn requests_have_the_form_that_was_recorded() {
    let answers = [
        (SEARCH, "05-json2-lookup-by-email"),
        (LOAD, "61-json2-upsert-external-id-create"),
        (READ, "13-json2-contact-read"),
        (WRITE, "12-json2-contact-update"),
        (READ, "13-json2-contact-read"),
        (FIELDS, "16-json2-fields"),
        ("POST /json/2/crm.lead/search_read", "17-json2-deal-find-open"),
        ("POST /json/2/crm.lead/write", "19-json2-deal-update"),
        ("POST /json/2/crm.lead/read", "20-json2-deal-read"),
        ("POST /json/2/crm.lead/activity_schedule", "23-json2-task-create"),
        ("POST /json/2/crm.lead/message_post", "26-json2-note-post-html"),
        ("POST /json/2/res.users/search_read", "14-json2-managers"),
    ];
    let recorded = recorded();
    let host = answers
        .iter()
        .fold(account(), |host, (at, name)| host.exchange(at, recorded.response(name)));
    knowing_its_fields(&host);
    host.run(every_call);
    assert_eq!(host.requests().len(), answers.len());
    for (request, (_, name)) in host.requests().iter().zip(answers) {
        let path = format!("{}/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let recorded: Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let recorded = &recorded["request"];
        assert_eq!(
            request.url,
            format!("https://odoo.example.test{}", recorded["path"].as_str().unwrap())
        );
        assert_eq!(request.method, recorded["method"]);
        let header = |name: &str| {
            request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
        };
        assert_eq!(header("authorization"), Some(format!("bearer {}", placeholder("api-key"))));
        for name in ["x-odoo-database", "content-type"] {
            assert_eq!(header(name).as_deref(), recorded["headers"][name].as_str(), "{name}");
        }
        // `order`, `context` and fewer `allfields` are named arguments that other recordings show.
        let sent = body(request);
        for argument in sent.as_object().unwrap().keys() {
            let is_recorded = recorded["body"].get(argument).is_some();
            assert!(
                is_recorded || ["order", "context", "limit"].contains(&argument.as_str()),
                "{name}: {argument}"
            );
        }
        for argument in EQUAL {
            if recorded["body"].get(argument).is_some() {
                assert_eq!(sent[argument], recorded["body"][argument], "{name}: {argument}");
            }
        }
    }
}
