//! A small soak that went well, and each way in which it can have gone wrong.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    journal::{Job, Step},
    webhook::Event,
};

/// A chat of one person on one channel, and an offline message of the same on another.
struct Story {
    sent: Vec<Answered>,
    journal: Vec<Entry>,
    writes: Vec<Write>,
    records: Value,
    duplicates: Vec<String>,
}

impl Story {
    fn new() -> Self {
        let (chat, other) = (Visitor { person: 1, channel: 0 }, Visitor { person: 1, channel: 1 });
        let mut story = Self {
            sent: Vec::new(),
            journal: Vec::new(),
            writes: Vec::new(),
            records: json!({
                "contacts": [{ "id": "c1", "identifiers": [format!("phone:{}", chat.phone())] }],
                "deals": [{
                    "id": "d1", "card": "c1", "manager": MANAGERS[0], "fields": { "source": SOURCE },
                }],
            }),
            duplicates: Vec::new(),
        };
        story.add(
            1,
            chat,
            Event::Accepted { chat: 1, is_known: true },
            None,
            &["deal", "source-note"],
        );
        story.add(2, chat, Event::Finished { chat: 1 }, Some(1), &["note"]);
        let offline = &["task", "note", "source-note"];
        story.add(3, other, Event::Offline { message: 2 }, None, offline);
        story
    }

    /// One event with its steps, each of which has its write.
    fn add(
        &mut self,
        number: u64,
        visitor: Visitor,
        event: Event,
        after: Option<u64>,
        steps: &[&str],
    ) {
        self.sent.push(Answered { webhook: Webhook { number, visitor, event }, after });
        let event_id = i64::try_from(number).unwrap();
        let outcomes = vec!["done".to_owned()];
        let mut entry = Entry { event: event_id, number, outcomes, ..Entry::default() };
        let mut job =
            Job { id: event_id, state: "done".to_owned(), attempts: 1, steps: Vec::new() };
        for name in steps {
            let key = format!("{number}-{name}");
            job.steps.push(Step { name: (*name).to_owned(), key: key.clone(), is_done: true });
            let (kind, body) = match *name {
                "deal" => (Kind::Deal, json!({ "card": "c1" })),
                "task" => (Kind::Task, json!({ "subject": { "deal": "d1" } })),
                _ => (Kind::Note, json!({ "subject": { "card": "c1" } })),
            };
            let call = u64::try_from(self.writes.len()).unwrap() + 1;
            self.writes.push(Write {
                call,
                at: Duration::from_millis(call),
                kind,
                id: format!("x{call}"),
                is_new: true,
                key: Some(key),
                body,
            });
        }
        entry.jobs.push(job);
        self.journal.push(entry);
    }

    fn faults(&self) -> Vec<String> {
        faults(&Evidence {
            sent: &self.sent,
            journal: &self.journal,
            writes: &self.writes,
            records: &self.records,
            duplicates: self.duplicates.clone(),
        })
    }
}

/// The story with one change has a fault that tells `sort`.
#[track_caller]
fn check(sort: &str, change: impl FnOnce(&mut Story)) {
    let mut story = Story::new();
    change(&mut story);
    let faults = story.faults();
    assert!(faults.iter().any(|fault| fault.starts_with(sort)), "{sort}: {faults:?}");
}

#[test]
fn a_soak_without_a_fault_has_none() {
    assert_eq!(Story::new().faults(), Vec::<String>::new());
}

#[test]
fn a_webhook_that_is_lost_or_journaled_twice_is_seen() {
    check("lost or twice", |story| drop(story.journal.pop()));
    check("lost or twice", |story| {
        let again = Entry { event: 4, ..story.journal[2].clone() };
        story.journal.push(again);
    });
    check("lost or twice", |story| story.sent.truncate(2));
}

#[test]
fn an_event_that_was_accepted_too_early_is_seen() {
    check("accepted in the wrong order", |story| {
        story.journal.swap(0, 1);
    });
}

#[test]
fn a_job_that_is_not_done_is_seen() {
    check("not done", |story| story.journal[0].jobs[0].state = "dead".to_owned());
    check("not done", |story| story.journal[0].jobs.clear());
}

#[test]
fn a_step_that_the_rules_ask_for_and_that_is_missing_is_seen() {
    check("not done as the rules say", |story| drop(story.journal[1].jobs[0].steps.pop()));
    check("not done as the rules say", |story| {
        story.journal[2].jobs[0].steps[0].is_done = false;
    });
}

#[test]
fn a_client_with_two_cards_or_two_deals_or_none_is_seen() {
    let sort = "a client without a card or a deal, or with two";
    for list in ["contacts", "deals"] {
        check(sort, |story| {
            let again = story.records[list][0].clone();
            story.records[list].as_array_mut().unwrap().push(again);
        });
        check(sort, |story| story.records[list] = json!([]));
    }
}

#[test]
fn an_effect_that_comes_twice_or_from_nowhere_is_seen() {
    let sort = "effects that no event explains, or twice";
    check(sort, |story| story.writes.push(story.writes[1].clone()));
    check(sort, |story| story.writes[1].key = None);
    check("duplicates in the ledger", |story| story.duplicates.push("a key".to_owned()));
}

#[test]
fn a_step_without_its_effect_is_seen() {
    check("steps without their effect", |story| drop(story.writes.pop()));
    check("steps without their effect", |story| drop(story.writes.remove(0)));
    let mut story = Story::new();
    story.writes.remove(0);
    story.journal[0].outcomes.insert(0, "lost".to_owned());
    assert_eq!(story.faults(), Vec::<String>::new(), "the deal of another channel");
    assert_eq!(adopted(&story.journal, &story.writes), 1);
}

#[test]
fn effects_of_one_lane_in_the_wrong_order_are_seen_and_those_of_two_are_free() {
    // The deal and the source of the first event, then the note of the second.
    check("effects in the wrong order", |story| story.writes.swap(1, 2));
    let mut story = Story::new();
    story.writes.rotate_left(3);
    assert_eq!(story.faults(), Vec::<String>::new());
}

#[test]
fn an_effect_on_another_client_is_seen() {
    check("effects on somebody else", |story| {
        story.writes[1].body = json!({ "subject": { "card": "c2" } });
    });
}
