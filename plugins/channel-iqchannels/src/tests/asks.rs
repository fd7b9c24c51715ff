//! The three questions: every stored answer, who is found and who is not, and what a slow CRM means.

use patchbay_sdk::channel::{Effect, Kind, Outcome, Received, Request, Response};
use patchbay_sdk::testing::{Host, webhooks};
use patchbay_sdk::types::{Assignment, Field, Person, Value};
use patchbay_sdk::{Adapter, Channel};
use serde_json::{Value as Json, json};

use super::{
    FIXTURES, card, event, failed, fixture, found, host, identifiers, json, receive_with,
    reply_with, request, semyon, taken_with,
};
use crate::IqChannels;

/// The fixtures' account: tokens are given, and Telegram asks for the word.
pub(super) fn bank() -> Host {
    host()
        .secret("token-key", "fake key of tokens")
        .setting("secret-word-channels", "telegram, viber")
        .setting("secret-word-field", "x_word")
}

pub(super) fn manager(id: Option<&str>, active: bool, cards: &[&str]) -> Assignment {
    Assignment {
        manager: Person {
            id: id.map(str::to_owned),
            name: Some("Оператор Пример".to_owned()),
            email: Some("operator@bank.example.com".to_owned()),
            phone: None,
            active,
        },
        cards: cards.iter().copied().map(str::to_owned).collect(),
    }
}

pub(super) fn assigned(assignments: Vec<Assignment>, next: Option<&str>) -> Outcome {
    Outcome { assignments, next_page: next.map(str::to_owned), ..found(Vec::new()) }
}

fn outcome_of(name: &str) -> Outcome {
    match name {
        "search_client.not_found" | "auth.token_bad" => found(Vec::new()),
        "persmgr_sync" => {
            assigned(vec![manager(Some("m-1"), true, &["crm-2001", "crm-2002"])], None)
        }
        _ => found(vec![semyon()]),
    }
}

#[track_caller]
fn answered(host: &Host, request: Request) -> Response {
    match receive_with(host, request) {
        Received::Answer(answer) => answer,
        other => panic!("not answered at once: {other:?}"),
    }
}

/// A token is made anew each time: any stands for the stored one.
fn with_any_token(mut expected: Json) -> Json {
    if let Some(token) = expected.pointer_mut("/result/token") {
        *token = "{{token}}".into();
    }
    expected
}

#[test]
fn every_stored_question_gets_its_stored_answer() {
    let mut questions = 0;
    for mut webhook in webhooks::load(FIXTURES) {
        if webhook.name == "search_client.needs_secret" {
            // Answered at once, without the CRM.
            let answer = answered(&bank(), webhook.request.clone());
            webhook.check(&answer).unwrap();
            questions += 1;
            continue;
        }
        let (event, _) = taken_with(&bank(), webhook.request.clone());
        assert_eq!(event.wants_reply, webhook.expected.is_some(), "{}", webhook.name);
        webhook.expected = webhook.expected.map(with_any_token);
        let answer = reply_with(&bank(), webhook.request.clone(), outcome_of(&webhook.name));
        webhook.check(&answer).unwrap();
        assert_eq!(answer.status, 200);
        questions += usize::from(event.wants_reply);
    }
    assert_eq!(questions, 7);
}

fn search(form: &str) -> Request {
    Request { body: form.as_bytes().to_vec(), ..fixture("search_client.by_phone") }
}

#[test]
fn who_is_asked_for_is_told_by_the_type_or_by_the_look() {
    let cases = [
        ("client=%2B79000000031&clientIdType=phone", "phone +79000000031"),
        ("client=+79000000031", "phone +79000000031"),
        ("client=8+(900)+000-00-31", "phone 8 (900) 000-00-31"),
        ("client=a%40example.com", "email a@example.com"),
        ("client=crm-2001", "card crm-2001"),
        ("client=79000000031&clientIdType=CRMID", "card 79000000031"),
        ("client=a%40b&clientIdType=crmid", "card a@b"),
        ("client=nobody&clientIdType=email", "email nobody"),
        ("client=2001&clientIdType=loginname", "card 2001"),
        ("client=%40semyon", "card @semyon"),
    ];
    for (form, expected) in cases {
        let event = event(search(form));
        assert_eq!(identifiers(&event), [expected], "{form}");
        assert_eq!(event.kind, Kind::ClientAsked);
        assert!(event.fields.is_empty());
    }
    let external = host().setting("integration-id-is", "external");
    let (event, _) = taken_with(&external, search("client=77&clientIdType=crmid"));
    assert_eq!(identifiers(&event), ["iqchannels-integration 77"]);
}

#[test]
fn every_question_is_one_of_its_own_and_holds_up_no_other() {
    let first = event(search("client=a%40example.com"));
    let same = event(search("client=a%40example.com"));
    let other = event(search("client=b%40example.com"));
    let later = Request {
        received_at: "2025-10-09T12:01:01+03:00".to_owned(),
        ..search("client=a%40example.com")
    };
    assert_eq!(first.dedup_key, same.dedup_key, "it was received in the same instant");
    assert_ne!(first.dedup_key, other.dedup_key);
    assert_ne!(first.dedup_key, event(later).dedup_key);
    assert_eq!(Some(first.conversation), first.dedup_key);
}

#[test]
fn a_slow_crm_is_never_a_client_who_is_not_there() {
    for name in ["search_client.by_phone", "auth.token_ok", "persmgr_sync"] {
        let (_, fallback) = taken_with(&bank(), fixture(name));
        let late = bank().run(|| IqChannels::reply(fixture(name), Vec::new()));
        for answer in [fallback, late, reply_with(&bank(), fixture(name), failed())] {
            let body = json(&answer);
            assert_eq!(body["success"], false, "{name}");
            assert_eq!(body["error"]["code"], "internal_server_error", "{name}");
            assert_eq!(body.get("result"), None, "{name}");
            assert_eq!(answer.status, if name == "persmgr_sync" { 503 } else { 200 });
        }
    }
}

#[test]
fn of_several_clients_none_is_found() {
    let two = || found(vec![semyon(), card("crm-2009", &[])]);
    let answer = reply_with(&bank(), fixture("search_client.by_phone"), two());
    assert_eq!(json(&answer), json!({"success": true, "result": {"found": false}}));
    let answer = reply_with(&bank(), fixture("auth.token_ok"), two());
    assert_eq!(json(&answer)["error"]["code"], "unauthorized");
}

#[test]
fn without_a_key_no_token_is_given() {
    let answer = reply_with(&host(), fixture("search_client.by_phone"), found(vec![semyon()]));
    assert_eq!(
        json(&answer),
        json!({"success": true, "result": {"found": true, "crmId": "crm-2001"}})
    );
}

#[test]
fn the_secret_word_is_asked_for_of_everybody() {
    let asked = json!({"success": true, "result":
        {"found": false, "next": {"ask": "secretWord", "text": "Назовите кодовое слово"}}});
    let question = || fixture("search_client.needs_secret");
    assert_eq!(json(&answered(&bank(), question())), asked, "at once: the time tells nothing");
    let own = bank().setting("secret-word-text", "Кодовое слово?");
    assert_eq!(json(&answered(&own, question()))["result"]["next"]["text"], "Кодовое слово?");
}

#[test]
fn only_the_right_word_finds_the_client() {
    let two = || {
        let words = Value::Texts(vec![" Ромашка".to_owned(), "Лютик".to_owned()]);
        let mut first = card("crm-2002", &[]);
        first.fields.push(Field::new("x_word", words));
        found(vec![first, card("crm-2003", &[("x_word", "Василёк")]), card("crm-2004", &[])])
    };
    let ask = |word: &str| {
        let form = format!(
            "client=%2B79000000032&clientIdType=phone&channelId=telegram&secretWord={word}"
        );
        json(&reply_with(&bank(), search(&form), two()))["result"].clone()
    };
    assert_eq!(ask("%D1%80%D0%9E%D0%9C%D0%90%D0%A8%D0%9A%D0%90")["crmId"], "crm-2002");
    assert_eq!(ask("%D0%B2%D0%B0%D1%81%D0%B8%D0%BB%D1%91%D0%BA+")["crmId"], "crm-2003");
    assert_eq!(ask("%D1%80%D0%BE%D0%BC%D0%B0%D1%88"), json!({"found": false}));
    let empty = search("client=%2B79000000032&channelId=telegram&secretWord=+");
    let asked = json(&answered(&bank(), empty));
    assert_eq!(asked["result"]["next"]["ask"], "secretWord", "an empty word is none");
}

#[test]
fn channels_that_ask_are_the_named_ones_all_of_them_or_unknown_ones() {
    let asks = |channels: &str, form: &str| {
        let host = bank().setting("secret-word-channels", channels);
        match receive_with(&host, search(form)) {
            Received::Answer(answer) => {
                assert_eq!(json(&answer)["result"]["next"]["ask"], "secretWord");
                true
            }
            Received::Events(_) => false,
            Received::Reject(rejection) => panic!("{rejection:?}"),
        }
    };
    assert!(asks("viber, telegram", "client=crm-1&channelId=telegram"));
    assert!(!asks("viber, telegram", "client=crm-1&channelId=support"));
    assert!(asks("*", "client=crm-1&channelId=support"));
    for spelt in
        ["telegram\r\nviber", "viber;telegram", "Telegram", "viber\tTELEGRAM", "viber ; telegram;"]
    {
        assert!(asks(spelt, "client=crm-1&channelId=telegram"), "{spelt:?}");
        assert!(asks(spelt, "client=crm-1&channelId=Telegram"), "{spelt:?}");
        assert!(!asks(spelt, "client=crm-1&channelId=support"), "{spelt:?}");
    }
    assert!(asks("telegram", "client=crm-1"), "a channel that is not named could be one of them");
    assert!(!asks("", "client=crm-1"));
    assert!(!asks(" , ", "client=crm-1"));
}

#[test]
fn a_word_without_a_field_finds_nobody_and_says_so() {
    let host = host().setting("secret-word-channels", "*");
    let form = "client=crm-2001&secretWord=x";
    let answer = reply_with(&host, search(form), found(vec![semyon()]));
    assert_eq!(json(&answer)["success"], false);
    assert!(host.log_lines()[0].1.contains("secret-word-field"));
}

#[test]
fn filters_see_the_question_without_its_secrets() {
    let context = |request: Request| -> Json {
        serde_json::from_str(&event(request).context.unwrap()).unwrap()
    };
    assert_eq!(
        context(search("client=crm-1&channelId=telegram&secretWord=x")),
        json!({"ask": "search", "client": "crm-1", "clientIdType": null, "channelId": "telegram"})
    );
    assert_eq!(context(fixture("auth.token_ok")), json!({"ask": "auth"}));
    let sync = Request { query: "page=2%2F7".to_owned(), ..fixture("persmgr_sync") };
    assert_eq!(context(sync), json!({"ask": "managers", "page": "2/7"}));
}

fn given(host: &Host, id: &str) -> String {
    let answer = reply_with(host, fixture("search_client.by_phone"), found(vec![card(id, &[])]));
    json(&answer)["result"]["token"].as_str().unwrap().to_owned()
}

fn auth(token: &str, received_at: &str) -> Request {
    let body = json!({"token": token}).to_string();
    Request { received_at: received_at.to_owned(), ..request(body) }
}

#[test]
fn the_token_of_a_found_client_leads_back_to_his_card() {
    for id in ["crm-2001", "2", "кл/1 .?"] {
        let token = given(&bank(), id);
        let (event, _) = taken_with(&bank(), auth(&token, webhooks::RECEIVED_AT));
        assert_eq!(identifiers(&event), [format!("card {id}")]);
    }
}

#[test]
fn a_token_is_good_until_its_time_and_only_as_it_was_given() {
    let token = given(&bank(), "crm-2001");
    let refused = |host: &Host, token: &str, at: &str| {
        let answer = match receive_with(host, auth(token, at)) {
            Received::Answer(answer) => json(&answer),
            _ => return false,
        };
        assert_eq!(
            answer,
            json!({"success": false, "error": {"code": "unauthorized", "text": "Токен не найден"}})
        );
        true
    };
    assert!(!refused(&bank(), &token, "2025-10-09T12:15:59+03:00"));
    assert!(refused(&bank(), &token, "2025-10-09T12:16:00+03:00"));
    let day = given(&bank().setting("token-minutes", "99999"), "crm-2001");
    assert!(!refused(&bank(), &day, "2025-10-10T12:00:59+03:00"));
    assert!(refused(&bank(), &day, "2025-10-10T12:01:00+03:00"));
    let minute = given(&bank().setting("token-minutes", "0"), "crm-2001");
    assert!(!refused(&bank(), &minute, "2025-10-09T12:01:59+03:00"));
    assert!(refused(&bank(), &minute, "2025-10-09T12:02:00+03:00"));
    let forged = token.replacen("Y3Jt", "Y3Js", 1);
    assert_ne!(forged, token);
    assert!(refused(&bank(), &forged, webhooks::RECEIVED_AT));
    assert!(refused(&bank(), token.trim_end_matches(|c| c != '.'), webhooks::RECEIVED_AT));
    let other_key = host().secret("token-key", "another key");
    assert!(refused(&other_key, &token, webhooks::RECEIVED_AT));
}

#[test]
fn any_other_token_is_a_session_of_the_bank() {
    let web_token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    for token in ["fake-dbo-session-1", "1.2", "a.b.c", web_token] {
        let (event, _) = taken_with(&bank(), auth(token, webhooks::RECEIVED_AT));
        assert_eq!(identifiers(&event), [format!("iqchannels-session {token}")]);
        assert_eq!(event.kind, Kind::ClientAsked);
    }
    let own = host().setting("session-system", "dbo");
    let token = given(&bank(), "crm-2001");
    let (event, _) = taken_with(&own, auth(&token, webhooks::RECEIVED_AT));
    assert_eq!(identifiers(&event), [format!("dbo {token}")], "without a key none is ours");
}

#[test]
fn companies_come_from_the_operators_field() {
    let companies = |value: Value| {
        let mut card = semyon();
        card.fields.push(Field::new("x_companies", value));
        let host = host().setting("company-field", "x_companies");
        json(&reply_with(&host, fixture("auth.token_ok"), found(vec![card])))["result"]["companyList"].clone()
    };
    let listed =
        r#"[{"id":7,"name":"ООО Пример","inn":"7700000000"},{"id":null},{"name":"ИП Образец"}]"#;
    assert_eq!(
        companies(Value::Json(listed.to_owned())),
        json!([{"id": "7", "name": "ООО Пример", "inn": "7700000000"}, {"id": "", "name": "ИП Образец", "inn": ""}])
    );
    assert_eq!(
        companies(Value::Text("ООО".to_owned())),
        json!([{"id": "", "name": "ООО", "inn": ""}])
    );
    assert_eq!(companies(Value::Json("{".to_owned())), json!([]));
    assert_eq!(companies(Value::Empty), json!([]));
    let many = |count: usize| Value::Texts((0..count).map(|number| format!("n{number}")).collect());
    assert_eq!(companies(many(100)).as_array().unwrap().len(), 100);
    assert_eq!(companies(many(101)).as_array().unwrap().len(), 100);
}

#[test]
fn a_created_card_answers_like_a_found_one() {
    let outcome = Outcome { effect: Effect::Created, ..found(vec![semyon()]) };
    let answer = reply_with(&bank(), fixture("auth.token_ok"), outcome);
    assert_eq!(json(&answer)["result"]["id"], "crm-2001");
}

#[test]
fn the_manifest_asks_for_nothing_outside() {
    let manifest = IqChannels::describe();
    assert_eq!(manifest.name, "channel-iqchannels");
    assert!(manifest.egress.is_empty());
    let secrets = manifest.settings.iter().filter(|setting| setting.secret);
    assert_eq!(secrets.map(|setting| setting.key.as_str()).collect::<Vec<_>>(), ["token-key"]);
    assert!(manifest.settings.iter().all(|setting| !setting.required && !setting.help.is_empty()));
}
