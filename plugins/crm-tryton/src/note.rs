//! Notes on a party or an opportunity: texts, transcripts and calls as lines, and the marks of their key.

use patchbay_sdk::notes::Note;
use patchbay_sdk::types::{
    Author, Call as PhoneCall, Direction, Error, Message, Subject, Transcript,
};
use serde_json::json;

use crate::client::{self, Call, NOTE, OPPORTUNITY, Order, PARTY};
use crate::domain;
use crate::errors::{self, Effect};
use crate::map;
use crate::server::{self, Server};

mod parts;

/// A request for each part and one more. A look-up before the first write, and on from a part that is
/// there: the parts are written in their order, so behind one that is missing there is none.
pub(crate) fn add(
    server: &Server,
    subject: &Subject,
    note: &Note,
    key: &str,
) -> Result<String, Error> {
    let mark = server::mark(key)?;
    let subject = Owner::of(subject)?;
    let mut first = None;
    let mut may_be_there = true;
    for part in parts::of(&text(note), &mark) {
        let found = if may_be_there { subject.find(server, &part.mark) } else { Ok(None) };
        let made = match found {
            Ok(None) => {
                may_be_there = false;
                subject.write(server, &part.message)
            }
            Ok(Some(id)) => Ok(id),
            Err(error) => Err(error),
        };
        let id = made.map_err(|error| if first.is_none() { error } else { in_part(error) })?;
        first = first.or(Some(id));
    }
    let first = first.ok_or_else(|| errors::unreadable(Effect::Write))?;
    Ok(first.to_string())
}

/// Behind the first part a refusal would leave a part of the whole behind.
fn in_part(error: Error) -> Error {
    match error {
        Error::RateLimited(_) | Error::Unauthorized(_) => error,
        _ => Error::UnknownOutcome(
            "the text was written in part: a repeat writes the rest".to_owned(),
        ),
    }
}

/// Whose note it is.
#[derive(Debug, Clone, Copy)]
struct Owner {
    model: &'static str,
    id: u64,
}

impl Owner {
    fn of(subject: &Subject) -> Result<Self, Error> {
        let (model, id) = match subject {
            Subject::Card(id) => (PARTY, id),
            Subject::Deal(id) => (OPPORTUNITY, id),
        };
        let id = server::id(id).ok_or_else(|| missing(model))?;
        Ok(Self { model, id })
    }

    fn resource(self) -> String {
        format!("{},{}", self.model, self.id)
    }

    /// The note that an earlier attempt has left under this mark.
    fn find(self, server: &Server, mark: &str) -> Result<Option<u64>, Error> {
        let pattern = format!("%{}%", domain::literal(mark));
        let made = json!([["resource", "=", self.resource()], ["message", "ilike", pattern]]);
        let made = Call::search(NOTE, &made, &["message"], Order::OldestFirst, 10);
        let made = made.send(server, |answer| {
            client::each(answer, |record| Some((client::id_of(record)?, is_marked(record, mark))))
        })?;
        Ok(made.iter().find(|(_, is_marked)| *is_marked).map(|(id, _)| *id))
    }

    fn write(self, server: &Server, message: &str) -> Result<u64, Error> {
        let values = json!({ "resource": self.resource(), "message": message });
        let refused = match Call::create(NOTE, values, &["resource"]).send(server, client::id_of) {
            Err(error @ Error::Invalid(_)) => error,
            other => return other,
        };
        // Tryton says of an unknown record that none was named.
        let named = json!([["id", "=", self.id]]);
        let subject = Call::search(self.model, &named, &[], Order::OldestFirst, 1);
        let found = subject.send(server, |answer| client::each(answer, client::id_of))?;
        Err(if found.is_empty() { missing(self.model) } else { refused })
    }
}

fn missing(model: &str) -> Error {
    Error::NotFound(format!("there is no such `{model}` in Tryton"))
}

/// The search does not tell capital letters from small ones.
fn is_marked(record: &serde_json::Value, mark: &str) -> bool {
    client::text(record, "message").is_some_and(|message| message.ends_with(mark))
}

fn text(note: &Note) -> String {
    map::cleaned(&match note {
        Note::Text(text) => text.clone(),
        Note::Transcript(transcript) => conversation(transcript).join("\n"),
        Note::Call(call) => phone_call(call).join("\n"),
    })
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
