//! Lost answers, limits, refusals: nothing is written twice, and every case is the right one.

use std::time::Duration;

use patchbay_sdk::http::Response;
use patchbay_sdk::notes::Note;
use patchbay_sdk::testing::host::placeholder;
use patchbay_sdk::types::{Error, Subject};
use patchbay_sdk::{Adapter, Contacts, Deals, Managers, Notes, Tasks};
use patchbay_sims::bitrix24::failures;
use patchbay_sims::{Fault, Simulator};
use serde_json::json;

use super::bench::{Bench, anna, call, host, phone, task, text};
use crate::{Bitrix24, clock};

/// One write under one key.
type Write = fn(&Bench, u64, &str) -> Result<String, Error>;

fn contact(bench: &Bench, _card: u64, key: &str) -> Result<String, Error> {
    let (client, fields) = anna();
    bench.upsert(None, &client, &fields, key).map(|card| card.id)
}

fn deal(bench: &Bench, card: u64, key: &str) -> Result<String, Error> {
    bench
        .upsert_deal(None, &card.to_string(), &[text("title", "Chat")], None, key)
        .map(|deal| deal.id)
}

fn to_do(bench: &Bench, card: u64, key: &str) -> Result<String, Error> {
    let subject = Subject::Card(card.to_string());
    bench.host.run(|| Bitrix24::create_task(task(subject), key.to_owned()))
}

fn note(bench: &Bench, card: u64, key: &str) -> Result<String, Error> {
    let subject = Subject::Card(card.to_string());
    bench.host.run(|| Bitrix24::add_note(subject, Note::Text("x".to_owned()), key.to_owned()))
}

fn phone_call(bench: &Bench, card: u64, key: &str) -> Result<String, Error> {
    let subject = Subject::Card(card.to_string());
    bench.host.run(|| Bitrix24::add_note(subject, Note::Call(call()), key.to_owned()))
}

const WRITES: [(&str, &str, Write); 5] = [
    ("contact", "crm.item.add", contact),
    ("deal", "crm.item.add", deal),
    ("task", "crm.activity.todo.add", to_do),
    ("note", "crm.timeline.comment.add", note),
    ("call", "crm.activity.add", phone_call),
];

/// A portal with one contact, and how many records it holds.
fn portal() -> (Bench, u64) {
    let bench = Bench::new();
    let card = bench.portal().put_contact(&json!({ "assignedById": 1 }), &["+380509999999"], &[]);
    (bench, card)
}

fn records(bench: &Bench) -> usize {
    let portal = bench.portal();
    portal.contacts.len() + portal.deals.len() + portal.activities.len() + portal.comments.len()
}

#[test]
fn after_a_lost_answer_a_repeat_finds_what_was_written() {
    for (what, method, write) in WRITES {
        let (bench, card) = portal();
        bench.fail_next(method, Fault::LostAnswer);
        let lost = write(&bench, card, "k1");
        assert!(matches!(lost, Err(Error::UnknownOutcome(_))), "{what}: {lost:?}");
        let before = bench.host.requests().len();
        let id = write(&bench, card, "k1").unwrap();
        let sent = bench.host.requests().split_off(before);
        let calls: Vec<String> = sent
            .iter()
            .flat_map(patchbay_sims::bitrix24::called)
            .map(|(method, _)| method)
            .collect();
        assert!(!calls.contains(&method.to_owned()), "{what}: {calls:?}");
        assert_eq!(records(&bench), 2, "{what}");
        assert_eq!(write(&bench, card, "k1").unwrap(), id, "{what}");
    }
}

#[test]
fn what_was_lost_on_its_way_is_written_by_the_repeat() {
    let fault = |response: &Response| Fault::Answer(response.clone());
    let faults = [
        Fault::Lost,
        fault(&failures::internal()),
        fault(&failures::bad_gateway()),
        fault(&failures::good_status()),
    ];
    for (what, method, write) in WRITES {
        for fault in &faults {
            let (bench, card) = portal();
            bench.fail_next(method, fault.clone());
            let lost = write(&bench, card, "k1");
            assert!(matches!(lost, Err(Error::UnknownOutcome(_))), "{what}: {lost:?}");
            assert_eq!(records(&bench), 1, "{what}");
            write(&bench, card, "k1").unwrap();
            assert_eq!(records(&bench), 2, "{what}");
        }
    }
}

#[test]
fn a_refused_write_may_be_repeated_without_looking() {
    for (what, method, write) in WRITES {
        for refusal in [failures::query_limit(), failures::operation_time_limit()] {
            let (bench, card) = portal();
            bench.fail_next(method, Fault::Answer(refusal));
            let refused = write(&bench, card, "k1");
            assert!(matches!(refused, Err(Error::RateLimited(_))), "{what}: {refused:?}");
            let (_, requests) = bench.counted(|| write(&bench, card, "k1").unwrap());
            assert_eq!((requests, records(&bench)), (1, 2), "{what}");
        }
    }
}

#[test]
fn a_repeat_whose_look_up_fails_writes_nothing() {
    for (what, method, write) in WRITES {
        let (bench, card) = portal();
        bench.fail_next(method, Fault::LostAnswer);
        assert!(write(&bench, card, "k1").is_err());
        bench.fail_next("list", Fault::Answer(failures::query_limit()));
        let refused = write(&bench, card, "k1");
        assert!(matches!(refused, Err(Error::RateLimited(_))), "{what}: {refused:?}");
        write(&bench, card, "k1").unwrap();
        assert_eq!((records(&bench), bench.stage().faults_left()), (2, 0), "{what}");
    }
}

#[test]
fn a_phone_that_could_not_be_added_is_added_by_the_repeat() {
    let (bench, card) = portal();
    let update = || {
        bench.upsert(
            Some(&card.to_string()),
            &[phone("+380671234567")],
            &[text("comment", "vip")],
            "k",
        )
    };
    // The first change goes through, the second one is lost.
    bench.fail_next("n0", Fault::Answer(failures::internal()));
    assert!(matches!(update(), Err(Error::UnknownOutcome(_))));
    update().unwrap();
    update().unwrap();
    let portal = bench.portal();
    assert_eq!(portal.contacts[&card].values("PHONE"), ["+380509999999", "+380671234567"]);
}

#[test]
fn a_blocked_method_is_left_alone_until_it_has_time_again() {
    let (bench, _) = portal();
    bench.portal().opened_s = clock::now_s();
    bench.portal().costs.insert("crm.item.list".to_owned(), 200.0);
    let look = || bench.host.run(|| Bitrix24::lookup_client(vec![phone("+380509999999")]));
    // 200, 400 and 600 seconds of 480: the last one still goes through.
    for _ in 0..3 {
        assert_eq!(look().unwrap().len(), 1);
    }
    let Err(Error::RateLimited(Some(wait_ms))) = look() else { panic!("must be blocked") };
    assert!((590_000..=600_000).contains(&wait_ms), "{wait_ms}");
    // Other methods go on.
    assert_eq!(bench.host.run(Bitrix24::list_managers).unwrap().len(), 2);
}

#[test]
fn too_many_requests_are_told_apart_from_a_blocked_method() {
    let (bench, _) = portal();
    bench.portal().bucket = 2.0;
    bench.portal().drain = 0.0;
    let list = || bench.host.run(Bitrix24::list_managers);
    assert!(list().is_ok() && list().is_ok());
    assert_eq!(list(), Err(Error::RateLimited(None)));
}

/// How many of a thousand requests are refused that leave every so many milliseconds.
fn refused_of_a_thousand(every_ms: u64) -> usize {
    let mut portal = patchbay_sims::bitrix24::Bitrix24::new(&placeholder("webhook-secret"));
    let mut now = Duration::ZERO;
    let host = host().http(move |request| {
        now += Duration::from_millis(every_ms);
        Ok(portal.answer(request, now))
    });
    let look = |index: usize| {
        let end = host.run(|| Bitrix24::lookup_client(vec![phone(&format!("+38067{index:07}"))]));
        assert!(matches!(end, Ok(_) | Err(Error::RateLimited(None))), "{end:?}");
        usize::from(end.is_err())
    };
    (0..1_000).map(look).sum()
}

#[test]
fn the_rate_of_the_manifest_is_borne_without_end() {
    assert_eq!(Bitrix24::describe().rate_limit, Some(2.0));
    assert_eq!(refused_of_a_thousand(500), 0);
    assert!(0 < refused_of_a_thousand(450));
}

#[test]
fn who_is_not_let_in_is_told_what_to_do() {
    let (bench, card) = portal();
    let open = || bench.host.run(|| Bitrix24::open_deals(card.to_string()));
    let unauthorized = |error: &Error, word: &str| {
        assert!(matches!(error, Error::Unauthorized(text) if text.contains(word)), "{error:?}");
    };
    bench.fail_next("batch", Fault::Answer(failures::expired_token()));
    unauthorized(&open().unwrap_err(), "new webhook");
    bench.fail_next("batch", Fault::Answer(failures::paid_plan()));
    assert!(matches!(open(), Err(Error::PlanLimit(_))));
    bench.portal().scopes.remove("crm");
    unauthorized(&open().unwrap_err(), "`crm`");
    bench.portal().secret = "another".to_owned();
    unauthorized(&open().unwrap_err(), "webhook-secret");
}

#[test]
fn without_the_scope_of_users_only_their_names_are_missing() {
    let (bench, card) = portal();
    bench.portal().scopes.remove("user_basic");
    let managers = bench.host.run(Bitrix24::list_managers);
    assert!(
        matches!(&managers, Err(Error::Unsupported(text)) if text.contains("user_basic")),
        "{managers:?}"
    );
    let (client, fields) = anna();
    let made = bench.upsert(None, &client, &fields, "k1").unwrap();
    assert_eq!(made.manager.unwrap().name, None);
    assert_eq!(bench.lookup(&client).len(), 1);
    let deal = bench.upsert_deal(None, &card.to_string(), &[], None, "k2").unwrap();
    assert_eq!(deal.manager.unwrap().id.as_deref(), Some("1"));
    let (assignments, _) = bench.host.run(|| Bitrix24::list_assignments(None)).unwrap();
    assert_eq!(assignments[0].manager.name, None);
    assert_eq!(assignments[0].cards.len(), 2);
}

#[test]
fn no_error_repeats_what_people_wrote() {
    let (bench, card) = portal();
    let secretive = |code: &str, status| {
        let body = json!({ "error": code, "error_description": "Anna +380671234567 is wrong for field \"NAME\"" });
        Fault::Answer(Response::json(status, body.to_string()))
    };
    for (code, status) in [
        ("", 400),
        ("100", 400),
        ("Anna is wrong", 400),
        ("ACCESS_DENIED", 400),
        ("X", 500),
        ("NOT_FOUND", 400),
    ] {
        for (what, method, write) in WRITES {
            bench.fail_next(method, secretive(code, status));
            let error =
                format!("{:?}", write(&bench, card, &format!("{what}{status}")).unwrap_err());
            assert!(!error.contains("Anna") && !error.contains("380"), "{error}");
        }
    }
}
