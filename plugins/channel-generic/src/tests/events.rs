//! Every stored webhook as an event; kinds, lanes and keys.

use patchbay_sdk::Channel;
use patchbay_sdk::channel::Kind;
use patchbay_sdk::types::{Direction, Value};

use super::{context, event, event_with, events_with, fixture, get, host, identifiers, json, text};
use crate::Generic;

#[test]
fn a_lead_in_json_is_read_without_any_setting() {
    let event = event(fixture("lead.json"));
    assert!(matches!(event.kind, Kind::LeadSubmitted) && !event.wants_reply);
    assert_eq!(identifiers(&event), ["phone +7 900 000-01-51", "email common@example.com"]);
    assert_eq!(event.conversation, "phone:79000000151");
    assert_eq!((event.dedup_key.as_deref(), event.episode.as_deref()), (None, None));
    let fields = [
        ("name", "Общий Пример"),
        ("phone", "+7 900 000-01-51"),
        ("email", "common@example.com"),
        ("comment", "Перезвоните"),
        ("source", "landing-1"),
        ("utm-source", "vk"),
        ("utm-campaign", "test"),
    ];
    let told: Vec<_> = event.fields.iter().map(|field| field.key.as_str()).collect();
    assert_eq!(told, fields.map(|(key, _)| key));
    for (key, expected) in fields {
        assert_eq!(text(&event, key), Some(expected), "{key}");
    }
    // The host reads the body by itself.
    assert_eq!(event.context, None);
}

#[test]
fn a_lead_in_a_form_is_read_without_any_setting() {
    let event = event(fixture("lead.form"));
    assert_eq!(identifiers(&event), ["phone 89000000153"]);
    assert_eq!(text(&event, "name"), Some("Форма Пример"));
    let seen = serde_json::json!({
        "name": "Форма Пример", "phone": "89000000153", "answers": ["да", "нет"],
    });
    assert_eq!(context(&event), seen);
}

#[test]
fn a_lead_in_a_url_is_read_without_any_setting() {
    let event = event(fixture("lead.get"));
    assert_eq!(identifiers(&event), ["phone 79000000154"]);
    assert_eq!(text(&event, "name"), Some("Гет Пример"));
    assert_eq!(context(&event)["phone"], "79000000154");
}

#[test]
fn a_nested_lead_is_read_by_templates() {
    let host = host()
        .setting("phone", "{{data.lead.fields[code=PHONE].value}}")
        .setting("name", "{{data.lead.fields[code=NAME].value}}")
        .setting("dedup-key", "{{meta.request_id}}");
    let event = event_with(&host, fixture("lead.nested.json"));
    assert_eq!(identifiers(&event), ["phone 8 900 000 01 52"]);
    assert_eq!(text(&event, "name"), Some("Вложен Пример"));
    assert_eq!(event.dedup_key.as_deref(), Some("00000000-0000-4000-8000-000000000152"));
    assert_eq!(event.context, None);
}

#[test]
fn utm_marks_are_read_in_every_usual_spelling() {
    for body in [
        r#"{"phone": "89000000153", "utm": {"term": "t"}}"#,
        r#"{"phone": "89000000153", "utm_term": "t"}"#,
        r#"{"phone": "89000000153", "UTM_TERM": "t"}"#,
        r#"{"phone": "89000000153", "utm-term": "t"}"#,
        r#"{"phone": "89000000153", "utm": {"utm_term": "t"}}"#,
    ] {
        assert_eq!(text(&event(json(body)), "utm-term"), Some("t"), "{body}");
    }
    let page = event(json(
        r#"{"phone": "89000000153", "page": {"url": "https://a.example", "title": "T"}, "Referer": "r"}"#,
    ));
    assert_eq!(text(&page, "page-url"), Some("https://a.example"));
    assert_eq!((text(&page, "page-title"), text(&page, "referrer")), (Some("T"), Some("r")));
}

#[test]
fn several_phones_are_several_identifiers() {
    let event = event(json(
        r#"{"phone": ["89000000153", "89000000154", "none"], "email": ["a@example.com", "b"]}"#,
    ));
    assert_eq!(
        identifiers(&event),
        ["phone 89000000153", "phone 89000000154", "email a@example.com"]
    );
    let phones = event.fields.iter().find(|field| field.key == "phone").unwrap();
    assert!(matches!(&phones.value, Value::Texts(texts) if texts.len() == 3));
}

#[test]
fn an_id_of_the_senders_is_an_identifier() {
    let host =
        host().setting("external-id", "{{user.id}}").setting("external-system", "Shop-{{region}}");
    let event = event_with(&host, json(r#"{"user": {"id": 7}, "region": "EU"}"#));
    assert_eq!(identifiers(&event), ["shop-eu 7"]);
    assert_eq!(event.conversation, "external:shop-eu:7");
}

#[test]
fn the_header_is_the_dedup_key_unless_a_template_gives_one() {
    let mut request = fixture("lead.json");
    request.headers.push(("idempotency-key".to_owned(), b" abc ".to_vec()));
    assert_eq!(event(request.clone()).dedup_key.as_deref(), Some("abc"));
    let by_template = host().setting("dedup-key", "{{source}}");
    assert_eq!(event_with(&by_template, request.clone()).dedup_key.as_deref(), Some("landing-1"));
    let empty = host().setting("dedup-key", "{{none}}");
    assert_eq!(event_with(&empty, request).dedup_key.as_deref(), Some("abc"));
}

#[test]
fn keys_are_taken_up_to_the_hosts_limit() {
    let key = |length: usize| {
        let mut request = fixture("lead.json");
        request.headers.push(("idempotency-key".to_owned(), vec![b'k'; length]));
        event(request).dedup_key
    };
    assert_eq!(key(512).map(|key| key.len()), Some(512));
    assert_eq!(key(513), None);
    let lane = |length: usize| {
        let host = host().setting("conversation", "{{c}}").setting("episode", "{{c}}");
        let body = format!(r#"{{"phone": "89000000153", "c": "{}"}}"#, "c".repeat(length));
        let event = event_with(&host, json(body));
        (event.conversation.len(), event.episode.map(|episode| episode.len()))
    };
    assert_eq!(lane(512), (512, Some(512)));
    assert_eq!(lane(513), ("phone:89000000153".len(), None));
}

#[test]
fn whoever_is_not_recognised_is_alone() {
    let first = event(json(r#"{"message": "hi"}"#));
    assert_eq!(first.conversation, "alone:2025-10-09T12:01:00+03:00:0");
    assert!(first.client.is_empty());
    let not_a_phone = event(json(r#"{"phone": "1234", "name": "N"}"#));
    assert_eq!((not_a_phone.client.len(), text(&not_a_phone, "phone")), (0, Some("1234")));
}

#[test]
fn the_setting_kinds_leads_from_results_to_kinds() {
    let host = host()
        .setting("kind", "{{type}}")
        .setting("episode", "{{id}}")
        .setting("kinds", r#"{"new": "lead-submitted", "ring": "call-started", "lost": "call-missed", "chat": "message-received", "off": "offline-message"}"#);
    let kind = |kind: &str, rest: &str| {
        let body = format!(r#"{{"type": "{kind}", "id": "7", "phone": "89000000153"{rest}}}"#);
        event_with(&host, json(body)).kind
    };
    assert!(matches!(kind("new", ""), Kind::LeadSubmitted));
    assert!(matches!(kind("", ""), Kind::LeadSubmitted));
    assert!(matches!(kind("client-updated", ""), Kind::ClientUpdated));
    assert!(matches!(kind("conversation-started", ""), Kind::ConversationStarted));
    assert!(
        matches!(kind("chat", r#", "text": "hi""#), Kind::MessageReceived(message) if message.text == "hi")
    );
    assert!(matches!(kind("off", r#", "text": "hi""#), Kind::OfflineMessage(text) if text == "hi"));
    assert!(matches!(kind("off", ""), Kind::LeadSubmitted));
    assert!(matches!(kind("ring", ""), Kind::CallStarted(call) if call.id == "7" && !call.missed));
    let Kind::CallFinished(call) =
        kind("lost", r#", "duration": 0, "record": "https://a.example/r.mp3""#)
    else {
        panic!("no finished call")
    };
    assert!(call.missed && call.direction == Direction::Inbound);
    assert_eq!((call.client_number.as_deref(), call.duration_s), (Some("89000000153"), Some(0)));
    assert_eq!(call.recording_url.as_deref(), Some("https://a.example/r.mp3"));
    assert!(matches!(kind("unheard of", ""), Kind::Ignored(name) if name == "unheard of"));
    assert!(matches!(kind("ignored", ""), Kind::Ignored(_)));
}

#[test]
fn moments_are_read_where_they_are_sure() {
    let moment = |value: &str| {
        event(json(format!(r#"{{"phone": "89000000153", "created_at": {value}}}"#))).occurred_at
    };
    assert_eq!(moment("1760000000").as_deref(), Some("2025-10-09T08:53:20Z"));
    assert_eq!(
        moment("\"2025-10-09T11:53:20+03:00\"").as_deref(),
        Some("2025-10-09T11:53:20+03:00")
    );
    assert_eq!(moment("\"2025-10-09 11:53:20\""), None);
}

#[test]
fn a_list_is_one_event_for_each_object_where_it_is_accepted() {
    let host = host().setting("accept-lists", "true");
    let mut request = json(
        r#"[{"phone": "89000000153"}, {"weather": "rain"}, {"phone": "89000000153", "text": "x"}]"#,
    );
    request.headers.push(("idempotency-key".to_owned(), b"k".to_vec()));
    let events = events_with(&host, request);
    let keys: Vec<_> = events.iter().map(|event| event.dedup_key.as_deref().unwrap()).collect();
    assert_eq!(keys, ["k:0", "k:1", "k:2"]);
    assert!(matches!(&events[1].kind, Kind::Ignored(reason) if reason == "nothing recognised"));
    assert_eq!(events[0].conversation, events[2].conversation);
    assert_eq!(context(&events[2])["text"], "x");
}

#[test]
fn the_answer_is_always_that_of_a_request_taken_in() {
    let response = host().run(|| Generic::reply(get("phone=89000000153"), Vec::new()));
    assert_eq!(
        (response.status, response.body.as_slice()),
        (202, &br#"{"id":"{patchbay:event-id}","status":"accepted"}"#[..])
    );
}
