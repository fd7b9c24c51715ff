//! Who the client is and who answered: identifiers, agents, the lane and the dedup key.

use patchbay_sdk::json::tolerant::{Item, Text};
use patchbay_sdk::types::{ExternalId, Identifier, Person};

use crate::manifest::LOGIN_IDENTIFIES;
use crate::token::Token;
use crate::webhook::{Agent, Webhook};

/// Every way to recognise the client, the surest first. A login is one only where the operator says
/// so: any visitor can set any token, and would be shown as whoever has that login.
pub(crate) fn identifiers(
    webhook: &Webhook<'_>,
    token: &Token<'_>,
    setting: &dyn Fn(&str) -> Option<String>,
) -> Vec<Identifier> {
    let visitor = &webhook.visitor;
    let mut client = Vec::with_capacity(5);
    let called = webhook.call.phone.get();
    client.extend(called.map(|phone| Identifier::Phone(phone.to_owned())));
    let introduced = visitor.phone.get().filter(|&phone| called != Some(phone));
    client.extend(introduced.map(|phone| Identifier::Phone(phone.to_owned())));
    client.extend(visitor.email.owned().map(Identifier::Email));
    let login =
        token.get(&["login"]).filter(|_| setting(LOGIN_IDENTIFIES).as_deref() == Some("true"));
    client.extend(login.map(|login| external("site", login.to_owned())));
    client.extend(of_widget(webhook, &visitor.number).map(|id| external("jivo", id)));
    client.extend(of_widget(webhook, &webhook.client_id).map(|id| external("jivo-client", id)));
    client
}

fn external(system: &str, id: String) -> Identifier {
    Identifier::External(ExternalId { system: system.to_owned(), id })
}

/// Jivo counts visitors from one on every site: an id without its widget could be anybody's.
fn of_widget(webhook: &Webhook<'_>, id: &Text<'_>) -> Option<String> {
    Some(format!("{}:{}", webhook.widget_id.get()?, id.get()?))
}

/// The agents in the order of joining; where there are none, the one whom the client is assigned to.
pub(crate) fn agents(webhook: &Webhook<'_>) -> Vec<Person> {
    if !webhook.agents.items.is_empty() {
        return webhook.agents.items.iter().map(person).collect();
    }
    let agent =
        [&webhook.agent, &webhook.assigned_agent].into_iter().find(|agent| !agent.is_blank());
    agent.map(person).into_iter().collect()
}

/// An agent stands at each of his messages: a longer name is cut, a longer id or address none.
const MAX_PERSON_BYTES: usize = 256;

pub(crate) fn person(agent: &Agent<'_>) -> Person {
    Person {
        id: agent.id.owned_within(MAX_PERSON_BYTES),
        name: agent.name.cut(MAX_PERSON_BYTES),
        email: agent.email.owned_within(MAX_PERSON_BYTES),
        phone: agent.phone.owned_within(MAX_PERSON_BYTES),
        active: true,
    }
}

/// The lane: one visitor's chats, calls and messages in their order.
///
/// Without a visitor's number the next best id takes its place; what has no id at all shares the widget's lane.
pub(crate) fn lane(webhook: &Webhook<'_>) -> String {
    let ids = [
        ("visitor", &webhook.visitor.number),
        ("client", &webhook.client_id),
        ("chat", &webhook.chat_id),
        ("offline", &webhook.offline_message_id),
    ];
    let found = ids.iter().find_map(|(kind, id)| Some((kind, id.get()?)));
    let widget = webhook.widget_id.get().unwrap_or("-");
    match found {
        Some((kind, id)) => format!("{kind}:{widget}:{id}"),
        None => format!("widget:{widget}"),
    }
}

/// The chat, or the offline message: a visitor's lane holds many of them.
pub(crate) fn episode(webhook: &Webhook<'_>) -> Option<String> {
    let ids = [("chat", &webhook.chat_id), ("offline", &webhook.offline_message_id)];
    let (kind, id) = ids.iter().find_map(|(kind, id)| Some((kind, id.get()?)))?;
    let widget = webhook.widget_id.get().unwrap_or("-");
    Some(format!("{kind}:{widget}:{id}"))
}

/// What tells two deliveries of one event from two events; `None` where Jivo's ids cannot.
pub(crate) fn dedup_key(webhook: &Webhook<'_>) -> Option<String> {
    let event = webhook.event_name.get()?;
    let widget = webhook.widget_id.get().unwrap_or("-");
    let agent = webhook.agent.id.get().unwrap_or("-");
    let rest = match event {
        // A chat handed over is accepted again, by another agent.
        "chat_accepted" => format!("{}:{agent}", webhook.chat_id.get()?),
        // A chat that goes on after its end ends again, with more messages.
        "chat_finished" => format!("{}:{}", webhook.chat_id.get()?, transcript_size(webhook)),
        "offline_message" => webhook.offline_message_id.owned()?,
        "call_event" => {
            let record = if webhook.call.record_url.get().is_some() { ":record" } else { "" };
            format!("{}:{}:{agent}{record}", webhook.chat_id.get()?, webhook.call.status.get()?)
        }
        // The rest may occur any number of times with the same ids.
        _ => return None,
    };
    Some(format!("{event}:{widget}:{rest}"))
}

fn transcript_size(webhook: &Webhook<'_>) -> usize {
    let messages = &webhook.chat.messages;
    match messages.items.len() + messages.left_out {
        0 => webhook.plain_messages.as_received().len(),
        count => count,
    }
}
