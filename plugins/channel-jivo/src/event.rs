//! A typed webhook to the event of the contract.

use patchbay_sdk::channel::{Event, Kind};
use patchbay_sdk::json::Source;

use crate::manifest::USER_TOKEN_FORMAT;
use crate::token::{Format, Token};
use crate::webhook::Webhook;
use crate::{call, client, fields, transcript};

/// Longer names of unknown events are cut.
const MAX_NAME_CHARS: usize = 64;

/// The one event of a webhook. `setting` reads the account's settings, those that are needed and no others.
pub(crate) fn event(
    webhook: &Webhook<'_>,
    source: Source<'_>,
    received_at: &str,
    setting: &dyn Fn(&str) -> Option<String>,
) -> Event {
    let format = || Format::from_setting(setting(USER_TOKEN_FORMAT).as_deref());
    let token = Token::read(webhook.user_token.get(), format);
    Event {
        dedup_key: client::dedup_key(webhook),
        conversation: client::lane(webhook),
        episode: client::episode(webhook),
        wants_reply: webhook.wants_reply(),
        // Jivo tells no moment but those of single messages.
        occurred_at: None,
        kind: kind(webhook, received_at),
        client: client::identifiers(webhook, &token, setting),
        fields: fields::fields(webhook, &token, setting),
        agents: client::agents(webhook),
        context: context(source, &token),
    }
}

fn kind(webhook: &Webhook<'_>, received_at: &str) -> Kind {
    let name = webhook.event_name.get().unwrap_or_default();
    let known = match name {
        "chat_accepted" => Some(Kind::ConversationStarted),
        "chat_updated" | "client_updated" => Some(Kind::ClientUpdated),
        "chat_assigned" => webhook.assign_to.owned().map(Kind::ConversationAssigned),
        "chat_finished" => Some(Kind::ConversationFinished(transcript::transcript(webhook))),
        // Without a text the contacts are still those of somebody who wanted something.
        "offline_message" => {
            Some(webhook.message.owned().map_or(Kind::LeadSubmitted, Kind::OfflineMessage))
        }
        "call_event" => call::kind(webhook, received_at),
        _ => None,
    };
    known.unwrap_or_else(|| Kind::Ignored(ignored_name(name, webhook.call.status.get())))
}

fn ignored_name(name: &str, status: Option<&str>) -> String {
    let status = status
        .filter(|_| name == "call_event")
        .map(|status| format!(":{status}"))
        .unwrap_or_default();
    let name = name.chars().chain(status.chars()).filter(|c| !c.is_control());
    name.take(MAX_NAME_CHARS).collect()
}

/// What templates see, where it is more than the body: the unpacked token as its member `token`.
fn context(source: Source<'_>, token: &Token<'_>) -> Option<String> {
    let Token::Pairs(pairs) = token else {
        return source.changed.then(|| source.text.to_owned());
    };
    let body = source.text.trim_end().strip_suffix('}')?;
    let mut context = String::with_capacity(source.text.len() * 2);
    context.push_str(body);
    context.push_str(",\"token\":{");
    for (index, (key, value)) in pairs.iter().enumerate() {
        context.push_str(if index == 0 { "\"" } else { ",\"" });
        // A key is made of letters, digits, `_`, `-` and `.`.
        context.push_str(key);
        context.push_str("\":");
        context.push_str(&serde_json::to_string(value).expect("a text is always JSON"));
    }
    context.push_str("}}");
    Some(context)
}
