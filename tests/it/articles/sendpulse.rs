//! The SendPulse article: bots' contacts become cards and deals, and are tagged once they are.

use serde_json::{Value, json};

use super::{
    fixture::Folder,
    peer::Peer,
    stage::{Channel, Stage},
};

pub(super) const SENDPULSE: Folder = Folder("plugins/channel-sendpulse/fixtures");

/// The link of the article, under a field of its own for each messenger.
pub(super) const CHAT_LINK: &str =
    "https://login.sendpulse.com/messengers/chats/{{bot.id}}/contacts/all/{{contact.id}}";

pub(super) const TOKEN: &str = "/oauth/access_token";
const SET_TAG: &str = "/telegram/contacts/setTag";

/// SendPulse's API with the recorded answers.
async fn api() -> Peer {
    let answer = |name: &str| SENDPULSE.json(&format!("{name}.response.json"));
    Peer::start(&[(TOKEN, answer("api.token")), (SET_TAG, answer("api.set_tag"))]).await
}

fn channel(rules: Value) -> Channel {
    Channel {
        vendor: "sendpulse",
        options: json!({ "deals": true, "tasks": true, "notes": true }),
        rules,
        ..Channel::default()
    }
}

/// The same with an account that may use the API.
fn tagging(api: &Peer) -> Channel {
    Channel {
        settings: json!({ "api-url": api.url, "client-id": "fake-client-id" }),
        secrets: json!({ "client-secret": "fake-client-secret" }),
        grants: api.grants(),
        ..channel(json!({ "phone": { "country": "UA" }, "push": { "tag": "CRM" } }))
    }
}

/// The phones and e-mails of every contact.
fn people(stage: &Stage) -> Vec<String> {
    let is_theirs = |held: &&str| held.starts_with("phone:") || held.starts_with("email:");
    let of = |contact: &Value| {
        let held = contact["identifiers"].as_array().unwrap().iter();
        held.map(|held| held.as_str().unwrap()).filter(is_theirs).collect::<Vec<_>>().join(" ")
    };
    // Two lanes of one request run at the same time.
    let mut people: Vec<String> = stage.all("contacts").iter().map(of).collect();
    people.sort();
    people
}

#[tokio::test]
async fn every_webhook_of_sendpulse_is_taken_and_each_person_has_one_card() {
    let stage = Stage::new().await;
    let url = stage.join(channel(json!({ "phone": { "country": "UA" } }))).await;
    let all = [
        "new_subscriber.viber",
        "incoming_message.instagram",
        "incoming_message.messenger_comment",
        "incoming_message.telegram",
        "incoming_message.whatsapp",
        "flow_webhook.telegram",
        "flow_webhook.livechat_utm",
        "open_chat",
        "run_custom_flow",
        "single_object",
        "batch.two_events",
        "link_click",
        "outgoing_message.operator",
        "unsubscribe",
        "bot_block",
    ];
    let mut sent = all.to_vec();
    sent.sort_unstable();
    assert_eq!(sent, SENDPULSE.requests());
    for name in all {
        let answer = stage.replay(SENDPULSE, name, &url).await;
        assert!(answer.status.is_success(), "{name}: {answer:?}");
    }
    assert_eq!(
        people(&stage),
        [
            "phone:+380440000001 email:olena@example.com",
            "phone:+380440000002",
            "phone:+380440000003",
            "phone:+380440000008",
        ],
        "who left no contact gets no card"
    );
    let deals = stage.all("deals");
    let mut cards: Vec<&Value> = deals.iter().map(|deal| &deal["card"]).collect();
    cards.dedup();
    assert_eq!(cards.len(), deals.len(), "one open deal for each: {deals:#?}");
    let before = stage.ledger.records();
    for name in all {
        stage.replay(SENDPULSE, name, &url).await;
    }
    assert_eq!(stage.ledger.records(), before, "a repeat changes nothing");
    stage.close().await;
}

#[tokio::test]
async fn a_person_in_three_messengers_is_one_card_with_three_links_to_the_chats() {
    let stage = Stage::new().await;
    let messengers = [("telegram", "c1"), ("instagram", "c4"), ("viber", "c6")];
    for (messenger, contact) in messengers {
        let field = format!("contact.chat_{messenger}");
        let mapping = json!([
            { "field": "contact.name", "value": "{{contact.variables.name}}" },
            { "field": "contact.phone", "value": "{{contact.variables.phone}}" },
            { "field": "contact.email", "value": "{{contact.variables.email}}" },
            { "field": field, "value": CHAT_LINK },
        ]);
        let account = Channel { account: messenger, ..channel(json!({ "mapping": mapping })) };
        let url = stage.join(account).await;
        // The same person, who is another contact in each messenger.
        let mut body = SENDPULSE.json("flow_webhook.telegram.json");
        body[0]["service"] = json!(messenger);
        body[0]["contact"]["id"] = json!(format!("65f0000000000000000000{contact}"));
        stage.host.hook(&url, body.to_string()).await;
        stage.host.idle().await;
    }
    let contact = stage.one("contacts");
    for (messenger, id) in messengers {
        let link = format!(
            "https://login.sendpulse.com/messengers/chats/65f0000000000000000000b1/contacts/all/65f0000000000000000000{id}"
        );
        assert_eq!(contact["fields"][format!("chat_{messenger}")], link, "{contact:#}");
    }
    assert_eq!(
        stage.counts()[..3],
        [1, 1, 2],
        "one deal, and a task for each time they came again"
    );
    stage.close().await;
}

#[tokio::test]
async fn the_tag_is_set_once_the_crm_is_up_to_date_and_not_before() {
    let (stage, api) = (Stage::new().await, api().await);
    let url = stage.join(tagging(&api)).await;
    stage.ledger.set_fault(Some(patchbay_ledger::Fault::Status(422)));
    stage.replay(SENDPULSE, "flow_webhook.telegram", &url).await;
    assert_eq!(api.calls("setTag"), [], "the CRM refused the client");

    stage.ledger.set_fault(None);
    let job = stage.host.get("/dead-letters").await["items"][0]["job"].to_string();
    let job = job.trim_matches('"');
    stage.host.api(hyper::Method::POST, &format!("/dead-letters/{job}/replay"), "").await;
    stage.host.idle().await;
    assert_eq!(stage.counts()[..2], [1, 1]);

    let [token] = api.calls(TOKEN).try_into().unwrap();
    assert_eq!(token.body, SENDPULSE.json("api.token.request.json")["body"]);
    let [tag] = api.calls(SET_TAG).try_into().unwrap();
    let expected = SENDPULSE.json("api.set_tag.request.json");
    assert_eq!((&tag.method, &tag.body), (&"POST".to_owned(), &expected["body"]));
    assert_eq!(tag.authorization.unwrap(), expected["headers"]["Authorization"]);
    assert!(expected["url"].as_str().unwrap().ends_with(SET_TAG));
    stage.close().await;
}

#[tokio::test]
async fn a_tag_that_cannot_be_set_is_tried_again_and_the_crm_is_not_written_twice() {
    let (stage, api) = (Stage::new().await, api().await);
    let url = stage.join(tagging(&api)).await;
    api.set_status(Some(503));
    stage.host.send(SENDPULSE.request("flow_webhook.telegram", &url)).await;
    crate::harness::eventually("the tag is tried", async || !api.calls("").is_empty()).await;
    api.set_status(None);
    stage.host.idle().await;
    assert_eq!(api.calls(SET_TAG).last().unwrap().body["tags"], json!(["CRM"]));
    assert_eq!(stage.counts()[..2], [1, 1]);
    stage.close().await;
}

#[tokio::test]
async fn the_name_of_a_flow_tells_integrations_apart() {
    let stage = Stage::new().await;
    let rules = json!({
        "filter": "title == 'to_crm_telegram'",
        "mapping": [{ "field": "deal.title", "value": "Sendpulse: {{contact.username}} ({{bot.name}})" }],
    });
    let url = stage.join(channel(rules)).await;
    stage.replay(SENDPULSE, "flow_webhook.livechat_utm", &url).await;
    assert_eq!(stage.counts(), [0; 4]);
    assert_eq!(stage.remarks().await, ["filtered"]);
    stage.replay(SENDPULSE, "flow_webhook.telegram", &url).await;
    let title = "Sendpulse: olena_test (Example Test Bot)";
    assert_eq!(stage.one("deals")["fields"]["title"], title);
    stage.close().await;
}

#[tokio::test]
async fn a_flow_that_a_manager_starts_by_hand_is_an_enquiry_too() {
    let stage = Stage::new().await;
    let url = stage.join(channel(json!({}))).await;
    stage.replay(SENDPULSE, "run_custom_flow", &url).await;
    assert_eq!(stage.counts()[..2], [1, 1]);
    stage.replay(SENDPULSE, "flow_webhook.telegram", &url).await;
    assert_eq!(stage.counts()[..3], [1, 1, 0], "the flow's own webhook is the same enquiry");
    stage.close().await;
}

#[tokio::test]
async fn two_people_in_one_request_are_two_cards() {
    let stage = Stage::new().await;
    let url = stage.join(channel(json!({}))).await;
    stage.replay(SENDPULSE, "batch.two_events", &url).await;
    assert_eq!(
        people(&stage),
        ["phone:+380440000001 email:olena@example.com", "phone:+380440000008"]
    );
    assert_eq!(stage.counts()[..2], [2, 1], "a new subscriber has asked for nothing yet");
    stage.close().await;
}

#[tokio::test]
async fn what_the_company_says_and_who_leaves_make_no_lead() {
    let stage = Stage::new().await;
    let url = stage.join(channel(json!({}))).await;
    for name in ["outgoing_message.operator", "unsubscribe", "bot_block", "link_click"] {
        stage.replay(SENDPULSE, name, &url).await;
        assert_eq!(stage.counts(), [0; 4], "{name}");
    }
    stage.close().await;
}

#[tokio::test]
async fn the_campaign_of_a_site_chat_reaches_the_card_and_the_deal() {
    let stage = Stage::new().await;
    let url = stage.join(channel(json!({ "phone": { "country": "UA" } }))).await;
    stage.replay(SENDPULSE, "flow_webhook.livechat_utm", &url).await;
    for record in [stage.one("contacts"), stage.one("deals")] {
        assert_eq!(record["fields"]["utm-source"], "google", "{record:#}");
        assert_eq!(record["fields"]["utm-campaign"], "brand-test");
    }
    assert_eq!(people(&stage), ["phone:+380440000002"]);
    stage.close().await;
}

#[tokio::test]
async fn everything_that_sendpulse_sends_is_in_the_register_as_json() {
    let stage = Stage::new().await;
    let url = stage.join(channel(json!({}))).await;
    stage.replay(SENDPULSE, "flow_webhook.telegram", &url).await;
    let newest = stage.host.newest().await;
    let sent = SENDPULSE.json("flow_webhook.telegram.json");
    assert_eq!(newest["request"]["body"], sent);
    stage.close().await;
}
