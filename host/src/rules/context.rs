//! What templates and filters see of an event.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use minijinja::value::{Object, Serde, Value};

use crate::{
    card::{self, Card, Deal, Field, Person},
    event::{Event, Kind},
    id::AccountId,
};

/// The host's own names. They win over those of the body, all of which is there as `context` too.
pub(super) const HOST_NAMES: &[&str] =
    &["event", "fields", "agent", "call", "channel", "card", "deal", "context"];

/// The names that templates know.
#[derive(Debug, Clone, Default)]
pub(super) struct Context(Arc<Root>);

#[derive(Debug, Default)]
struct Root {
    host: Vec<(&'static str, Value)>,
    body: Value,
}

impl Context {
    /// `wanted` are the names that some template looks up; the others are left out. `body` is read
    /// where the event has no context, and some template looks into it.
    pub(super) fn of(
        event: &Event,
        channel: &AccountId,
        body: Option<&[u8]>,
        wanted: &BTreeSet<String>,
    ) -> Self {
        let mut host = Vec::new();
        let mut add = |name: &'static str, value: &dyn Fn() -> Value| {
            if wanted.contains(name) {
                host.push((name, value()));
            }
        };
        add("event", &|| event_value(event));
        add("fields", &|| fields_value(&event.fields));
        add("agent", &|| event.agents.first().map_or(Value::UNDEFINED, person_value));
        add("call", &|| {
            call_of(&event.kind).map_or(Value::UNDEFINED, |call| Value::from(Serde(call)))
        });
        add("channel", &|| Value::from(channel.as_str()));
        let body = if looks_at_body(wanted) { body_value(event, body) } else { Value::UNDEFINED };
        Self(Arc::new(Root { host, body }))
    }

    /// The same with the card, and with the deal where there is one.
    pub(super) fn with(&self, card: &Card, deal: Option<&Deal>) -> Self {
        let mut host = self.0.host.clone();
        host.push(("card", card_value(card)));
        host.extend(deal.map(|deal| ("deal", deal_value(deal))));
        Self(Arc::new(Root { host, body: self.0.body.clone() }))
    }

    pub(super) fn root(&self) -> Value {
        Value::from_dyn_object(Arc::clone(&self.0))
    }
}

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        if let Some((_, value)) = self.host.iter().find(|(name, _)| *name == key) {
            return Some(value.clone());
        }
        if key == "context" {
            return Some(self.body.clone());
        }
        // A name of the host's is never the body's, also where the host has no value for it.
        let is_body = !HOST_NAMES.contains(&key);
        is_body.then(|| self.body.get_attr(key).ok()).flatten().filter(|it| !it.is_undefined())
    }
}

/// Whether the templates look at more than the host's own names.
pub(super) fn looks_at_body(wanted: &BTreeSet<String>) -> bool {
    let is_of_body = |name: &String| name == "context" || !HOST_NAMES.contains(&name.as_str());
    wanted.iter().any(is_of_body)
}

/// Nothing where the context is no JSON: then every name is empty.
fn body_value(event: &Event, body: Option<&[u8]>) -> Value {
    let parsed = match &event.context {
        Some(context) => serde_json::from_str(context),
        None => serde_json::from_slice(body.unwrap_or_default()),
    };
    parsed.unwrap_or(Value::UNDEFINED)
}

fn event_value(event: &Event) -> Value {
    let mut members = vec![("kind", Value::from(event.kind.name()))];
    members.extend(event.occurred_at.as_deref().map(|at| ("occurred_at", Value::from(at))));
    members.extend(event.episode.as_deref().map(|id| ("episode", Value::from(id))));
    let mut add = |name: &'static str, text: Option<&str>| {
        members.extend(text.map(|text| (name, Value::from(text))));
    };
    match &event.kind {
        Kind::OfflineMessage(text) => add("text", Some(text)),
        Kind::MessageReceived(message) => add("text", Some(&message.text)),
        Kind::ConversationFinished(transcript) => {
            add("topic", transcript.topic.as_deref());
            add("rating", transcript.rating.as_deref());
        }
        kind => add("rating", call_of(kind).and_then(|call| call.rating.as_deref())),
    }
    Value::from_pairs(members)
}

fn call_of(kind: &Kind) -> Option<&card::Call> {
    match kind {
        Kind::CallStarted(call)
        | Kind::CallForwarded(call)
        | Kind::CallAnswered(call)
        | Kind::CallFinished(call)
        | Kind::CallRated(call) => Some(call),
        Kind::ConversationStarted
        | Kind::ClientUpdated
        | Kind::ConversationAssigned(_)
        | Kind::ConversationFinished(_)
        | Kind::MessageReceived(_)
        | Kind::OfflineMessage(_)
        | Kind::LeadSubmitted
        | Kind::ClientAsked
        | Kind::ManagersAsked(_)
        | Kind::Ignored(_) => None,
    }
}

/// The fields by key, also with `_` for `-`; of a repeated key the first.
fn fields_value(fields: &[Field]) -> Value {
    let mut members: BTreeMap<String, Value> = BTreeMap::new();
    for field in fields {
        let value = field_value(&field.value);
        if field.key.contains('-') {
            members.entry(field.key.replace('-', "_")).or_insert_with(|| value.clone());
        }
        members.entry(field.key.clone()).or_insert(value);
    }
    Value::from_pairs(members)
}

fn field_value(value: &card::Value) -> Value {
    match value {
        card::Value::Empty => Value::UNDEFINED,
        card::Value::Text(text) | card::Value::Instant(text) => Value::from(text.as_str()),
        card::Value::Number(number) => Value::from(*number),
        card::Value::Flag(flag) => Value::from(*flag),
        card::Value::Texts(texts) => texts.iter().map(|text| Value::from(text.as_str())).collect(),
        card::Value::Json(json) => serde_json::from_str(json).unwrap_or(Value::UNDEFINED),
    }
}

fn person_value(person: &Person) -> Value {
    Value::from(Serde(person))
}

fn card_value(card: &Card) -> Value {
    Value::from_pairs([
        ("id", Value::from(card.id.as_str())),
        ("url", card.url.as_deref().map_or(Value::UNDEFINED, Value::from)),
        ("manager", card.manager.as_ref().map_or(Value::UNDEFINED, person_value)),
        ("fields", fields_value(&card.fields)),
    ])
}

fn deal_value(deal: &Deal) -> Value {
    Value::from_pairs([
        ("id", Value::from(deal.id.as_str())),
        ("url", deal.url.as_deref().map_or(Value::UNDEFINED, Value::from)),
        ("title", Value::from(deal.title.as_str())),
        ("stage", deal.stage.as_deref().map_or(Value::UNDEFINED, Value::from)),
        ("manager", deal.manager.as_ref().map_or(Value::UNDEFINED, person_value)),
        ("fields", fields_value(&deal.fields)),
    ])
}
