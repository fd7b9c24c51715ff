//! The Jivo article: what an agent is shown, and what becomes of every event in the CRM.

use patchbay_ledger::Ledger;
use serde_json::{Value, json};

use super::{
    fixture::Folder,
    stage::{CARDS, Channel, Stage},
};

pub(super) const JIVO: Folder = Folder("plugins/channel-jivo/fixtures");

/// The lines of the vendor's own example, from fields of the CRM that the operator chose.
fn lines() -> Value {
    let deal = "{% if card.fields.deal_number %}№ {{ card.fields.deal_number }}, «{{ card.fields.deal_status }}»{% endif %}";
    json!([
        { "title": "Баланс", "text": "{{ card.fields.balance }}" },
        { "title": "Лицензия", "text": "{{ card.fields.licence }}", "url": "{{ card.fields.licence_url }}" },
        { "title": "Последняя сделка", "text": deal, "url": "https://crm.example.com/deal/{{ card.fields.deal_number }}" },
    ])
}

/// The contact 1001 of the fixtures' CRM.
fn alina() -> Value {
    json!({
        "identifiers": ["phone:+79000000001", "email:alina.testova@example.com"],
        "fields": {
            "name": "Тестова Алина Игоревна",
            "comment": "VIP, звонить после 12:00",
            "balance": "1 250,00 ₽",
            "licence": "PRO до 31.12.2030",
            "licence-url": "https://crm.example.com/license/77",
            "deal-number": "5001",
            "deal-status": "Счёт выставлен",
        },
    })
}

/// The fixtures' CRM with nobody in it.
async fn empty() -> Stage {
    let stage = Stage::new().await;
    stage.ledger.name_contacts("", 1001, Some(CARDS));
    stage
}

fn channel(options: Value, rules: Value) -> Channel {
    Channel {
        vendor: "jivo",
        settings: json!({ "line-keys": r#"{"Последняя сделка":"Сделка"}"# }),
        options,
        rules,
        ..Channel::default()
    }
}

fn everything() -> Value {
    json!({ "deals": true, "tasks": true, "notes": true })
}

#[tokio::test]
async fn a_day_of_jivo_is_answered_as_its_documents_say_and_kept_in_the_crm() {
    let stage = empty().await;
    stage.ledger.add_contact(&alina());
    let url = stage.join(channel(everything(), json!({ "lines": lines() }))).await;
    let day = [
        "chat_accepted.known_by_email",
        "chat_accepted.unknown_with_phone",
        "chat_accepted.no_contacts",
        "chat_updated.introduced",
        "chat_accepted.user_token",
        "client_updated.legacy_contacts",
        "client_updated.category",
        "chat_assigned",
        "chat_finished.one_agent",
        "chat_finished.two_agents",
        "call_event.start",
        "call_event.end",
        "call_event.error",
        "offline_message",
    ];
    let mut sent = day.to_vec();
    sent.sort_unstable();
    assert_eq!(sent, JIVO.requests());
    for name in day {
        stage.replay_answered(JIVO, name, &url).await;
    }
    let names: Vec<Value> =
        stage.all("contacts").iter().map(|it| it["fields"]["name"].clone()).collect();
    let expected = ["Тестова Алина Игоревна", "Новиков Пробный", "Пробная Мария", "Ночной Гость"];
    assert_eq!(names, expected, "one card for each person");
    let deals = stage.all("deals");
    let of = |card: &str| deals.iter().filter(|deal| deal["card"] == card).count();
    assert_eq!(["1001", "1002", "1004"].map(of), [1, 1, 1], "{deals:#?}");
    assert_eq!(stage.ledger.contact("1001")["fields"]["comment"], "VIP, звонить после 12:00");
    // And once more: nothing happens twice.
    let before = stage.ledger.records();
    for name in day {
        stage.replay_answered(JIVO, name, &url).await;
    }
    assert_eq!(stage.ledger.records(), before);
    stage.close().await;
}

#[tokio::test]
async fn a_client_is_searched_by_email_and_by_phone_and_shown_with_fuller_contacts() {
    let stage = empty().await;
    stage.ledger.add_contact(&alina());
    let url = stage.join(channel(json!({}), json!({ "lines": lines() }))).await;
    stage.replay_answered(JIVO, "chat_accepted.known_by_email", &url).await;
    stage.replay_answered(JIVO, "chat_accepted.user_token", &url).await;
    stage.replay_answered(JIVO, "client_updated.legacy_contacts", &url).await;
    assert_eq!(stage.counts(), [1, 0, 0, 0]);
    let contact = stage.one("contacts");
    assert_eq!(contact["fields"]["name"], alina()["fields"]["name"], "the fuller name is kept");
    stage.close().await;
}

#[tokio::test]
async fn a_client_who_is_absent_gets_a_card_as_soon_as_there_are_contacts() {
    let stage = empty().await;
    stage.ledger.add_contact(&alina());
    let url = stage.join(channel(json!({}), json!({ "lines": lines() }))).await;
    stage.replay_answered(JIVO, "chat_accepted.unknown_with_phone", &url).await;
    assert_eq!(stage.ledger.contact("1002")["fields"]["name"], "Новиков Пробный");
    stage.replay_answered(JIVO, "chat_accepted.no_contacts", &url).await;
    assert_eq!(stage.counts(), [2, 0, 0, 0], "nobody has introduced themselves");
    stage.replay_answered(JIVO, "chat_updated.introduced", &url).await;
    let contact = stage.ledger.contact("1003");
    assert_eq!(contact["fields"]["name"], "Пробная Мария");
    let identifiers = contact["identifiers"].as_array().unwrap();
    assert!(identifiers.contains(&json!("phone:+79000000003")), "{identifiers:?}");
    stage.close().await;
}

#[tokio::test]
async fn who_is_introduced_during_a_chat_gets_one_deal_for_it() {
    let stage = empty().await;
    let url = stage.join(channel(everything(), json!({}))).await;
    stage.replay(JIVO, "chat_accepted.no_contacts", &url).await;
    assert_eq!(stage.counts(), [0, 0, 0, 0], "nobody has introduced themselves");
    for _ in 0..2 {
        stage.replay(JIVO, "chat_updated.introduced", &url).await;
        assert_eq!(stage.counts(), [1, 1, 0, 0]);
    }
    assert_eq!(stage.one("deals")["card"], stage.one("contacts")["id"]);
    stage.close().await;
}

#[tokio::test]
async fn the_answer_of_the_article_is_given_for_the_client_of_the_article() {
    let stage = Stage::new().await;
    stage.ledger.name_contacts("", 1, Some("http://crm.example.com/user/"));
    stage.ledger.add_contact(&json!({
        "identifiers": ["phone:+79000000007", "email:primerov@example.com", "email:alina.testova@example.com"],
        "fields": { "name": "Иван Примеров", "comment": "Комментарий" },
        "lines": [{ "title": "Answer", "text": "42" }],
    }));
    let url = stage.join(channel(json!({}), json!({}))).await;
    let answer = stage.replay(JIVO, "chat_accepted.known_by_email", &url).await;
    assert_eq!(answer.json(), JIVO.json("response.escaped_slashes.json"));
    stage.close().await;
}

#[tokio::test]
async fn the_agent_of_the_chat_is_responsible_if_the_crm_knows_the_login_else_the_default() {
    let managers = |login: &str| {
        json!([
            { "id": "m1", "name": "Оператор Первый", "login": login, "active": true },
            { "id": "m2", "name": "По умолчанию", "email": "boss@example.com", "active": true },
        ])
    };
    let cases = [("OP1@shop.example.com", "m1"), ("another@shop.example.com", "m2")];
    for (login, responsible) in cases {
        let stage = empty().await;
        stage.ledger.set_managers(&managers(login));
        let rules = json!({ "responsible": { "default": "boss@example.com" } });
        let url = stage.join(channel(everything(), rules)).await;
        stage.replay(JIVO, "chat_accepted.unknown_with_phone", &url).await;
        assert_eq!(stage.one("contacts")["fields"]["manager"], responsible, "{login}");
        assert_eq!(stage.one("deals")["manager"], responsible, "{login}");
        stage.close().await;
    }
}

#[tokio::test]
async fn a_lead_is_titled_with_its_site_or_with_jivo_and_marked_as_jivos() {
    let title = "{{ fields.site or fields.source }}: {{ fields.name }}";
    let rules = json!({ "mapping": [
        { "field": "deal.title", "value": title },
        { "field": "contact.tag", "value": "{{ fields.source }}" },
    ] });
    for (sites, title) in [
        (r#"{"ZZtest0001":"Пример-Магазин"}"#, "Пример-Магазин: Новиков Пробный"),
        ("{}", "Jivo: Новиков Пробный"),
    ] {
        let stage = empty().await;
        let mut channel = channel(everything(), rules.clone());
        channel.settings["site-names"] = json!(sites);
        let url = stage.join(channel).await;
        stage.replay(JIVO, "chat_accepted.unknown_with_phone", &url).await;
        let (contact, deal) = (stage.one("contacts"), stage.one("deals"));
        assert_eq!(deal["fields"]["title"], title);
        assert_eq!(contact["fields"]["source"], "Jivo");
        assert_eq!(contact["fields"]["tag"], "Jivo");
        stage.close().await;
    }
}

#[tokio::test]
async fn page_referrer_and_campaign_come_from_the_visit_or_from_what_the_site_packed() {
    let stage = empty().await;
    let url = stage.join(channel(everything(), json!({ "note": { "source": true } }))).await;
    stage.replay(JIVO, "chat_accepted.unknown_with_phone", &url).await;
    let seen = stage.one("contacts")["fields"].clone();
    assert_eq!(seen["page-url"], "https://shop.example.com/catalog/pumps?utm_source=yandex");
    assert_eq!(seen["utm-source"], "yandex");
    assert_eq!(seen["utm-campaign"], "spring-test");
    assert_eq!(seen["utm-term"], "купить тестовый насос");
    assert_eq!(seen["referrer"], Value::Null, "Jivo does not see it");

    stage.replay(JIVO, "chat_accepted.user_token", &url).await;
    let packed = stage.ledger.contact("1002")["fields"].clone();
    assert_eq!(packed["page-url"], "https://shop.example.com/catalog/pumps");
    assert_eq!(packed["referrer"], "https://ya.example/");
    assert_eq!(packed["utm-campaign"], "spring-test");
    let deals = stage.all("deals");
    assert_eq!(deals[1]["fields"]["referrer"], "https://ya.example/", "the lead tells it too");
    let notes = stage.all("notes");
    let text = notes[1]["text"].as_str().unwrap();
    assert!(text.contains("https://ya.example/") && text.contains("spring-test"), "{text}");
    stage.close().await;
}

#[tokio::test]
async fn the_comment_of_the_agent_is_copied_and_replaces_none() {
    let stage = empty().await;
    let url = stage.join(channel(json!({}), json!({}))).await;
    stage.replay(JIVO, "chat_accepted.user_token", &url).await;
    assert_eq!(stage.one("contacts")["fields"]["comment"], "Спрашивала про доставку");
    stage.close().await;
}

#[tokio::test]
async fn a_field_that_the_crm_requires_is_filled_from_the_mapping_or_named_in_the_dead_letter() {
    let required = json!([
        { "key": "name" },
        { "key": "branch", "type": "choice", "required": true, "choices": [["1", "Центр"]] },
    ]);
    for (mapping, is_made) in [
        (json!([{ "field": "contact.branch", "value": "{{ fields.city or '1' }}" }]), true),
        (json!([]), false),
    ] {
        let ledger = Ledger::open().await;
        ledger.set_contact_fields(&required);
        let stage = Stage::on(ledger, "crm_ledger", json!({ "asks-for-fields": "true" })).await;
        let url = stage.join(channel(json!({}), json!({ "mapping": mapping }))).await;
        let answer = stage.replay(JIVO, "chat_accepted.unknown_with_phone", &url).await;
        if is_made {
            assert_eq!(stage.one("contacts")["fields"]["branch"], "Тестоград");
            stage.close().await;
        } else {
            assert_eq!(answer.json(), json!({ "result": "ok" }), "the agent is not disturbed");
            let reason = stage.dead_letter().await;
            assert!(reason.contains("branch"), "{reason}");
            assert_eq!(stage.counts(), [0; 4]);
            stage.host.stop().await;
        }
    }
}

#[tokio::test]
async fn an_offline_message_becomes_a_task_for_somebody() {
    let stage = empty().await;
    let manager = json!([{ "id": "m2", "email": "boss@example.com", "active": true }]);
    stage.ledger.set_managers(&manager);
    let rules = json!({ "responsible": { "default": "m2" } });
    let url = stage.join(channel(everything(), rules)).await;
    stage.replay_answered(JIVO, "offline_message", &url).await;
    let task = stage.one("tasks");
    assert_eq!(task["manager"], "m2");
    assert_eq!(task["subject"]["deal"], stage.one("deals")["id"]);
    let wish = "Перезвоните мне завтра утром, пожалуйста";
    assert!(task["text"].as_str().unwrap().contains(wish), "{task}");
    assert_eq!(stage.one("contacts")["fields"]["name"], "Ночной Гость");
    stage.close().await;
}

#[tokio::test]
async fn a_crm_without_tasks_gets_a_note_and_the_journal_says_so() {
    let stage = Stage::on(Ledger::open().await, "crm_plain", json!({})).await;
    let url = stage.join(channel(everything(), json!({}))).await;
    stage.replay_answered(JIVO, "offline_message", &url).await;
    assert_eq!(stage.counts()[..3], [1, 0, 0]);
    let notes = stage.all("notes");
    let wish = "Перезвоните мне завтра утром, пожалуйста";
    assert!(notes.iter().any(|note| note["text"].as_str().unwrap().contains(wish)), "{notes:#?}");
    let remarks = stage.remarks().await;
    assert!(remarks.contains(&"task-as-note".to_owned()), "{remarks:?}");
    stage.close().await;
}

#[tokio::test]
async fn a_conversation_that_an_agent_bound_to_a_card_stays_with_it() {
    let stage = empty().await;
    stage.ledger.add_contact(&json!({ "fields": { "name": "Тестова, без контактов" } }));
    let url = stage.join(channel(json!({}), json!({}))).await;
    stage.replay_answered(JIVO, "chat_assigned", &url).await;
    let answer = stage.replay(JIVO, "chat_accepted.known_by_email", &url).await.json();
    assert_eq!(answer["crm_link"], "https://crm.example.com/contact/1001");
    assert_eq!(stage.counts(), [1, 0, 0, 0]);
    stage.close().await;
}

#[tokio::test]
async fn a_chat_that_ended_leaves_its_transcript_with_the_rating_and_every_agent() {
    let stage = empty().await;
    stage.ledger.add_contact(&alina());
    let url = stage.join(channel(everything(), json!({}))).await;
    stage.replay_answered(JIVO, "chat_finished.one_agent", &url).await;
    stage.replay_answered(JIVO, "chat_finished.two_agents", &url).await;
    let notes = stage.all("notes");
    assert_eq!(notes[0]["transcript"]["rating"], "positive");
    assert_eq!(notes[0]["transcript"]["messages"][3]["text"], "300 ₽ по городу.");
    let agents: Vec<&Value> = notes[1]["transcript"]["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["agent"])
        .collect();
    assert_eq!(agents[4..], [&json!("Оператор Первый"), &json!("Оператор Вторая")]);
    assert_eq!(notes[1]["subject"], json!({ "card": "1001" }));
    stage.close().await;
}

#[tokio::test]
async fn a_jivo_call_leaves_a_note_with_its_recording_and_a_lost_one_a_task() {
    let stage = empty().await;
    stage.ledger.add_contact(&alina());
    let url = stage.join(channel(json!({ "tasks": true, "notes": true }), json!({}))).await;
    stage.replay_answered(JIVO, "call_event.start", &url).await;
    assert_eq!(stage.counts()[2..], [0, 0]);
    stage.replay_answered(JIVO, "call_event.end", &url).await;
    let note = stage.one("notes");
    assert_eq!(note["call"]["recording-url"], "https://records.example.com/r/4402.mp3");
    assert_eq!(note["call"]["client-number"], "+79000000005");
    stage.replay_answered(JIVO, "call_event.error", &url).await;
    let task = stage.one("tasks");
    assert!(task["text"].as_str().unwrap().contains("+79000000006"), "{task}");
    stage.close().await;
}
