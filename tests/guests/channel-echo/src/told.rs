//! Events as a test tells them, in JSON, and what became of them, told back.

use patchbay_sdk::channel::{Event, Kind, Outcome, Request};
use patchbay_sdk::types::{ExternalId, Identifier};
use serde_json::{Value, json};

/// `{kind, page, wants-reply, number, client: {system, id}, phone}`; a body that is none of it tells
/// nothing.
pub(crate) fn event(request: &Request) -> Option<Event> {
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    let text = |value: Option<&Value>| Some(value?.as_str()?.to_owned());
    let client = body.get("client")?;
    let (system, id) = (text(client.get("system"))?, text(client.get("id"))?);
    let external = Identifier::External(ExternalId { system, id: id.clone() });
    let phone = text(body.get("phone")).map(Identifier::Phone);
    Some(Event {
        dedup_key: body.get("number").map(Value::to_string),
        conversation: id,
        episode: None,
        wants_reply: body.get("wants-reply").and_then(Value::as_bool).unwrap_or_default(),
        occurred_at: None,
        kind: match text(body.get("kind"))?.as_str() {
            "conversation-started" => Kind::ConversationStarted,
            "client-asked" => Kind::ClientAsked,
            "managers-asked" => Kind::ManagersAsked(text(body.get("page"))),
            other => Kind::Ignored(other.to_owned()),
        },
        client: std::iter::once(external).chain(phone).collect(),
        fields: Vec::new(),
        agents: Vec::new(),
        context: None,
    })
}

pub(crate) fn outcome(outcome: &Outcome) -> Value {
    let assignments = outcome.assignments.iter();
    json!({
        "cards": outcome.cards.iter().map(|card| &card.id).collect::<Vec<_>>(),
        "assignments": assignments.map(|it| json!([it.manager.id, it.cards])).collect::<Vec<_>>(),
        "next": outcome.next_page,
    })
}
