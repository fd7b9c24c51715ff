//! A webhook to the event of the contract.

use std::collections::BTreeMap;

use patchbay_sdk::channel::{Event, Kind};
use patchbay_sdk::types::{Author, Message, Person, Transcript};
use patchbay_sdk::{instant, transcript};

use crate::client;
use crate::webhook::{ChatMessage, User, Webhook};

/// Longer names of unknown events are cut.
const MAX_NAME_CHARS: usize = 64;
/// The vendor's ids are numbers; a longer text in the place of one is none.
const MAX_ID_BYTES: usize = 64;
/// Stands before the name of an operator of whom no message tells.
const OPERATOR: [&str; 2] = ["Оператор", "Операторы"];

pub(crate) fn event(webhook: &Webhook<'_>, context: Option<String>) -> Event {
    let kind = kind(webhook);
    let is_stored = !matches!(kind, Kind::Ignored(_)) && !webhook.event.transitive.0;
    Event {
        dedup_key: if is_stored { dedup_key(webhook) } else { None },
        conversation: lane(webhook),
        episode: webhook.ticket_id().and_then(|id| named("ticket", id)),
        wants_reply: false,
        occurred_at: webhook.event.created_at.get().and_then(moment),
        kind,
        client: client::identifiers(webhook),
        fields: client::fields(webhook),
        agents: client::agent(webhook).into_iter().collect(),
        context,
    }
}

/// Milliseconds since 1970; 0 is how the server writes none.
fn moment(milliseconds: &str) -> Option<String> {
    milliseconds.parse().ok().filter(|&moment| 0 < moment).and_then(instant::from_unix_ms)
}

/// A client has one chat in each channel, and keeps it.
fn lane(webhook: &Webhook<'_>) -> String {
    let of_chat = webhook.event.chat_id.get().and_then(|id| named("chat", id));
    let of_client = || webhook.client_id().and_then(|id| named("client", id));
    of_chat.or_else(of_client).unwrap_or_else(|| "unnamed".to_owned())
}

/// What is not stored has no id, or the id 0.
fn dedup_key(webhook: &Webhook<'_>) -> Option<String> {
    webhook.event.id.get().filter(|&id| id != "0").and_then(|id| named("event", id))
}

fn named(kind: &str, id: &str) -> Option<String> {
    (id.len() <= MAX_ID_BYTES).then(|| format!("{kind}:{id}"))
}

fn kind(webhook: &Webhook<'_>) -> Kind {
    let name = webhook.event.kind.get().unwrap_or_default();
    if webhook.event.transitive.0 {
        return Kind::Ignored(ignored_name(name));
    }
    match name {
        "chat_created" | "chat_opened" => Kind::ConversationStarted,
        "chat_closed" => Kind::ConversationFinished(transcript(webhook)),
        // So that the CRM learns who is responsible: of a new card and deal as their agent, of others
        // by the field of the operator.
        "chat_assigned" => Kind::ClientUpdated,
        "message_created" => created(webhook),
        _ => Kind::Ignored(ignored_name(name)),
    }
}

/// A message without its text still tells that the client is there; one of the server's own does not.
fn created(webhook: &Webhook<'_>) -> Kind {
    let Some(sent) = webhook.message() else { return Kind::ClientUpdated };
    let agent = || client::known_or_not(&sent.user_id, webhook.user(&sent.user_id));
    match message(webhook, sent, agent) {
        Some(message) if message.author != Author::System => Kind::MessageReceived(message),
        Some(_) => Kind::Ignored("message_created of the system".to_owned()),
        None => Kind::ClientUpdated,
    }
}

/// `None` where it says nothing.
fn message(
    webhook: &Webhook<'_>,
    sent: &ChatMessage<'_>,
    agent: impl FnOnce() -> Option<Person>,
) -> Option<Message> {
    let author = author(webhook, sent);
    let file = || sent.file_id.get().map(|id| format!("[file {id}]"));
    Some(Message {
        author,
        agent: if author == Author::Agent { agent() } else { None },
        sent_at: sent.created_at.get().and_then(moment),
        text: sent.text.owned().or_else(file)?,
    })
}

/// A notice is the server's, whoever caused it.
fn author(webhook: &Webhook<'_>, sent: &ChatMessage<'_>) -> Author {
    if sent.payload.get() == Some("notice") {
        return Author::System;
    }
    match sent.author.get().or_else(|| webhook.event.actor.get()) {
        Some("client") => Author::Client,
        Some("user") => Author::Agent,
        Some("bot") => Author::Bot,
        _ => Author::System,
    }
}

/// As far as the server sent it along, and who it was that closed the chat.
fn transcript(webhook: &Webhook<'_>) -> Transcript {
    let messages = messages(webhook);
    let closed_by = client::agent(webhook);
    let silent = transcript::silent_agents(OPERATOR, closed_by.as_slice(), &messages);
    Transcript {
        started_at: messages.iter().filter_map(|message| message.sent_at.clone()).min(),
        finished_at: webhook.event.created_at.get().and_then(moment),
        topic: None,
        rating: None,
        messages: silent.into_iter().chain(messages).collect(),
    }
}

/// Each with its operator, who is looked for among all once and not for every message.
fn messages(webhook: &Webhook<'_>) -> Vec<Message> {
    let users = webhook.rels.users.items.iter().filter_map(|user| Some((user.id.get()?, user)));
    // Of two with one id the first counts.
    let users: BTreeMap<&str, &User<'_>> = users.rev().collect();
    let chat = webhook.event.chat_id.get();
    let sent = &webhook.rels.messages;
    let of_chat = sent.items.iter().filter(|message| message.chat_id.get() == chat);
    let mut messages = of_chat
        .filter_map(|sent| {
            let user = || users.get(sent.user_id.get()?).copied();
            message(webhook, sent, || client::known_or_not(&sent.user_id, user()))
        })
        .collect::<Vec<_>>();
    if 0 < sent.left_out {
        messages.push(transcript::system(format!("… (+{})", sent.left_out)));
    }
    messages
}

fn ignored_name(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_moment_is_a_zero() {
        let cases = [
            ("1542902706118", Some("2018-11-22T16:05:06.118Z")),
            ("253402300800000", None),
            ("0", None),
            ("-1", None),
            ("soon", None),
        ];
        for (text, expected) in cases {
            assert_eq!(moment(text).as_deref(), expected, "{text}");
        }
    }
}
