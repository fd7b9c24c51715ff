//! A mountain of events for a CRM with a limit: it drains as fast as the limit lets it, nobody is ever
//! told to slow down, and a neighbour's work goes on beside it.

use std::time::Duration;

use hyper::StatusCode;
use patchbay_sims::{Simulator, amocrm::Amocrm, bitrix24::Bitrix24};
use serde_json::json;
use tokio::time::Instant;

use super::{Site, webhook};

/// Clients who write at once.
const CLIENTS: u64 = 1_000;

/// How much faster than the vendor the simulators are, and the host is told to be: the limits are the
/// same, and a test cannot take the ten minutes.
const BITRIX24_TIMES: u32 = 40;
const AMOCRM_TIMES: u32 = 15;

/// Longest wait for the mountain, on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_mins(5);

/// How a mountain went.
struct Drained {
    /// The longest that a sender waited.
    slowest: Duration,
    /// From the first webhook until nothing was left.
    took: Duration,
}

/// Sends them all, and a client of the notebook meanwhile.
async fn drained<S: Simulator + Send + 'static>(site: &Site<S>) -> Drained {
    let host = &site.host;
    host.install("crm_notebook").await;
    host.put("/accounts/notebook", json!({ "plugin": "crm-notebook" })).await;
    let neighbour = host.join("neighbour", "notebook", json!({})).await;
    let pending = async || host.host().state.stores.journal.depth().await.unwrap().pending_jobs;

    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    for client in 1..=CLIENTS {
        let sent = Instant::now();
        let body = webhook("chat_finished.one_agent.json", client).to_string();
        let answer = host.hook(&site.url, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        slowest = slowest.max(sent.elapsed());
    }
    assert!(CLIENTS / 10 < pending().await, "there is no mountain");
    let shown =
        host.hook(&neighbour, webhook("chat_accepted.unknown_with_phone.json", 1).to_string());
    let shown = shown.await.json();
    assert!(shown["crm_link"].is_string(), "the neighbour gets the card and no fallback: {shown}");
    assert_ne!(pending().await, 0, "the mountain is still there");
    while pending().await != 0 {
        assert!(begun.elapsed() < PATIENCE, "{} are left", pending().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Drained { slowest, took: begun.elapsed() }
}

/// The requests came no faster than the limit, and used most of it.
fn assert_used(requests: usize, drained: &Drained, per_second: u32) {
    let (per_second, took) = (f64::from(per_second), drained.took);
    let rate = f64::from(u32::try_from(requests).unwrap()) / took.as_secs_f64();
    assert!(rate < per_second * 1.05, "{requests} requests in {took:?}");
    assert!(per_second * 0.5 < rate, "{requests} requests in {took:?}");
    assert!(drained.slowest < Duration::from_secs(2), "a sender waited {:?}", drained.slowest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mountain_for_bitrix24_drains_at_its_limit_without_one_refusal() {
    let per_second = 2 * BITRIX24_TIMES;
    let mut crm = Bitrix24::new("fake-webhook-secret-1");
    crm.drain = f64::from(per_second);
    let site = Site::open(crm, "crm-bitrix24", json!({}), |url| {
        json!({
            "settings": { "rest-url": format!("{url}/rest/1/") },
            "secrets": { "webhook-secret": "fake-webhook-secret-1" },
            "rate": { "per_second": per_second, "burst": 1 },
        })
    })
    .await;
    let drained = drained(&site).await;
    let (requests, contacts, refused) = {
        let stage = site.crm.stage();
        (stage.requests().len(), stage.crm.contacts.len(), stage.crm.refused)
    };
    assert_eq!((u64::try_from(contacts).unwrap(), refused), (CLIENTS, 0));
    assert_used(requests, &drained, per_second);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mountain_for_amocrm_drains_at_its_limit_without_one_refusal() {
    let per_second = 7 * AMOCRM_TIMES;
    let mut crm = Amocrm::new("fake-long-lived-token-1");
    crm.limits.per_second = Some(per_second.try_into().unwrap());
    let site = Site::open(crm, "crm-amocrm", json!({}), |url| {
        json!({
            "settings": { "base-url": url },
            "secrets": { "token": "fake-long-lived-token-1" },
            "rate": { "per_second": per_second, "burst": 1 },
        })
    })
    .await;
    let drained = drained(&site).await;
    let (requests, contacts, refused) = {
        let stage = site.crm.stage();
        (stage.requests().len(), stage.crm.contacts().len(), stage.crm.limits.refused)
    };
    assert_eq!((u64::try_from(contacts).unwrap(), refused), (CLIENTS, 0));
    assert_used(requests, &drained, per_second);
    site.close().await;
}
