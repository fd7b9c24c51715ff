//! Tasks, notes, transcripts and calls.

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{Author, Call, Direction, Error, Message, Person, Subject, Transcript};
use patchbay_sdk::{Notes, Tasks};
use patchbay_sims::Fault;
use serde_json::{Value, json};

use super::stage::{Crm, crm};
use crate::HubSpot;
use crate::activity::TASK_TYPE;
use crate::text::{BODY_UNITS_MAX, units};

impl Crm {
    fn card(&self) -> Subject {
        Subject::Card(self.sim().add("contacts", &[("firstname", "Anna")]))
    }

    fn note(&self, subject: &Subject, note: &Note, key: &str) -> Result<String, Error> {
        self.run(|| HubSpot::add_note(subject.clone(), note.clone(), key.to_owned()))
    }

    fn only(&self, kind: &str) -> Value {
        let mut all = self.sim().all(kind);
        assert_eq!(all.len(), 1);
        all.remove(0)
    }
}

fn text(text: &str) -> Note {
    Note::Text(text.to_owned())
}

fn call() -> Call {
    Call {
        id: "c-1".to_owned(),
        direction: Direction::Inbound,
        client_number: Some("+380671234567".to_owned()),
        agent_number: Some("102".to_owned()),
        line: Some("+380441112233".to_owned()),
        status: Some("ANSWERED".to_owned()),
        missed: false,
        duration_s: Some(95),
        recording_url: Some("https://rec.example.test/1.mp3".to_owned()),
        rating: None,
    }
}

fn task(subject: Subject) -> Task {
    Task {
        subject,
        title: "Call back".to_owned(),
        text: "asked for <prices>".to_owned(),
        manager: Some("700".to_owned()),
        due: "2026-12-02T10:00:00+02:00".to_owned(),
    }
}

fn transcript(messages: Vec<Message>) -> Note {
    Note::Transcript(Transcript {
        started_at: Some("2026-12-01T09:00:00Z".to_owned()),
        finished_at: Some("2026-12-01T11:30:00+02:00".to_owned()),
        topic: Some("Prices".to_owned()),
        rating: Some("positive".to_owned()),
        messages,
    })
}

fn message(author: Author, text: String) -> Message {
    Message { author, agent: None, sent_at: None, text }
}

#[test]
fn a_task_has_its_due_moment_in_utc_and_its_owner() {
    let crm = crm();
    let id = crm.run(|| HubSpot::create_task(task(crm.card()), "k".to_owned())).unwrap();
    let expected = json!({
        "id": id, "hs_timestamp": "2026-12-02T08:00:00Z", "hs_task_subject": "Call back",
        "hs_task_status": "NOT_STARTED", "hs_task_type": TASK_TYPE, "hubspot_owner_id": "700",
        "hs_task_body": "asked for &lt;prices&gt;<br>[patchbay:k]",
    });
    assert_eq!(crm.only("tasks"), expected);
    assert_eq!(crm.sim().associated(("contacts", "51"), "tasks"), [id]);
    let late = Task { due: "tomorrow".to_owned(), ..task(crm.card()) };
    let answer = crm.run(|| HubSpot::create_task(late, "k2".to_owned()));
    assert!(
        matches!(&answer, Err(Error::Invalid(problems)) if problems[0].field.as_deref() == Some("due"))
    );
}

#[test]
fn everything_can_be_attached_to_a_deal() {
    let crm = crm();
    let deal = crm.sim().add("deals", &[("dealname", "A"), ("dealstage", "1001")]);
    let subject = Subject::Deal(deal.clone());
    crm.note(&subject, &text("a"), "n").unwrap();
    crm.note(&subject, &Note::Call(call()), "c").unwrap();
    crm.run(|| HubSpot::create_task(task(subject.clone()), "t".to_owned())).unwrap();
    for kind in ["notes", "calls", "tasks"] {
        assert_eq!(crm.sim().associated(("deals", &deal), kind).len(), 1, "{kind}");
    }
}

#[test]
fn a_repeat_writes_nothing_and_a_lost_answer_is_looked_for() {
    let crm = crm();
    let card = crm.card();
    let first = crm.note(&card, &text("a"), "k1").unwrap();
    let (again, asked) = crm.asked(|| crm.note(&card, &text("a"), "k1"));
    assert_eq!((again, asked.len()), (Ok(first), 0));
    for (kind, listed_as, note) in
        [("notes", "notes", text("b")), ("calls", "0-48", Note::Call(call()))]
    {
        crm.fail_next(&format!("/crm/v3/objects/{kind}"), Fault::LostAnswer);
        assert!(matches!(crm.note(&card, &note, "k2"), Err(Error::UnknownOutcome(_))));
        let (found, asked) = crm.asked(|| crm.note(&card, &note, "k2"));
        assert!(found.is_ok());
        let expected = [
            format!("GET /crm/v4/objects/contacts/51/associations/{listed_as}"),
            format!("POST /crm/v3/objects/{kind}/batch/read"),
        ];
        assert_eq!(asked, expected);
    }
    crm.fail_next("/crm/v3/objects/tasks", Fault::LostAnswer);
    let create = || crm.run(|| HubSpot::create_task(task(card.clone()), "k3".to_owned()));
    assert!(matches!(create(), Err(Error::UnknownOutcome(_))));
    create().unwrap();
    let counts = ["notes", "calls", "tasks"].map(|kind| crm.sim().all(kind).len());
    assert_eq!((counts, crm.faults_left()), ([2, 1, 1], 0));
}

#[test]
fn a_note_that_did_not_arrive_is_written_by_the_repeat() {
    let crm = crm();
    let card = crm.card();
    crm.fail_next("/crm/v3/objects/notes", Fault::Lost);
    assert!(matches!(crm.note(&card, &text("a"), "k"), Err(Error::UnknownOutcome(_))));
    crm.note(&card, &text("a"), "k").unwrap();
    assert_eq!(crm.sim().all("notes").len(), 1);
}

#[test]
fn a_transcript_is_one_note_at_the_moment_of_its_end() {
    let crm = crm();
    let agent =
        Person { id: None, name: Some("Olha".to_owned()), email: None, phone: None, active: true };
    let messages = vec![
        message(Author::Client, "Hello\nthere".to_owned()),
        Message {
            author: Author::Agent,
            agent: Some(agent),
            sent_at: Some("2026-12-01T09:01:00Z".to_owned()),
            text: "Hi & welcome".to_owned(),
        },
        message(Author::Bot, "beep".to_owned()),
    ];
    crm.note(&crm.card(), &transcript(messages), "k").unwrap();
    let note = crm.only("notes");
    assert_eq!(note["hs_timestamp"], "2026-12-01T09:30:00Z");
    let expected = "Conversation<br>Topic: Prices<br>Rating: positive<br>Started: 2026-12-01T09:00:00Z<br>\
        Finished: 2026-12-01T11:30:00+02:00<br>Client: Hello<br>there<br>\
        [2026-12-01T09:01:00Z] Olha: Hi &amp; welcome<br>Bot: beep<br>[patchbay:k]";
    assert_eq!(note["hs_note_body"], expected);
}

#[test]
fn a_transcript_of_2_mib_becomes_notes_that_each_fit() {
    let crm = crm();
    let card = crm.card();
    let line = "ж".repeat(1_000);
    let messages = (0..1_024).map(|_| message(Author::Client, line.clone())).collect();
    let note = transcript(messages);
    let (id, asked) = crm.asked(|| crm.note(&card, &note, "k"));
    let all = crm.sim().all("notes");
    let bodies: Vec<&str> = all.iter().map(|note| note["hs_note_body"].as_str().unwrap()).collect();
    assert!(bodies.iter().all(|body| units(body) <= BODY_UNITS_MAX));
    assert_eq!(bodies.iter().map(|body| body.matches(&line).count()).sum::<usize>(), 1_024);
    // Each request fits into the host's 1 MiB.
    assert!(crm.host.requests().iter().all(|request| request.body.len() <= 1 << 20));
    assert_eq!(asked.len(), 3);
    let first = all.iter().find(|note| note["id"] == id.clone().unwrap()).unwrap();
    assert!(first["hs_note_body"].as_str().unwrap().starts_with("Part 1 of "));
}

#[test]
fn the_rest_of_a_long_note_is_written_by_the_repeat() {
    let crm = crm();
    let card = crm.card();
    let note = text(&"ж".repeat(1_000_000));
    crm.fail_next("\"Part 8 of", Fault::Lost);
    crm.answer_next("\"Part 9 of", 500, &json!({}));
    assert!(matches!(crm.note(&card, &note, "k"), Err(Error::UnknownOutcome(_))));
    let part_count = crm.sim().all("notes").len();
    let again = crm.note(&card, &note, "k");
    let again = if again.is_err() { crm.note(&card, &note, "k") } else { again };
    let all = crm.sim().all("notes");
    let mut headings: Vec<&str> = all
        .iter()
        .map(|note| note["hs_note_body"].as_str().unwrap().split("<br>").next().unwrap())
        .collect();
    headings.sort_unstable();
    headings.dedup();
    assert!(part_count < all.len());
    assert_eq!((headings.len(), all.len()), (16, 16));
    let first = all.iter().find(|note| note["id"] == again.clone().unwrap()).unwrap();
    assert!(first["hs_note_body"].as_str().unwrap().starts_with("Part 1 of 16"));
}

#[test]
fn a_note_of_which_a_part_was_refused_is_not_done() {
    let crm = crm();
    let card = crm.card();
    let note = text(&"a".repeat(100_000));
    let written = crm.sim().add("notes", &[("hs_note_body", "Part 1 of 2<br>a<br>[patchbay:k]")]);
    crm.sim().associate(("contacts", "51"), ("notes", &written));
    let fault = json!({ "category": "VALIDATION_ERROR", "message": "x" });
    let body = json!({ "results": [{ "id": written, "properties": {} }], "numErrors": 1, "errors": [fault] });
    crm.answer_next("/notes/batch/create", 207, &body);
    assert!(matches!(crm.note(&card, &note, "k"), Err(Error::UnknownOutcome(_))));
    // The one that is missing is written alone.
    assert_eq!(crm.note(&card, &note, "k"), Ok(written));
    assert_eq!(crm.sim().all("notes").len(), 2);
    // No word of one of two.
    let body = json!({ "status": "COMPLETE", "results": [{ "id": "7", "properties": {} }] });
    crm.answer_next("/notes/batch/create", 201, &body);
    assert!(matches!(crm.note(&card, &note, "k2"), Err(Error::UnknownOutcome(_))));
}

#[test]
fn a_call_is_a_call_with_its_recording() {
    let crm = crm();
    let id = crm.note(&crm.card(), &Note::Call(call()), "k").unwrap();
    let expected = json!({
        "id": id, "hs_timestamp": "2026-12-01T10:00:00Z", "hs_call_title": "Incoming call",
        "hs_call_direction": "INBOUND", "hs_call_duration": "95000", "hs_call_status": "COMPLETED",
        "hs_call_from_number": "+380671234567", "hs_call_to_number": "+380441112233",
        "hs_call_recording_url": "https://rec.example.test/1.mp3",
        "hs_call_body": "Line: +380441112233<br>Agent: 102<br>Status: ANSWERED<br>Call: c-1<br>[patchbay:k]",
    });
    assert_eq!(crm.only("calls"), expected);
}

#[test]
fn a_recording_without_https_stands_in_the_body() {
    let crm = crm();
    let plain = Call {
        recording_url: Some("http://rec.example.test/1.mp3".to_owned()),
        direction: Direction::Outbound,
        missed: true,
        status: Some("BUSY".to_owned()),
        duration_s: None,
        ..call()
    };
    crm.note(&crm.card(), &Note::Call(plain), "k").unwrap();
    let held = crm.only("calls");
    assert_eq!(held.get("hs_call_recording_url"), None);
    assert!(
        held["hs_call_body"].as_str().unwrap().contains("Recording: http://rec.example.test/1.mp3")
    );
    assert_eq!(
        (&held["hs_call_status"], &held["hs_call_direction"]),
        (&json!("BUSY"), &json!("OUTBOUND"))
    );
    assert_eq!(held["hs_call_to_number"], "+380671234567");
}

#[test]
fn nothing_is_attached_to_what_is_gone() {
    let crm = crm();
    for subject in [Subject::Card("999".to_owned()), Subject::Deal("x".to_owned())] {
        let answer = crm.note(&subject, &text("a"), "k");
        assert_eq!(answer, Err(crate::errors::not_found()), "{subject:?}");
    }
    assert!(crm.sim().all("notes").is_empty());
}
