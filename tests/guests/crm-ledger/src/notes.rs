//! Notes: a text, a transcript or a call under a contact or a deal.

use patchbay_sdk::notes::Note;
use patchbay_sdk::types::{Author, Call, Direction, Error, Message, Subject, Transcript};
use serde_json::{Value as Json, json};

use crate::client::create_once;
use crate::record;

/// Creates the note once for each key, and answers its id.
pub(crate) fn create_note(subject: &Subject, note: &Note, key: &str) -> Result<String, Error> {
    let (kind, note) = match note {
        Note::Text(text) => ("text", json!(text)),
        Note::Transcript(transcript) => ("transcript", transcript_json(transcript)),
        Note::Call(call) => ("call", call_json(call)),
    };
    let body = json!({ "subject": subject_json(subject), kind: note });
    Ok(record::text(&create_once("/notes", key, &body)?, "id"))
}

pub(crate) fn subject_json(subject: &Subject) -> Json {
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
    let agent = message.agent.as_ref().and_then(|agent| agent.name.as_ref());
    json!({ "author": author, "agent": agent, "sent-at": message.sent_at, "text": message.text })
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
