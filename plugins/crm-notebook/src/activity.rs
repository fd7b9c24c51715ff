//! Tasks and notes, stored under the card or deal they belong to.

use patchbay_sdk::kv;
use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{Author, Call, Direction, Error, Subject, Transcript};
use serde_json::{Value as Json, json};

use crate::store::{self, Kind};
use crate::{card, deal, roster};

/// Bytes of a text: as JSON a letter may take six, and there are four texts beside the messages.
const TEXT_BYTES: usize = 8 * 1024;

/// Bytes of all messages, so that the record fits into a value of the store.
const RECORD_BYTES: usize = kv::VALUE_BYTES_MAX - 4 * 7 * TEXT_BYTES;

const CUT: &str = "The rest is left out: it is too long for the notebook.";

/// Stores a task and answers its id.
pub(crate) fn create_task(task: &Task, idempotency_key: &str) -> Result<String, Error> {
    let record =
        json!({ "title": task.title, "text": task.text, "manager": task.manager, "due": task.due });
    add(Kind::Task, &task.subject, task.manager.as_deref(), &record, idempotency_key)
}

/// Stores a note and answers its id.
pub(crate) fn add_note(
    subject: &Subject,
    note: &Note,
    idempotency_key: &str,
) -> Result<String, Error> {
    let record = match note {
        Note::Text(text) => json!({ "text": fitting(text) }),
        Note::Transcript(transcript) => json!({ "transcript": transcript_json(transcript) }),
        Note::Call(call) => json!({ "call": call_json(call) }),
    };
    add(Kind::Note, subject, None, &record, idempotency_key)
}

/// How many notes a card has; counted up to the most keys that the store lists at once.
pub(crate) fn count_notes(card: u64) -> Result<usize, Error> {
    let prefix = format!("note/card/{card:020}/");
    Ok(kv::keys(&prefix, None, kv::KEYS_MAX)?.len())
}

fn add(
    kind: Kind,
    subject: &Subject,
    manager: Option<&str>,
    record: &Json,
    idempotency_key: &str,
) -> Result<String, Error> {
    let (subject_kind, id) = match subject {
        Subject::Card(id) => (Kind::Card, store::find::<card::Record>(Kind::Card, id)?.record.id),
        Subject::Deal(id) => (Kind::Deal, deal::find(id)?),
    };
    let written = store::write_once(kind, idempotency_key, || {
        manager.map(roster::check).transpose()?;
        let (number, batch) = store::next_id(kind)?;
        let key = format!("{}/{}/{id:020}/{number:020}", kind.name(), subject_kind.name());
        Ok((number, batch.set(key, store::to_bytes(record))))
    })?;
    Ok(written.to_string())
}

fn transcript_json(transcript: &Transcript) -> Json {
    let message = |message: &patchbay_sdk::types::Message| {
        let author = match message.author {
            Author::Client => "client",
            Author::Agent => "agent",
            Author::Bot => "bot",
            Author::System => "system",
        };
        let agent = message
            .agent
            .as_ref()
            .and_then(|agent| agent.name.as_deref().or(agent.email.as_deref()));
        json!({ "author": author, "agent": agent, "sent-at": message.sent_at, "text": fitting(&message.text) })
    };
    let mut room = RECORD_BYTES;
    let mut fits = |message: &Json| {
        let left = room.checked_sub(message.to_string().len() + 1);
        room = left.unwrap_or_default();
        left.is_some()
    };
    let mut messages: Vec<Json> =
        transcript.messages.iter().map(message).take_while(|message| fits(message)).collect();
    if messages.len() < transcript.messages.len() {
        messages.push(json!({ "author": "system", "text": CUT }));
    }
    json!({
        "started-at": transcript.started_at.as_deref().map(fitting),
        "finished-at": transcript.finished_at.as_deref().map(fitting),
        "topic": transcript.topic.as_deref().map(fitting),
        "rating": transcript.rating.as_deref().map(fitting),
        "messages": messages,
    })
}

/// The text as far as a record of the store holds it.
fn fitting(text: &str) -> String {
    if text.len() <= TEXT_BYTES {
        return text.to_owned();
    }
    let mut cut = TEXT_BYTES;
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    let (kept, _) = text.split_at(cut);
    format!("{kept}\n{CUT}")
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
        "agent-number": call.agent_number,
        "line": call.line,
        "status": call.status,
        "missed": call.missed,
        "duration-s": call.duration_s,
        "recording-url": call.recording_url,
        "rating": call.rating,
    })
}
