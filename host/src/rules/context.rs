//! What templates and filters see of an event.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use minijinja::value::{Object, Serde, Value, ValueKind};

use crate::{
    card::{self, Card, Deal, Field, Person},
    event::{Event, Kind},
    id::AccountId,
};

/// The host's own names. They win over those of the body, all of which is there as `context` too.
pub(super) const HOST_NAMES: &[&str] =
    &["event", "fields", "agent", "call", "channel", "card", "deal", "context"];

/// Longest text that a template sees, in bytes; the rest of a longer one is cut off. Filters cost
/// as much as their text is long, and a template takes many steps.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Members of a list or an object that a template sees.
const MEMBERS_MAX: usize = 1000;

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
    let json = event.context.as_ref().map_or(body.unwrap_or_default(), |text| text.as_bytes());
    json_value(json)
}

fn json_value(json: &[u8]) -> Value {
    let parsed = serde_json::from_slice(json).unwrap_or(Value::UNDEFINED);
    // So many members are parted by so many commas.
    let has_many = || json.split(|byte| *byte == b',').nth(MEMBERS_MAX).is_some();
    if TEXT_BYTES_MAX < json.len() || has_many() { bounded(&parsed) } else { parsed }
}

/// The value with its texts and members cut to what a template sees.
fn bounded(value: &Value) -> Value {
    if let Some(text) = value.as_str() {
        return text_value(text);
    }
    let members = || value.try_iter().into_iter().flatten().take(MEMBERS_MAX);
    match value.kind() {
        ValueKind::Seq => members().map(|member| bounded(&member)).collect(),
        ValueKind::Map => {
            let of = |key: Value| Some((key.clone(), bounded(&value.get_item(&key).ok()?)));
            Value::from_pairs(members().filter_map(of))
        }
        _ => value.clone(),
    }
}

fn text_value(text: &str) -> Value {
    Value::from(text.split_at(text.floor_char_boundary(TEXT_BYTES_MAX)).0)
}

fn event_value(event: &Event) -> Value {
    let mut members = vec![("kind", Value::from(event.kind.name()))];
    members.extend(event.occurred_at.as_deref().map(|at| ("occurred_at", Value::from(at))));
    members.extend(event.episode.as_deref().map(|id| ("episode", Value::from(id))));
    let mut add = |name: &'static str, text: Option<&str>| {
        members.extend(text.map(|text| (name, text_value(text))));
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
        card::Value::Text(text) | card::Value::Instant(text) => text_value(text),
        card::Value::Number(number) => Value::from(*number),
        card::Value::Flag(flag) => Value::from(*flag),
        card::Value::Texts(texts) => {
            texts.iter().take(MEMBERS_MAX).map(|text| text_value(text)).collect()
        }
        card::Value::Json(json) => json_value(json.as_bytes()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(json: &serde_json::Value) -> (Option<usize>, Option<usize>, Option<usize>) {
        let value = json_value(json.to_string().as_bytes());
        let length = |key: &str| value.get_attr(key).ok()?.len();
        (length("text"), length("list"), length("map"))
    }

    #[test]
    fn a_template_sees_texts_lists_and_objects_up_to_their_limits() {
        let of = |bytes: usize, members: usize| {
            let map: BTreeMap<String, usize> = (0..members).map(|n| (n.to_string(), n)).collect();
            let list: Vec<usize> = (0..members).collect();
            lengths(&serde_json::json!({ "text": "x".repeat(bytes), "list": list, "map": map }))
        };
        let most = (Some(TEXT_BYTES_MAX), Some(MEMBERS_MAX), Some(MEMBERS_MAX));
        assert_eq!(of(TEXT_BYTES_MAX, MEMBERS_MAX), most);
        assert_eq!(of(TEXT_BYTES_MAX + 1, MEMBERS_MAX + 1), most);
        let short = serde_json::json!({ "text": "", "list": vec![0; MEMBERS_MAX + 1], "map": {} });
        assert_eq!(lengths(&short), (Some(0), Some(MEMBERS_MAX), Some(0)));
    }

    #[test]
    fn a_text_is_cut_between_two_characters() {
        let long = "\u{44f}".repeat(TEXT_BYTES_MAX);
        let value = text_value(&format!("x{long}"));
        assert_eq!(value.as_str().map(str::len), Some(TEXT_BYTES_MAX - 1));
    }
}
