//! Every stored webhook as an event.

use patchbay_sdk::channel::{Kind, Received};
use patchbay_sdk::testing::webhooks;
use patchbay_sdk::types::{Call, Direction, Person};

use super::{
    FIXTURES, KEY, call, context, event, event_with, fixture, host, identifiers, receive_with, text,
};

/// Name, kind, whether a reply is wanted, the client's number, the dedup key.
type Row = (&'static str, &'static str, bool, &'static str, &'static str);

const ROWS: [Row; 10] = [
    (
        "v1.after_call.get",
        "call-finished",
        false,
        "+380440000012",
        "after_call:ua1-1760000200.100003",
    ),
    (
        "v1.before_call.form",
        "call-started",
        true,
        "0440000013",
        "before_call:ua1-1760000300.100004",
    ),
    (
        "v2.after_call.answered",
        "call-finished",
        false,
        "380440000011",
        "after_call:ua1-1760000000.100001",
    ),
    (
        "v2.after_call.callback",
        "call-finished",
        false,
        "380440000015",
        "after_call:ua1-1760000500.100006",
    ),
    (
        "v2.after_call.missed",
        "call-finished",
        false,
        "380440000011",
        "after_call:ua1-1760000100.100002",
    ),
    (
        "v2.after_outgoing",
        "call-finished",
        false,
        "380440000014",
        "after_outgoing:ua1-1760000400.100005",
    ),
    ("v2.answered", "call-answered", false, "380440000011", "answered:ua1-1760000000.100001"),
    ("v2.before_call", "call-started", true, "380440000011", "before_call:ua1-1760000000.100001"),
    (
        "v2.forward_step",
        "call-forwarded",
        false,
        "380440000011",
        "forward_step:ua1-1760000000.100001:1:380440000901:manager1_10000",
    ),
    (
        "v2.rating_menu",
        "call-rated",
        false,
        "380440000011",
        "rating_menu:ua1-1760000000.100001:Цільовий:500",
    ),
];

fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::CallStarted(_) => "call-started",
        Kind::CallForwarded(_) => "call-forwarded",
        Kind::CallAnswered(_) => "call-answered",
        Kind::CallFinished(_) => "call-finished",
        Kind::CallRated(_) => "call-rated",
        _ => "not a call's",
    }
}

#[test]
fn every_stored_webhook_is_the_event_expected() {
    let host = host().secret("url-key", KEY);
    let stored = webhooks::load(FIXTURES);
    assert_eq!(stored.len(), ROWS.len());
    for (webhook, (name, kind, wants_reply, number, dedup_key)) in stored.into_iter().zip(ROWS) {
        assert_eq!(webhook.name, name);
        let event = event_with(&host, webhook.request);
        assert_eq!(kind_name(&event.kind), kind, "{name}");
        assert_eq!(event.wants_reply, wants_reply, "{name}");
        assert_eq!(identifiers(&event), [format!("phone {number}")], "{name}");
        assert_eq!(text(&event, "phone"), Some(number), "{name}");
        assert_eq!(event.dedup_key.as_deref(), Some(dedup_key), "{name}");
        assert_eq!(
            event.conversation,
            format!("phone:{}", number.trim_start_matches('+')),
            "{name}"
        );
        assert_eq!(event.episode.as_deref(), Some(call(&event).id.as_str()), "{name}");
        assert!(dedup_key.contains(&call(&event).id), "{name}");
        assert_eq!(text(&event, "source"), Some("Ringostat"), "{name}");
        // The key of the URL is a secret.
        assert!(!event.context.unwrap().contains(KEY), "{name}");
    }
}

#[test]
fn the_moment_of_a_call_is_told_as_far_as_date_and_id_agree() {
    let zoned = host().setting("utc-offset", "+03:00");
    for webhook in webhooks::load(FIXTURES) {
        let sure = event_with(&zoned, webhook.request.clone()).occurred_at.unwrap();
        let guessed = event(webhook.request).occurred_at;
        // The dates of these two are minutes away from their ids.
        let is_odd =
            ["v2.after_call.callback", "v2.after_outgoing"].contains(&webhook.name.as_str());
        assert_eq!(guessed, Some(sure).filter(|_| !is_odd), "{}", webhook.name);
    }
    let moment = |name: &str| event(fixture(name)).occurred_at.unwrap();
    assert_eq!(moment("v1.after_call.get"), "2025-10-09T11:56:40+03:00");
    assert_eq!(moment("v1.before_call.form"), "2025-10-09T11:58:20+03:00");
    assert_eq!(moment("v2.after_call.answered"), "2025-10-09T11:53:20+03:00");
}

#[test]
fn a_finished_call_has_its_recording_its_length_and_its_employee() {
    let event = event(fixture("v2.after_call.answered"));
    let expected = Call {
        id: "ua1-1760000000.100001".to_owned(),
        direction: Direction::Inbound,
        client_number: Some("380440000011".to_owned()),
        agent_number: Some("101".to_owned()),
        line: Some("380440000900".to_owned()),
        status: Some("PROPER".to_owned()),
        missed: false,
        duration_s: Some(95),
        recording_url: Some(
            "https://app.ringostat.example/recordings/ua1-1760000000.100001.mp3".to_owned(),
        ),
        rating: None,
    };
    assert_eq!(format!("{:?}", call(&event)), format!("{expected:?}"));
    let employee = Person {
        id: Some("manager1_10000".to_owned()),
        name: Some("Менеджер Зразкова".to_owned()),
        email: None,
        phone: Some("101".to_owned()),
        active: true,
    };
    assert_eq!(format!("{:?}", event.agents), format!("{:?}", [employee]));
}

#[test]
fn the_source_of_a_call_is_told_under_canonical_keys() {
    let event = event(fixture("v2.after_call.answered"));
    let fields = [
        ("page-url", Some("https://shop.example.com/?gclid=TEST")),
        ("referrer", Some("https://www.google.example/")),
        ("utm-source", Some("google")),
        ("utm-medium", Some("cpc")),
        ("utm-campaign", Some("brand-test")),
        ("utm-term", Some("насос тест")),
        ("utm-content", None),
        ("ringostat-department", Some("Продаж")),
        ("ringostat-pool-name", Some("Сайт")),
        ("ringostat-call-type", Some("in")),
        ("ringostat-proper-flag", Some("1")),
        ("ringostat-wait-seconds", Some("26")),
        ("ringostat-client-id", Some("11111111-2222-4333-8444-555555555555")),
    ];
    for (key, expected) in fields {
        assert_eq!(text(&event, key), expected, "{key}");
    }
}

#[test]
fn a_call_that_nobody_answered_is_missed() {
    let event = event(fixture("v2.after_call.missed"));
    let call = call(&event);
    assert!(call.missed);
    assert_eq!((call.duration_s, call.recording_url.as_deref()), (Some(0), None));
    assert_eq!(call.status.as_deref(), Some("NO ANSWER"));
    assert!(event.agents.is_empty());
}

#[test]
fn a_callback_is_the_clients_call() {
    let event = event(fixture("v2.after_call.callback"));
    let call = call(&event);
    assert_eq!(
        (call.direction, call.missed, call.duration_s),
        (Direction::Inbound, false, Some(61))
    );
    assert_eq!(text(&event, "ringostat-call-type"), Some("callback"));
}

#[test]
fn the_client_of_an_outgoing_call_is_the_number_called() {
    let event = event(fixture("v2.after_outgoing"));
    let call = call(&event);
    assert_eq!((call.direction, call.missed), (Direction::Outbound, false));
    assert_eq!(call.client_number.as_deref(), Some("380440000014"));
    assert_eq!(call.agent_number.as_deref(), Some("manager1_10000"));
    assert_eq!(call.line, None);
    assert_eq!(event.agents[0].id.as_deref(), Some("manager1_10000"));
}

#[test]
fn a_step_tells_where_the_call_goes() {
    let event = event(fixture("v2.forward_step"));
    assert_eq!(call(&event).agent_number.as_deref(), Some("380440000901"));
    assert_eq!(event.agents[0].id.as_deref(), Some("manager1_10000"));
    assert_eq!(event.agents[0].name, None);
    assert_eq!(text(&event, "ringostat-step"), Some("1"));
}

#[test]
fn a_rating_has_its_category_and_its_value() {
    let event = event(fixture("v2.rating_menu"));
    assert_eq!(call(&event).rating.as_deref(), Some("Цільовий: 500"));
    assert_eq!(text(&event, "ringostat-category"), Some("Цільовий"));
    assert_eq!(text(&event, "ringostat-category-value"), Some("500"));
    assert_eq!(event.agents[0].id.as_deref(), Some("501"));
    assert_eq!(event.agents[0].name.as_deref(), Some("Менеджер Зразкова"));
}

#[test]
fn templates_see_nested_parameters_and_those_of_the_url_at_the_top() {
    let seen = context(&event(fixture("v2.rating_menu")));
    assert_eq!(seen["userfield"], "380440000011");
    assert_eq!(seen["additional_call_data"]["userfield"], "380440000011");
    assert_eq!(seen["event"], "rating_menu");
    let seen = context(&event(fixture("v1.before_call.form")));
    assert_eq!((&seen["keyword"], &seen["event"]), (&"купити насос".into(), &"before_call".into()));
}

#[test]
fn every_answer_at_once_is_an_empty_object() {
    for webhook in webhooks::load(FIXTURES) {
        let Ok(Received::Events(intake)) = receive_with(&host(), webhook.request) else {
            panic!("the request is not read")
        };
        assert_eq!(intake.fallback.body, b"{}", "{}", webhook.name);
    }
}
