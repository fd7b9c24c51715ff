//! Tasks, notes and calls in the timeline.

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{Author, Call, Direction, Error, Message, Subject, Transcript};
use patchbay_sdk::{Notes, Tasks};
use serde_json::{Value, json};

use super::bench::{Bench, call, task};
use crate::Bitrix24;

struct Timeline {
    bench: Bench,
    contact: u64,
    deal: u64,
}

impl Timeline {
    fn new() -> Self {
        let bench = Bench::new();
        let contact =
            bench.portal().put_contact(&json!({ "assignedById": 6 }), &["+380671234567"], &[]);
        let deal = bench.portal().put_deal(contact, &json!({ "assignedById": 1 }));
        Self { bench, contact, deal }
    }

    fn card(&self) -> Subject {
        Subject::Card(self.contact.to_string())
    }

    fn deal(&self) -> Subject {
        Subject::Deal(self.deal.to_string())
    }

    fn note(&self, subject: Subject, note: Note, key: &str) -> Result<String, Error> {
        self.bench.host.run(|| Bitrix24::add_note(subject, note, key.to_owned()))
    }

    fn activity(&self) -> Value {
        Value::Object(self.bench.portal().activities.last().unwrap().fields.clone())
    }
}

#[test]
fn a_task_stands_in_the_timeline_with_its_end_and_its_manager() {
    let timeline = Timeline::new();
    let run = |task: Task, key: &str| {
        timeline.bench.host.run(|| Bitrix24::create_task(task, key.to_owned()))
    };
    let id = run(task(timeline.deal()), "k1").unwrap();
    let stored = timeline.activity();
    assert_eq!(stored["SUBJECT"], json!("Call back"));
    assert_eq!(stored["RESPONSIBLE_ID"], json!(6));
    assert_eq!(stored["DEADLINE"], json!("2026-12-02T08:00:00Z"));
    assert_eq!(stored["OWNER_ID"], json!(timeline.deal));
    assert_eq!(run(task(timeline.deal()), "k1").unwrap(), id);
    let nobodys = Task { manager: None, ..task(timeline.card()) };
    assert_ne!(run(nobodys, "k2").unwrap(), id);
    assert_eq!(timeline.activity()["OWNER_TYPE_ID"], json!(3));
    let late = Task { due: "tomorrow".to_owned(), ..task(timeline.card()) };
    assert!(matches!(run(late, "k3"), Err(Error::Invalid(_))));
    let strange = Task { manager: Some("Olha".to_owned()), ..task(timeline.card()) };
    assert!(matches!(run(strange, "k3"), Err(Error::Invalid(_))));
    assert_eq!(timeline.bench.portal().activities.len(), 2);
}

#[test]
fn texts_and_transcripts_are_comments() {
    let timeline = Timeline::new();
    let id = timeline.note(timeline.card(), Note::Text("[b]hello".to_owned()), "k1").unwrap();
    let comment = timeline.bench.portal().comments[0].clone();
    assert_eq!((comment.id.to_string(), comment.entity_type.as_str()), (id, "contact"));
    assert_eq!(comment.text, "[\u{200b}b]hello\n[patchbay:k1]");
    let message = Message {
        author: Author::Client,
        agent: None,
        sent_at: None,
        text: "Hello ".repeat(20_000),
    };
    let transcript = Transcript {
        started_at: None,
        finished_at: None,
        topic: None,
        rating: None,
        messages: vec![message],
    };
    timeline.note(timeline.deal(), Note::Transcript(transcript), "k2").unwrap();
    let comment = timeline.bench.portal().comments[1].clone();
    assert_eq!((comment.entity_id, comment.files.len()), (timeline.deal, 1));
    assert!(comment.text.starts_with("Conversation\n\nClient: Hello"), "{}", comment.text);
    assert!(comment.text.ends_with("[patchbay:k2]"));
    assert_eq!(comment.files[0].0, "transcript.txt");
}

#[test]
fn a_call_is_a_call_of_the_client_with_its_recording() {
    let timeline = Timeline::new();
    timeline.note(timeline.card(), Note::Call(call()), "k1").unwrap();
    let documented: Value =
        serde_json::from_str(include_str!("../../fixtures/doc-13-call-activity-by-webhook.json"))
            .unwrap();
    let documented = documented["request"]["body"]["fields"].as_object().unwrap().clone();
    let stored = timeline.activity();
    for field in documented.keys() {
        assert!(!stored[field].is_null(), "{field}");
    }
    for field in ["TYPE_ID", "COMPLETED", "DIRECTION", "ORIGINATOR_ID", "RESPONSIBLE_ID"] {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assert_eq!(text(&stored[field]), text(&documented[field]), "{field}");
    }
    assert_eq!(stored["ORIGIN_ID"], json!("k1"));
    assert_eq!(stored["SUBJECT"], json!("Incoming call: +380671234567"));
    assert_eq!(
        stored["DESCRIPTION"],
        json!(
            "https://rec.example.test/1.mp3\nDuration: 1:35\nStatus: ANSWERED\nAgent: 102\nCall: call-0001"
        )
    );
    let communication = &stored["COMMUNICATIONS"][0];
    assert_eq!(communication["VALUE"], json!("+380671234567"));
    assert_eq!(communication["ENTITY_ID"], json!(timeline.contact.to_string()));
    let moment = |field: &str| {
        patchbay_sdk::instant::local(stored[field].as_str().unwrap().trim_end_matches("+00:00"))
            .unwrap()
    };
    assert_eq!(moment("END_TIME") - moment("START_TIME"), 95);
}

#[test]
fn a_call_of_a_deal_is_that_of_its_contact() {
    let timeline = Timeline::new();
    let missed = Call { missed: true, duration_s: None, recording_url: None, ..call() };
    timeline.note(timeline.deal(), Note::Call(missed), "k1").unwrap();
    let stored = timeline.activity();
    assert_eq!(stored["SUBJECT"], json!("Missed call: +380671234567"));
    assert_eq!(stored["OWNER_TYPE_ID"], json!("2"));
    assert_eq!(stored["RESPONSIBLE_ID"], json!("1"));
    assert_eq!(stored["COMMUNICATIONS"][0]["ENTITY_ID"], json!(timeline.contact.to_string()));
}

#[test]
fn a_call_that_bitrix24_cannot_hold_is_a_comment() {
    let timeline = Timeline::new();
    timeline.bench.portal().deals.values_mut().for_each(|deal| {
        deal.fields.insert("contactId".to_owned(), json!(0));
    });
    let (id, requests) = timeline.bench.counted(|| {
        Bitrix24::add_note(timeline.deal(), Note::Call(call()), "k1".to_owned()).unwrap()
    });
    assert_eq!(requests, 2);
    assert_eq!(timeline.bench.portal().comments[0].id.to_string(), id);
    let again = timeline.note(timeline.deal(), Note::Call(call()), "k1");
    assert_eq!(again, Ok(id));

    let hidden =
        Call { client_number: None, direction: Direction::Outbound, missed: true, ..call() };
    timeline.note(timeline.card(), Note::Call(hidden), "k2").unwrap();
    let comment = timeline.bench.portal().comments[1].clone();
    assert!(
        comment.text.starts_with("Outgoing call, not answered\nhttps://rec"),
        "{}",
        comment.text
    );
    assert!(timeline.bench.portal().activities.is_empty());
}

#[test]
fn a_key_is_found_in_a_long_timeline() {
    let timeline = Timeline::new();
    let first = timeline.note(timeline.card(), Note::Text("first".to_owned()), "k0").unwrap();
    for index in 0..60 {
        // More than a portal bears in a second: this is not what is tested here.
        timeline.bench.portal().bucket = 1_000.0;
        timeline
            .note(timeline.card(), Note::Text("later".to_owned()), &format!("l{index}"))
            .unwrap();
    }
    let (again, requests) = timeline.bench.counted(|| {
        Bitrix24::add_note(timeline.card(), Note::Text("first".to_owned()), "k0".to_owned())
            .unwrap()
    });
    assert_eq!((again, requests), (first, 2));
    assert_eq!(timeline.bench.portal().comments.len(), 61);
}
