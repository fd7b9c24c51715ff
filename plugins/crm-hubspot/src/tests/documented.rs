//! The documented answers (`fixtures/doc-*.json`).

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::testing::Host;
use patchbay_sdk::testing::cassettes::{self, Cassettes};
use patchbay_sdk::types::{Call, Direction, Error, Subject};
use patchbay_sdk::{Contacts, Deals, Managers, Notes, Tasks};

use super::stage::{EMAIL, email, phone};
use crate::HubSpot;

fn recorded() -> Cassettes {
    cassettes::load(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"))
}

fn host(answers: &[(&str, &str)]) -> Host {
    let recorded = recorded();
    let host = answers
        .iter()
        .fold(Host::new(), |host, (at, name)| host.exchange(at, recorded.response(name)));
    host.put("account", "{}");
    host
}

const SEARCH: &str = "POST /crm/v3/objects/contacts/search";
const CREATE: &str = "POST /crm/v3/objects/contacts";

#[test]
fn a_hit_and_a_miss() {
    let host = host(&[(SEARCH, "doc-01-lookup-hit"), (SEARCH, "doc-02-lookup-phone-or")]);
    let cards = host.run(|| HubSpot::lookup_client(vec![email(EMAIL)])).unwrap();
    assert_eq!((cards[0].id.as_str(), cards.len()), ("51", 1));
    assert_eq!(host.run(|| HubSpot::lookup_client(vec![phone("+380671234567")])), Ok(Vec::new()));
}

#[test]
fn a_new_contact_and_a_conflict() {
    let host = host(&[(CREATE, "doc-05-create"), (CREATE, "doc-06-err-conflict")]);
    let upsert = |key: &str| {
        host.run(|| {
            HubSpot::upsert_contact(
                None,
                r#"{"properties":{"email":"a@b.test"}}"#.to_owned(),
                key.to_owned(),
            )
        })
    };
    assert_eq!(upsert("a").map(|card| card.id), Ok("51".to_owned()));
    assert_eq!(upsert("b"), Err(Error::Conflict(Some("51".to_owned()))));
}

#[test]
fn a_refused_property_is_named() {
    let host = host(&[(CREATE, "doc-16-err-validation")]);
    let answer = host.run(|| HubSpot::upsert_contact(None, "{}".to_owned(), "k".to_owned()));
    let Err(Error::Invalid(problems)) = answer else { panic!("{answer:?}") };
    assert_eq!(problems[0].field.as_deref(), Some("nope"));
}

#[test]
fn a_part_of_a_batch_that_is_refused_is_the_fault_of_the_whole() {
    let host = host(&[("POST /crm/v3/objects/contacts/batch/read", "doc-04-upsert-partial")]);
    let answer = host.run(|| HubSpot::lookup_client(vec![super::stage::card("51")]));
    assert!(matches!(answer, Err(Error::Invalid(_))), "{answer:?}");
}

#[test]
fn deals_and_activities() {
    let host = host(&[
        ("POST /crm/v3/objects/deals", "doc-07-deal"),
        ("POST /crm/v3/objects/notes", "doc-09-note"),
        ("POST /crm/v3/objects/tasks", "doc-10-task"),
        ("POST /crm/v3/objects/calls", "doc-11-call"),
    ])
    .setting("pipeline", "default")
    .setting("stage", "appointmentscheduled");
    let key = || "k".to_owned();
    let deal =
        host.run(|| HubSpot::upsert_deal(None, "51".to_owned(), "{}".to_owned(), None, key()));
    let deal = deal.unwrap();
    assert_eq!((deal.id.as_str(), deal.title.as_str()), ("9001", "Call from Ringostat"));
    let subject = || Subject::Card("51".to_owned());
    let note = |note| host.run(|| HubSpot::add_note(subject(), note, key()));
    assert_eq!(note(Note::Text("a".to_owned())), Ok("77".to_owned()));
    let task = Task {
        subject: subject(),
        title: "Call back".to_owned(),
        text: String::new(),
        manager: None,
        due: "2026-12-02T08:00:00Z".to_owned(),
    };
    assert_eq!(host.run(|| HubSpot::create_task(task, key())), Ok("78".to_owned()));
    let call = Call {
        id: "1".to_owned(),
        direction: Direction::Internal,
        client_number: None,
        agent_number: None,
        line: None,
        status: None,
        missed: false,
        duration_s: None,
        recording_url: None,
        rating: None,
    };
    assert_eq!(note(Note::Call(call)), Ok("79".to_owned()));
}

#[test]
fn owners_limits_and_credentials() {
    const OWNERS: &str = "GET /crm/v3/owners/";
    let host = host(&[
        (OWNERS, "doc-12-owners"),
        (OWNERS, "doc-14-err-rate"),
        (OWNERS, "doc-15-err-auth"),
    ]);
    // The second page is the one that is refused.
    assert_eq!(host.run(HubSpot::list_managers), Err(Error::RateLimited(Some(10_000))));
    assert!(host.requests()[1].url.ends_with("?limit=100&after=701&archived=false"));
    assert!(matches!(host.run(HubSpot::list_managers), Err(Error::Unauthorized(_))));
}

#[test]
fn fields_are_described() {
    let host = host(&[
        ("GET /crm/v3/properties/contacts", "doc-13-describe"),
        ("GET /account-info/v3/details", "doc-15-err-auth"),
    ]);
    let specs = host.run(HubSpot::describe_fields).unwrap();
    let keys: Vec<_> = specs.iter().map(|spec| spec.key.as_str()).collect();
    assert_eq!(keys, ["name", "phone"]);
}
