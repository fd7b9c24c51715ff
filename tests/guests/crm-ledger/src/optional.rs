//! Deals, tasks, notes and managers. Every create is looked for by its key before it is sent.

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{
    Assignment, Author, Call, Deal, Direction, Error, Field, FieldSpec, Message, Native, Person,
    Problem, Subject, Transcript,
};
use patchbay_sdk::{Deals, Managers, Notes, Tasks};
use serde_json::{Value as Json, json};

use crate::client::{Effect, call, create_once, segment};
use crate::{Ledger, record, specs};

impl Deals for Ledger {
    fn describe_deal_fields() -> Result<Vec<FieldSpec>, Error> {
        Ok(specs(&["title", "stage", "comment", "source"]))
    }

    fn open_deals(card: String) -> Result<Vec<Deal>, Error> {
        let path = format!("/contacts/{}/deals", segment(&card)?);
        let deals = call(Effect::Read, "GET", &path, None, &Json::Null)?;
        Ok(deals.as_array().into_iter().flatten().map(record::deal).collect())
    }

    fn map_deal_fields(fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        Ok(record::deal_fields(&fields))
    }

    fn upsert_deal(
        id: Option<String>,
        card: String,
        deal: Native,
        manager: Option<String>,
        idempotency_key: String,
    ) -> Result<Deal, Error> {
        let mut body = record::native(&deal)?;
        body["card"] = json!(card);
        body["manager"] = json!(manager);
        let deal = match id {
            None => create_once("/deals", &idempotency_key, &body)?,
            Some(id) => {
                let path = format!("/deals/{}", segment(&id)?);
                call(Effect::Write, "PUT", &path, Some(&idempotency_key), &body)?
            }
        };
        Ok(record::deal(&deal))
    }
}

impl Tasks for Ledger {
    fn create_task(task: Task, idempotency_key: String) -> Result<String, Error> {
        let body = json!({
            "subject": subject_json(&task.subject),
            "title": task.title,
            "text": task.text,
            "manager": task.manager,
            "due": task.due,
        });
        Ok(record::text(&create_once("/tasks", &idempotency_key, &body)?, "id"))
    }
}

impl Notes for Ledger {
    fn add_note(subject: Subject, note: Note, idempotency_key: String) -> Result<String, Error> {
        let (kind, note) = match &note {
            Note::Text(text) => ("text", json!(text)),
            Note::Transcript(transcript) => ("transcript", transcript_json(transcript)),
            Note::Call(call) => ("call", call_json(call)),
        };
        let body = json!({ "subject": subject_json(&subject), kind: note });
        Ok(record::text(&create_once("/notes", &idempotency_key, &body)?, "id"))
    }
}

impl Managers for Ledger {
    fn list_managers() -> Result<Vec<Person>, Error> {
        let managers = call(Effect::Read, "GET", "/managers", None, &Json::Null)?;
        Ok(managers.as_array().into_iter().flatten().map(record::person).collect())
    }

    fn list_assignments(_page: Option<String>) -> Result<(Vec<Assignment>, Option<String>), Error> {
        let managers = Self::list_managers()?;
        let assignments = call(Effect::Read, "GET", "/assignments", None, &Json::Null)?;
        let assignment = |entry: &Json| {
            let id = record::text(entry, "manager");
            let known = managers.iter().find(|manager| manager.id.as_ref() == Some(&id)).cloned();
            let cards = entry["cards"].as_array().into_iter().flatten();
            Assignment {
                manager: known.unwrap_or(Person { id: Some(id), ..record::nobody() }),
                cards: cards.filter_map(|card| card.as_str().map(str::to_owned)).collect(),
            }
        };
        Ok((assignments.as_array().into_iter().flatten().map(assignment).collect(), None))
    }
}

fn subject_json(subject: &Subject) -> Json {
    match subject {
        Subject::Card(id) => json!({ "card": id }),
        Subject::Deal(id) => json!({ "deal": id }),
    }
}

fn transcript_json(transcript: &Transcript) -> Json {
    json!({
        "started-at": transcript.started_at,
        "finished-at": transcript.finished_at,
        "topic": transcript.topic,
        "rating": transcript.rating,
        "messages": transcript.messages.iter().map(message).collect::<Vec<_>>(),
    })
}

fn message(message: &Message) -> Json {
    let author = match message.author {
        Author::Client => "client",
        Author::Agent => "agent",
        Author::Bot => "bot",
        Author::System => "system",
    };
    json!({ "author": author, "sent-at": message.sent_at, "text": message.text })
}

fn call_json(call: &Call) -> Json {
    let direction = match call.direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
        Direction::Internal => "internal",
    };
    json!({
        "id": call.id,
        "direction": direction,
        "client-number": call.client_number,
        "missed": call.missed,
        "duration-s": call.duration_s,
        "recording-url": call.recording_url,
    })
}
