//! LeadBox, the service that the SendPulse article describes: its rules on ours.

use serde_json::{Value, json};

use super::{
    fixture::Folder,
    peer::Peer,
    sendpulse::{SENDPULSE, TOKEN},
    stage::{Channel, Stage},
    translation::{Translated, translated},
};

pub(super) const LEADBOX: Folder = Folder("tests/fixtures/leadbox");

const POOL: &str = "m-pool";

/// Who the managers of the tests are in the table.
fn role(manager: &Value) -> &'static str {
    match manager.as_str() {
        Some(POOL) => "distribution",
        Some("m-contact") => "contact.responsible",
        Some("m-deal") => "deal.responsible",
        _ => "nobody",
    }
}

/// The stage, the webhook URL, and SendPulse's own API.
async fn stage_of(integration: &str) -> (Stage, String, Peer) {
    let Translated { pool, options, rules } = translated(&LEADBOX.json(integration));
    let stage = Stage::new().await;
    let manager =
        |id: &str| json!({ "id": id, "email": format!("{id}@example.com"), "active": true });
    stage.ledger.set_managers(&json!([manager(POOL), manager("m-contact"), manager("m-deal")]));
    stage.pool(&pool, &[POOL]).await;
    let set_tag = SENDPULSE.json("api.set_tag.response.json");
    let api = Peer::start(&[
        (TOKEN, SENDPULSE.json("api.token.response.json")),
        ("/livechat/contacts/setTag", set_tag.clone()),
        ("/telegram/contacts/setTag", set_tag),
    ])
    .await;
    let channel = Channel {
        vendor: "sendpulse",
        settings: json!({ "api-url": api.url, "client-id": "fake-client-id" }),
        secrets: json!({ "client-secret": "fake-client-secret" }),
        grants: api.grants(),
        options,
        rules,
        ..Channel::default()
    };
    let url = stage.join(channel).await;
    (stage, url, api)
}

/// The client of the fixture, on another manager and with less than the fixture tells.
fn contact() -> Value {
    json!({
        "identifiers": ["phone:+380440000002"],
        "fields": { "name": "Олена", "manager": "m-contact" },
    })
}

fn deal(card: &str) -> Value {
    json!({
        "card": card,
        "manager": "m-deal",
        "fields": { "title": "Стара угода", "stage": "qualified" },
    })
}

/// The tags that clients were given in SendPulse.
fn tags(api: &Peer) -> Vec<Value> {
    api.calls("/contacts/setTag").iter().map(|call| call.body["tags"].clone()).collect()
}

/// What was done in the CRM, in the words of the table.
fn actions(stage: &Stage) -> Vec<String> {
    let writes = stage.ledger.writes();
    let mut done: Vec<String> = writes
        .iter()
        .map(|write| {
            use patchbay_ledger::Kind::{Contact, Deal, Note, Task};
            let responsible = role(&write.body["manager"]);
            match (write.kind, write.is_new) {
                (Contact, true) => "create_contact".to_owned(),
                (Contact, false) => "update_contact".to_owned(),
                (Deal, true) => format!("create_deal:responsible={responsible}"),
                (Deal, false) => "update_deal".to_owned(),
                (Task, _) => format!("create_task:responsible={responsible}"),
                (Note, _) => "note".to_owned(),
            }
        })
        .collect();
    if done.is_empty() {
        done.push("skip".to_owned());
    }
    done.sort();
    done
}

#[tokio::test]
async fn every_row_of_leadboxs_table_is_done_so_and_nothing_else() {
    for row in LEADBOX.json("rules.matrix.json").as_array().unwrap() {
        let given = row["given"].as_str().unwrap();
        let forbids = given.contains("forbid_");
        let integration =
            if forbids { "integration.forbid_create.json" } else { "integration.default.json" };
        let (stage, url, api) = stage_of(integration).await;
        let has = |what: &str| given.contains(&format!("{what}=yes"));
        let card = has("contact").then(|| stage.ledger.add_contact(&contact()));
        if has("deal") {
            stage.ledger.add_deal(&deal(card.as_ref().unwrap()));
        }

        stage.replay(SENDPULSE, "flow_webhook.livechat_utm", &url).await;

        let words: Vec<&str> =
            row["actions"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        let mut expected: Vec<String> =
            words.iter().map(|word| word.trim_end_matches(":only_empty").to_owned()).collect();
        expected.sort();
        assert_eq!(actions(&stage), expected, "{given}");
        let is_told = if expected == ["skip"] { vec![] } else { vec![json!(["CRM"])] };
        assert_eq!(tags(&api), is_told, "{given}");
        // A new card gets its responsible as the new deal does.
        if words.contains(&"create_contact") {
            assert_eq!(role(&stage.one("contacts")["fields"]["manager"]), "distribution");
        }
        if let Some(card) = card {
            let contact = stage.ledger.contact(&card)["fields"].clone();
            let is_only_empty = words.iter().any(|word| word.ends_with(":only_empty"));
            let name = if is_only_empty { "Олена" } else { "Сайт Відвідувач" };
            assert_eq!(contact["name"], name, "{given}");
            assert!(contact["chat_telegram"].is_string(), "{given}");
            assert_eq!(contact["manager"], "m-contact", "{given}");
        }
        if has("deal") {
            let deal = stage.one("deals");
            let stage_of_deal = if forbids { "new" } else { "qualified" };
            assert_eq!(deal["fields"]["stage"], stage_of_deal, "{given}");
            assert_eq!(deal["fields"]["utm_source"], "google", "{given}");
            assert_eq!(deal["manager"], "m-deal", "{given}");
        }
        stage.close().await;
    }
}

#[tokio::test]
async fn a_filter_of_leadbox_lets_only_wanted_leads_through() {
    let (stage, url, api) = stage_of("integration.filtered.json").await;
    let good = SENDPULSE.json("flow_webhook.telegram.json");
    let with = |phone: &str, tag: &str, contact: &str| {
        let mut body = good.clone();
        body[0]["contact"]["id"] = json!(contact);
        body[0]["contact"]["variables"] = json!({ "name": "Хтось", "phone": phone });
        body[0]["contact"]["tags"] = json!([tag]);
        body.to_string()
    };
    for (phone, tag) in [("+79000000001", "vip"), ("+380440000001", "spam"), ("", "vip")] {
        stage.host.hook(&url, with(phone, tag, phone)).await;
        stage.host.idle().await;
        assert_eq!(stage.counts(), [0; 4], "{phone} {tag}");
        assert_eq!(stage.remarks().await, ["filtered"], "{phone} {tag}");
    }
    assert_eq!(tags(&api), Vec::<Value>::new(), "who is filtered gets no tag");
    stage.host.hook(&url, with("0440000001", "vip", "c1")).await;
    stage.host.idle().await;
    assert_eq!(stage.counts()[..2], [1, 1]);
    assert_eq!(tags(&api), [json!(["CRM"])]);
    stage.close().await;
}

#[tokio::test]
async fn every_phone_of_leadboxs_tables_reaches_the_card_in_its_standard() {
    for (file, country, digits) in [("phones.ua.json", "UA", 12), ("phones.ru.json", "RU", 11)] {
        let stage = Stage::new().await;
        let rules = json!({ "phone": { "country": country, "digits": digits } });
        let url = stage.join(Channel { vendor: "sendpulse", rules, ..Channel::default() }).await;
        let table = LEADBOX.json(file);
        for (place, row) in table.as_array().unwrap().iter().enumerate() {
            let mut body = SENDPULSE.json("flow_webhook.telegram.json");
            body[0]["contact"]["id"] = json!(format!("c{place}"));
            body[0]["contact"]["variables"] = json!({ "phone": row["in"] });
            stage.host.hook(&url, body.to_string()).await;
            stage.host.idle().await;
            let held = stage.all("contacts").last().unwrap()["identifiers"].to_string();
            let out = format!("\"phone:{}\"", row["out"].as_str().unwrap());
            assert!(held.contains(&out), "{row}: {held}");
        }
        assert_eq!(stage.counts()[0], table.as_array().unwrap().len(), "each is somebody else");
        stage.close().await;
    }
}

#[tokio::test]
async fn deals_are_distributed_over_a_collection_and_who_has_left_is_passed_over() {
    let stage = Stage::new().await;
    let manager = |id: &str, active: bool| json!({ "id": id, "active": active });
    let managers = json!([manager("m1", true), manager("m2", false), manager("m3", true)]);
    stage.ledger.set_managers(&managers);
    stage.pool("sales-a", &["m1", "m2", "m3"]).await;
    let channel = Channel {
        vendor: "sendpulse",
        options: json!({ "deals": true }),
        rules: json!({ "responsible": { "pool": "sales-a" } }),
        ..Channel::default()
    };
    let url = stage.join(channel).await;
    for place in 0..4 {
        let mut body = SENDPULSE.json("flow_webhook.telegram.json");
        body[0]["contact"]["id"] = json!(format!("c{place}"));
        body[0]["contact"]["variables"] = json!({ "phone": format!("+38044000010{place}") });
        stage.host.hook(&url, body.to_string()).await;
        stage.host.idle().await;
    }
    let managers: Vec<Value> = stage.all("deals").iter().map(|it| it["manager"].clone()).collect();
    assert_eq!(managers, ["m1", "m3", "m1", "m3"]);
    stage.close().await;
}

#[tokio::test]
async fn a_test_request_is_tried_done_and_kept_in_the_register() {
    let (stage, _, api) = stage_of("integration.default.json").await;
    let sent = String::from_utf8(SENDPULSE.bytes("flow_webhook.telegram.json")).unwrap();
    let headers = json!({ "Content-Type": "application/json" });
    let request = json!({ "request": { "body": sent, "headers": headers } }).to_string();
    let post = async |what: &str| {
        let path = format!("/integrations/sendpulse-to-crm/{what}");
        let answer = stage.host.api(hyper::Method::POST, &path, request.clone()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    let preview = post("preview").await;
    let decided = preview["events"][0]["decisions"].to_string();
    for rule in ["mapping[0]", "contact", "deal", "responsible"] {
        assert!(decided.contains(&format!("\"rule\":\"{rule}\"")), "{rule}: {preview:#}");
    }
    assert_eq!(stage.counts(), [0; 4], "a preview sends nothing");
    assert_eq!(tags(&api), Vec::<Value>::new());
    let told = post("test").await;
    assert_eq!(told["events"][0]["jobs"][0]["state"], "done", "{told:#}");
    assert_eq!(stage.counts()[..2], [1, 1]);
    let kept = stage.host.newest().await;
    assert_eq!(kept["request"]["body"], SENDPULSE.json("flow_webhook.telegram.json"));
    stage.close().await;
}
