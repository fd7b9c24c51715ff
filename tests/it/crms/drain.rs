//! A mountain of events for a CRM with a limit: it drains as fast as the limit lets it, nobody is ever
//! told to slow down, and another CRM's clients are answered meanwhile.

use std::time::Duration;

use hyper::StatusCode;
use patchbay_sims::{Simulator, amocrm::Amocrm, bitrix24::Bitrix24};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Site, webhook};
use crate::harness::TestHost;

/// Events that wait, each of another client.
const CLIENTS: u64 = 1_000;

/// How much faster than the vendor the simulators are, and the host is told to be: the limits are the
/// same, and a test cannot take half an hour. `cargo xtask drains` can.
const BITRIX24_TIMES: u32 = 40;
const AMOCRM_TIMES: u32 = 15;

/// Longest wait for the mountain at these speeds, on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_mins(5);

/// Clients of another CRM who write meanwhile.
const NEIGHBOURS: u64 = 10;

/// Lets the events pile up, and then lets the host work. Returns how long the mountain took.
async fn drained<S: Simulator + Send + 'static>(site: &mut Site<S>, pace: Pace) -> Duration {
    let host = &mut site.host;
    host.install("crm_notebook").await;
    host.put("/accounts/notebook", json!({ "plugin": "crm-notebook" })).await;
    let neighbour = host.join("neighbour", "notebook", json!({})).await;
    // Whether they are slowed is told by what is left of the mountain, not by the speed of this machine.
    let patient = json!({ "plugin": "channel-jivo", "reply_deadline_ms": 60_000 });
    host.put("/accounts/neighbour", patient).await;
    host.restart_with(|config| config.worker.slots = 0).await;
    for client in 1..=CLIENTS {
        let body = webhook("chat_finished.one_agent.json", client).to_string();
        let answer = host.hook(&here(host, &site.url), body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    assert_eq!(pending(host).await, CLIENTS);

    let begun = Instant::now();
    host.restart_with(|config| config.worker.slots = 64).await;
    for client in 1..=NEIGHBOURS {
        let body = webhook("chat_accepted.unknown_with_phone.json", client).to_string();
        let shown = host.hook(&here(host, &neighbour), body).await.json();
        assert!(shown["crm_link"].is_string(), "the card comes, and no fallback: {shown}");
    }
    assert!(CLIENTS / 2 < pending(host).await, "the mountain has hardly begun");
    while pending(host).await != 0 {
        assert!(begun.elapsed() < pace.patience, "{} are left", pending(host).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begun.elapsed()
}

async fn pending(host: &TestHost) -> u64 {
    host.host().state.stores.journal.depth().await.unwrap().pending_jobs
}

/// The URL of a webhook, on the port that the host has now.
fn here(host: &TestHost, url: &str) -> String {
    let (_, token) = url.split_once("/hooks/").unwrap();
    format!("{}/hooks/{token}", host.url())
}

/// How fast a mountain is to drain.
#[derive(Debug, Clone, Copy)]
struct Pace {
    times: u32,
    patience: Duration,
    /// Of the limit, how much is used at least. A debug build on a machine that is busy with other
    /// things uses a fifth of the faster ones.
    used: f64,
    /// Of a thousand requests, how many may be too fast: time goes as fast for the machine that stands
    /// still as it ever does.
    refused: usize,
}

/// The vendor's own pace where `cargo xtask drains` asks for it, or one for every day.
fn pace(everyday: u32) -> Pace {
    let is_real = std::env::var_os("PATCHBAY_DRAINS").is_some();
    if is_real {
        Pace { times: 1, patience: PATIENCE * 12, used: 0.9, refused: 0 }
    } else {
        Pace { times: everyday, patience: PATIENCE, used: 0.1, refused: 10 }
    }
}

impl Pace {
    /// The rate that the operator sets: none at the vendor's own pace, where the adapter's holds.
    fn rate(self, per_second: f64) -> Value {
        match self.times {
            1 => Value::Null,
            times => json!({ "per_second": per_second * f64::from(times), "burst": 1 }),
        }
    }

    #[expect(clippy::print_stdout, reason = "a measurement that nobody sees was none")]
    fn assert_used(self, requests: usize, refused: usize, took: Duration, per_second: f64) {
        let rate = f64::from(u32::try_from(requests).unwrap()) / took.as_secs_f64();
        let per_second = per_second * f64::from(self.times);
        let told = format!(
            "{requests} requests in {took:?}, {refused} of them refused: {rate:.2} of {per_second} a \
             second"
        );
        println!("{told}");
        assert!(refused * 1000 <= requests * self.refused, "{told}");
        assert!(rate < per_second * 1.05, "{told}");
        assert!(per_second * self.used < rate, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mountain_for_bitrix24_drains_at_its_limit_without_one_refusal() {
    let pace = pace(BITRIX24_TIMES);
    let mut crm = Bitrix24::new("fake-webhook-secret-1");
    crm.drain = f64::from(2 * pace.times);
    let mut site = Site::open(crm, "crm-bitrix24", json!({}), |url| {
        json!({
            "settings": { "rest-url": format!("{url}/rest/1/") },
            "secrets": { "webhook-secret": "fake-webhook-secret-1" },
            "rate": pace.rate(2.0),
        })
    })
    .await;
    let took = drained(&mut site, pace).await;
    let (requests, contacts, refused) = {
        let stage = site.crm.stage();
        (stage.requests().len(), stage.crm.contacts.len(), stage.crm.refused)
    };
    assert_eq!((u64::try_from(contacts).unwrap(), refused), (CLIENTS, 0));
    pace.assert_used(requests, refused, took, 2.0);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mountain_for_amocrm_drains_just_below_its_limit() {
    let pace = pace(AMOCRM_TIMES);
    let mut crm = Amocrm::new("fake-long-lived-token-1");
    crm.limits.per_second = Some((7 * pace.times).try_into().unwrap());
    let mut site = Site::open(crm, "crm-amocrm", json!({}), |url| {
        json!({
            "settings": { "base-url": url },
            "secrets": { "token": "fake-long-lived-token-1" },
            "rate": pace.rate(6.5),
        })
    })
    .await;
    let took = drained(&mut site, pace).await;
    let (requests, contacts, refused) = {
        let stage = site.crm.stage();
        (stage.requests().len(), stage.crm.contacts().len(), stage.crm.limits.refused)
    };
    assert_eq!(u64::try_from(contacts).unwrap(), CLIENTS);
    pace.assert_used(requests, refused, took, 6.5);
    site.close().await;
}
