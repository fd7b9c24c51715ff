//! Every stored webhook as the events that it should be.

use patchbay_sdk::channel::{Kind, Received};
use patchbay_sdk::testing::webhooks;
use patchbay_sdk::types::{Author, Value};
use serde_json::Value as Json;

use super::{FIXTURES, event, events, field, fixture, identifiers, kind_name, receive, text};

const FIRST: &str = "65f0000000000000000000c1";

/// The names of the files, kind, contact and messenger, dedup key, episode.
type Row = (&'static str, &'static str, &'static str, Option<&'static str>, Option<&'static str>);

const ROWS: [Row; 13] = [
    (
        "bot_block",
        "ignored: bot_block",
        "telegram:65f0000000000000000000c1",
        Some("bot_block:telegram:65f0000000000000000000c1:bot_block:1760000000000"),
        None,
    ),
    (
        "flow_webhook.livechat_utm",
        "lead-submitted",
        "livechat:65f0000000000000000000c2",
        Some("to_crm_livechat:livechat:65f0000000000000000000c2:to_crm_livechat:1760000000000"),
        Some("flow:livechat:65f0000000000000000000c2:29333333"),
    ),
    (
        "flow_webhook.telegram",
        "lead-submitted",
        "telegram:65f0000000000000000000c1",
        Some(
            "to_crm_telegram:telegram:65f0000000000000000000c1:65f0000000000000000000f1:1760000000000",
        ),
        Some("flow:telegram:65f0000000000000000000c1:29333333"),
    ),
    (
        "incoming_message.instagram",
        "message-received: привіт",
        "instagram:65f0000000000000000000c4",
        Some("message:instagram:65f0000000000000000000c4:65f0000000000000000000d3"),
        None,
    ),
    (
        "incoming_message.messenger_comment",
        "message-received: Яка вартість?",
        "messenger:65f0000000000000000000c5",
        None,
        None,
    ),
    (
        "incoming_message.telegram",
        "message-received: Добрий день, цікавить ціна",
        "telegram:65f0000000000000000000c1",
        Some("message:telegram:65f0000000000000000000c1:65f0000000000000000000d1"),
        None,
    ),
    (
        "incoming_message.whatsapp",
        "message-received: Чи є в наявності?",
        "whatsapp:65f0000000000000000000c3",
        Some("message:whatsapp:65f0000000000000000000c3:65f0000000000000000000d2"),
        None,
    ),
    (
        "link_click",
        "ignored: link_click",
        "telegram:65f0000000000000000000c1",
        Some("link_click:telegram:65f0000000000000000000c1:link_click:1760000000000"),
        None,
    ),
    (
        "new_subscriber.viber",
        "client-updated",
        "viber:65f0000000000000000000c6",
        Some("new_subscriber:viber:65f0000000000000000000c6:new_subscriber:1760000000000"),
        None,
    ),
    (
        "open_chat",
        "conversation-started",
        "telegram:65f0000000000000000000c1",
        Some("open_chat:telegram:65f0000000000000000000c1:open_chat:1760000000000"),
        Some("chat:telegram:65f0000000000000000000c1:29333333"),
    ),
    (
        "outgoing_message.operator",
        "ignored: outgoing_message",
        "telegram:65f0000000000000000000c1",
        Some("message:telegram:65f0000000000000000000c1:65f0000000000000000000d4"),
        None,
    ),
    (
        "run_custom_flow",
        "lead-submitted",
        "telegram:65f0000000000000000000c1",
        Some(
            "run_custom_flow:telegram:65f0000000000000000000c1:65f0000000000000000000f2:1760000000000",
        ),
        Some("flow:telegram:65f0000000000000000000c1:29333333"),
    ),
    (
        "unsubscribe",
        "ignored: unsubscribe",
        "telegram:65f0000000000000000000c1",
        Some("unsubscribe:telegram:65f0000000000000000000c1:unsubscribe:1760000000000"),
        None,
    ),
];

#[test]
fn every_stored_webhook_is_read() {
    for (name, kind, contact, dedup_key, episode) in ROWS {
        let event = event(fixture(name));
        assert_eq!(kind_name(&event.kind), kind, "{name}");
        assert_eq!(event.conversation, format!("contact:{contact}"), "{name}");
        assert_eq!(identifiers(&event).last(), Some(&format!("sendpulse {contact}")), "{name}");
        assert_eq!(event.dedup_key.as_deref(), dedup_key, "{name}");
        assert_eq!(event.episode.as_deref(), episode, "{name}");
        assert_eq!(event.occurred_at.as_deref(), Some("2025-10-09T08:53:20Z"), "{name}");
        assert!(!event.wants_reply, "{name}");
        let (messenger, id) = contact.split_once(':').unwrap();
        let link = format!(
            "https://login.sendpulse.com/messengers/chats/65f0000000000000000000b1/contacts/all/{id}"
        );
        assert_eq!(text(&event, &format!("sendpulse-{messenger}")), Some(link.as_str()), "{name}");
        assert_eq!(text(&event, "sendpulse-service-name"), Some(messenger), "{name}");
        assert_eq!(text(&event, "sendpulse-bot-name"), Some("Example Test Bot"), "{name}");
        assert_eq!(text(&event, "source"), Some("SendPulse"), "{name}");
    }
}

#[test]
fn no_stored_webhook_is_forgotten() {
    let stored = webhooks::load(FIXTURES);
    let others = ["batch.two_events", "single_object"];
    let known = ROWS.iter().map(|row| row.0).chain(others).collect::<Vec<_>>();
    for webhook in &stored {
        assert!(known.contains(&webhook.name.as_str()), "{}", webhook.name);
        let received = receive(webhook.request.clone());
        assert!(matches!(received, Received::Events(_)), "{}", webhook.name);
    }
    assert_eq!(stored.len(), known.len());
}

#[test]
fn no_field_is_empty_and_no_key_stands_twice() {
    for webhook in webhooks::load(FIXTURES) {
        for event in events(webhook.request) {
            let mut keys = event.fields.iter().map(|field| &field.key).collect::<Vec<_>>();
            keys.sort_unstable();
            assert!(keys.is_sorted_by(|a, b| a < b), "{}: {keys:?}", webhook.name);
            for field in &event.fields {
                let texts = field.value.texts();
                assert!(
                    !texts.is_empty() && !texts.contains(&""),
                    "{}: {}",
                    webhook.name,
                    field.key
                );
            }
        }
    }
}

#[test]
fn a_flow_sends_the_client_with_contacts_tags_and_names() {
    let event = event(fixture("flow_webhook.telegram"));
    let expected = [
        ("name", "Олена Тестова"),
        ("phone", "+380440000001"),
        ("email", "olena@example.com"),
        ("sendpulse-user-name", "olena_test"),
        ("sendpulse-flow-name", "Передача в CRM"),
        ("sendpulse-flow-webhook", "to_crm_telegram"),
    ];
    for (key, value) in expected {
        assert_eq!(text(&event, key), Some(value), "{key}");
    }
    assert_eq!(field(&event, "tag"), Some(&Value::Texts(vec!["vip".to_owned()])));
    let contact = format!("sendpulse telegram:{FIRST}");
    assert_eq!(identifiers(&event), ["phone +380440000001", "email olena@example.com", &contact]);
}

#[test]
fn a_chat_on_a_site_brings_the_campaign_and_the_page() {
    let event = event(fixture("flow_webhook.livechat_utm"));
    let expected = [
        ("name", "Сайт Відвідувач"),
        ("phone", "0440000002"),
        ("utm-source", "google"),
        ("utm-medium", "cpc"),
        ("utm-campaign", "brand-test"),
        ("page-url", "https://shop.example.com/"),
    ];
    for (key, value) in expected {
        assert_eq!(text(&event, key), Some(value), "{key}");
    }
    assert_eq!(field(&event, "email"), None);
}

#[test]
fn the_paths_of_the_article_lead_into_each_events_own_context() {
    let path = |context: &str, path: &str| -> Json {
        let context: Json = serde_json::from_str(context).unwrap();
        context.pointer(&format!("/{}", path.replace('.', "/"))).cloned().unwrap_or_default()
    };
    let both = events(fixture("batch.two_events"));
    let [first, second] = both.as_slice() else { panic!("two events are stored") };
    let cases = [
        (first, "65f0000000000000000000c7", "olena_test", "+380440000001"),
        (second, "65f0000000000000000000c8", "ivan_z", "+380440000008"),
    ];
    for (event, id, username, phone) in cases {
        let context = event.context.as_deref().unwrap();
        assert_eq!(path(context, "contact.id"), id);
        assert_eq!(path(context, "contact.username"), username);
        assert_eq!(path(context, "contact.variables.phone"), phone);
        assert_eq!(path(context, "bot.id"), "65f0000000000000000000b1");
    }
}

#[test]
fn two_people_in_one_request_are_two_lanes_in_their_order() {
    let both = events(fixture("batch.two_events"));
    let told = both.iter().map(|event| (kind_name(&event.kind), event.conversation.as_str()));
    let expected = [
        ("client-updated".to_owned(), "contact:telegram:65f0000000000000000000c7"),
        ("lead-submitted".to_owned(), "contact:telegram:65f0000000000000000000c8"),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert_eq!(
        identifiers(&both[1]),
        ["phone +380440000008", "sendpulse telegram:65f0000000000000000000c8"]
    );
}

#[test]
fn an_event_without_its_array_is_read_as_one() {
    let alone = event(fixture("single_object"));
    assert_eq!(alone.context, None, "the body itself");
    let mut listed = event(fixture("flow_webhook.telegram"));
    listed.fields.retain(|field| field.key != "sendpulse-flow-name");
    assert_eq!(alone.fields, listed.fields);
    assert_eq!(alone.client, listed.client);
    assert_eq!(alone.conversation, listed.conversation);
}

#[test]
fn a_sender_in_whatsapp_has_a_number_with_its_country() {
    let event = event(fixture("incoming_message.whatsapp"));
    assert_eq!(
        identifiers(&event),
        ["phone +380440000003", "sendpulse whatsapp:65f0000000000000000000c3"]
    );
    assert_eq!(text(&event, "phone"), Some("+380440000003"), "three spellings of one number");
}

#[test]
fn a_nickname_alone_is_a_name_and_makes_nobody_known() {
    let event = event(fixture("incoming_message.instagram"));
    assert_eq!(text(&event, "name"), Some("Тарас | Зразок ✨"));
    assert_eq!(text(&event, "sendpulse-user-name"), Some("taras.zrazok"));
    assert_eq!(identifiers(&event), ["sendpulse instagram:65f0000000000000000000c4"]);
}

#[test]
fn a_message_tells_who_said_what_and_when() {
    let Kind::MessageReceived(message) = event(fixture("incoming_message.telegram")).kind else {
        panic!("a message came")
    };
    assert_eq!((message.author, message.agent), (Author::Client, None));
    assert_eq!(message.sent_at.as_deref(), Some("2025-10-09T08:53:20Z"));
}

#[test]
fn an_operator_is_an_agent_and_never_makes_a_lead() {
    let event = event(fixture("outgoing_message.operator"));
    assert_eq!(event.kind, Kind::Ignored("outgoing_message".to_owned()));
    let [operator] = event.agents.as_slice() else { panic!("one operator wrote") };
    assert_eq!(operator.id.as_deref(), Some("77"));
    assert_eq!(operator.name.as_deref(), Some("Менеджер Тест"));
    assert_eq!(operator.email.as_deref(), Some("manager@example.com"));
    assert!(operator.active);
}
