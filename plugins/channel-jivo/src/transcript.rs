//! The conversation as it went, with the agents' names put to their messages.

use patchbay_sdk::instant::from_unix;
use patchbay_sdk::transcript::{silent_agents, system};
use patchbay_sdk::types::{Author, Message, Person, Transcript};

use crate::client::{self, person};
use crate::webhook::{ChatMessage, Webhook};

/// Stands before the names of agents who joined and wrote nothing.
const AGENTS: [&str; 2] = ["Оператор", "Операторы"];

/// The transcript; where Jivo sent no single messages, its ready text as one message.
pub(crate) fn transcript(webhook: &Webhook<'_>) -> Transcript {
    let moments = || webhook.chat.messages.items.iter().filter_map(|message| message.timestamp.0);
    Transcript {
        started_at: moments().min().and_then(from_unix),
        finished_at: moments().max().and_then(from_unix),
        topic: webhook.topic.title.owned(),
        rating: webhook.chat.rate.owned(),
        messages: messages(webhook),
    }
}

fn messages(webhook: &Webhook<'_>) -> Vec<Message> {
    let sent = &webhook.chat.messages;
    if sent.items.is_empty() {
        return webhook.plain_messages.owned().map(system).into_iter().collect();
    }
    let mut messages = sent.items.iter().map(|message| one(message, webhook)).collect::<Vec<_>>();
    let silent = silent_agents(AGENTS, &client::agents(webhook), &messages);
    if 0 < sent.left_out {
        messages.push(system(format!("… (+{})", sent.left_out)));
    }
    silent.into_iter().chain(messages).collect()
}

fn one(message: &ChatMessage<'_>, webhook: &Webhook<'_>) -> Message {
    let author = author(message);
    Message {
        author,
        agent: if author == Author::Agent { agent(message, webhook) } else { None },
        sent_at: message.timestamp.0.and_then(from_unix),
        text: message.message.as_received().to_owned(),
    }
}

fn author(message: &ChatMessage<'_>) -> Author {
    match message.author.get() {
        Some("visitor" | "client") => Author::Client,
        Some("agent") => Author::Agent,
        Some("bot") => Author::Bot,
        _ if message.agent_id.get().is_some() => Author::Agent,
        _ => Author::System,
    }
}

/// The agent of that id, known by name or not; without an id the only agent of the chat.
fn agent(message: &ChatMessage<'_>, webhook: &Webhook<'_>) -> Option<Person> {
    let agents = &webhook.agents.items;
    let Some(id) = message.agent_id.get() else {
        return if let [only] = agents.as_slice() { Some(person(only)) } else { None };
    };
    let known = agents.iter().find(|agent| agent.id.get() == Some(id)).map(person);
    known.or_else(|| {
        Some(Person { id: Some(id.to_owned()), name: None, email: None, phone: None, active: true })
    })
}
