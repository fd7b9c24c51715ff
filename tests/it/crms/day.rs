//! A client's day: a chat with its end, and an offline message. What stands in the CRM afterwards.

use patchbay_sims::{amocrm::Amocrm, bitrix24::Bitrix24, hubspot::HubSpot, odoo::Odoo};
use serde_json::{Value, json};

use super::{Site, webhook};

/// A Bitrix24 that bears any speed.
fn patient_portal() -> Bitrix24 {
    let mut crm = Bitrix24::new("fake-webhook-secret-1");
    crm.bucket = 10_000.0;
    crm
}

fn everything() -> Value {
    json!({ "deals": true, "tasks": true, "notes": true })
}

/// A chat that begins, ends and begins again with an offline message, all of one client.
async fn day<S: patchbay_sims::Simulator + Send + 'static>(site: &Site<S>) {
    let files = [
        "chat_accepted.unknown_with_phone.json",
        "chat_finished.one_agent.json",
        "offline_message.json",
    ];
    for file in files {
        site.hook(&webhook(file, 7)).await;
    }
    // The same again: every webhook may come twice.
    for file in files {
        let answer = site.host.hook(&site.url, webhook(file, 7).to_string()).await;
        assert!(answer.status.is_success(), "{answer:?}");
        site.host.idle().await;
    }
}

#[tokio::test]
async fn a_clients_day_stands_whole_in_bitrix24() {
    let crm = patient_portal();
    let site = Site::open(crm, "crm-bitrix24", everything(), |url| {
        json!({
            "settings": { "rest-url": format!("{url}/rest/1/") },
            "secrets": { "webhook-secret": "fake-webhook-secret-1" },
            "rate": { "per_second": 1000.0, "burst": 1000 },
        })
    })
    .await;
    day(&site).await;
    let told = {
        let stage = site.crm.stage();
        let portal = &stage.crm;
        (portal.contacts.len(), portal.deals.len(), portal.activities.len(), portal.comments.len())
    };
    // The transcript and the message are comments, the task is a to-do.
    assert_eq!(told, (1, 1, 1, 2));
    site.close().await;
}

#[tokio::test]
async fn a_clients_day_stands_whole_in_amocrm() {
    let crm = Amocrm::new("fake-long-lived-token-1").without_limits();
    let site = Site::open(crm, "crm-amocrm", everything(), |url| {
        json!({
            "settings": { "base-url": url },
            "secrets": { "token": "fake-long-lived-token-1" },
            "rate": { "per_second": 1000.0, "burst": 1000 },
        })
    })
    .await;
    day(&site).await;
    let told = {
        let stage = site.crm.stage();
        let crm = &stage.crm;
        (crm.contacts().len(), crm.leads().len(), crm.tasks().len(), crm.notes().len())
    };
    assert_eq!(told, (1, 1, 1, 2));
    site.close().await;
}

#[tokio::test]
async fn a_clients_day_stands_whole_in_hubspot_whose_search_is_late() {
    let mut crm = HubSpot::default();
    "fake-private-app-token-1".clone_into(&mut crm.token);
    crm.search_lag = std::time::Duration::from_mins(10);
    let site = Site::open(crm, "crm-hubspot", everything(), |url| {
        json!({
            "settings": { "api-url": url },
            "secrets": { "token": "fake-private-app-token-1" },
        })
    })
    .await;
    day(&site).await;
    let told = {
        let stage = site.crm.stage();
        ["contacts", "deals", "tasks", "notes"].map(|kind| stage.crm.all(kind).len())
    };
    assert_eq!(told, [1, 1, 1, 2]);
    site.close().await;
}

#[tokio::test]
async fn a_clients_day_stands_whole_in_odoo() {
    let key = "fake-odoo-key-0001";
    let mut crm = Odoo::default();
    key.clone_into(&mut crm.key);
    crm.database = None;
    let before = crm.all("res.partner").len();
    let site = Site::open(
        crm,
        "crm-odoo",
        everything(),
        |url| json!({ "settings": { "base-url": url }, "secrets": { "api-key": key } }),
    )
    .await;
    day(&site).await;
    let told = {
        let stage = site.crm.stage();
        ["res.partner", "crm.lead", "mail.activity", "mail.message"]
            .map(|model| stage.crm.all(model).len())
    };
    assert_eq!(told, [before + 1, 1, 1, 2]);
    site.close().await;
}

/// A client who is in the CRM already: the agent sees the card.
#[tokio::test]
async fn an_agent_sees_the_card_of_bitrix24() {
    let crm = patient_portal();
    let site = Site::open(crm, "crm-bitrix24", everything(), |url| {
        json!({
            "settings": { "rest-url": format!("{url}/rest/1/") },
            "secrets": { "webhook-secret": "fake-webhook-secret-1" },
        })
    })
    .await;
    let body = webhook("chat_accepted.unknown_with_phone.json", 8);
    site.hook(&body).await;
    let mut again = body;
    again["chat_id"] = json!(9);
    again["visitor"]["email"] = Value::Null;
    let answer = site.host.hook(&site.url, again.to_string()).await.json();
    assert_eq!(answer["contact_info"]["email"], "visitor8@example.com", "{answer}");
    assert!(answer["crm_link"].as_str().unwrap().contains("/crm/contact/details/"), "{answer}");
    site.close().await;
}
