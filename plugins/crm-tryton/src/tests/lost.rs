//! Answers that get lost, and what a repeat asks before it writes again.

use std::collections::VecDeque;

use patchbay_sdk::http::{Error as HttpError, Response};
use patchbay_sdk::notes::Note;
use patchbay_sdk::testing::Host;
use patchbay_sdk::types::{Deal, Error, Field, Subject};
use patchbay_sdk::{Contacts, Deals, Notes};

use super::bench;
use crate::Tryton;

const PARTY: &str = r#"{"id":7,"name":"Anna Test"}"#;
const LEAD: &str = r#"{"id":3,"state":"lead","number":"1"}"#;
const OPPORTUNITY: &str = r#"{"id":3,"state":"opportunity","number":"1"}"#;

/// A host that is answered so, one request after the other; `None` is an answer that gets lost.
fn answered(answers: Vec<(&'static str, Option<Response>)>) -> Host {
    let mut answers: VecDeque<_> = answers.into();
    bench::host("https://tryton.example.test", "crm").http(move |request| {
        let (expected, answer) = answers.pop_front().expect("no more is asked");
        let path = request.url.split("/model/").nth(1).unwrap();
        let path = path.split('?').next().unwrap();
        assert_eq!(format!("{} {path}", request.method), expected);
        answer.ok_or_else(|| HttpError::Interrupted("the answer was lost".to_owned()))
    })
}

fn json(body: &str) -> Response {
    Response::json(200, body)
}

fn list(record: &str) -> Response {
    json(&format!("[{record}]"))
}

fn refused(status: u16) -> Response {
    Response::json(status, r#"{"status":400,"message":"refused","description":""}"#)
}

fn deal() -> Result<Deal, Error> {
    let native = Tryton::map_deal_fields(vec![Field::text("stage", "opportunity")]).unwrap();
    Tryton::upsert_deal(None, "7".to_owned(), native, None, "k".to_owned())
}

fn is_unknown<T>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(Error::UnknownOutcome(_)))
}

#[test]
fn a_party_whose_answer_was_lost_is_found_by_its_code() {
    let create = || Tryton::upsert_contact(None, "{}".to_owned(), "k".to_owned());
    let host = answered(vec![
        ("POST party.party", None),
        ("POST party.party", Some(refused(400))),
        ("GET party.party", Some(list(PARTY))),
    ]);
    assert!(is_unknown(&host.run(create)));
    assert_eq!(host.run(create).unwrap().id, "7");
    // Refused for another reason: nothing has this code.
    let host = answered(vec![
        ("POST party.party", Some(refused(400))),
        ("GET party.party", Some(list(""))),
    ]);
    assert!(matches!(host.run(create), Err(Error::Invalid(_))));
    // A busy database has rolled back.
    let host = answered(vec![("POST party.party", Some(refused(503)))]);
    assert!(matches!(host.run(create), Err(Error::Unavailable(_))));
}

#[test]
fn a_deal_that_was_left_behind_without_its_stage_is_finished_by_the_repeat() {
    let host = answered(vec![
        ("GET sale.opportunity", Some(list(""))),
        ("GET party.party", Some(list(PARTY))),
        ("POST sale.opportunity", Some(json(LEAD))),
        ("POST sale.opportunity/3/opportunity", Some(refused(503))),
        ("GET sale.opportunity", Some(list(LEAD))),
        ("POST sale.opportunity/3/opportunity", Some(json(OPPORTUNITY))),
        ("GET sale.opportunity", Some(list(OPPORTUNITY))),
    ]);
    assert!(is_unknown(&host.run(deal)), "the deal is there: it must not be made anew");
    assert_eq!(host.run(deal).unwrap().stage.as_deref(), Some("opportunity"));
    assert_eq!(host.run(deal).unwrap().id, "3");
}

#[test]
fn a_note_whose_answer_was_lost_is_found_by_its_mark() {
    let add = || {
        let subject = Subject::Card("7".to_owned());
        Tryton::add_note(subject, Note::Text("hello".to_owned()), "k".to_owned())
    };
    let host = answered(vec![
        ("GET ir.note", Some(list(""))),
        ("POST ir.note", None),
        ("GET ir.note", Some(list(r#"{"id":9,"message":"hello\n[patchbay:k]"}"#))),
    ]);
    assert!(is_unknown(&host.run(add)));
    assert_eq!(host.run(add).unwrap(), "9");
}

/// Tryton's answer to a search for notes: one that ends with this mark.
fn note(id: u64, mark: &str) -> Response {
    list(&serde_json::json!({ "id": id, "message": format!("aaa\n{mark}") }).to_string())
}

#[test]
fn a_long_note_is_written_in_parts_and_a_repeat_writes_what_is_missing() {
    let add = || {
        let text = Note::Text("a".repeat(900 * 1024));
        Tryton::add_note(Subject::Card("7".to_owned()), text, "k".to_owned())
    };
    let host = answered(vec![
        ("GET ir.note", Some(list(""))),
        ("POST ir.note", Some(json(r#"{"id":9}"#))),
        ("POST ir.note", None),
        // The second part has arrived.
        ("GET ir.note", Some(note(9, "[patchbay:k]"))),
        ("GET ir.note", Some(note(10, "[patchbay:k.2]"))),
        ("GET ir.note", Some(list(""))),
        ("POST ir.note", Some(json(r#"{"id":11}"#))),
        ("GET ir.note", Some(note(9, "[patchbay:k]"))),
        ("GET ir.note", Some(note(10, "[patchbay:k.2]"))),
        ("GET ir.note", Some(note(11, "[patchbay:k.3]"))),
    ]);
    assert!(is_unknown(&host.run(add)));
    assert_eq!(host.run(add).unwrap(), "9");
    assert_eq!(host.run(add).unwrap(), "9");
    assert_eq!(host.requests().len(), 10);
    let written: Vec<String> = host
        .requests()
        .iter()
        .filter(|request| request.method == "POST")
        .map(|request| {
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            body["message"].as_str().unwrap().to_owned()
        })
        .collect();
    let part = |number: u32, kib: usize, mark: &str| {
        format!("Part {number}/3\n{}\n[{mark}]", "a".repeat(kib * 1024))
    };
    let expected =
        [part(1, 400, "patchbay:k"), part(2, 400, "patchbay:k.2"), part(3, 100, "patchbay:k.3")];
    assert!(written == expected, "other parts");
}

#[test]
fn a_part_that_is_refused_leaves_the_outcome_open() {
    let add = |host: Host| {
        host.run(|| {
            let text = Note::Text("a".repeat(401 * 1024));
            Tryton::add_note(Subject::Card("7".to_owned()), text, "k".to_owned())
        })
    };
    let refused_after = |last: Vec<(&'static str, Option<Response>)>| {
        let mut answers =
            vec![("GET ir.note", Some(list(""))), ("POST ir.note", Some(json(r#"{"id":9}"#)))];
        answers.extend(last);
        add(answered(answers))
    };
    let invalid = refused_after(vec![
        ("POST ir.note", Some(refused(400))),
        ("GET party.party", Some(list(PARTY))),
    ]);
    assert!(is_unknown(&invalid), "{invalid:?}");
    let busy = refused_after(vec![("POST ir.note", Some(refused(503)))]);
    assert!(is_unknown(&busy), "{busy:?}");
    // Who may not come in is told so, also in the middle.
    let unauthorized = refused_after(vec![("POST ir.note", Some(refused(401)))]);
    assert!(matches!(unauthorized, Err(Error::Unauthorized(_))), "{unauthorized:?}");
    // Nothing was written: the refusal is as it is.
    let first =
        add(answered(vec![("GET ir.note", Some(list(""))), ("POST ir.note", Some(refused(503)))]));
    assert!(matches!(first, Err(Error::Unavailable(_))), "{first:?}");
}

#[test]
fn a_record_that_cannot_be_read_after_a_write_leaves_the_outcome_open() {
    let create = || Tryton::upsert_contact(None, "{}".to_owned(), "k".to_owned());
    let host = answered(vec![("POST party.party", Some(json("[]")))]);
    assert!(is_unknown(&host.run(create)));
    let host = answered(Vec::new());
    let foreign = || Tryton::upsert_contact(None, r#"{"vals":1}"#.to_owned(), "k".to_owned());
    assert!(matches!(host.run(foreign), Err(Error::Invalid(_))));
}
