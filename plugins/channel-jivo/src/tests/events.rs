//! Every stored webhook as an event.

use patchbay_sdk::channel::{Kind, Received};
use patchbay_sdk::testing::webhooks;
use patchbay_sdk::types::{Author, Call, Direction, Transcript, Value};

use super::{
    FIXTURES, event, event_with, field, fixture, host, identifiers, receive, request, text,
};

const ALINA: [&str; 3] =
    ["phone +79000000001", "email alina.testova@example.com", "jivo ZZtest0001:2746"];
const FIRST: &str = "op1@shop.example.com";
const SECOND: &str = "op2@shop.example.com";

fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::ConversationStarted => "conversation-started",
        Kind::ClientUpdated => "client-updated",
        Kind::ConversationAssigned(_) => "conversation-assigned",
        Kind::ConversationFinished(_) => "conversation-finished",
        Kind::OfflineMessage(_) => "offline-message",
        Kind::LeadSubmitted => "lead-submitted",
        Kind::CallStarted(_) => "call-started",
        Kind::CallAnswered(_) => "call-answered",
        Kind::CallFinished(_) => "call-finished",
        Kind::Ignored(_) => "ignored",
        _ => "not Jivo's",
    }
}

struct Expected {
    name: &'static str,
    kind: &'static str,
    wants_reply: bool,
    client: &'static [&'static str],
    agents: &'static [&'static str],
    lane: &'static str,
    dedup_key: Option<&'static str>,
}

/// Name, kind, whether a reply is wanted, lane, dedup key.
type Row = (&'static str, &'static str, bool, &'static str, Option<&'static str>);

const ROWS: [Row; 13] = [
    (
        "call_event.end",
        "call-finished",
        false,
        "visitor:ZZtest0001:2746",
        Some("call_event:ZZtest0001:4402:end:3599:record"),
    ),
    (
        "call_event.error",
        "call-finished",
        false,
        "visitor:ZZtest0001:2746",
        Some("call_event:ZZtest0001:4403:error:3599"),
    ),
    (
        "call_event.start",
        "call-started",
        false,
        "visitor:ZZtest0001:2746",
        Some("call_event:ZZtest0001:4402:start:3599"),
    ),
    (
        "chat_accepted.known_by_email",
        "conversation-started",
        true,
        "visitor:ZZtest0001:2746",
        Some("chat_accepted:ZZtest0001:4397:3599"),
    ),
    (
        "chat_accepted.no_contacts",
        "conversation-started",
        true,
        "visitor:ZZtest0001:2750",
        Some("chat_accepted:ZZtest0001:4399:3599"),
    ),
    (
        "chat_accepted.unknown_with_phone",
        "conversation-started",
        true,
        "visitor:ZZtest0001:2747",
        Some("chat_accepted:ZZtest0001:4398:3599"),
    ),
    (
        "chat_accepted.user_token",
        "conversation-started",
        true,
        "visitor:ZZtest0001:2746",
        Some("chat_accepted:ZZtest0001:4400:3599"),
    ),
    ("chat_assigned", "conversation-assigned", false, "visitor:ZZtest0001:2746", None),
    (
        "chat_finished.one_agent",
        "conversation-finished",
        false,
        "visitor:ZZtest0001:2746",
        Some("chat_finished:ZZtest0001:4397:4"),
    ),
    (
        "chat_finished.two_agents",
        "conversation-finished",
        false,
        "visitor:ZZtest0001:2746",
        Some("chat_finished:ZZtest0001:4401:6"),
    ),
    ("chat_updated.introduced", "client-updated", true, "visitor:ZZtest0001:2750", None),
    ("client_updated.category", "client-updated", false, "visitor:ZZtest0001:2746", None),
    ("client_updated.legacy_contacts", "client-updated", true, "visitor:ZZtest0001:2746", None),
];

fn expected((name, kind, wants_reply, lane, dedup_key): Row) -> Expected {
    let client: &[&str] = match name {
        "call_event.error" => &[
            "phone +79000000006",
            "phone +79000000001",
            "email alina.testova@example.com",
            "jivo ZZtest0001:2746",
        ],
        name if name.starts_with("call_event") => &[
            "phone +79000000005",
            "phone +79000000001",
            "email alina.testova@example.com",
            "jivo ZZtest0001:2746",
        ],
        "chat_accepted.known_by_email" => {
            &["email alina.testova@example.com", "jivo ZZtest0001:2746"]
        }
        "chat_accepted.no_contacts" => &["jivo ZZtest0001:2750"],
        "chat_accepted.unknown_with_phone" => &["phone +79000000002", "jivo ZZtest0001:2747"],
        "chat_updated.introduced" => {
            &["phone +7 900 000-00-03", "email m.probnaya@example.com", "jivo ZZtest0001:2750"]
        }
        "client_updated.category" => &[
            "phone +79000000001",
            "email alina.testova@example.com",
            "jivo ZZtest0001:2746",
            "jivo-client ZZtest0001:1217",
        ],
        _ => &ALINA,
    };
    let agents: &[&str] = match name {
        "chat_finished.two_agents" => &[FIRST, SECOND],
        "client_updated.category" => &[SECOND],
        _ => &[FIRST],
    };
    Expected { name, kind, wants_reply, client, agents, lane, dedup_key }
}

#[test]
fn every_stored_webhook_is_read() {
    for expected in ROWS.map(expected) {
        let name = expected.name;
        let event = event(fixture(name));
        assert_eq!(kind_name(&event.kind), expected.kind, "{name}");
        assert_eq!(event.wants_reply, expected.wants_reply, "{name}");
        assert_eq!(identifiers(&event), expected.client, "{name}");
        let agents = event.agents.iter().filter_map(|agent| agent.email.as_deref());
        assert_eq!(agents.collect::<Vec<_>>(), expected.agents, "{name}");
        assert!(event.agents.iter().all(|agent| agent.active), "{name}");
        assert_eq!(event.conversation, expected.lane, "{name}");
        assert_eq!(event.dedup_key.as_deref(), expected.dedup_key, "{name}");
        assert_eq!(event.context.is_some(), name == "chat_accepted.user_token", "{name}");
        assert_eq!(text(&event, "source"), Some("Jivo"), "{name}");
        assert_eq!(text(&event, "utm-campaign"), Some("spring-test"), "{name}");
        assert_eq!(text(&event, "city"), Some("Тестоград"), "{name}");
    }
}

#[test]
fn no_stored_webhook_is_forgotten() {
    let stored = webhooks::load(FIXTURES);
    let known = ROWS.iter().map(|row| row.0).chain(["offline_message"]).collect::<Vec<_>>();
    for webhook in &stored {
        assert!(known.contains(&webhook.name.as_str()), "{}", webhook.name);
        assert!(
            matches!(receive(webhook.request.clone()), Received::Events(_)),
            "{}",
            webhook.name
        );
    }
    assert_eq!(stored.len(), known.len());
}

#[test]
fn no_field_is_empty_and_no_key_stands_twice() {
    for webhook in webhooks::load(FIXTURES) {
        let event = event(webhook.request);
        let mut keys = event.fields.iter().map(|field| field.key.as_str()).collect::<Vec<_>>();
        keys.sort_unstable();
        assert!(keys.is_sorted_by(|a, b| a < b), "{}: {keys:?}", webhook.name);
        for field in &event.fields {
            let is_said = match &field.value {
                Value::Text(text) => !text.is_empty(),
                Value::Texts(texts) => {
                    !texts.is_empty() && texts.iter().all(|text| !text.is_empty())
                }
                value => *value == Value::Flag(true),
            };
            assert!(is_said, "{}: {}", webhook.name, field.key);
        }
    }
}

#[test]
fn an_offline_message_is_a_task_to_come() {
    let event = event(fixture("offline_message"));
    assert_eq!(
        event.kind,
        Kind::OfflineMessage("Перезвоните мне завтра утром, пожалуйста".to_owned())
    );
    assert_eq!(event.dedup_key.as_deref(), Some("offline_message:ZZtest0001:2806"));
    assert_eq!(event.conversation, "visitor:ZZtest0001:2198");
    assert!(event.agents.is_empty());
    assert!(!event.wants_reply);
}

#[test]
fn contacts_and_the_visit_stand_under_canonical_keys() {
    let host = host().setting("site-names", r#"{"ZZtest0001":"Пример-Магазин"}"#);
    let event = event_with(&host, fixture("chat_accepted.unknown_with_phone"));
    let expected = [
        ("name", "Новиков Пробный"),
        ("phone", "+79000000002"),
        ("source", "Jivo"),
        ("site", "Пример-Магазин"),
        ("page-url", "https://shop.example.com/catalog/pumps?utm_source=yandex"),
        ("page-title", "Насосы — Пример-Магазин"),
        ("utm-source", "yandex"),
        ("utm-medium", "cpc"),
        ("utm-campaign", "spring-test"),
        ("utm-term", "купить тестовый насос"),
        ("utm-content", "banner-1"),
        ("country", "Россия"),
        ("region", "Тестовая область"),
        ("city", "Тестоград"),
        ("jivo-department", "Продажи"),
    ];
    assert_eq!(event.fields.len(), expected.len());
    for (key, value) in expected {
        assert_eq!(text(&event, key), Some(value));
    }
}

#[test]
fn a_card_changed_outside_a_chat_brings_its_tags_and_status() {
    let event = event(fixture("client_updated.category"));
    assert_eq!(field(&event, "tag"), Some(&Value::Texts(vec!["Скидка".to_owned()])));
    assert_eq!(text(&event, "jivo-organization"), Some("ООО «Пример»"));
    assert_eq!(text(&event, "jivo-status"), Some("contact_later"));
    assert_eq!(text(&event, "comment"), Some("Спрашивала про доставку"));
}

#[test]
fn a_packed_token_wins_over_the_session() {
    let event = event(fixture("chat_accepted.user_token"));
    let expected = [
        ("referrer", "https://ya.example/"),
        ("page-url", "https://shop.example.com/catalog/pumps"),
        ("utm-source", "yandex"),
        ("utm-medium", "cpc"),
        ("jivo-login", "alina77"),
        ("jivo-ga", "GA1.2.111.222"),
        ("jivo-ym", "1600000000123456789"),
    ];
    for (key, value) in expected {
        assert_eq!(text(&event, key), Some(value));
    }
    assert_eq!(field(&event, "jivo-user-token"), None);
    let context: serde_json::Value = serde_json::from_str(&event.context.unwrap()).unwrap();
    assert_eq!(context["token"]["login"], "alina77");
    assert_eq!(context["token"]["ref"], "https://ya.example/");
    assert_eq!(context["visitor"]["number"], "2746");
}

#[test]
fn an_opaque_token_is_kept_whole() {
    let host = host().setting("user-token-format", "opaque");
    let event = event_with(&host, fixture("chat_accepted.user_token"));
    assert!(text(&event, "jivo-user-token").unwrap().starts_with("login=alina77|ga="));
    assert_eq!(event.context, None);
    assert_eq!(text(&event, "jivo-login"), None);
}

#[test]
fn an_assignment_names_the_card() {
    let event = event(fixture("chat_assigned"));
    let card = "https://crm.example.com/contact/1001".to_owned();
    assert_eq!(event.kind, Kind::ConversationAssigned(card));
}

fn finished(name: &str) -> Transcript {
    match event(fixture(name)).kind {
        Kind::ConversationFinished(transcript) => transcript,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_transcript_tells_who_said_what_and_when() {
    let transcript = finished("chat_finished.two_agents");
    let said = transcript.messages.iter().map(|message| {
        let agent = message.agent.as_ref().and_then(|agent| agent.email.as_deref());
        (message.author, agent, message.sent_at.as_deref().unwrap())
    });
    let expected = [
        (Author::Client, None, "2025-10-09T08:53:20Z"),
        (Author::Agent, Some(FIRST), "2025-10-09T08:53:50Z"),
        (Author::Client, None, "2025-10-09T08:54:15Z"),
        (Author::Agent, Some(FIRST), "2025-10-09T08:54:50Z"),
        (Author::Agent, Some(FIRST), "2025-10-09T08:55:00Z"),
        (Author::Agent, Some(SECOND), "2025-10-09T08:55:30Z"),
    ];
    assert_eq!(said.collect::<Vec<_>>(), expected);
    assert_eq!(transcript.messages[4].text, "Передаю коллеге.");
    assert_eq!(transcript.started_at.as_deref(), Some("2025-10-09T08:53:20Z"));
    assert_eq!(transcript.finished_at.as_deref(), Some("2025-10-09T08:55:30Z"));
    assert_eq!(transcript.rating, None);
}

#[test]
fn the_rating_is_in_jivos_words() {
    assert_eq!(finished("chat_finished.one_agent").rating.as_deref(), Some("positive"));
}

#[track_caller]
fn call(kind: Kind) -> Call {
    match kind {
        Kind::CallStarted(call) | Kind::CallAnswered(call) | Kind::CallFinished(call) => call,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_finished_call_has_its_recording_and_a_failed_one_its_reason() {
    let end = call(event(fixture("call_event.end")).kind);
    assert_eq!((end.id.as_str(), end.direction, end.missed), ("4402", Direction::Inbound, false));
    assert_eq!(end.client_number.as_deref(), Some("+79000000005"));
    assert_eq!(end.agent_number.as_deref(), Some("+79000000101"));
    assert_eq!(end.status.as_deref(), Some("end"));
    assert_eq!(end.recording_url.as_deref(), Some("https://records.example.com/r/4402.mp3"));

    let error = call(event(fixture("call_event.error")).kind);
    assert_eq!((error.direction, error.missed), (Direction::Inbound, true));
    assert_eq!(error.status.as_deref(), Some("error: client_not_answered"));
    let event = event(fixture("call_event.error"));
    let phones = ["+79000000006", "+79000000001"].map(str::to_owned).to_vec();
    assert_eq!(field(&event, "phone"), Some(&Value::Texts(phones)));
}

#[test]
fn every_state_of_a_call_is_an_event() {
    let cases = [
        ("incoming", "start", "call-started", false),
        ("incoming", "agent_connected", "call-answered", false),
        ("callback", "client_connected", "call-answered", false),
        ("outgoing", "end", "call-finished", false),
        ("incoming", "error", "call-finished", true),
        ("outgoing", "error", "call-finished", false),
    ];
    for (direction, status, kind, missed) in cases {
        let body = format!(
            r#"{{"event_name":"call_event","chat_id":7,"call":{{"type":"{direction}","status":"{status}"}}}}"#
        );
        let event = event(request(body));
        assert_eq!(kind_name(&event.kind), kind, "{status}");
        let call = call(event.kind);
        assert_eq!(call.direction == Direction::Outbound, direction == "outgoing", "{direction}");
        assert_eq!(call.missed, missed, "{direction} {status}");
    }
}
