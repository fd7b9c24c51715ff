//! Reads a Jivo webhook into the event that an adapter would make of it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
struct Webhook<'a> {
    #[serde(borrow)]
    event_name: Cow<'a, str>,
    chat_id: u64,
    #[serde(borrow)]
    widget_id: Cow<'a, str>,
    #[serde(borrow)]
    visitor: Visitor<'a>,
    #[serde(borrow)]
    agent: Option<Agent<'a>>,
    #[serde(borrow, default)]
    agents: Vec<Agent<'a>>,
    #[serde(borrow)]
    department: Option<Department<'a>>,
    #[serde(borrow)]
    session: Option<Session<'a>>,
    #[serde(borrow)]
    page: Option<Page<'a>>,
    #[serde(borrow)]
    chat: Option<Chat<'a>>,
}

#[derive(Debug, Deserialize)]
struct Visitor<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    email: Option<Cow<'a, str>>,
    #[serde(borrow)]
    phone: Option<Cow<'a, str>>,
    #[serde(borrow)]
    number: Cow<'a, str>,
    #[serde(borrow)]
    description: Option<Cow<'a, str>>,
    chats_count: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Agent<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    email: Option<Cow<'a, str>>,
    #[serde(borrow)]
    phone: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
struct Department<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
struct Session<'a> {
    #[serde(borrow)]
    geoip: Option<GeoIp<'a>>,
    #[serde(borrow)]
    utm_json: Option<Utm<'a>>,
    #[serde(borrow)]
    ip_addr: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
struct GeoIp<'a> {
    #[serde(borrow)]
    country: Option<Cow<'a, str>>,
    #[serde(borrow)]
    region: Option<Cow<'a, str>>,
    #[serde(borrow)]
    city: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
struct Utm<'a> {
    #[serde(borrow)]
    source: Option<Cow<'a, str>>,
    #[serde(borrow)]
    campaign: Option<Cow<'a, str>>,
    #[serde(borrow)]
    content: Option<Cow<'a, str>>,
    #[serde(borrow)]
    medium: Option<Cow<'a, str>>,
    #[serde(borrow)]
    term: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    title: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
struct Chat<'a> {
    #[serde(borrow, default)]
    messages: Vec<Message<'a>>,
    #[serde(borrow)]
    rate: Option<Cow<'a, str>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "message")]
    text: Cow<'a, str>,
    timestamp: i64,
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    agent_id: Option<Cow<'a, str>>,
}

/// What is stored of an event, as JSON.
#[derive(Debug, Serialize)]
struct Payload<'a> {
    kind: &'a str,
    wants_reply: bool,
    client: Vec<(&'a str, &'a str)>,
    fields: Vec<(&'a str, &'a str)>,
    agents: Vec<Agent<'a>>,
    messages: Vec<Message<'a>>,
    rating: Option<Cow<'a, str>>,
}

/// One event, ready for the journal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Equal for two deliveries of one event.
    pub(crate) dedup_key: String,
    pub(crate) conversation: String,
    pub(crate) kind: &'static str,
    pub(crate) payload: String,
}

/// Reads one body, or says why it is none of Jivo's.
pub(crate) fn read(body: &[u8]) -> serde_json::Result<Event> {
    let mut webhook: Webhook<'_> = serde_json::from_slice(body)?;
    let kind = match webhook.event_name.as_ref() {
        "chat_accepted" => "conversation-started",
        "chat_updated" | "client_updated" => "client-updated",
        "chat_assigned" => "conversation-assigned",
        "chat_finished" => "conversation-finished",
        "offline_message" => "offline-message",
        _ => "ignored",
    };
    let mut agents = std::mem::take(&mut webhook.agents);
    agents.extend(webhook.agent.take());
    let (messages, rating) =
        webhook.chat.take().map(|chat| (chat.messages, chat.rate)).unwrap_or_default();
    let payload = serde_json::to_string(&Payload {
        kind,
        wants_reply: matches!(webhook.event_name.as_ref(), "chat_accepted" | "chat_updated"),
        client: identifiers(&webhook.visitor),
        fields: fields(&webhook),
        agents,
        messages,
        rating,
    })?;
    Ok(Event {
        dedup_key: format!("{}:{}:{}", webhook.widget_id, webhook.event_name, webhook.chat_id),
        conversation: format!("{}:{}", webhook.widget_id, webhook.chat_id),
        kind,
        payload,
    })
}

fn identifiers<'a>(visitor: &'a Visitor<'_>) -> Vec<(&'a str, &'a str)> {
    let phone = visitor.phone.as_deref().map(|phone| ("phone", phone));
    let email = visitor.email.as_deref().map(|email| ("email", email));
    phone.into_iter().chain(email).chain([("jivo-visitor", visitor.number.as_ref())]).collect()
}

fn fields<'a>(webhook: &'a Webhook<'_>) -> Vec<(&'a str, &'a str)> {
    let session = webhook.session.as_ref();
    let geo = session.and_then(|session| session.geoip.as_ref());
    let utm = session.and_then(|session| session.utm_json.as_ref());
    let page = webhook.page.as_ref();
    let repeated = webhook.visitor.chats_count.is_some_and(|chats| chats > 1);
    [
        ("name", webhook.visitor.name.as_deref()),
        ("note", webhook.visitor.description.as_deref()),
        ("returning", repeated.then_some("yes")),
        ("department", webhook.department.as_ref().map(|department| department.name.as_ref())),
        ("ip", session.and_then(|session| session.ip_addr.as_deref())),
        ("country", geo.and_then(|geo| geo.country.as_deref())),
        ("region", geo.and_then(|geo| geo.region.as_deref())),
        ("city", geo.and_then(|geo| geo.city.as_deref())),
        ("utm_source", utm.and_then(|utm| utm.source.as_deref())),
        ("utm_campaign", utm.and_then(|utm| utm.campaign.as_deref())),
        ("utm_content", utm.and_then(|utm| utm.content.as_deref())),
        ("utm_medium", utm.and_then(|utm| utm.medium.as_deref())),
        ("utm_term", utm.and_then(|utm| utm.term.as_deref())),
        ("page_url", page.and_then(|page| page.url.as_deref())),
        ("page_title", page.and_then(|page| page.title.as_deref())),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_chat_keeps_its_client_its_agents_and_its_messages() {
        let event = read(include_bytes!("../../load/chat_finished.json")).unwrap();
        assert_eq!(event.kind, "conversation-finished");
        assert_eq!(event.conversation, "ZZtest0001:4401");
        let payload: serde_json::Value = serde_json::from_str(&event.payload).unwrap();
        assert_eq!(payload["client"][0], serde_json::json!(["phone", "+79000000001"]));
        assert_eq!(payload["agents"].as_array().unwrap().len(), 2);
        assert_eq!(payload["messages"].as_array().unwrap().len(), 6);
    }

    #[test]
    fn an_accepted_chat_wants_a_reply() {
        let event = read(include_bytes!("../../load/chat_accepted.json")).unwrap();
        assert_eq!(event.kind, "conversation-started");
        let payload: serde_json::Value = serde_json::from_str(&event.payload).unwrap();
        assert_eq!(payload["wants_reply"], true);
    }

    #[test]
    fn a_body_without_a_chat_is_refused() {
        assert!(read(b"{}").is_err());
    }
}
