//! What notes say: transcripts and calls as text, and long texts in parts.

use patchbay_sdk::types::{Author, Call, Direction, Message, Transcript};

use crate::moment;
use crate::values;
use crate::writes;

/// Longest text of one note, in characters. The vendor tells no number: this is well below what its
/// long notes are known to hold.
pub(crate) const NOTE_CHARS_MAX: usize = 10_000;

/// Notes that one text becomes at most, so that the request stays below the host's 1 MiB also
/// where every character takes four bytes.
pub(crate) const PARTS_MAX: usize = 20;

/// Longest text of a task, in characters.
const TASK_CHARS_MAX: usize = 4_000;

/// A task's text with the mark of its key as its last line.
pub(crate) fn marked(text: &str, key: &str) -> String {
    let text: String = text.chars().take(TASK_CHARS_MAX).collect();
    format!("{text}\n{}", writes::mark(key)).trim_start().to_owned()
}

/// One text or several of at most [`NOTE_CHARS_MAX`] characters, each with the mark of the key as
/// its last line.
pub(crate) fn parts(text: &str, key: &str) -> Vec<String> {
    let mark = writes::mark(key);
    // Room for the mark, the number of the part, their new lines, and the sign that all is not told.
    let room = NOTE_CHARS_MAX - mark.len() - "(20/20)".len() - 3;
    let mut parts = split(text, room);
    let is_cut = PARTS_MAX < parts.len();
    parts.truncate(PARTS_MAX);
    let count = parts.len();
    if count <= 1 {
        let text = parts.pop().unwrap_or_default();
        return vec![format!("{text}\n{mark}").trim_start().to_owned()];
    }
    let numbered = parts.into_iter().enumerate().map(|(at, text)| {
        let number = at + 1;
        let more = if is_cut && number == count { "…" } else { "" };
        format!("({number}/{count})\n{text}{more}\n{mark}")
    });
    numbered.collect()
}

/// Split between lines where it can be, and within a line where it is longer than a part.
fn split(text: &str, room: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut length = 0;
    for line in text.lines() {
        let mut line: Vec<char> = line.chars().collect();
        if 0 < length && room < length + 1 + line.len() {
            parts.push(std::mem::take(&mut part));
            length = 0;
        }
        while room < line.len() {
            let rest = line.split_off(room);
            parts.push(line.into_iter().collect());
            line = rest;
        }
        if 0 < length {
            part.push('\n');
            length += 1;
        }
        length += line.len();
        part.extend(line);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

pub(crate) fn transcript(transcript: &Transcript) -> String {
    let moment = |moment: &Option<String>| moment.as_deref().and_then(moment::minute);
    let mut lines = Vec::new();
    match (moment(&transcript.started_at), moment(&transcript.finished_at)) {
        (Some(from), Some(to)) => lines.push(format!("Chat, {from} to {to}")),
        (Some(at), None) | (None, Some(at)) => lines.push(format!("Chat, {at}")),
        (None, None) => lines.push("Chat".to_owned()),
    }
    lines.extend(line("Topic", transcript.topic.as_deref()));
    lines.extend(line("Rating", transcript.rating.as_deref()));
    lines.push(String::new());
    lines.extend(transcript.messages.iter().filter_map(message));
    lines.join("\n").trim_end().to_owned()
}

fn message(message: &Message) -> Option<String> {
    let text = values::cleaned(&message.text)?;
    let person = message.agent.as_ref();
    let name = person.and_then(|person| person.name.as_deref().or(person.email.as_deref()));
    let author = match message.author {
        Author::Client => "Client",
        Author::Agent => name.unwrap_or("Agent"),
        Author::Bot => "Bot",
        Author::System => "System",
    };
    let at = message.sent_at.as_deref().and_then(moment::minute);
    let at = at.map(|at| format!("{at} ")).unwrap_or_default();
    Some(format!("{at}{author}: {text}"))
}

/// A call without a number of the client, for which the CRM has no call note.
pub(crate) fn call(call: &Call) -> String {
    let direction = match call.direction {
        Direction::Inbound => "Incoming call",
        Direction::Outbound => "Outgoing call",
        Direction::Internal => "Internal call",
    };
    let missed = if call.missed { ", missed" } else { "" };
    let mut lines = vec![format!("{direction}{missed}")];
    lines.extend(call.duration_s.map(|seconds| format!("Duration: {seconds} s")));
    lines.extend(line("Recording", call.recording_url.as_deref()));
    lines.extend(call_result(call));
    lines.join("\n")
}

/// What a call note has no field of its own for, in one line.
pub(crate) fn call_result(call: &Call) -> Option<String> {
    let facts = [
        call.status.as_deref().and_then(values::cleaned),
        line("rating", call.rating.as_deref()),
        line("line", call.line.as_deref()),
        line("agent", call.agent_number.as_deref()),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    (!facts.is_empty()).then(|| facts.join(", "))
}

fn line(title: &str, text: Option<&str>) -> Option<String> {
    Some(format!("{title}: {}", values::cleaned(text?)?))
}

#[cfg(test)]
mod tests;
