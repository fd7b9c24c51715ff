//! From a webhook to a card and back to the channel.

use hyper::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    fake_odoo::{self, FakeOdoo},
    harness::{TestHost, jivo},
};

#[tokio::test]
async fn a_jivo_webhook_becomes_a_card_and_the_answer_shows_it() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;

    let answer = host.hook(&url, jivo("chat_accepted.unknown_with_phone.json")).await;

    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
    let reply = answer.json();
    let link = reply["crm_link"].as_str().unwrap();
    assert!(link.starts_with("https://notebook.invalid/cards/"), "{reply}");
    let expected = json!({
        "result": "ok",
        "custom_data": [{ "title": "CRM", "content": "Создан новый клиент" }],
        "contact_info": { "name": "Новиков Пробный", "phone": "+79000000002" },
        "enable_assign": true,
        "crm_link": link,
    });
    assert_eq!(reply, expected);
    let cards = host.cards("notebook", "phone=%2B79000000002").await;
    assert_eq!(cards.len(), 1);
    assert_eq!(cards[0]["url"], link);
    host.stop().await;
}

#[tokio::test]
async fn the_same_webhook_again_makes_no_second_card_and_is_answered_the_same() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;

    let first = host.hook(&url, jivo("chat_accepted.unknown_with_phone.json")).await;
    let second = host.hook(&url, jivo("chat_accepted.unknown_with_phone.json")).await;

    assert_eq!(first.body, second.body);
    assert_eq!(host.cards("notebook", "phone=%2B79000000002").await.len(), 1);
    let journal = host.get("/events").await;
    let flags: Vec<&Value> = journal["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["events"][0]["duplicate"])
        .collect();
    assert_eq!(flags, [&json!(true), &json!(false)], "the repeat is shown as one");
    host.stop().await;
}

#[tokio::test]
async fn a_client_who_is_known_is_shown_with_fuller_contacts() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;
    host.hook(&url, jivo("chat_accepted.user_token.json")).await;

    let reply = host.hook(&url, jivo("chat_accepted.known_by_email.json")).await.json();

    assert_eq!(reply["contact_info"]["name"], "Тестова Алина");
    assert_eq!(reply["contact_info"]["phone"], "+79000000001");
    assert_eq!(reply["enable_assign"], true);
    assert_eq!(reply.get("custom_data"), None, "nothing was created: {reply}");
    host.stop().await;
}

#[tokio::test]
async fn a_visitor_without_contacts_makes_no_card_until_introduced() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;

    let reply = host.hook(&url, jivo("chat_accepted.no_contacts.json")).await.json();
    assert_eq!(reply, json!({ "result": "ok" }));
    assert_eq!(host.cards("notebook", "email=m.probnaya@example.com").await.len(), 0);

    let reply = host.hook(&url, jivo("chat_updated.introduced.json")).await.json();
    assert_eq!(
        reply["contact_info"],
        json!({ "name": "Пробная Мария", "phone": "+79000000003", "email": "m.probnaya@example.com" })
    );
    assert_eq!(host.cards("notebook", "email=m.probnaya@example.com").await.len(), 1);
    host.stop().await;
}

#[tokio::test]
async fn every_jivo_webhook_gets_the_answer_that_jivo_expects() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/channel-jivo/fixtures");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().to_str()?.strip_suffix(".http.json").map(str::to_owned)
        })
        .collect();
    names.sort();
    assert!(10 < names.len(), "{names:?}");
    for name in names {
        let expected: Value =
            serde_json::from_slice(&jivo(&format!("{name}.response.json"))).unwrap();
        let answer = host.hook(&url, jivo(&format!("{name}.json"))).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}");
        let reply = answer.json();
        assert_eq!(reply["result"], expected["result"], "{name}");
        let has_more = reply.as_object().unwrap().contains_key("contact_info");
        assert_eq!(has_more, expected.get("contact_info").is_some(), "{name}: {reply}");
    }
    host.idle().await;
    let letters = host.get("/dead-letters").await;
    assert_eq!(letters["items"], json!([]));
    host.stop().await;
}

#[tokio::test]
async fn a_second_crm_is_installed_and_joined_while_the_host_runs() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;
    host.hook(&url, jivo("chat_accepted.unknown_with_phone.json")).await;
    let odoo = fake_odoo::start().await;

    let plugin = host.install("crm_odoo").await;
    assert_eq!(plugin["manifest"]["name"], "crm-odoo");
    host.put("/accounts/odoo", odoo_account(&odoo)).await;
    host.put("/integrations/jivo-to-odoo", json!({ "channel": "jivo", "crm": "odoo" })).await;
    let reply = host.hook(&url, jivo("offline_message.json")).await.json();

    assert_eq!(reply, json!({ "result": "ok" }));
    host.idle().await;
    let partners = odoo.partners();
    assert_eq!(partners.len(), 1, "{partners:?}");
    assert_eq!(partners[0]["email"], "night.guest@example.com");
    assert_eq!(partners[0]["phone"], "+79000000004");
    assert_eq!(
        host.cards("notebook", "email=night.guest@example.com").await.len(),
        1,
        "both CRMs got it"
    );
    host.stop().await;
}

#[tokio::test]
async fn plugins_accounts_and_the_journal_outlive_a_restart() {
    let mut host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;
    host.hook(&url, jivo("chat_accepted.unknown_with_phone.json")).await;
    let path = url.split_once("/hooks/").unwrap().1.to_owned();

    host.restart().await;

    let url = format!("{}/hooks/{path}", host.url());
    let again = host.hook(&url, jivo("chat_accepted.unknown_with_phone.json")).await.json();
    assert_eq!(again["contact_info"]["name"], "Новиков Пробный");
    assert_eq!(host.cards("notebook", "phone=%2B79000000002").await.len(), 1);
    host.stop().await;
}

#[tokio::test]
async fn the_journal_tells_what_became_of_an_event() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;
    host.hook(&url, jivo("chat_accepted.unknown_with_phone.json")).await;
    let journal = host.get("/events?account=jivo&limit=1").await;
    let event = &journal["items"][0]["events"][0];
    assert_eq!(event["kind"], "conversation-started");
    assert_eq!(event["jobs"][0]["state"], "done");
    assert_eq!(event["jobs"][0]["outcome"]["effect"], "created");

    let detail = host.get(&format!("/events/{}", event["id"])).await;

    assert_eq!(detail["request"]["body"]["event_name"], "chat_accepted");
    assert_eq!(detail["attempts"][0]["outcome"], "done");
    assert_eq!(detail["jobs"][0]["steps"][0]["name"], "upsert-contact");
    assert_eq!(detail["jobs"][0]["steps"][0]["state"], "done");
    host.stop().await;
}

#[tokio::test]
async fn get_form_and_unknown_webhooks_are_answered_and_kept() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;

    let request = Request::get(&url).body(http_body_util::Full::default()).unwrap();
    assert_eq!(host.send(request).await.status, StatusCode::METHOD_NOT_ALLOWED);
    let request = Request::post(&url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(jivo("chat_accepted.unknown_with_phone.json").into())
        .unwrap();
    assert_eq!(host.send(request).await.json()["result"], "ok", "JSON under another content type");
    let unknown = host.hook(&url, r#"{"event_name":"something_new","visitor":[]}"#).await;
    assert_eq!(unknown.json(), json!({ "result": "ok" }));
    host.idle().await;
    let journal = host.get("/events").await;
    let verdicts: Vec<&str> = journal["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["events", "events", "answered"]);
    assert_eq!(journal["items"][0]["events"][0]["kind"], "ignored");
    host.stop().await;
}

/// An Odoo account that may reach the fake on loopback.
pub(crate) fn odoo_account(odoo: &FakeOdoo) -> Value {
    json!({
        "plugin": "crm-odoo",
        "settings": { "base-url": odoo.url, "database": fake_odoo::DATABASE },
        "secrets": { "api-key": fake_odoo::API_KEY },
        "grants": [{ "allow": odoo.url, "private": true }],
    })
}

#[tokio::test]
async fn an_account_that_cannot_work_is_refused_with_its_problems() {
    let host = TestHost::start().await;
    host.install("crm_odoo").await;
    let account = json!({ "plugin": "crm-odoo", "settings": { "bas-url": "x" }, "grants": [{ "allow": "nonsense" }] });

    let answer = host.api(Method::PUT, "/accounts/odoo", account.to_string()).await;

    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let body = answer.json();
    assert_eq!(body["code"], "invalid");
    let text = body["problems"].to_string();
    for word in ["bas-url", "base-url", "api-key"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    host.stop().await;
}
