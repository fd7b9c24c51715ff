//! Every stored answer, and what must never be in one.

use patchbay_sdk::channel::{Effect, Outcome, Received};
use patchbay_sdk::testing::webhooks;
use patchbay_sdk::types::{Card, Error, Field, Line, Value};
use patchbay_sdk::{Adapter, Channel};
use serde_json::{Value as Json, json};

use super::{FIXTURES, fixture, host, receive, reply, request};
use crate::Jivo;

fn line(title: &str, text: &str, url: Option<&str>) -> Line {
    Line { title: title.to_owned(), text: text.to_owned(), url: url.map(str::to_owned) }
}

fn card(url: &str, fields: &[(&str, &str)]) -> Card {
    let field = |&(key, text): &(&str, &str)| Field {
        key: key.to_owned(),
        value: Value::Text(text.to_owned()),
    };
    Card {
        id: "1001".to_owned(),
        url: Some(url.to_owned()),
        manager: None,
        fields: fields.iter().map(field).collect(),
        lines: Vec::new(),
        matched: Vec::new(),
    }
}

fn outcome(effect: Effect, cards: Vec<Card>) -> Outcome {
    Outcome { effect, cards, assignments: Vec::new(), next_page: None, problem: None }
}

/// The card 1001 of the fixtures' CRM, with more phones than Jivo has a place for.
fn known() -> Outcome {
    let mut card = card(
        "https://crm.example.com/contact/1001",
        &[
            ("name", "Тестова Алина Игоревна"),
            ("email", "alina.testova@example.com"),
            ("comment", "VIP, звонить после 12:00"),
        ],
    );
    let phones = ["+79000000001", "+79000000009"].map(str::to_owned).to_vec();
    card.fields.push(Field { key: "phone".to_owned(), value: Value::Texts(phones) });
    card.lines = vec![
        line("Баланс", "1 250,00 ₽", None),
        line("Лицензия", "PRO до 31.12.2030", Some("https://crm.example.com/license/77")),
        line(
            "Последняя сделка",
            "№ 5001, «Счёт выставлен»",
            Some("https://crm.example.com/deal/5001"),
        ),
    ];
    outcome(Effect::Found, vec![card])
}

fn outcome_of(name: &str) -> Outcome {
    match name {
        "chat_accepted.unknown_with_phone" => {
            let fields = [("name", "Новиков Пробный"), ("phone", "+79000000002")];
            outcome(Effect::Created, vec![card("https://crm.example.com/contact/1002", &fields)])
        }
        "chat_updated.introduced" => {
            let fields = [
                ("name", "Пробная Мария"),
                ("phone", "+79000000003"),
                ("email", "m.probnaya@example.com"),
            ];
            outcome(Effect::Created, vec![card("https://crm.example.com/contact/1003", &fields)])
        }
        "chat_accepted.no_contacts" => outcome(Effect::None, Vec::new()),
        _ => known(),
    }
}

fn answer(name: &str, outcome: Outcome) -> Json {
    let response = reply(fixture(name), vec![outcome]);
    assert_eq!(response.status, 200);
    assert_eq!(response.headers, [("content-type".to_owned(), "application/json".to_owned())]);
    serde_json::from_slice(&response.body).unwrap()
}

#[test]
fn every_stored_webhook_gets_its_stored_answer() {
    let host = host().setting("line-keys", r#"{"Последняя сделка":"Сделка"}"#);
    for webhook in webhooks::load(FIXTURES) {
        assert!(webhook.expected.is_some(), "{}", webhook.name);
        let outcomes = vec![outcome_of(&webhook.name)];
        let response = host.run(|| Jivo::reply(webhook.request.clone(), outcomes));
        webhook.check(&response).unwrap();
    }
}

#[test]
fn the_article_s_answer_has_the_same_shape() {
    let stored = std::fs::read(format!("{FIXTURES}/response.escaped_slashes.json")).unwrap();
    let stored: Json = serde_json::from_slice(&stored).unwrap();
    let fields = [
        ("name", "Иван Примеров"),
        ("phone", "+79000000007"),
        ("email", "primerov@example.com"),
        ("comment", "Комментарий"),
    ];
    let mut card = card("http://crm.example.com/user/1", &fields);
    card.lines.push(line("Answer", "42", None));
    assert_eq!(answer("chat_updated.introduced", outcome(Effect::Updated, vec![card])), stored);
}

#[test]
fn a_problem_or_a_missing_outcome_is_a_plain_ok() {
    let name = "chat_accepted.known_by_email";
    let plain = json!({"result": "ok"});
    let failed =
        Outcome { problem: Some(Error::Unavailable("CRM said 503".to_owned())), ..known() };
    assert_eq!(answer(name, failed), plain);
    assert_eq!(reply(fixture(name), Vec::new()).body, br#"{"result":"ok"}"#);
    assert_eq!(reply(request("no json"), vec![known()]).body, br#"{"result":"ok"}"#);
    assert_eq!(answer(name, outcome(Effect::Created, Vec::new())), plain);
}

#[test]
fn what_the_card_does_not_say_is_not_said() {
    let mut bare = card("", &[("name", " "), ("email", "")]);
    bare.url = None;
    bare.fields.push(Field { key: "phone".to_owned(), value: Value::Texts(vec![String::new()]) });
    bare.fields.push(Field { key: "comment".to_owned(), value: Value::Empty });
    let found = answer("chat_accepted.no_contacts", outcome(Effect::Found, vec![bare]));
    assert_eq!(found, json!({"result": "ok"}));
}

#[test]
fn only_web_links_are_shown() {
    let long = format!("https://crm.example.com/{}", "a".repeat(2_048));
    let cases = [
        "javascript:alert(1)",
        "javascript://x/%0aalert(1)",
        "/contact/1",
        "https://",
        "https://a b/",
        &long,
    ];
    for url in cases {
        let mut card = card(url, &[]);
        card.lines = vec![line("A", "b", Some(url))];
        let answer = answer("chat_updated.introduced", outcome(Effect::Found, vec![card]));
        assert_eq!(
            answer,
            json!({"result": "ok", "custom_data": [{"title": "A", "content": "b"}]})
        );
    }
    let card = card(" HTTPS://crm.example.com/1 ", &[]);
    let answer = answer("chat_updated.introduced", outcome(Effect::Found, vec![card]));
    let expected =
        json!({"result": "ok", "enable_assign": true, "crm_link": "HTTPS://crm.example.com/1"});
    assert_eq!(answer, expected);
}

#[test]
fn lines_and_texts_are_capped_and_cleaned() {
    let mut card = card("https://crm.example.com/1", &[("comment", "a\u{0}b\r\n\tc <b>")]);
    card.lines =
        vec![line("", "", Some("https://crm.example.com/")), line("Title alone", " ", None)];
    card.lines.extend((0..30).map(|n| line(&n.to_string(), &"я".repeat(1_001), None)));
    let answer = answer("chat_updated.introduced", outcome(Effect::Created, vec![card]));
    let lines = answer["custom_data"].as_array().unwrap();
    assert_eq!(lines.len(), 20);
    assert_eq!(lines[0], json!({"title": "CRM", "content": "Создан новый клиент"}));
    assert_eq!(lines[1], json!({"content": "Title alone"}));
    assert_eq!(lines[19]["title"], "17");
    assert_eq!(lines[2]["content"].as_str().unwrap(), "я".repeat(1_000));
    assert_eq!(answer["contact_info"], json!({"description": "a b c <b>"}));
}

#[test]
fn the_text_for_a_new_card_is_the_operators() {
    let name = "chat_accepted.unknown_with_phone";
    let with = |text: &str| {
        let host = host().setting("created-text", text);
        let response = host.run(|| Jivo::reply(fixture(name), vec![outcome_of(name)]));
        serde_json::from_slice::<Json>(&response.body).unwrap()
    };
    assert_eq!(with("New client")["custom_data"][0]["content"], "New client");
    assert_eq!(with("").get("custom_data"), None);
}

#[test]
fn a_browser_is_told_what_this_address_is() {
    for method in ["GET", "HEAD", "PUT"] {
        let opened = patchbay_sdk::channel::Request { method: method.to_owned(), ..request("") };
        let Received::Answer(answer) = receive(opened) else { panic!("{method} is not answered") };
        assert_eq!(answer.status, 405);
        assert!(answer.headers.contains(&("allow".to_owned(), "POST".to_owned())));
    }
}

#[test]
fn the_manifest_asks_for_nothing() {
    let manifest = Jivo::describe();
    assert_eq!((manifest.name.as_str(), manifest.vendor.as_str()), ("channel-jivo", "Jivo"));
    assert!(manifest.egress.is_empty());
    let keys = manifest.settings.iter().map(|setting| setting.key.as_str()).collect::<Vec<_>>();
    assert_eq!(
        keys,
        ["site-names", "created-text", "line-keys", "user-token-format", "login-identifies"]
    );
    assert!(
        manifest
            .settings
            .iter()
            .all(|setting| !setting.secret && !setting.required && !setting.help.is_empty())
    );
}
