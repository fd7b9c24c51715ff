//! The iQChannels article: the chat server asks who its clients are and who looks after them, tells
//! what happens in its chats, and has its window in the CRM.

use patchbay_ledger::Ledger;
use serde_json::{Value, json};

use super::{
    fixture::Folder,
    stage::{Channel, Stage},
};

pub(super) const IQCHANNELS: Folder = Folder("plugins/channel-iqchannels/fixtures");

/// The bank's CRM: two clients of one manager, the first with a session of the bank's application.
async fn bank() -> (Stage, String) {
    let operator = json!({
        "field": "contact.operator",
        "value": "{{ fields.iqchannels_operator }}",
        "update": "all",
    });
    let rules = json!({ "note": { "messages": true }, "mapping": [operator] });
    bank_on("crm_ledger", rules).await
}

/// The same over another adapter of its CRM, and with other rules.
async fn bank_on(adapter: &str, rules: Value) -> (Stage, String) {
    let stage = Stage::on(Ledger::open().await, adapter, json!({})).await;
    stage.ledger.name_contacts("crm-", 2001, Some("https://crm.example.com/client/"));
    stage.ledger.set_managers(&json!([
        { "id": "m-1", "email": "operator@bank.example.com", "name": "Оператор Пример", "active": true },
        { "id": "m-2", "email": "second@bank.example.com", "name": "Второй Пример", "active": true },
    ]));
    stage.ledger.add_contact(&json!({
        "identifiers": [
            "phone:+79000000031",
            "email:obraztsov@example.com",
            "external:iqchannels-session:fake-dbo-session-1",
        ],
        "fields": { "name": "Образцов Семён", "manager": "m-1" },
    }));
    stage.ledger.add_contact(&json!({
        "identifiers": ["phone:+79000000032"],
        "fields": { "name": "Секретов Пример", "manager": "m-1", "secret-word": "Яблоко" },
    }));
    let channel = Channel {
        vendor: "iqchannels",
        settings: json!({
            "secret-word-channels": "telegram",
            "secret-word-field": "secret-word",
            "chat-url": "https://iqchannels.example.com/",
            "card-url": "https://crm.example.com/client/{id}",
            "crm-origins": "https://crm.example.com",
        }),
        secrets: json!({ "token-key": "fake-token-key-of-the-tests-0123" }),
        options: json!({ "tasks": true, "notes": true }),
        rules,
        ..Channel::default()
    };
    let url = stage.join(channel).await;
    (stage, url)
}

/// The answer to a search, and the token in it, which is a new one each time.
async fn found(stage: &Stage, name: &str, url: &str) -> String {
    let mut answer = stage.replay(IQCHANNELS, name, url).await.json();
    let token = answer["result"]["token"].take();
    answer["result"]["token"] = IQCHANNELS.answer(name)["result"]["token"].clone();
    assert_eq!(answer, IQCHANNELS.answer(name), "{name}");
    token.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_client_is_found_by_phone_or_id_and_let_in_with_the_token_that_the_search_gave() {
    let (stage, url) = bank().await;
    let card = IQCHANNELS.answer("auth.token_ok");
    for name in ["search_client.by_phone", "search_client.by_crmid.json_body"] {
        let token = found(&stage, name, &url).await;
        let answer = stage.host.hook(&url, json!({ "token": token }).to_string()).await;
        assert_eq!(answer.json(), card, "{name}");
    }
    stage.replay_answered(IQCHANNELS, "search_client.not_found", &url).await;
    assert_eq!(stage.counts(), [2, 0, 0, 0], "a question makes nothing");
    stage.close().await;
}

#[tokio::test]
async fn a_client_of_an_application_is_let_in_with_its_session_and_a_stranger_is_not() {
    let (stage, url) = bank().await;
    stage.replay_answered(IQCHANNELS, "auth.token_ok", &url).await;
    stage.replay_answered(IQCHANNELS, "auth.token_bad", &url).await;
    assert_eq!(stage.counts(), [2, 0, 0, 0]);
    stage.close().await;
}

#[tokio::test]
async fn a_search_goes_on_with_the_secret_word_and_says_nothing_before_it() {
    let (stage, url) = bank().await;
    stage.replay_answered(IQCHANNELS, "search_client.needs_secret", &url).await;
    let with = |word: &str| {
        json!({ "client": "+79000000032", "clientIdType": "phone", "channelId": "telegram", "secretWord": word })
            .to_string()
    };
    let wrong = stage.host.hook(&url, with("груша")).await.json();
    assert_eq!(wrong["result"], json!({ "found": false }));
    let right = stage.host.hook(&url, with("яблоко")).await.json();
    assert_eq!(right["result"]["crmId"], "crm-2002");
    stage.close().await;
}

#[tokio::test]
async fn the_managers_of_the_crm_are_pulled_page_by_page() {
    let (stage, url) = bank().await;
    stage.replay_answered(IQCHANNELS, "persmgr_sync", &url).await;
    stage.ledger.add_contact(&json!({ "fields": { "manager": "m-2" } }));
    stage.ledger.set_page(1);
    let first = stage.host.send(IQCHANNELS.request("persmgr_sync", &url)).await.json();
    assert_eq!(first["managers"], IQCHANNELS.answer("persmgr_sync")["managers"]);
    let next = first["nextPage"].as_str().unwrap();
    let request = IQCHANNELS.request("persmgr_sync", &format!("{url}?page={next}"));
    let second = stage.host.send(request).await.json();
    assert_eq!(second["managers"][0]["clients"], json!(["crm-2003"]));
    assert_eq!(second.get("nextPage"), None);
    stage.close().await;
}

/// An empty list would take every client from his manager.
#[tokio::test]
async fn a_crm_that_does_not_tell_its_managers_gives_an_error_and_no_empty_list() {
    let filtered = json!({ "filter": "ask != 'managers'" });
    for (adapter, rules) in [("crm_plain", json!({})), ("crm_ledger", filtered)] {
        let (stage, url) = bank_on(adapter, rules).await;
        let answer = stage.replay(IQCHANNELS, "persmgr_sync", &url).await;
        assert_eq!(answer.status, 503, "{adapter}: {answer:?}");
        assert_eq!(answer.json()["success"], false, "{adapter}");
        stage.close().await;
    }
}

#[tokio::test]
async fn what_happens_in_a_chat_is_kept_on_the_card_of_its_client() {
    let (stage, url) = bank().await;
    let chat = [
        "webhook.chat_opened",
        "webhook.chat_assigned",
        "webhook.message_created.client",
        "webhook.message_created.operator",
        "webhook.typing.transitive",
        "webhook.chat_closed",
    ];
    for name in chat {
        let answer = stage.replay(IQCHANNELS, name, &url).await;
        assert!(answer.status.is_success(), "{name}: {answer:?}");
    }
    let notes = stage.all("notes");
    assert!(
        notes.iter().all(|note| note["subject"] == json!({ "card": "crm-2001" })),
        "{notes:#?}"
    );
    let said: Vec<[&Value; 3]> = notes
        .iter()
        .flat_map(|note| note["transcript"]["messages"].as_array().unwrap())
        .map(|it| [&it["author"], &it["agent"], &it["text"]])
        .collect();
    let expected = [
        [json!("client"), Value::Null, json!("Здравствуйте, хочу узнать остаток")],
        [json!("agent"), json!("Оператор Пример"), json!("Добрый день! Проверяю.")],
        [json!("system"), Value::Null, json!("Оператор: Оператор Пример")],
    ];
    assert_eq!(said, expected.each_ref().map(<[Value; 3]>::each_ref));
    let card = stage.ledger.contact("crm-2001");
    assert_eq!(card["fields"]["operator"], "Оператор Пример", "who has taken the chat");
    assert_eq!(stage.counts(), [2, 0, 0, 3]);
    let before = stage.ledger.records();
    for name in chat {
        stage.replay(IQCHANNELS, name, &url).await;
    }
    assert_eq!(stage.ledger.records(), before, "a repeat changes nothing");
    let all = [
        chat.as_slice(),
        &["auth.token_bad", "auth.token_ok", "persmgr_sync"],
        &["search_client.by_crmid.json_body", "search_client.by_phone"],
        &["search_client.needs_secret", "search_client.not_found"],
    ];
    let mut all = all.concat();
    all.sort_unstable();
    assert_eq!(all, IQCHANNELS.requests(), "each is replayed by some test of this file");
    stage.close().await;
}

/// What the page does with them is shown in a browser: see the tests of the page.
#[tokio::test]
async fn the_page_for_the_crm_knows_every_message_of_the_chat_and_names_who_may_frame_it() {
    let (stage, _) = bank().await;
    let url = format!("{}/embed/iqchannels", stage.host.url());
    let page = stage
        .host
        .send(hyper::Request::get(&url).body(http_body_util::Full::default()).unwrap())
        .await;
    assert_eq!(page.status, 200, "{page:?}");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("frame-ancestors https://crm.example.com"), "{policy}");
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    let incoming = IQCHANNELS.json("postmessage.incoming.designed.json");
    let outgoing = ["postmessage.open_iframe_ticket.json", "postmessage.write_to_client.json"];
    let outgoing = outgoing.map(|file| IQCHANNELS.json(file));
    let messages = incoming.as_array().unwrap().iter().chain(&outgoing);
    for kind in messages.map(|message| message["Type"].as_str().unwrap()) {
        assert!(text.contains(kind), "{kind}");
    }
    assert!(!text.contains("'*'") && !text.contains("\"*\""), "no message goes to just anybody");
    stage.host.stop().await;
}

/// `200` and a flag, as in the vendor's own interfaces.
#[tokio::test]
async fn a_question_that_the_crm_cannot_answer_gets_an_error_in_the_vendors_style() {
    let (stage, url) = bank().await;
    stage.ledger.set_fault(Some(patchbay_ledger::Fault::Status(422)));
    let answer = stage.host.send(IQCHANNELS.request("search_client.by_phone", &url)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["success"]), (200, &json!(false)));
    assert!(answer.json()["error"]["code"].is_string());
    stage.host.stop().await;
}
