//! What each operation does on a portal that remembers, and how many requests it takes.

use patchbay_sdk::notes::Note;
use patchbay_sdk::types::{Error, Field, Identifier, Subject, Transcript, Value as FieldValue};
use patchbay_sdk::{Contacts, Deals, Managers, Notes, Tasks};
use serde_json::json;

use super::bench::{Bench, anna, call, card, email, phone, task, text};
use crate::Bitrix24;

const UNKNOWN: &str = "999999";

/// How many requests each of some calls took, under its name in the README's table.
#[derive(Default)]
struct Counts(Vec<(&'static str, usize)>);

impl Counts {
    fn add<T>(&mut self, bench: &Bench, what: &'static str, adapter: impl FnOnce() -> T) -> T {
        let (answer, requests) = bench.counted(adapter);
        self.0.push((what, requests));
        answer
    }
}

#[test]
fn contacts_take_the_requests_that_are_written_down() {
    let bench = Bench::new();
    let (client, fields) = anna();
    let mut counts = Counts::default();
    let look = || Bitrix24::lookup_client(client.clone()).unwrap();
    assert!(counts.add(&bench, "lookup-client, nobody", look).is_empty());
    let native = Bitrix24::map_fields(client.clone(), fields.clone()).unwrap();
    let create = || Bitrix24::upsert_contact(None, native.clone(), "c1".to_owned()).unwrap();
    let made = counts.add(&bench, "upsert-contact, new", create);
    let found = counts.add(&bench, "lookup-client, found", look);
    assert_eq!(found[0].manager.as_ref().unwrap().email.as_deref(), Some("olha@example.test"));
    let again = counts.add(&bench, "upsert-contact, repeated", create);
    assert_eq!(again.id, made.id);
    let change = |field: Field| {
        let native = Bitrix24::map_fields(client.clone(), vec![field]).unwrap();
        Bitrix24::upsert_contact(Some(made.id.clone()), native, "c2".to_owned()).unwrap()
    };
    counts.add(&bench, "upsert-contact, changed", || change(text("comment", "vip")));
    counts.add(&bench, "upsert-contact, a phone more", || change(text("phone", "+380501112233")));
    counts.add(&bench, "upsert-contact, nothing to change", || change(text("page-url", "x")));
    let expected = [
        ("lookup-client, nobody", 1),
        ("upsert-contact, new", 1),
        ("lookup-client, found", 1),
        ("upsert-contact, repeated", 1),
        ("upsert-contact, changed", 1),
        ("upsert-contact, a phone more", 2),
        ("upsert-contact, nothing to change", 1),
    ];
    assert_eq!(counts.0, expected);
    assert_eq!(bench.portal().contacts.len(), 1);
}

#[test]
fn deals_tasks_and_notes_take_the_requests_that_are_written_down() {
    let bench = Bench::new();
    let card = bench.portal().put_contact(&json!({ "assignedById": 6 }), &[], &[]).to_string();
    let mut counts = Counts::default();
    let open = || Bitrix24::open_deals(card.clone()).unwrap();
    assert!(counts.add(&bench, "open-deals", open).is_empty());
    let deal = |id: Option<String>, key: &str| {
        let native = Bitrix24::map_deal_fields(vec![text("title", "Chat")]).unwrap();
        let manager = Some("6".to_owned());
        Bitrix24::upsert_deal(id, card.clone(), native, manager, key.to_owned()).unwrap()
    };
    let opened = counts.add(&bench, "upsert-deal, new", || deal(None, "d1"));
    assert_eq!(opened.manager.as_ref().unwrap().name.as_deref(), Some("Ivan Seller"));
    counts.add(&bench, "upsert-deal, repeated", || deal(None, "d1"));
    counts.add(&bench, "upsert-deal, changed", || deal(Some(opened.id.clone()), "d2"));
    let subject = || Subject::Deal(opened.id.clone());
    let to_do = || Bitrix24::create_task(task(subject()), "t1".to_owned()).unwrap();
    let first = counts.add(&bench, "create-task", to_do);
    assert_eq!(counts.add(&bench, "create-task, repeated", to_do), first);
    let messages = Vec::new();
    let (started_at, finished_at, topic, rating) = (None, None, None, None);
    let transcript = Transcript { started_at, finished_at, topic, rating, messages };
    for (what, note, key) in [
        ("add-note, text", Note::Text("hello".to_owned()), "n1"),
        ("add-note, transcript", Note::Transcript(transcript), "n2"),
        ("add-note, call", Note::Call(call()), "n3"),
        ("add-note, repeated", Note::Text("hello".to_owned()), "n1"),
    ] {
        counts.add(&bench, what, || Bitrix24::add_note(subject(), note, key.to_owned()).unwrap());
    }
    assert!(counts.0.iter().all(|(_, requests)| *requests == 1), "{:?}", counts.0);
    let portal = bench.portal();
    assert_eq!((portal.deals.len(), portal.activities.len(), portal.comments.len()), (1, 2, 2));
}

#[test]
fn lists_take_the_requests_that_are_written_down() {
    let bench = Bench::new();
    bench.portal().put_contact(&json!({ "assignedById": 6 }), &[], &[]);
    let mut counts = Counts::default();
    counts.add(&bench, "describe-fields", || Bitrix24::describe_fields().unwrap());
    counts.add(&bench, "describe-deal-fields", || Bitrix24::describe_deal_fields().unwrap());
    counts.add(&bench, "list-managers", || Bitrix24::list_managers().unwrap());
    counts.add(&bench, "list-assignments", || Bitrix24::list_assignments(None).unwrap());
    let expected = [
        ("describe-fields", 1),
        ("describe-deal-fields", 1),
        ("list-managers", 1),
        ("list-assignments", 2),
    ];
    assert_eq!(counts.0, expected);
}

/// Lookup, update, deal and note of one event, as the host calls them.
#[test]
fn whole_flows_take_the_requests_that_are_written_down() {
    let bench = Bench::new();
    let (client, fields) = anna();
    let note = |key: &str, subject| {
        Bitrix24::add_note(subject, Note::Text("hello".to_owned()), key.to_owned()).unwrap();
    };
    let ((), new_client) = bench.counted(|| {
        assert!(Bitrix24::lookup_client(client.clone()).unwrap().is_empty());
        let native = Bitrix24::map_fields(client.clone(), fields.clone()).unwrap();
        let card = Bitrix24::upsert_contact(None, native, "a1".to_owned()).unwrap();
        assert!(Bitrix24::open_deals(card.id.clone()).unwrap().is_empty());
        let native = Bitrix24::map_deal_fields(vec![text("title", "Chat")]).unwrap();
        let deal = Bitrix24::upsert_deal(None, card.id, native, None, "a2".to_owned()).unwrap();
        note("a3", Subject::Deal(deal.id));
    });
    assert_eq!(new_client, 5);
    let ((), known_client) = bench.counted(|| {
        let card = Bitrix24::lookup_client(client.clone()).unwrap().remove(0);
        let native = Bitrix24::map_fields(client.clone(), vec![text("comment", "again")]).unwrap();
        Bitrix24::upsert_contact(Some(card.id.clone()), native, "b1".to_owned()).unwrap();
        let deal = Bitrix24::open_deals(card.id).unwrap().remove(0);
        Bitrix24::create_task(task(Subject::Deal(deal.id.clone())), "b2".to_owned()).unwrap();
        note("b3", Subject::Deal(deal.id));
    });
    assert_eq!(known_client, 5);
    // The card has all that is known: it is found and left alone.
    let ((), found_only) = bench.counted(|| {
        let card = Bitrix24::lookup_client(client.clone()).unwrap().remove(0);
        let deal = Bitrix24::open_deals(card.id).unwrap().remove(0);
        note("c1", Subject::Deal(deal.id));
    });
    assert_eq!(found_only, 3);
}

#[test]
fn a_client_is_found_by_every_notation_and_never_by_a_part() {
    let bench = Bench::new();
    let ids: Vec<u64> = ["+380671234567", "380671234567", "067 123-45-67", "+48671234567"]
        .iter()
        .map(|number| bench.portal().put_contact(&json!({ "assignedById": 6 }), &[number], &[]))
        .collect();
    let found: Vec<String> =
        bench.lookup(&[phone("+380671234567")]).into_iter().map(|card| card.id).collect();
    let expected: Vec<String> = ids.iter().take(3).map(u64::to_string).collect();
    assert_eq!(found, expected);
    assert!(bench.lookup(&[phone("+380671234568")]).is_empty());
    assert!(bench.lookup(&[email("anna@example.test")]).is_empty());
}

#[test]
fn nobody_is_asked_for_what_cannot_be_searched() {
    let bench = Bench::new();
    let nobody = [
        phone("12"),
        phone("anonymous"),
        email(" "),
        card("C_1"),
        Identifier::external("jivo", " "),
    ];
    assert!(bench.lookup(&nobody).is_empty());
    assert!(bench.lookup(&[]).is_empty());
    assert_eq!(bench.host.requests().len(), 0);
}

#[test]
fn more_matches_come_first_and_then_the_older_card() {
    let bench = Bench::new();
    let put =
        |phones: &[&str], emails: &[&str]| bench.portal().put_contact(&json!({}), phones, emails);
    let by_phone = put(&["+380671234567"], &[]);
    let by_both = put(&["0671234567"], &["anna.test@example.test"]);
    let by_mail = put(&[], &["ANNA.test@example.test"]);
    let other = put(&["+380509999999"], &[]);
    let asked = [phone("+380671234567"), email("anna.test@example.test"), card(&other.to_string())];
    let cards = bench.lookup(&asked);
    let ids: Vec<u64> = cards.iter().map(|card| card.id.parse().unwrap()).collect();
    assert_eq!(ids, [by_both, by_phone, by_mail, other]);
    assert_eq!(cards[0].matched, asked[..2]);
    assert_eq!(cards[3].matched, asked[2..]);
}

#[test]
fn hits_that_do_not_fit_are_read_in_a_second_request() {
    for count in [5, 6, 20] {
        let bench = Bench::new();
        for _ in 0..count {
            bench.portal().put_contact(&json!({ "assignedById": 6 }), &["+380671234567"], &[]);
        }
        let (cards, requests) =
            bench.counted(|| Bitrix24::lookup_client(vec![phone("+380671234567")]).unwrap());
        assert_eq!((cards.len(), requests), (count, if count == 5 { 1 } else { 2 }));
    }
    // A portal that refuses the references of a search without hits.
    let bench = Bench::new();
    bench.portal().refuses_empty_ids = true;
    bench.portal().put_contact(&json!({ "assignedById": 6 }), &["+380671234567"], &[]);
    let (cards, requests) =
        bench.counted(|| Bitrix24::lookup_client(vec![phone("+380671234567")]).unwrap());
    assert_eq!((cards.len(), requests), (1, 2));
    assert_eq!(cards[0].manager.as_ref().unwrap().name.as_deref(), Some("Ivan Seller"));
}

#[test]
fn at_most_twenty_cards_are_answered_and_many_numbers_are_searched_for_in_parts() {
    let bench = Bench::new();
    let numbers: Vec<String> = (0..30).map(|index| format!("+3806712345{index:02}")).collect();
    for number in &numbers {
        bench.portal().put_contact(&json!({}), &[number], &[]);
    }
    let asked: Vec<Identifier> = numbers.iter().map(|number| phone(number)).collect();
    let cards = bench.lookup(&asked);
    assert_eq!(cards.len(), 20);
    // Four notations of each number, twenty in a search.
    let called = bitrix24_calls(&bench, "crm.duplicate.findbycomm");
    assert_eq!(called, 6);
}

fn bitrix24_calls(bench: &Bench, method: &str) -> usize {
    let requests = bench.host.requests();
    let calls = requests.iter().flat_map(patchbay_sims::bitrix24::called);
    calls.filter(|(called, _)| called == method).count()
}

#[test]
fn unknown_records_are_not_found() {
    let bench = Bench::new();
    let key = |key: &str| key.to_owned();
    bench.host.run(|| {
        for id in [UNKNOWN, "C_7", "", "-1"] {
            let not_found = |error: Error, what: &str| {
                assert!(matches!(error, Error::NotFound(_)), "{what} {id}: {error:?}");
            };
            not_found(Bitrix24::open_deals(key(id)).unwrap_err(), "open-deals");
            let native = r#"{"fields":{"name":"x"}}"#;
            let upsert = Bitrix24::upsert_contact(Some(key(id)), key(native), key("k"));
            not_found(upsert.unwrap_err(), "upsert-contact");
            let deal = Bitrix24::upsert_deal(None, key(id), key("{}"), None, key("k"));
            not_found(deal.unwrap_err(), "upsert-deal");
            for subject in [Subject::Card(key(id)), Subject::Deal(key(id))] {
                let task = Bitrix24::create_task(task(subject.clone()), key("k"));
                not_found(task.unwrap_err(), "create-task");
                for note in [Note::Text(key("x")), Note::Call(call())] {
                    let note = Bitrix24::add_note(subject.clone(), note, key("k"));
                    not_found(note.unwrap_err(), "add-note");
                }
            }
        }
    });
    let portal = bench.portal();
    assert!(portal.contacts.is_empty() && portal.deals.is_empty());
    assert!(portal.activities.is_empty() && portal.comments.is_empty());
}

#[test]
fn open_deals_are_read_to_the_end_the_newest_first() {
    for (count, requests_expected) in [(49, 1), (50, 2), (51, 2), (101, 3)] {
        let bench = Bench::new();
        let id = bench.portal().put_contact(&json!({}), &[], &[]);
        for index in 0..count {
            bench
                .portal()
                .put_deal(id, &json!({ "title": format!("Deal {index}"), "assignedById": 1 }));
        }
        for stage in ["WON", "LOSE", "C1:WON", "APOLOGY"] {
            bench.portal().put_deal(id, &json!({ "stageId": stage }));
        }
        let other = bench.portal().put_contact(&json!({}), &[], &[]);
        bench.portal().put_deal(other, &json!({}));
        let (deals, requests) = bench.counted(|| Bitrix24::open_deals(id.to_string()).unwrap());
        assert_eq!((deals.len(), requests), (count, requests_expected));
        let ids: Vec<u64> = deals.iter().map(|deal| deal.id.parse().unwrap()).collect();
        assert!(ids.is_sorted_by(|newer, older| newer > older));
        assert_eq!(deals[0].manager.as_ref().unwrap().name.as_deref(), Some("Olha Manager"));
    }
}

#[test]
fn a_deal_is_opened_in_a_pipeline_with_an_amount_of_its_own() {
    let bench = Bench::new();
    let id = bench.portal().put_contact(&json!({}), &[], &[]).to_string();
    let fields = [
        text("title", "Chat"),
        text("pipeline", "1"),
        text("stage", "C1:NEW"),
        text("name", "left out"),
        Field::new("opportunity", FieldValue::Number(1500.0)),
    ];
    let deal = bench.upsert_deal(None, &id, &fields, Some("6"), "d1").unwrap();
    assert_eq!((deal.title.as_str(), deal.stage.as_deref()), ("Chat", Some("C1:NEW")));
    assert!(deal.fields.contains(&text("pipeline", "1")));
    assert!(deal.fields.contains(&Field::new("opportunity", FieldValue::Number(1500.0))));
    let stored = bench.portal().deals.values().next().unwrap().fields.clone();
    assert_eq!(stored["isManualOpportunity"], json!("Y"));
    assert_eq!(stored["assignedById"], json!(6));
    // Nothing to change: the deal is read.
    let same = bench.upsert_deal(Some(&deal.id), &id, &[], None, "d2").unwrap();
    assert_eq!(same.id, deal.id);
    assert_eq!(bench.last_called()[0].0, "crm.item.get");
    let error = bench.upsert_deal(None, &id, &[text("stage", "NO")], None, "d3").unwrap_err();
    let Error::Invalid(problems) = error else { panic!("{error:?}") };
    assert_eq!(problems[0].field.as_deref(), Some("stage"));
    for manager in ["Olha", "404"] {
        let error = bench.upsert_deal(None, &id, &[], Some(manager), "d4").unwrap_err();
        let Error::Invalid(problems) = error else { panic!("{error:?}") };
        assert_eq!(problems[0].field.as_deref(), Some("manager"), "{manager}");
    }
}
