//! The conversation as it went, and the rating in words.

use patchbay_sdk::instant;
use patchbay_sdk::transcript::{silent_agents, system};
use patchbay_sdk::types::{Author, Message, Person, Transcript};

use crate::client::person;
use crate::happening::Happening;
use crate::webhook::{ChatMessage, Rate, Webhook};

/// Stands before the names of operators of whom no message tells.
const OPERATORS: [&str; 2] = ["Оператор", "Операторы"];

/// The transcript of a closed conversation; of a rated one the rating with its comment alone. Whoever
/// spoke for the company is named, also where no message tells.
pub(crate) fn transcript(
    webhook: &Webhook<'_>,
    happening: Happening,
    agents: &[Person],
) -> Transcript {
    let conversation = &webhook.conversation;
    let said = if happening == Happening::Rated { Vec::new() } else { messages(webhook) };
    let silent = silent_agents(OPERATORS, agents, &said);
    let mut messages = silent.into_iter().chain(said).collect::<Vec<_>>();
    // The comment is the client's last word, said to the question for a rating.
    messages.extend(conversation.rate.comment.owned().map(|text| Message {
        author: Author::Client,
        agent: None,
        sent_at: None,
        text,
    }));
    Transcript {
        started_at: conversation.start_time.get().and_then(instant::read),
        finished_at: conversation.end_time.get().and_then(instant::read),
        topic: conversation.topic.name.owned(),
        rating: rating(&conversation.rate).map(str::to_owned),
        messages,
    }
}

/// Two points are words; five are their number.
pub(crate) fn rating<'a>(rate: &'a Rate<'_>) -> Option<&'a str> {
    let value = rate.value.get()?;
    let word = match (rate.scale.get(), value) {
        (Some("doublePoint"), "0") => "negative",
        (Some("doublePoint"), "1") => "positive",
        _ => value,
    };
    Some(word)
}

fn messages(webhook: &Webhook<'_>) -> Vec<Message> {
    let sent = &webhook.conversation.messages;
    let mut messages = sent.items.iter().map(|message| one(message, webhook)).collect::<Vec<_>>();
    if 0 < sent.left_out {
        messages.push(system(format!("… (+{})", sent.left_out)));
    }
    messages
}

fn one(message: &ChatMessage<'_>, webhook: &Webhook<'_>) -> Message {
    let author = author(message);
    Message {
        author,
        agent: if author == Author::Agent { agent(message, webhook) } else { None },
        sent_at: message.created_at.get().and_then(instant::read),
        text: message.text.as_received().to_owned(),
    }
}

fn author(message: &ChatMessage<'_>) -> Author {
    match message.author.get() {
        Some("visitor" | "client" | "discourser") => Author::Client,
        Some("employee" | "operator" | "agent") => Author::Agent,
        Some("bot") => Author::Bot,
        _ if message.employee_id.get().is_some() => Author::Agent,
        _ => Author::System,
    }
}

/// The operator of that id, known by name or not; without an id the only operator there is.
fn agent(message: &ChatMessage<'_>, webhook: &Webhook<'_>) -> Option<Person> {
    let employees = &webhook.employees.0;
    let Some(id) = message.employee_id.get() else {
        return if let [only] = employees.as_slice() { Some(person(only)) } else { None };
    };
    let known = employees.iter().find(|employee| employee.id.get() == Some(id)).map(person);
    known.or_else(|| {
        Some(Person { id: Some(id.to_owned()), name: None, email: None, phone: None, active: true })
    })
}
