//! Tasks and notes in the simulated CRM.

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{Author, Call, Direction, Message, Subject, Transcript};
use patchbay_sdk::{Notes, Tasks};

use super::*;

pub(super) fn task(subject: Subject) -> Task {
    Task {
        subject,
        title: "Call back".to_owned(),
        text: "+380671234567".to_owned(),
        manager: Some("7".to_owned()),
        due: "2025-10-09T12:01:00+03:00".to_owned(),
    }
}

pub(super) fn call() -> Call {
    Call {
        id: "call-0001".to_owned(),
        direction: Direction::Inbound,
        client_number: Some("+380671234567".to_owned()),
        agent_number: Some("101".to_owned()),
        line: None,
        status: Some("answered".to_owned()),
        missed: false,
        duration_s: Some(95),
        recording_url: Some("https://rec.example.test/1.mp3".to_owned()),
        rating: Some("5".to_owned()),
    }
}

/// A conversation of so many messages of so many characters each.
pub(super) fn transcript(messages: usize, chars: usize) -> Transcript {
    let message = |number: usize| Message {
        author: if number.is_multiple_of(2) { Author::Client } else { Author::Agent },
        agent: None,
        sent_at: Some("2025-10-09T12:01:30+03:00".to_owned()),
        text: "я".repeat(chars),
    };
    Transcript {
        started_at: Some("2025-10-09T12:01:00+03:00".to_owned()),
        finished_at: None,
        topic: Some("Tea".to_owned()),
        rating: None,
        messages: (0..messages).map(message).collect(),
    }
}

fn subjects(host: &Host) -> [Subject; 2] {
    let card = upsert(host, None, "card", &anna(), &[]).unwrap().id;
    let deal = open_deal(host, &card, "Chat");
    [Subject::Card(card), Subject::Deal(deal)]
}

fn add(host: &Host, subject: &Subject, note: &Note, key: &str) -> Result<String, Error> {
    host.run(|| AmoCrm::add_note(subject.clone(), note.clone(), key.to_owned()))
}

/// Type and text of each note.
fn written(crm: &Crm) -> Vec<(String, String)> {
    let crm = crm.borrow();
    let notes = crm.crm.notes().into_iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    notes.map(|note| (text(&note["note_type"]), text(&note["params"]["text"]))).collect()
}

#[test]
fn a_task_says_what_is_to_be_done_by_whom_and_when() {
    let (host, crm) = simulated();
    for (subject, kind) in subjects(&host).into_iter().zip(["contacts", "leads"]) {
        let id = host.run(|| AmoCrm::create_task(task(subject), kind.to_owned())).unwrap();
        let crm = crm.borrow();
        let task = crm
            .crm
            .tasks()
            .into_iter()
            .find(|task| task["id"] == id.parse::<u64>().unwrap())
            .unwrap();
        assert_eq!(task["text"], format!("Call back\n+380671234567\n[patchbay:{kind}]"));
        assert_eq!(task["entity_type"], kind);
        assert_eq!(
            (&task["complete_till"], &task["responsible_user_id"]),
            (&1_760_000_460.into(), &7.into())
        );
    }
}

#[test]
fn a_task_that_cannot_be_names_what_is_wrong() {
    let (host, _) = simulated();
    let [card, _] = subjects(&host);
    for (task, key) in [
        (Task { due: "soon".to_owned(), ..task(card.clone()) }, "due"),
        (Task { manager: Some("777".to_owned()), ..task(card.clone()) }, "manager"),
        (Task { manager: Some("Olha".to_owned()), ..task(card) }, "manager"),
    ] {
        let Err(Error::Invalid(problems)) = host.run(|| AmoCrm::create_task(task, key.to_owned()))
        else {
            panic!("{key} must be refused")
        };
        assert_eq!(problems[0].field.as_deref(), Some(key));
    }
}

#[test]
fn a_task_or_a_note_on_nothing_is_not_found() {
    let (host, crm) = simulated();
    for id in ["999999", "x"] {
        for subject in [Subject::Card(id.to_owned()), Subject::Deal(id.to_owned())] {
            let made = host.run(|| AmoCrm::create_task(task(subject.clone()), "k".to_owned()));
            assert!(matches!(made, Err(Error::NotFound(_))), "{made:?}");
            let made = add(&host, &subject, &Note::Text("Hello".to_owned()), "k");
            assert!(matches!(made, Err(Error::NotFound(_))), "{made:?}");
        }
    }
    assert!(crm.borrow().crm.notes().is_empty() && crm.borrow().crm.tasks().is_empty());
}

#[test]
fn a_short_text_is_a_common_note_and_a_long_one_an_extended() {
    let (host, crm) = simulated();
    let [card, deal] = subjects(&host);
    // The mark takes 14 of the 2,000 characters.
    let note = |chars: usize| Note::Text("я".repeat(chars));
    add(&host, &card, &note(1_986), "k1").unwrap();
    add(&host, &deal, &note(1_987), "k2").unwrap();
    let notes = written(&crm);
    assert_eq!(notes[0].0, "common");
    assert!(notes[0].1.ends_with("я\n[patchbay:k1]"));
    assert_eq!(notes[1].0, "extended_service_message");
    assert_eq!(crm.borrow().crm.notes()[1]["params"]["service"], "Ringostat");
}

#[test]
fn a_long_transcript_is_split_between_messages_and_written_in_one_request() {
    let (host, crm) = simulated();
    let [card, _] = subjects(&host);
    let note = Note::Transcript(transcript(30, 900));
    let before = host.requests().len();
    let id = add(&host, &card, &note, "k").unwrap();
    assert_eq!(host.requests().len() - before, 1);
    let notes = written(&crm);
    assert_eq!(notes.len(), 3);
    assert_eq!(crm.borrow().crm.notes()[0]["id"].to_string(), id);
    for (number, (kind, text)) in (1..).zip(&notes) {
        assert_eq!(kind, "extended_service_message");
        assert!(text.chars().count() <= 10_000);
        assert!(text.starts_with(&format!("({number}/3)\n")), "{text}");
        assert!(text.ends_with("я\n[patchbay:k]"));
    }
    assert!(
        notes[0].1.contains("Chat, 2025-10-09 12:01\nTopic: Tea\n\n2025-10-09 12:01 Client: я")
    );
    let messages: usize = notes.iter().map(|(_, text)| text.matches(": я").count()).sum();
    assert_eq!(messages, 30);
}

#[test]
fn the_largest_transcript_stays_below_the_hosts_mebibyte() {
    let (host, crm) = simulated();
    let [card, _] = subjects(&host);
    let mut transcript = transcript(300, 1_000);
    for message in &mut transcript.messages {
        message.text = "\u{1F375}".repeat(1_000);
    }
    add(&host, &card, &Note::Transcript(transcript), "k").unwrap();
    let request = host.requests().pop().unwrap();
    assert!(request.body.len() < 1 << 20, "{}", request.body.len());
    let notes = written(&crm);
    assert_eq!(notes.len(), 20);
    assert!(notes[19].1.ends_with("…\n[patchbay:k]"));
}

#[test]
fn a_call_is_the_crms_own_record_with_its_recording() {
    let (host, crm) = simulated();
    let [card, deal] = subjects(&host);
    add(&host, &card, &Note::Call(call()), "k1").unwrap();
    let missed = Call {
        direction: Direction::Outbound,
        missed: true,
        status: Some("BUSY".to_owned()),
        duration_s: None,
        recording_url: None,
        ..call()
    };
    add(&host, &deal, &Note::Call(missed), "k2").unwrap();
    let crm = crm.borrow();
    let [first, second] = crm.crm.notes()[..] else { panic!("two notes") };
    assert_eq!(
        (first["note_type"].as_str(), first["entity_type"].as_str()),
        (Some("call_in"), Some("contacts"))
    );
    let params = &first["params"];
    assert_eq!(
        (params["uniq"].as_str(), params["call_status"].as_i64()),
        (Some("call-0001"), Some(4))
    );
    assert_eq!(
        (params["duration"].as_i64(), params["link"].as_str()),
        (Some(95), Some("https://rec.example.test/1.mp3"))
    );
    assert_eq!(params["call_result"], "answered, rating: 5, agent: 101\n[patchbay:k1]");
    assert_eq!(
        (second["note_type"].as_str(), &second["params"]["call_status"]),
        (Some("call_out"), &7.into())
    );
    assert!(second["params"].get("link").is_none());
}

#[test]
fn a_call_from_a_hidden_number_is_a_text() {
    let (host, crm) = simulated();
    let [card, _] = subjects(&host);
    let hidden = Call { client_number: None, missed: true, ..call() };
    add(&host, &card, &Note::Call(hidden), "k").unwrap();
    let (kind, text) = written(&crm).remove(0);
    assert_eq!(kind, "common");
    assert!(
        text.starts_with("Incoming call, missed\nDuration: 95 s\nRecording: https://rec"),
        "{text}"
    );
}
