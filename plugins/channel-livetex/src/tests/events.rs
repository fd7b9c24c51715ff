//! Every stored webhook as the event that it should be.

use patchbay_sdk::channel::{Kind, Received};
use patchbay_sdk::testing::webhooks;
use patchbay_sdk::types::{Author, Transcript};
use serde_json::{Value as Json, json};

use super::{FIXTURES, event, event_with, fixture, host, identifiers, receive, text};

#[track_caller]
fn finished(name: &str) -> Transcript {
    match event(fixture(name)).kind {
        Kind::ConversationFinished(transcript) => transcript,
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_stored_webhook_is_forgotten() {
    let stored = webhooks::load(FIXTURES);
    let names = stored.iter().map(|webhook| webhook.name.as_str()).collect::<Vec<_>>();
    assert_eq!(names, ["conversation_assigned", "conversation_closed", "conversation_rated"]);
    for webhook in stored {
        assert!(matches!(receive(webhook.request), Received::Events(_)), "{}", webhook.name);
    }
}

#[test]
fn a_closed_conversation_brings_the_client_and_all_that_was_said() {
    let event = event(fixture("conversation_closed"));
    assert_eq!(event.conversation, "person:crm-1001");
    assert_eq!(event.episode.as_deref(), Some("conversation:lt-9000001"));
    assert_eq!(event.dedup_key.as_deref(), Some("closed:lt-9000001:2025-10-09T09:14:30Z"));
    assert_eq!(event.occurred_at.as_deref(), Some("2025-10-09T09:14:30Z"));
    assert_eq!((event.wants_reply, event.context.as_deref()), (false, None));
    let expected = [
        "livetex-person crm-1001",
        "phone +79000000021",
        "email klientov@example.com",
        "livetex v-700001",
    ];
    assert_eq!(identifiers(&event), expected);
    let fields = [
        ("name", "Клиентов Образец"),
        ("phone", "+79000000021"),
        ("email", "klientov@example.com"),
        ("source", "LiveTex"),
        ("livetex-topic", "Доставка"),
        ("livetex-touch-point", "Сайт"),
        ("livetex-touch-point-type", "chat"),
        ("livetex-rating", "5"),
        ("livetex-rating-comment", "Спасибо!"),
        ("livetex-operator", "Операторова Проба"),
    ];
    assert_eq!(event.fields.len(), fields.len());
    for (key, value) in fields {
        assert_eq!(text(&event, key), Some(value), "{key}");
    }
    let [operator] = event.agents.as_slice() else { panic!("one operator answered") };
    assert_eq!(operator.email.as_deref(), Some("e1@shop.example.com"));
    assert!(operator.active);
}

#[test]
fn a_transcript_tells_who_said_what_and_when() {
    let transcript = finished("conversation_closed");
    assert_eq!(transcript.started_at.as_deref(), Some("2025-10-09T09:00:00Z"));
    assert_eq!(transcript.finished_at.as_deref(), Some("2025-10-09T09:14:30Z"));
    assert_eq!(transcript.topic.as_deref(), Some("Доставка"));
    assert_eq!(transcript.rating.as_deref(), Some("5"));
    let said = transcript.messages.iter().map(|message| {
        let name = message.agent.as_ref().and_then(|agent| agent.name.as_deref());
        (message.author, name, message.sent_at.as_deref(), message.text.as_str())
    });
    let expected = [
        (Author::Client, None, Some("2025-10-09T09:00:05Z"), "Где мой заказ?"),
        (Author::Agent, Some("Операторова Проба"), Some("2025-10-09T09:01:00Z"), "Сейчас проверю."),
        (Author::Client, None, None, "Спасибо!"),
    ];
    assert_eq!(said.collect::<Vec<_>>(), expected);
}

#[test]
fn operators_are_named_where_no_message_tells_of_them() {
    let employees = json!([{"id": "e1", "name": "Операторова Проба"}, {"id": "e2", "email": "e2@shop.example.com"}]);
    let with = |messages: Json, file: &str| {
        let mut body: Json = serde_json::from_slice(&fixture(file).body).unwrap();
        body["Conversation"]["messages"] = messages;
        body["employee"] = employees.clone();
        let event = event(super::request(body.to_string()));
        assert_eq!(
            text(&event, "livetex-operator"),
            Some("Операторова Проба, e2@shop.example.com")
        );
        let Kind::ConversationFinished(transcript) = event.kind else { panic!("not finished") };
        transcript.messages.into_iter().map(|message| message.text).collect::<Vec<_>>()
    };
    let both = "Операторы: Операторова Проба, e2@shop.example.com";
    assert_eq!(with(json!(null), "conversation_closed"), [both, "Спасибо!"]);
    let one = json!([{"author": "employee", "employeeId": "e1", "text": "a"}]);
    let said = with(one, "conversation_closed");
    assert_eq!(said, ["Оператор: e2@shop.example.com", "a", "Спасибо!"]);
    assert_eq!(with(json!(null), "conversation_rated")[0], both, "whom a bad rating is for");
}

#[test]
fn an_operator_of_any_length_stands_cut_at_each_message() {
    let lengths = |length: usize| {
        let mut body: Json = serde_json::from_slice(&fixture("conversation_closed").body).unwrap();
        let text = "a".repeat(length);
        body["employee"] = json!([{"id": text, "name": text, "email": text}]);
        let agent = event(super::request(body.to_string())).agents.remove(0);
        [agent.id, agent.name, agent.email].map(|text| text.map(|text| text.len()))
    };
    assert_eq!(lengths(256), [Some(256); 3]);
    assert_eq!(lengths(257), [None, Some(256), None], "half an id is another one's");
}

#[test]
fn an_assigned_conversation_is_the_enquiry() {
    let event = event(fixture("conversation_assigned"));
    assert_eq!(event.kind, Kind::ConversationStarted);
    assert_eq!(event.conversation, "visitor:v-700002");
    assert_eq!(event.episode.as_deref(), Some("conversation:lt-9000002"));
    assert_eq!(event.dedup_key.as_deref(), Some("assigned:lt-9000002:e2"));
    assert_eq!(event.occurred_at.as_deref(), Some("2025-10-09T09:20:00Z"));
    assert_eq!(identifiers(&event), ["livetex v-700002"]);
    assert_eq!(event.agents[0].name.as_deref(), Some("Операторов Второй"));
    assert_eq!(text(&event, "livetex-touch-point-type"), Some("whatsapp"));
}

#[test]
fn a_rating_is_a_note_of_the_same_conversation() {
    let event = event(fixture("conversation_rated"));
    assert_eq!(event.episode.as_deref(), Some("conversation:lt-9000001"));
    assert_eq!(event.conversation, "visitor:v-700001");
    assert_eq!((event.dedup_key.as_deref(), event.occurred_at.as_deref()), (None, None));
    assert_eq!(text(&event, "livetex-rating"), Some("negative"));
    assert!(event.agents.is_empty());
    let transcript = finished("conversation_rated");
    assert_eq!(transcript.rating.as_deref(), Some("negative"));
    assert!(transcript.messages.is_empty());
}

#[test]
fn the_persons_id_may_be_that_of_the_card() {
    let host = host().setting("person-id-is", "card").pure();
    let event = event_with(&host, fixture("conversation_closed"));
    let expected = [
        "card crm-1001",
        "livetex-person crm-1001",
        "phone +79000000021",
        "email klientov@example.com",
        "livetex v-700001",
    ];
    assert_eq!(identifiers(&event), expected);
    let visitor = event_with(&host, fixture("conversation_assigned"));
    assert_eq!(identifiers(&visitor), ["livetex v-700002"]);
}
