//! Bodies that are not as documented, and still have to be read; and those that are not Jivo's.

use patchbay_sdk::channel::{Kind, Request};
use patchbay_sdk::testing::arbitrary;
use patchbay_sdk::types::{Author, Value};
use serde_json::{Value as Json, json};

use super::{event, field, fixture, identifiers, rejection, request, text};
use crate::webhook::{MAX_AGENTS, MAX_MESSAGES, MAX_TAGS};

const NAME: &str = "chat_accepted.user_token";

fn body(name: &str) -> Json {
    serde_json::from_slice(&fixture(name).body).unwrap()
}

/// Every place of a body as a JSON pointer.
fn pointers(value: &Json, at: &str, all: &mut Vec<String>) {
    let members: Vec<(String, &Json)> = match value {
        Json::Object(members) => members.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Json::Array(items) => {
            items.iter().enumerate().map(|(i, value)| (i.to_string(), value)).collect()
        }
        _ => return,
    };
    for (key, value) in members {
        let at = format!("{at}/{key}");
        pointers(value, &at, all);
        all.push(at);
    }
}

#[test]
fn any_member_may_be_of_any_kind() {
    for name in [
        "chat_accepted.user_token",
        "chat_finished.two_agents",
        "client_updated.category",
        "call_event.end",
    ] {
        let original = body(name);
        let mut places = Vec::new();
        pointers(&original, "", &mut places);
        assert!(30 < places.len());
        for place in places.iter().filter(|place| *place != "/event_name") {
            for replacement in arbitrary::one_of_each_kind() {
                let mut changed = original.clone();
                *changed.pointer_mut(place).unwrap() = replacement.clone();
                let event = event(request(changed.to_string()));
                assert!(
                    !matches!(event.kind, Kind::Ignored(_)) || place.starts_with("/call"),
                    "{place} {replacement}"
                );
            }
        }
    }
}

#[test]
fn any_member_may_be_missing() {
    let event = event(request(r#"{"event_name":"chat_accepted"}"#));
    assert_eq!(event.kind, Kind::ConversationStarted);
    assert_eq!(event.conversation, "widget:-");
    assert_eq!(event.dedup_key, None);
    assert!(event.client.is_empty());
    assert_eq!(event.fields.len(), 1);
}

#[test]
fn ids_may_be_numbers_or_texts() {
    let with = |number: &str, chat: &str| {
        let body = format!(
            r#"{{"event_name":"chat_accepted","widget_id":"w","chat_id":{chat},"visitor":{{"number":{number}}}}}"#
        );
        let event = event(request(body));
        (event.conversation, event.dedup_key.unwrap())
    };
    assert_eq!(with("2746", "4397"), with("\"2746\"", "\"4397\""));
    let (lane, key) = with("123456789012345678901", "18446744073709551615");
    assert_eq!(lane, "visitor:w:123456789012345678901");
    assert_eq!(key, "chat_accepted:w:18446744073709551615:-");
}

#[test]
fn huge_numbers_do_not_lose_the_webhook() {
    let event = event(request(
        r#"{"event_name":"chat_updated","chat_id":1e400,"visitor":{"phone":-1E+999}}"#,
    ));
    assert_eq!(event.conversation, "chat:-:1e400");
    assert_eq!(text(&event, "phone"), Some("-1E+999"));
}

#[test]
fn the_content_type_and_the_line_ends_do_not_matter() {
    let expected = event(fixture(NAME));
    let pretty = String::from_utf8(fixture(NAME).body).unwrap();
    for content_type in
        ["application/x-www-form-urlencoded", "text/plain; charset=windows-1251", "nonsense"]
    {
        let headers = vec![("content-type".to_owned(), content_type.as_bytes().to_vec())];
        let sent = Request { headers, ..fixture(NAME) };
        assert_eq!(event(sent), expected, "{content_type}");
    }
    let mut crlf = event(request(format!("\r\n{}\r\n", pretty.replace('\n', "\r\n"))));
    crlf.context.clone_from(&expected.context);
    assert_eq!(crlf, expected);
    let mut marked = event(request(format!("\u{feff}{pretty}")));
    marked.context.clone_from(&expected.context);
    assert_eq!(marked, expected);
}

#[test]
fn a_byte_order_mark_is_kept_from_the_templates() {
    let event = event(request("\u{feff}{\"event_name\":\"chat_accepted\"}"));
    assert_eq!(event.context.as_deref(), Some("{\"event_name\":\"chat_accepted\"}"));
}

#[test]
fn broken_texts_are_mended_and_the_rest_is_kept() {
    let cases: [(&[u8], &str); 6] = [
        (
            br#"{"event_name":"chat_accepted","visitor":{"name":"A \ud83d","number":7}}"#,
            "A \u{fffd}",
        ),
        (
            br#"{"event_name":"chat_accepted","visitor":{"name":"\udc00 A","number":7}}"#,
            "\u{fffd} A",
        ),
        (
            br#"{"event_name":"chat_accepted","visitor":{"name":"\ud83d\ude00","number":7}}"#,
            "\u{1f600}",
        ),
        (
            b"{\"event_name\":\"chat_accepted\",\"visitor\":{\"name\":\"A\xd0\",\"number\":7}}",
            "A\u{fffd}",
        ),
        (
            b"{\"event_name\":\"chat_accepted\",\"visitor\":{\"name\":\"A\nB\",\"number\":7}}",
            "A\nB",
        ),
        (
            br#"{"event_name":"chat_accepted","visitor":{"name":"\u0410\/\u0411","number":7}}"#,
            "А/Б",
        ),
    ];
    for (body, name) in cases {
        let event = event(request(body));
        assert_eq!(text(&event, "name"), Some(name));
        assert_eq!(event.conversation, "visitor:-:7");
        // What templates see is sound JSON, mended or as received.
        let context = event.context.map_or_else(|| body.to_vec(), String::into_bytes);
        let context: Json = serde_json::from_slice(&context).unwrap();
        assert_eq!(context["visitor"]["name"], name);
    }
}

#[test]
fn a_repeated_member_counts_as_its_last() {
    let event = event(request(
        r#"{"event_name":"chat_updated","visitor":{"phone":"1"},"visitor":{"phone":"2","phone":"3"}}"#,
    ));
    assert_eq!(identifiers(&event), ["phone 3"]);
}

#[test]
fn a_transcript_of_two_megabytes_is_read_whole() {
    let mut finished = body("chat_finished.one_agent");
    let text = "Здравствуйте! \"Есть\" насос?\n".repeat(10);
    let message = json!({"message": text, "timestamp": "1760000000123", "type": "visitor"});
    finished["chat"]["messages"] = vec![message; 4_200].into();
    let body = finished.to_string();
    assert!(2 * 1024 * 1024 <= body.len());
    let Kind::ConversationFinished(transcript) = event(request(body)).kind else {
        panic!("not finished")
    };
    let [silent, said @ ..] = transcript.messages.as_slice() else { panic!("nothing was said") };
    assert_eq!((silent.author, said.len()), (Author::System, 4_200));
    assert!(said.iter().all(|message| message.text == text));
    assert_eq!(said[0].sent_at.as_deref(), Some("2025-10-09T08:53:20Z"));
}

#[test]
fn long_lists_are_capped_and_say_so() {
    let transcript_of = |count: usize| {
        let body = json!({
            "event_name": "chat_finished",
            "chat": {"messages": vec![json!({"message": "a", "type": "visitor"}); count]},
        });
        match event(request(body.to_string())).kind {
            Kind::ConversationFinished(transcript) => transcript.messages,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(transcript_of(MAX_MESSAGES).len(), MAX_MESSAGES);
    let messages = transcript_of(MAX_MESSAGES + 5);
    assert_eq!(messages.len(), MAX_MESSAGES + 1);
    assert_eq!(messages[MAX_MESSAGES].text, "… (+5)");
    assert_eq!(messages[MAX_MESSAGES].author, Author::System);

    let body = json!({
        "event_name": "client_updated",
        "agents": vec![json!({"id": 1}); 100_000],
        "tags": vec![json!({"title": "t"}); 100_000],
        "unknown": vec![json!([]); 100_000],
    });
    let event = event(request(body.to_string()));
    assert_eq!(event.agents.len(), MAX_AGENTS);
    assert!(matches!(field(&event, "tag"), Some(Value::Texts(tags)) if tags.len() == MAX_TAGS));
}

#[test]
fn without_messages_the_ready_transcript_is_kept() {
    for messages in [json!([]), json!(null), json!({}), json!([{"message": " "}, null, 7])] {
        let mut finished = body("chat_finished.one_agent");
        finished["chat"]["messages"] = messages;
        let event = event(request(finished.to_string()));
        let Kind::ConversationFinished(transcript) = event.kind else { panic!("not finished") };
        assert_eq!(transcript.messages.len(), 1);
        assert!(transcript.messages[0].text.starts_with("Тестова Алина: Здравствуйте!"));
        assert_eq!(transcript.messages[0].author, Author::System);
        assert!(event.dedup_key.unwrap().starts_with("chat_finished:ZZtest0001:4397:"));
    }
}

#[test]
fn an_agent_who_left_the_list_is_known_by_id_and_an_only_agent_without() {
    let mut finished = body("chat_finished.one_agent");
    finished["chat"]["messages"] = json!({
        "0": {"message": "a", "type": "agent", "agent_id": 99},
        "1": {"message": "b", "type": "agent"},
        "2": {"message": "c", "type": "bot"},
        "3": {"message": "d", "type": "joined"},
    });
    let Kind::ConversationFinished(transcript) = event(request(finished.to_string())).kind else {
        panic!("not finished")
    };
    let agents = transcript.messages.iter().map(|message| {
        let agent = message.agent.as_ref();
        (
            message.author,
            agent.and_then(|agent| agent.id.as_deref()),
            agent.and_then(|agent| agent.name.as_deref()),
        )
    });
    let expected = [
        (Author::Agent, Some("99"), None),
        (Author::Agent, Some("3599"), Some("Оператор Первый")),
        (Author::Bot, None, None),
        (Author::System, None, None),
    ];
    assert_eq!(agents.collect::<Vec<_>>(), expected);
}

#[test]
fn a_blacklisted_client_is_marked_and_no_other() {
    let mut finished = body("chat_finished.one_agent");
    assert_eq!(field(&event(request(finished.to_string())), "jivo-blacklisted"), None);
    finished["chat"]["blacklisted"] = json!("1");
    assert_eq!(
        field(&event(request(finished.to_string())), "jivo-blacklisted"),
        Some(&Value::Flag(true))
    );
}

#[test]
fn piped_utm_fills_what_utm_json_lacks() {
    let mut accepted = body("chat_accepted.known_by_email");
    accepted["session"]["utm"] = json!("source=google|medium=organic|term=pump");
    accepted["session"]["utm_json"] = json!({"source": "yandex", "medium": "", "term": null});
    let event = event(request(accepted.to_string()));
    assert_eq!(text(&event, "utm-source"), Some("yandex"));
    assert_eq!(text(&event, "utm-medium"), Some("organic"));
    assert_eq!(text(&event, "utm-term"), Some("pump"));
    assert_eq!(text(&event, "utm-content"), None);
}

#[test]
fn unknown_events_are_kept_by_name() {
    let ignored = |body: String| match event(request(body)).kind {
        Kind::Ignored(name) => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(ignored(r#"{"event_name":"chat_dreamt\n"}"#.to_owned()), "chat_dreamt");
    assert_eq!(ignored(format!(r#"{{"event_name":"{}"}}"#, "я".repeat(65))), "я".repeat(64));
    assert_eq!(
        ignored(r#"{"event_name":"chat_assigned","assign_to":""}"#.to_owned()),
        "chat_assigned"
    );
    let ringing = r#"{"event_name":"call_event","call":{"status":"ringing"}}"#;
    assert_eq!(ignored(ringing.to_owned()), "call_event:ringing");
}

#[test]
fn an_offline_message_without_text_is_still_a_lead() {
    let event =
        event(request(r#"{"event_name":"offline_message","message":"","visitor":{"phone":"1"}}"#));
    assert_eq!(event.kind, Kind::LeadSubmitted);
}

#[test]
fn lanes_follow_the_best_id_there_is() {
    let cases = [
        (r#""widget_id":"w","visitor":{"number":1},"chat_id":2,"client_id":3"#, "visitor:w:1"),
        (r#""widget_id":"w","chat_id":2,"client_id":3"#, "client:w:3"),
        (r#""widget_id":"w","chat_id":2"#, "chat:w:2"),
        (r#""widget_id":"w","offline_message_id":4"#, "offline:w:4"),
        (r#""widget_id":"w""#, "widget:w"),
    ];
    for (members, lane) in cases {
        assert_eq!(event(request(format!(r#"{{"event_name":"x",{members}}}"#))).conversation, lane);
    }
}

#[test]
fn what_is_not_jivos_is_rejected_without_its_content() {
    let deep =
        format!(r#"{{"event_name":"x","visitor":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let cases = [
        ("", "the body is empty"),
        ("phone=%2B79000000001", "the body is not a JSON object"),
        (
            r#"[{"service":"telegram","contact":{"phone":"+79000000001"}}]"#,
            "the body is not a JSON object",
        ),
        ("{\"phone\":\"+79000000001\"", "the body is not JSON at line 1, column 23"),
        (r#"{"phone":"+79000000001"}"#, "the body has no `event_name`"),
        (&deep, "the body is nested deeper than 128 levels"),
    ];
    for (body, fault) in cases {
        let (status, reason) = rejection(request(body));
        assert_eq!(status, 400);
        assert_eq!(
            reason,
            format!("{fault}; expected Jivo's webhook: one JSON object with `event_name`")
        );
    }
}
