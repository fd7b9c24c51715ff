//! Bodies that are not as documented, and still have to be read; and those that are not SendPulse's.

use patchbay_sdk::channel::{Kind, Received, Request};
use patchbay_sdk::testing::arbitrary;
use patchbay_sdk::types::Value;
use serde_json::{Value as Json, json};

use super::{
    event, events, field, fixture, host, identifiers, kind_name, receive, receive_with, rejection,
    request, text,
};
use crate::webhook::MAX_TAGS;

fn body(name: &str) -> Json {
    serde_json::from_slice(&fixture(name).body).unwrap()
}

/// A flow's webhook with some members set: `/contact/phone` and the like.
fn changed(changes: &[(&str, Json)]) -> Request {
    let mut body = body("flow_webhook.telegram");
    for (place, value) in changes {
        let (parent, key) = place.rsplit_once('/').unwrap();
        body.pointer_mut(&format!("/0{parent}")).unwrap()[key] = value.clone();
    }
    request(body.to_string())
}

#[test]
fn any_member_may_be_of_any_kind() {
    let places = [
        "/service",
        "/title",
        "/bot",
        "/bot/id",
        "/bot/name",
        "/contact/id",
        "/contact/name",
        "/contact/username",
        "/contact/phone",
        "/contact/email",
        "/contact/tags",
        "/contact/variables",
        "/contact/variables/phone",
        "/contact/last_message",
        "/info",
        "/info/flow",
        "/info/flow/id",
        "/info/message",
        "/date",
        "/operator",
    ];
    for place in places {
        for replacement in arbitrary::one_of_each_kind() {
            let event = event(changed(&[(place, replacement.clone())]));
            assert!(!event.conversation.is_empty(), "{place} {replacement}");
            assert!(!matches!(event.kind, Kind::Ignored(_)), "{place} {replacement}");
        }
    }
}

#[test]
fn no_variables_are_an_array() {
    let event = event(changed(&[("/contact/variables", json!([]))]));
    assert_eq!(text(&event, "name"), Some("Олена Тестова"), "the messenger's name");
    assert_eq!(identifiers(&event), ["sendpulse telegram:65f0000000000000000000c1"]);
}

#[test]
fn the_name_is_the_variables_then_the_messengers_then_the_user_name() {
    let named = |variables: Json, name: Json, username: Json| {
        let event = event(changed(&[
            ("/contact/variables", variables),
            ("/contact/name", name),
            ("/contact/username", username),
        ]));
        text(&event, "name").map(str::to_owned)
    };
    assert_eq!(named(json!({"name": "a"}), json!("b"), json!("c")).as_deref(), Some("a"));
    assert_eq!(named(json!({"Ім'я": "a"}), json!("b"), json!("c")).as_deref(), Some("a"));
    assert_eq!(named(json!({"name": " "}), json!("b"), json!("c")).as_deref(), Some("b"));
    assert_eq!(named(json!([]), json!(null), json!("c")).as_deref(), Some("c"));
    assert_eq!(named(json!([]), json!(null), json!(null)), None);
}

#[test]
fn two_numbers_and_two_addresses_are_both_kept() {
    let event = event(changed(&[
        ("/contact/phone", json!("+380440000009")),
        ("/contact/email", json!("OLENA@example.com")),
    ]));
    let phones = ["+380440000009", "+380440000001"].map(str::to_owned).to_vec();
    assert_eq!(field(&event, "phone"), Some(&Value::Texts(phones)));
    assert_eq!(text(&event, "email"), Some("OLENA@example.com"), "one address in two cases");
}

#[test]
fn what_is_no_phone_and_no_address_recognises_nobody() {
    let variables = json!({"phone": "1234", "email": "later"});
    let event = event(changed(&[("/contact/variables", variables)]));
    assert_eq!(identifiers(&event), ["sendpulse telegram:65f0000000000000000000c1"]);
    assert_eq!((field(&event, "phone"), field(&event, "email")), (None, None));
    let event = self::event(changed(&[("/contact/variables", json!({"phone": 12345}))]));
    assert_eq!(text(&event, "phone"), Some("12345"));
}

#[test]
fn only_whatsapps_own_numbers_get_a_plus() {
    let phone = |service: &str, phone: &str| {
        let variables = json!([]);
        let changes = [
            ("/service", json!(service)),
            ("/contact/phone", json!(phone)),
            ("/contact/variables", variables),
        ];
        text(&event(changed(&changes)), "phone").unwrap().to_owned()
    };
    assert_eq!(phone("whatsapp", "380440000003"), "+380440000003");
    assert_eq!(phone("telegram", "380440000003"), "380440000003");
    assert_eq!(phone("whatsapp", "0440000003"), "0440000003");
    assert_eq!(phone("whatsapp", "+380440000003"), "+380440000003");
}

#[test]
fn the_companys_own_words_in_instagram_are_no_message_of_the_client() {
    let mut body = body("incoming_message.instagram");
    body[0]["info"]["message"]["channel_data"]["message"]["is_echo"] = json!(true);
    let event = event(request(body.to_string()));
    assert_eq!(event.kind, Kind::Ignored("incoming_message:echo".to_owned()));
}

#[test]
fn every_spelling_of_a_title_has_the_same_meaning() {
    let cases = [
        ("subscribed", "client-updated"),
        ("outbound_message", "ignored: outgoing_message"),
        ("opened_live_chat", "conversation-started"),
        ("bot_unsubscribe", "ignored: unsubscribe"),
        ("bot_blocked", "ignored: bot_block"),
        ("Заявка", "lead-submitted"),
        ("", "lead-submitted"),
    ];
    for (title, expected) in cases {
        assert_eq!(
            kind_name(&event(changed(&[("/title", json!(title))])).kind),
            expected,
            "{title}"
        );
    }
}

#[test]
fn a_run_by_hand_and_the_flows_own_webhook_are_one_enquiry() {
    let run = event(fixture("run_custom_flow"));
    let flow = json!({"id": "65f0000000000000000000f2"});
    let at = |moment: u64| {
        event(changed(&[("/info/flow", flow.clone()), ("/date", json!(moment))])).episode
    };
    assert_eq!(run.episode, at(1_760_000_001_500));
    assert_ne!(run.episode, at(1_760_000_100_000), "another run");
    let unnamed = event(changed(&[("/info", json!({})), ("/title", json!("to_crm"))]));
    assert_eq!(run.episode, unnamed.episode, "many flow webhooks do not name their flow");
    assert_ne!(run.dedup_key, unnamed.dedup_key, "two events all the same");
    let chat = event(changed(&[("/title", json!("open_chat"))]));
    assert_ne!(run.episode, chat.episode, "a chat is no flow");
}

#[test]
fn without_what_a_key_is_made_of_there_is_none() {
    for place in ["/contact/id", "/date"] {
        let event = event(changed(&[(place, json!(null))]));
        assert_eq!((event.dedup_key, event.episode), (None, None), "{place}");
    }
    let long = "x".repeat(600);
    assert_eq!(
        event(changed(&[("/title", json!(long))])).dedup_key,
        None,
        "longer than the host takes"
    );
    let seconds = event(changed(&[("/date", json!(1_760_000_000))]));
    assert_eq!(seconds.occurred_at.as_deref(), Some("2025-10-09T08:53:20Z"));
}

#[test]
fn whoever_has_no_id_still_has_a_lane_of_their_own() {
    let lane = |contact: Json| event(changed(&[("/contact", contact)])).conversation;
    assert_eq!(lane(json!({"username": "ivan"})), "user:telegram:ivan");
    assert_eq!(lane(json!({"phone": "+380440000001"})), "phone:telegram:+380440000001");
    assert_eq!(lane(json!({"variables": {"email": "a@b.example"}})), "email:telegram:a@b.example");
    assert_eq!(lane(json!({"name": "Іван"})), "name:telegram:Іван");
    let long = lane(json!({"name": "ж".repeat(1_000)}));
    assert!((399..=400).contains(&long.len()), "{}", long.len());
}

#[test]
fn a_messenger_is_named_in_small_letters_or_not_at_all() {
    let event = event(changed(&[("/service", json!("TikTok"))]));
    assert_eq!(event.conversation, "contact:tiktok:65f0000000000000000000c1");
    assert!(text(&event, "sendpulse-tiktok").is_some());
    let event = self::event(changed(&[("/service", json!("bot-name"))]));
    assert_eq!(event.conversation, "contact:bot_name:65f0000000000000000000c1");
    assert_eq!(text(&event, "sendpulse-bot-name"), Some("Example Test Bot"));
    let event = self::event(changed(&[("/service", json!("a/b c"))]));
    assert_eq!(event.conversation, "contact:-:65f0000000000000000000c1");
    assert_eq!(field(&event, "sendpulse-service-name"), None);
    assert!(!event.fields.iter().any(|field| field.key.ends_with('-')));
}

#[test]
fn an_id_that_needs_escaping_makes_no_link() {
    let event = event(changed(&[("/bot/id", json!("../../x?"))]));
    assert_eq!(field(&event, "sendpulse-telegram"), None);
}

#[test]
fn tags_are_kept_up_to_the_limit() {
    let tags = |count: usize| {
        let tags = (0..count).map(|tag| tag.to_string()).collect::<Vec<_>>();
        match field(&event(changed(&[("/contact/tags", json!(tags))])), "tag") {
            Some(Value::Texts(tags)) => tags.len(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((tags(MAX_TAGS), tags(MAX_TAGS + 1)), (MAX_TAGS, MAX_TAGS));
}

#[test]
fn what_stands_between_good_events_costs_them_nothing() {
    let good = body("flow_webhook.telegram")[0].clone();
    let all = events(request(json!([null, good, 7, {"a": 1}]).to_string()));
    let kinds = all.iter().map(|event| kind_name(&event.kind)).collect::<Vec<_>>();
    let none = "ignored: not an event";
    assert_eq!(kinds, [none, "lead-submitted", none, none]);
}

#[test]
fn other_bodies_are_refused_with_a_reason() {
    let bodies: [&[u8]; 14] = [
        b"",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"[1,2,3]",
        b"[\"a\",[\"b\"],null]",
        b"{}",
        b"service=telegram&title=x",
        b"<xml/>",
        b"{\"event_name\":\"chat_accepted\",\"visitor\":{\"phone\":\"+79000000001\"}}",
        b"{\"Conversation\":{\"id\":\"1\"},\"discourser\":{\"phone\":\"+79000000001\"}}",
        b"{\"update_id\":1,\"message\":{\"from\":{\"id\":1},\"text\":\"+79000000001\"}}",
        b"[{\"title\":\"x\",\"contact\":[]}]",
        b"[{\"title\":\"x\"} {\"title\":\"+79000000001\"}]",
    ];
    for body in bodies {
        let (status, reason) = rejection(request(body));
        assert_eq!(status, 400, "{}", String::from_utf8_lossy(body));
        assert!(
            reason.ends_with("expected SendPulse's webhook: a JSON array of events"),
            "{reason}"
        );
        assert!(!reason.contains("7900"), "{reason}");
    }
}

#[test]
fn broken_texts_are_mended() {
    let sound = String::from_utf8(fixture("flow_webhook.telegram").body).unwrap();
    let event = event(request(sound.replace("olena_test", "olena\\ud83d\u{1}")));
    assert_eq!(text(&event, "sendpulse-user-name"), Some("olena\u{fffd}\u{1}"));
    let context: Json = serde_json::from_str(&event.context.unwrap()).unwrap();
    assert_eq!(context["contact"]["id"], "65f0000000000000000000c1");
    let mut bytes = sound.into_bytes();
    let place = bytes.windows(10).position(|window| window == b"olena_test").unwrap();
    bytes[place] = 0xff;
    assert_eq!(
        text(&self::event(request(bytes)), "sendpulse-user-name"),
        Some("\u{fffd}lena_test")
    );
}

#[test]
fn only_the_bots_that_are_named_are_heard() {
    let with = |bots: &str, name: &str| {
        receive_with(&host().setting("bot-ids", bots).pure(), fixture(name))
    };
    let own = "65f0000000000000000000b1";
    for bots in [own, " 1, 65f0000000000000000000b1", "1\n65f0000000000000000000b1;", " "] {
        assert!(matches!(with(bots, "batch.two_events"), Received::Events(_)), "{bots:?}");
    }
    for bots in ["65f0000000000000000000b2", "65f0000000000000000000b"] {
        let Received::Reject(rejection) = with(bots, "flow_webhook.telegram") else {
            panic!("a foreign bot")
        };
        assert_eq!(rejection.status, 403);
        assert!(rejection.reason.contains("`bot-ids`"), "{}", rejection.reason);
    }
    let mut both = body("batch.two_events");
    both[1]["bot"] = json!(null);
    let request = request(both.to_string());
    let received = receive_with(&host().setting("bot-ids", own).pure(), request);
    assert!(matches!(received, Received::Reject(rejection) if rejection.status == 403));
}

#[test]
fn a_browser_is_told_what_the_address_is_for() {
    for method in ["GET", "HEAD", "PUT"] {
        let request = Request { method: method.to_owned(), ..fixture("open_chat") };
        let Received::Answer(answer) = receive(request) else { panic!("no event") };
        assert_eq!(answer.status, 405);
        assert!(answer.headers.contains(&("allow".to_owned(), "POST".to_owned())));
    }
}
