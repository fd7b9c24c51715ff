//! Bodies that are not as assumed, and still have to be read; and those that are not LiveTex's.

use patchbay_sdk::channel::{Event, Kind, Received, Request};
use patchbay_sdk::testing::arbitrary;
use patchbay_sdk::types::{Author, Transcript};
use serde_json::{Value as Json, json};

use super::{event, fixture, identifiers, receive, rejection, request, text};
use crate::webhook::MAX_MESSAGES;

/// A closed conversation with some members set: `/discourser/phone` and the like.
fn changed(changes: &[(&str, Json)]) -> Request {
    let mut body: Json = serde_json::from_slice(&fixture("conversation_closed").body).unwrap();
    for (place, value) in changes {
        let (parent, key) = place.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[key] = value.clone();
    }
    request(body.to_string())
}

#[track_caller]
fn transcript(event: Event) -> Transcript {
    match event.kind {
        Kind::ConversationFinished(transcript) => transcript,
        other => panic!("{other:?}"),
    }
}

#[test]
fn any_member_may_be_of_any_kind() {
    let places = [
        "/Conversation/id",
        "/Conversation/startTime",
        "/Conversation/endTime",
        "/Conversation/topic",
        "/Conversation/rate",
        "/Conversation/rate/type",
        "/Conversation/rate/value",
        "/Conversation/rate/comment",
        "/Conversation/touchPoint",
        "/Conversation/messages",
        "/discourser",
        "/discourser/id",
        "/discourser/personId",
        "/discourser/name",
        "/discourser/phone",
        "/employee",
    ];
    for place in places {
        for replacement in arbitrary::one_of_each_kind() {
            let event = event(changed(&[(place, replacement.clone())]));
            assert!(!event.conversation.is_empty(), "{place} {replacement}");
            assert!(event.fields.iter().all(|field| field.value.as_text().is_some()), "{place}");
        }
    }
}

#[test]
fn a_visitor_without_a_person_has_a_lane_and_without_an_id_the_conversations() {
    let lane = |person: Json, id: Json| {
        event(changed(&[("/discourser/personId", person), ("/discourser/id", id)])).conversation
    };
    assert_eq!(lane(json!("p"), json!("v")), "person:p");
    assert_eq!(lane(json!(7), json!("v")), "person:7");
    assert_eq!(lane(json!(null), json!("v")), "visitor:v");
    assert_eq!(lane(json!(""), json!(null)), "conversation:lt-9000001");
    assert_eq!(lane(json!("p".repeat(200)), json!("v")), format!("person:{}", "p".repeat(200)));
    assert_eq!(lane(json!("p".repeat(201)), json!("v")), "visitor:v");
}

#[test]
fn one_person_on_the_site_and_in_the_app_is_one_client() {
    let app = changed(&[
        ("/discourser/id", json!("v-800008")),
        ("/Conversation/id", json!("lt-9000009")),
        ("/Conversation/touchPoint/name", json!("Приложение")),
    ]);
    let (site, app) = (event(fixture("conversation_closed")), event(app));
    assert_eq!(site.conversation, app.conversation);
    assert_eq!(identifiers(&site)[0], identifiers(&app)[0]);
    assert_ne!(site.episode, app.episode);
}

#[test]
fn a_conversation_is_known_by_what_is_in_it() {
    let reopened = event(changed(&[("/Conversation/endTime", json!("2025-10-09T10:00:00Z"))]));
    assert_ne!(event(fixture("conversation_closed")).dedup_key, reopened.dedup_key);
    let mut handed_over = fixture("conversation_assigned");
    let text = String::from_utf8(handed_over.body).unwrap();
    handed_over.body = text.replace("\"e2\"", "\"e3\"").into_bytes();
    assert_eq!(event(handed_over).dedup_key.as_deref(), Some("assigned:lt-9000002:e3"));
    let unnamed = event(changed(&[("/Conversation/id", json!(null))]));
    assert_eq!((unnamed.dedup_key, unnamed.episode), (None, None));
}

#[test]
fn a_rating_is_a_word_or_a_number() {
    let rating = |rate: Json| transcript(event(changed(&[("/Conversation/rate", rate)]))).rating;
    let cases = [
        (json!({"type": "doublePoint", "value": "1"}), Some("positive")),
        (json!({"type": "doublePoint", "value": 0}), Some("negative")),
        (json!({"type": "doublePoint", "value": "2"}), Some("2")),
        (json!({"type": "fivePoint", "value": 1}), Some("1")),
        (json!({"value": "4"}), Some("4")),
        (json!("3"), Some("3")),
        (json!(3), Some("3")),
        (json!(null), None),
        (json!({"type": "fivePoint"}), None),
    ];
    for (rate, expected) in cases {
        assert_eq!(rating(rate.clone()).as_deref(), expected, "{rate}");
    }
}

#[test]
fn moments_may_be_numbers_and_those_without_an_offset_are_left_out() {
    let event = event(changed(&[
        ("/Conversation/startTime", json!("2025-10-09 12:00:00")),
        ("/Conversation/endTime", json!(1_760_000_000_000_u64)),
    ]));
    assert_eq!(event.occurred_at.as_deref(), Some("2025-10-09T08:53:20Z"));
    let transcript = transcript(event);
    assert_eq!(transcript.started_at, None);
    assert_eq!(transcript.finished_at.as_deref(), Some("2025-10-09T08:53:20Z"));
}

#[test]
fn authors_are_told_by_word_and_by_operator() {
    let messages = json!([
        {"author": "operator", "text": "a"},
        {"author": "bot", "text": "b"},
        {"author": "robot", "text": "c"},
        {"employeeId": "e9", "text": "d"},
        {"author": "client", "text": "e"},
        {"author": "client", "text": " "},
        "f",
    ]);
    let changes = [("/Conversation/messages", messages), ("/Conversation/rate", json!(null))];
    let said = transcript(event(changed(&changes))).messages;
    let told = said.iter().map(|message| {
        let id = message.agent.as_ref().and_then(|agent| agent.id.as_deref());
        (message.author, id, message.text.as_str())
    });
    let expected = [
        (Author::Agent, Some("e1"), "a"),
        (Author::Bot, None, "b"),
        (Author::System, None, "c"),
        (Author::Agent, Some("e9"), "d"),
        (Author::Client, None, "e"),
        (Author::System, None, "f"),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn messages_are_kept_up_to_the_limit_and_the_rest_is_counted() {
    let count = |count: usize| {
        let messages = vec![json!({"author": "client", "text": "a"}); count];
        let changes = [
            ("/Conversation/messages", json!(messages)),
            ("/Conversation/rate", json!(null)),
            ("/employee", json!([])),
        ];
        transcript(event(changed(&changes))).messages
    };
    assert_eq!(count(MAX_MESSAGES).len(), MAX_MESSAGES);
    let more = count(MAX_MESSAGES + 2);
    assert_eq!(more.len(), MAX_MESSAGES + 1);
    assert_eq!(more.last().unwrap().text, "… (+2)");
}

#[test]
fn other_bodies_are_refused_with_a_reason() {
    let bodies: [&[u8]; 12] = [
        b"",
        b"\xff\xfe\x00",
        b"null",
        b"[1,2,3]",
        b"{}",
        b"event=closed",
        b"{\"event_name\":\"chat_finished\",\"visitor\":{\"phone\":\"+79000000001\"}}",
        b"{\"conversation\":{\"id\":1},\"event\":\"message_created\",\"sender\":{\"phone\":\"+79000000001\"}}",
        b"{\"Conversation\":{},\"discourser\":{\"phone\":\"+79000000001\"}}",
        b"{\"Conversation\":{\"id\":\"1\"},\"discourser\":null,\"employee\":[]}",
        b"{\"Conversation\":\"+79000000001\",\"discourser\":7}",
        b"{\"Conversation\":{\"id\":\"+79000000001\"",
    ];
    for body in bodies {
        let (status, reason) = rejection(request(body));
        assert_eq!(status, 400, "{}", String::from_utf8_lossy(body));
        assert!(reason.contains("; expected LiveTex's webhook: "), "{reason}");
        assert!(!reason.contains("7900"), "{reason}");
    }
}

#[test]
fn broken_texts_are_mended() {
    let sound = String::from_utf8(fixture("conversation_closed").body).unwrap();
    let event = event(request(sound.replace("Образец", "Обр\\ud83d\u{1}")));
    assert_eq!(text(&event, "name"), Some("Клиентов Обр\u{fffd}\u{1}"));
    let context: Json = serde_json::from_str(&event.context.unwrap()).unwrap();
    assert_eq!(context["discourser"]["personId"], "crm-1001");
}

#[test]
fn a_browser_is_told_what_the_address_is_for() {
    let request = Request { method: "GET".to_owned(), ..fixture("conversation_closed") };
    let Received::Answer(answer) = receive(request) else { panic!("no event") };
    assert_eq!(answer.status, 405);
    assert!(answer.headers.contains(&("allow".to_owned(), "POST".to_owned())));
}
