//! Answers that are lost, late or refused: nothing is made twice.

use std::time::Duration;

use patchbay_sdk::http;
use patchbay_sdk::notes::Note;
use patchbay_sdk::types::Subject;
use patchbay_sdk::{Notes, Tasks};
use patchbay_sims::Simulator as _;

use super::notes::{call, task, transcript};
use super::*;

/// How many records of each kind there are.
fn made(crm: &Crm) -> [usize; 4] {
    let crm = &crm.borrow().crm;
    [crm.contacts().len(), crm.leads().len(), crm.tasks().len(), crm.notes().len()]
}

fn lose_next(crm: &Crm, part: &str) {
    crm.borrow_mut().fail_next(part, Fault::LostAnswer);
}

/// Loses the first answer of a write, checks that a repeat changes nothing, and one more neither.
#[track_caller]
fn survives<T: std::fmt::Debug>(
    host: &Host,
    crm: &Crm,
    part: &str,
    mut write: impl FnMut() -> Result<T, Error>,
    id: impl Fn(&T) -> String,
) {
    lose_next(crm, part);
    let before = made(crm);
    let lost = host.run(&mut write);
    assert!(matches!(lost, Err(Error::UnknownOutcome(_))), "{lost:?}");
    let after = made(crm);
    assert_ne!(before, after);
    let first = id(&host.run(&mut write).unwrap());
    assert_eq!((id(&host.run(&mut write).unwrap()), made(crm)), (first, after));
    assert_eq!(crm.borrow().faults_left(), 0);
}

#[test]
fn no_write_is_made_twice_when_its_answer_is_lost() {
    let (host, crm) = simulated();
    let card_id = |card: &Card| card.id.clone();
    let contact =
        || AmoCrm::upsert_contact(None, map(&anna(), &[text("name", "Anna")]), "c".to_owned());
    // The search does not see yet what was just made.
    crm.borrow_mut().crm.searched_until = Some(0);
    survives(&host, &crm, "/contacts", contact, card_id);
    crm.borrow_mut().crm.searched_until = None;
    let card = upsert(&host, None, "c", &anna(), &[]).unwrap().id;
    let native = host.run(|| AmoCrm::map_deal_fields(vec![text("title", "Chat")])).unwrap();
    let deal = || AmoCrm::upsert_deal(None, card.clone(), native.clone(), None, "d".to_owned());
    survives(&host, &crm, "/leads", deal, |deal| deal.id.clone());
    let deal = Subject::Deal(host.run(deal).unwrap().id);
    let task = || AmoCrm::create_task(task(deal.clone()), "t".to_owned());
    survives(&host, &crm, "/tasks", task, Clone::clone);
    for (key, note) in [
        ("text", Note::Text("Hello".to_owned())),
        ("transcript", Note::Transcript(transcript(50, 900))),
        ("call", Note::Call(call())),
    ] {
        let note = || AmoCrm::add_note(deal.clone(), note.clone(), key.to_owned());
        survives(&host, &crm, "/notes", note, Clone::clone);
    }
}

#[test]
fn what_was_lost_is_found_among_the_newest_of_many() {
    let (host, crm) = simulated();
    for _ in 0..251 {
        crm.borrow_mut().crm.add_contact(&serde_json::json!({ "name": "Other" }));
    }
    let contact = || AmoCrm::upsert_contact(None, map(&anna(), &[]), "c".to_owned());
    survives(&host, &crm, "/contacts", contact, |card: &Card| card.id.clone());
    let subject = Subject::Card(host.run(contact).unwrap().id);
    for number in 0..251 {
        host.run(|| AmoCrm::create_task(task(subject.clone()), format!("t{number}"))).unwrap();
        let note = Note::Text("Hello".to_owned());
        host.run(|| AmoCrm::add_note(subject.clone(), note, format!("n{number}"))).unwrap();
    }
    let create = || AmoCrm::create_task(task(subject.clone()), "lost".to_owned());
    survives(&host, &crm, "/tasks", create, Clone::clone);
    let note = Note::Transcript(transcript(50, 900));
    let add = || AmoCrm::add_note(subject.clone(), note.clone(), "lost".to_owned());
    survives(&host, &crm, "/notes", add, Clone::clone);
    // The first of its parts stands for the note.
    let first = crm.borrow().crm.notes()[251]["id"].to_string();
    assert_eq!(host.run(add), Ok(first));
}

#[test]
fn a_write_that_did_not_happen_is_made_at_the_repeat() {
    let (host, crm) = simulated();
    crm.borrow_mut().fail_next("/contacts", Fault::Lost);
    assert!(matches!(upsert(&host, None, "c", &anna(), &[]), Err(Error::UnknownOutcome(_))));
    // Somebody else's card is not taken for the one that was lost.
    upsert(&host, None, "other", &[phone("+380501112233")], &[]).unwrap();
    let (card, requests) =
        cost(&host, || AmoCrm::upsert_contact(None, map(&anna(), &[]), "c".to_owned()).unwrap());
    assert_eq!((requests, made(&crm)[0]), (2, 2));
    let subject = Subject::Card(card.id);
    crm.borrow_mut().fail_next("/tasks", Fault::Lost);
    let create =
        |key: &str| host.run(|| AmoCrm::create_task(task(subject.clone()), key.to_owned()));
    create("t").unwrap_err();
    create("other").unwrap();
    create("t").unwrap();
    assert_eq!(made(&crm)[2], 2);
}

#[test]
fn a_removed_card_is_not_taken_for_the_one_that_was_lost() {
    let (host, crm) = simulated();
    let gone = serde_json::json!({ "is_deleted": true, "custom_fields_values": [
        { "field_code": "PHONE", "values": [{ "value": "+380671234567" }] },
    ] });
    crm.borrow_mut().crm.add_contact(&gone);
    crm.borrow_mut().fail_next("/contacts", Fault::Lost);
    let client = &anna()[..1];
    upsert(&host, None, "c", client, &[]).unwrap_err();
    upsert(&host, None, "c", client, &[]).unwrap();
    assert_eq!(made(&crm)[0], 2);
}

#[test]
fn a_deal_without_a_title_is_not_made_twice() {
    let (host, crm) = simulated();
    let card = upsert(&host, None, "c", &anna(), &[]).unwrap().id;
    let deal = || AmoCrm::upsert_deal(None, card.clone(), "{}".to_owned(), None, "d".to_owned());
    crm.borrow_mut().crm.filters = true;
    open_deal(&host, &card, "Older");
    survives(&host, &crm, "/leads", deal, |deal| deal.id.clone());
}

#[test]
fn a_card_without_phone_and_e_mail_is_found_again_by_its_mark() {
    let (host, crm) = simulated();
    crm.borrow_mut().crm.add_contact(&serde_json::json!({ "name": "Guest" }));
    let guest = || AmoCrm::upsert_contact(None, map(&[], &[text("name", "Guest")]), "g".to_owned());
    survives(&host, &crm, "/contacts", guest, |card| card.id.clone());
    assert_eq!(made(&crm)[0], 2);
}

#[test]
fn a_refused_write_is_not_looked_for_and_one_that_was_too_fast_is() {
    for (answer, requests) in [
        (Response::json(400, "{}"), 1),
        (Response::empty(402), 1),
        (Response::empty(429), 2),
        // The host's own: it was never sent.
        (Response::empty(429).with_header("x-patchbay", "rate-limited"), 1),
        (Response::empty(503), 2),
        (Response::empty(504), 2),
    ] {
        let (host, crm) = simulated();
        let status = answer.status;
        crm.borrow_mut().fail_next("/contacts", Fault::Answer(answer));
        upsert(&host, None, "k", &anna(), &[]).unwrap_err();
        let again = cost(&host, || AmoCrm::upsert_contact(None, map(&anna(), &[]), "k".to_owned()));
        assert_eq!((again.0.is_ok(), again.1), (true, requests), "{status}");
    }
}

#[test]
fn a_lost_update_is_written_again_without_harm() {
    let (host, crm) = simulated();
    let card = upsert(&host, None, "c", &anna(), &[text("name", "Anna")]).unwrap().id;
    lose_next(&crm, r#"[{"custom"#);
    let fields = [texts("phone", &["+380671234567", "+380501112233"])];
    let lost = upsert(&host, Some(&card), "u", &[], &fields);
    assert!(matches!(lost, Err(Error::UnknownOutcome(_))), "{lost:?}");
    let card = upsert(&host, Some(&card), "u", &[], &fields).unwrap();
    assert_eq!(card.field("phone"), Some(&fields[0].value));
    assert_eq!(crm.borrow().faults_left(), 0);
}

#[test]
fn a_card_that_was_removed_after_it_was_made_is_not_found() {
    let (host, crm) = simulated();
    let id = upsert(&host, None, "c", &anna(), &[]).unwrap().id;
    crm.borrow_mut().crm.remove_contact(id.parse().unwrap());
    assert!(matches!(upsert(&host, None, "c", &anna(), &[]), Err(Error::NotFound(_))));
}

#[test]
fn seven_requests_a_second_are_borne_and_the_eighth_waits() {
    let mut crm = Amocrm::new(&placeholder("token"));
    let clock = Rc::new(RefCell::new(Duration::ZERO));
    let now = Rc::clone(&clock);
    let host = host().http(move |request| Ok(crm.answer(request, *now.borrow())));
    let ask = || host.run(|| AmoCrm::lookup_client(vec![phone("+380671234567")]));
    for _ in 0..7 {
        assert_eq!(ask(), Ok(vec![]));
    }
    assert_eq!(ask(), Err(Error::RateLimited(None)));
    *clock.borrow_mut() = Duration::from_secs(1);
    assert_eq!(ask(), Ok(vec![]));
}

#[test]
fn a_token_that_the_account_has_changed_is_refused() {
    let (host, crm) = simulated();
    crm.borrow_mut().crm.token = "rotated".to_owned();
    let refused = upsert(&host, None, "c", &anna(), &[]);
    assert!(matches!(refused, Err(Error::Unauthorized(text)) if text.contains("`token`")));
    // Nothing was written, so that the repeat needs no look-up.
    crm.borrow_mut().crm.token = placeholder("token");
    let again =
        cost(&host, || AmoCrm::upsert_contact(None, map(&anna(), &[]), "c".to_owned()).unwrap());
    assert_eq!(again.1, 1);
}

#[test]
fn a_moved_account_is_named_and_its_redirect_not_followed() {
    let (host, crm) = simulated();
    for (location, named) in [
        ("https://newname.kommo.com/api/v4/contacts", Some("https://newname.kommo.com")),
        ("https://evil.example.test/?x=.kommo.com", None),
        ("https://a.b.amocrm.ru/", None),
        ("/login", None),
    ] {
        let answer = Response::empty(301).with_header("location", location);
        crm.borrow_mut().fail_next("/contacts", Fault::Answer(answer));
        let refused = host.run(|| AmoCrm::lookup_client(vec![phone("+380671234567")]));
        let Err(Error::Invalid(problems)) = refused else { panic!("{location} must be refused") };
        assert_eq!(problems[0].field.as_deref(), Some("base-url"));
        let is_named = named.is_some_and(|host| problems[0].message.contains(host));
        assert_eq!(is_named, named.is_some(), "{}", problems[0].message);
        assert!(!problems[0].message.contains("evil"));
    }
}

#[test]
fn nothing_is_sent_where_the_store_is_closed() {
    let host = host().pure().http(|_| Err(http::Error::Spent("none".to_owned())));
    let refused = upsert(&host, None, "k", &anna(), &[]);
    assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
    assert!(host.requests().is_empty());
}
