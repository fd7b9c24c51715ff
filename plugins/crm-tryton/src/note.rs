//! Notes on a party or an opportunity: texts, transcripts and calls as lines, and the mark of their key.

use patchbay_sdk::notes::Note;
use patchbay_sdk::types::{
    Author, Call as PhoneCall, Direction, Error, Message, Subject, Transcript,
};
use serde_json::json;

use crate::client::{self, Call, NOTE, OPPORTUNITY, Order, PARTY};
use crate::domain;
use crate::map;
use crate::server::{self, Server};

/// Longest text of one note. The host lets 1 MiB through, and JSON writes some letters as two.
const TEXT_BYTES_MAX: usize = 400 * 1024;

const CUT: &str = "\nThe rest is left out: it is too long.";

/// Two requests: looks for the note of an earlier attempt before it writes.
pub(crate) fn add(
    server: &Server,
    subject: &Subject,
    note: &Note,
    key: &str,
) -> Result<String, Error> {
    let mark = format!("[{}]", server::mark(key)?);
    let (model, id) = match subject {
        Subject::Card(id) => (PARTY, id),
        Subject::Deal(id) => (OPPORTUNITY, id),
    };
    let missing = || Error::NotFound(format!("there is no such `{model}` in Tryton"));
    let id = server::id(id).ok_or_else(missing)?;
    let resource = format!("{model},{id}");
    let pattern = format!("%{}%", domain::literal(&mark));
    let made = json!([["resource", "=", resource], ["message", "ilike", pattern]]);
    let made = Call::search(NOTE, &made, &["message"], Order::OldestFirst, 10);
    let made = made.send(server, |answer| {
        client::each(answer, |record| Some((client::id_of(record)?, is_marked(record, &mark))))
    })?;
    if let Some((id, _)) = made.iter().find(|(_, is_marked)| *is_marked) {
        return Ok(id.to_string());
    }
    let message = format!("{}\n{mark}", text(note));
    let values = json!({ "resource": resource, "message": message });
    let refused = match Call::create(NOTE, values, &["resource"]).send(server, client::id_of) {
        Ok(id) => return Ok(id.to_string()),
        Err(error @ Error::Invalid(_)) => error,
        Err(error) => return Err(error),
    };
    // Tryton says of an unknown record that none was named.
    let subject = Call::search(model, &json!([["id", "=", id]]), &[], Order::OldestFirst, 1);
    let found = subject.send(server, |answer| client::each(answer, client::id_of))?;
    Err(if found.is_empty() { missing() } else { refused })
}

/// The search does not tell capital letters from small ones.
fn is_marked(record: &serde_json::Value, mark: &str) -> bool {
    client::text(record, "message").is_some_and(|message| message.ends_with(mark))
}

fn text(note: &Note) -> String {
    let mut text = map::cleaned(&match note {
        Note::Text(text) => text.clone(),
        Note::Transcript(transcript) => conversation(transcript).join("\n"),
        Note::Call(call) => phone_call(call).join("\n"),
    });
    if TEXT_BYTES_MAX < text.len() {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX - CUT.len()));
        text.push_str(CUT);
    }
    text
}

fn titled<const COUNT: usize>(
    lines: [(&'static str, Option<&str>); COUNT],
) -> impl Iterator<Item = String> {
    lines.into_iter().filter_map(|(title, told)| Some(format!("{title}: {}", told?)))
}

fn conversation(transcript: &Transcript) -> Vec<String> {
    let told = [
        ("Topic", transcript.topic.as_deref()),
        ("Rating", transcript.rating.as_deref()),
        ("Started", transcript.started_at.as_deref()),
        ("Finished", transcript.finished_at.as_deref()),
    ];
    let heading = std::iter::once("Conversation".to_owned()).chain(titled(told));
    heading.chain(transcript.messages.iter().map(message)).collect()
}

fn message(message: &Message) -> String {
    let agent = message.agent.as_ref();
    let name = agent.and_then(|agent| agent.name.as_deref().or(agent.email.as_deref()));
    let author = match message.author {
        Author::Client => "Client",
        Author::Agent => name.unwrap_or("Agent"),
        Author::Bot => "Bot",
        Author::System => "System",
    };
    match &message.sent_at {
        Some(at) => format!("[{at}] {author}: {}", message.text),
        None => format!("{author}: {}", message.text),
    }
}

fn phone_call(call: &PhoneCall) -> Vec<String> {
    let title = match (call.direction, call.missed) {
        (Direction::Inbound, false) => "Incoming call",
        (Direction::Inbound, true) => "Missed call",
        (Direction::Outbound, false) => "Outgoing call",
        (Direction::Outbound, true) => "Outgoing call without an answer",
        (Direction::Internal, _) => "Internal call",
    };
    let duration = call.duration_s.map(|seconds| format!("{}:{:02}", seconds / 60, seconds % 60));
    let told = [
        ("Client", call.client_number.as_deref()),
        ("Agent", call.agent_number.as_deref()),
        ("Line", call.line.as_deref()),
        ("Status", call.status.as_deref()),
        ("Duration", duration.as_deref()),
        ("Recording", call.recording_url.as_deref()),
        ("Rating", call.rating.as_deref()),
        ("Call", Some(call.id.as_str())),
    ];
    std::iter::once(title.to_owned()).chain(titled(told)).collect()
}

#[cfg(test)]
mod tests;
