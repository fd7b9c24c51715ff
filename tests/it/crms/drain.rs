//! A mountain of events for a CRM with a limit: it drains as fast as the limit lets it, and nobody is
//! ever told to slow down.

use std::time::Duration;

use patchbay_sims::{Simulator, amocrm::Amocrm, bitrix24::Bitrix24};
use serde_json::json;
use tokio::time::Instant;

use super::{Site, webhook};
use crate::harness::eventually;

/// Clients who write at once.
const CLIENTS: u64 = 100;

/// Sends them all, and returns how long the senders waited at most, and how long the CRM took.
async fn drained<S: Simulator + Send + 'static>(site: &Site<S>) -> (Duration, Duration) {
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    for client in 1..=CLIENTS {
        let sent = Instant::now();
        let body = webhook("chat_finished.one_agent.json", client).to_string();
        let answer = site.host.hook(&site.url, body).await;
        assert!(answer.status.is_success(), "{answer:?}");
        slowest = slowest.max(sent.elapsed());
    }
    eventually("the mountain is gone", async || {
        site.host.host().state.stores.journal.depth().await.unwrap().pending_jobs == 0
    })
    .await;
    (slowest, begun.elapsed())
}

/// The requests came no faster than `per_second`, and used most of it.
fn assert_used(requests: usize, took: Duration, per_second: f64) {
    let rate = f64::from(u32::try_from(requests).unwrap()) / took.as_secs_f64();
    assert!(rate < per_second * 1.1, "{requests} requests in {took:?}");
    assert!(per_second * 0.7 < rate, "{requests} requests in {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mountain_for_bitrix24_drains_at_its_limit_without_one_refusal() {
    // The vendor's limit, ten times as fast.
    let crm = Bitrix24 { drain: 20.0, ..Bitrix24::new("fake-webhook-secret-1") };
    let site = Site::open(crm, "crm-bitrix24", |url| {
        json!({
            "settings": { "rest-url": format!("{url}/rest/1/") },
            "secrets": { "webhook-secret": "fake-webhook-secret-1" },
            "rate": { "per_second": 20.0, "burst": 1 },
        })
    })
    .await;
    let (slowest, took) = drained(&site).await;
    let (requests, contacts, refused) = {
        let stage = site.crm.stage();
        (stage.requests().len(), stage.crm.contacts.len(), stage.crm.refused)
    };
    assert_eq!(contacts, usize::try_from(CLIENTS).unwrap());
    assert_eq!(refused, 0);
    assert_used(requests, took, 20.0);
    assert!(slowest < Duration::from_secs(2), "a sender waited {slowest:?}");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mountain_for_amocrm_drains_at_its_limit_without_one_refusal() {
    let mut crm = Amocrm::new("fake-long-lived-token-1");
    crm.limits.per_second = Some(35);
    let site = Site::open(crm, "crm-amocrm", |url| {
        json!({
            "settings": { "base-url": url },
            "secrets": { "token": "fake-long-lived-token-1" },
            "rate": { "per_second": 35.0, "burst": 1 },
        })
    })
    .await;
    let (slowest, took) = drained(&site).await;
    let (requests, contacts, refused) = {
        let stage = site.crm.stage();
        (stage.requests().len(), stage.crm.contacts().len(), stage.crm.limits.refused)
    };
    assert_eq!(contacts, usize::try_from(CLIENTS).unwrap());
    assert_eq!(refused, 0);
    assert_used(requests, took, 35.0);
    assert!(slowest < Duration::from_secs(2), "a sender waited {slowest:?}");
    site.close().await;
}
