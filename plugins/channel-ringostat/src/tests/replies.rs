//! The pop-up, the number to forward to, and the plain answer.

use patchbay_sdk::channel::{Effect, Outcome};
use patchbay_sdk::types::{Card, Error, Field, Line, Person, Value};

use super::{event_with, fixture, get, host, reply_with};

fn card() -> Card {
    Card {
        url: Some("https://crm.example.com/c/7".to_owned()),
        manager: Some(Person {
            id: Some("3".to_owned()),
            name: Some("Менеджер Зразкова".to_owned()),
            email: Some("op1@shop.example.com".to_owned()),
            phone: Some("+380 (44) 000-01-01".to_owned()),
            active: true,
        }),
        fields: vec![
            Field::text("name", "Аліна\nТестова"),
            Field::new("phone", Value::Texts(vec!["+380440000011".to_owned()])),
        ],
        lines: vec![
            Line { title: "Баланс".to_owned(), text: "100".to_owned(), url: None },
            Line { title: " ".to_owned(), text: String::new(), url: Some("ftp://x".to_owned()) },
        ],
        ..Card::new("7")
    }
}

fn outcome(card: Card) -> Outcome {
    Outcome {
        effect: Effect::Found,
        cards: vec![card],
        assignments: Vec::new(),
        next_page: None,
        problem: None,
    }
}

fn body(host: &patchbay_sdk::testing::Host, outcomes: Vec<Outcome>) -> String {
    let response = reply_with(host, fixture("v2.before_call"), outcomes);
    assert_eq!(response.status, 200);
    String::from_utf8(response.body).unwrap()
}

#[test]
fn a_call_that_begins_is_answered_with_the_card() {
    let expected = concat!(
        r#"{"client":{"name":"Аліна Тестова","phone":"+380440000011"},"card_url":"https://crm.example.com/c/7","#,
        r#""manager":{"name":"Менеджер Зразкова","email":"op1@shop.example.com","phone":"+380 (44) 000-01-01"},"#,
        r#""lines":[{"title":"Баланс","text":"100"}]}"#
    );
    assert_eq!(body(&host(), vec![outcome(card())]), expected);
}

#[test]
fn without_a_card_or_after_a_problem_the_answer_is_plain() {
    assert_eq!(body(&host(), Vec::new()), "{}");
    let none = Outcome { cards: Vec::new(), ..outcome(card()) };
    assert_eq!(body(&host(), vec![none]), "{}");
    let failed =
        Outcome { problem: Some(Error::Unavailable("slow".to_owned())), ..outcome(card()) };
    assert_eq!(body(&host(), vec![failed]), "{}");
}

#[test]
fn only_the_moment_before_a_call_is_answered_with_the_card() {
    for name in ["v2.answered", "v2.after_call.missed", "v2.after_outgoing"] {
        let response = reply_with(&host(), fixture(name), vec![outcome(card())]);
        assert_eq!(response.body, b"{}", "{name}");
    }
    let outgoing = get("event=before_outgoing&call_id=1&dst=0440000014");
    assert!(!event_with(&host(), outgoing).wants_reply);
}

#[test]
fn the_managers_number_is_told_where_it_is_asked_for() {
    let json = host().setting("forward-to", "json").setting("pop-up", "false");
    assert_eq!(body(&json, vec![outcome(card())]), r#"{"forward_to":"+38044000-01-01"}"#);
    let text = host().setting("forward-to", "text");
    assert_eq!(body(&text, vec![outcome(card())]), "+38044000-01-01");
    assert_eq!(body(&text, Vec::new()), "");
    assert!(event_with(&json, fixture("v2.before_call")).wants_reply);
}

#[test]
fn a_call_is_forwarded_to_nobody_who_is_away_or_has_no_number() {
    let text = host().setting("forward-to", "text");
    let with = |change: fn(&mut Person)| {
        let mut card = card();
        change(card.manager.as_mut().unwrap());
        body(&text, vec![outcome(card)])
    };
    assert_eq!(with(|manager| manager.active = false), "");
    assert_eq!(with(|manager| manager.phone = None), "");
    assert_eq!(with(|manager| manager.phone = Some("call\r\nme".to_owned())), "");
    assert_eq!(with(|manager| manager.phone = Some("1".repeat(65))), "");
    assert_eq!(with(|manager| manager.phone = Some("1".repeat(64))), "1".repeat(64));
    assert_eq!(with(|manager| manager.phone = Some("manager1_10000".to_owned())), "manager1_10000");
}

#[test]
fn with_the_pop_up_off_nobody_waits() {
    let off = host().setting("pop-up", "false");
    assert!(!event_with(&off, fixture("v2.before_call")).wants_reply);
    assert_eq!(body(&off, vec![outcome(card())]), "{}");
}

#[test]
fn lines_and_texts_are_cut_at_their_limits() {
    let mut long = card();
    long.fields = vec![Field::text("name", "я".repeat(1_001))];
    long.lines = vec![Line { title: "t".to_owned(), text: "x".to_owned(), url: None }; 21];
    let body: serde_json::Value =
        serde_json::from_str(&body(&host(), vec![outcome(long)])).unwrap();
    assert_eq!(body["client"]["name"].as_str().unwrap().chars().count(), 1_000);
    assert_eq!(body["lines"].as_array().unwrap().len(), 20);
}
