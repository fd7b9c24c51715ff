//! A slow CRM, a flood, a storm of replays, a CRM that is down: who else feels it.

use std::{collections::HashMap, time::Duration};

use hyper::{Method, StatusCode, header};
use patchbay_ledger::{Endpoint, Fault, Kind, Ledger};
use serde_json::json;
use tokio::{task::JoinSet, time};

use crate::{
    enquiries::{everything, offline, phone},
    harness::{TestHost, Web, eventually, ledger_account},
};

/// Webhooks of one measurement, and the time between two.
const WEBHOOKS: u64 = 100;
const PACE: Duration = Duration::from_millis(20);

/// From a webhook to its effect, the middle and the end of the distribution.
#[derive(Debug, Clone, Copy)]
struct Latency {
    p50: Duration,
    p99: Duration,
}

/// Sends webhooks of new clients, each of its own, and measures until their cards are made.
async fn measure(url: &str, ledger: &Ledger, first_client: u64) -> Latency {
    let web = Web::new();
    let mut sent = HashMap::new();
    let mut pace = time::interval(PACE);
    let clients = first_client..first_client + WEBHOOKS;
    for client in clients.clone() {
        pace.tick().await;
        sent.insert(phone(client), ledger.elapsed());
        let answer = web.hook(url, offline(client)).await;
        assert!(answer.status.is_success(), "{answer:?}");
    }
    let made = || {
        let mut made = HashMap::new();
        for write in ledger.writes().into_iter().filter(|write| write.kind == Kind::Contact) {
            let mut phones = write.body["identifiers"].as_array().unwrap().iter();
            let phone = phones.find_map(|it| it.as_str()?.strip_prefix("phone:"));
            made.insert(phone.unwrap().to_owned(), write.at);
        }
        made
    };
    eventually("every card is made", async || {
        let made = made();
        sent.keys().all(|phone| made.contains_key(phone))
    })
    .await;
    let made = made();
    let mut took: Vec<Duration> =
        sent.iter().map(|(phone, at)| made[phone].saturating_sub(*at)).collect();
    took.sort();
    Latency { p50: took[took.len() / 2], p99: took[took.len() * 99 / 100] }
}

/// Sends webhooks of new clients until it is dropped.
fn flood(url: String) -> JoinSet<()> {
    let mut flood = JoinSet::new();
    flood.spawn(async move {
        let web = Web::new();
        let mut pace = time::interval(PACE);
        for client in 1_000_000.. {
            pace.tick().await;
            drop(web.try_hook(&url, offline(client)).await);
        }
    });
    flood
}

#[expect(clippy::print_stdout, reason = "a measurement that nobody sees was none")]
#[track_caller]
fn assert_undisturbed(what: &str, alone: Latency, beside: Latency) {
    println!(
        "{what}: p50 {:?} and alone {:?}, p99 {:?} and alone {:?}",
        beside.p50, alone.p50, beside.p99, alone.p99
    );
    // Whoever waits for a slow neighbour waits for seconds; a busy machine costs less.
    assert!(beside.p50 < alone.p50 * 2 + Duration::from_millis(500), "{what}");
    assert!(beside.p99 < alone.p99 * 2 + Duration::from_secs(2), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_to_a_slow_crm_does_not_delay_a_neighbour() {
    let (slow, quick) = (Ledger::open().await, Ledger::open().await);
    slow.set_latency(Duration::from_secs(2));
    let host = TestHost::with(|config| config.worker.grace_s = 0).await;
    let neighbour = host.jivo_to_ledger_with(&quick, everything()).await;
    host.put("/accounts/slow", ledger_account(&slow)).await;
    let flooded = host.join("flooded", "slow", everything()).await;

    let alone = measure(&neighbour, &quick, 20_000).await;
    let flood = flood(flooded);
    slow.arrived(32).await;
    let beside = measure(&neighbour, &quick, 30_000).await;
    drop(flood);

    assert_undisturbed("a flood to a slow CRM", alone, beside);
    assert!(slow.calls() < 300, "the flood waits: {}", slow.calls());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_replays_does_not_delay_first_attempts_of_its_account() {
    const LETTERS: u64 = 500;
    let ledger = Ledger::open().await;
    let host = TestHost::with(|config| {
        config.worker.grace_s = 0;
        config.worker.again_slots = 8.try_into().unwrap();
    })
    .await;
    let url = host.jivo_to_ledger_with(&ledger, everything()).await;
    ledger.set_fault(Some(Fault::Status(422)));
    for client in 1..=LETTERS {
        host.hook(&url, offline(client)).await;
    }
    host.idle().await;
    assert_eq!(ledger.calls(), LETTERS, "each is refused at once");
    ledger.set_fault(None);
    // Jobs of a third of a second: the account has places for them, and for some of the storm.
    ledger.set_latency(Duration::from_millis(30));

    let alone = measure(&url, &ledger, 10_000).await;
    let calls = ledger.calls();
    let replayed = host.api(Method::POST, "/dead-letters/replay", "{}").await.json();
    assert_eq!(replayed["replayed"], LETTERS);
    ledger.arrived(calls + 8).await;
    let beside = measure(&url, &ledger, 20_000).await;

    let is_storm = host.host().state.stores.journal.depth().await.unwrap().pending_jobs;
    assert!(0 < is_storm, "the storm has lasted as long as the measurement");
    assert_undisturbed("a storm of replays", alone, beside);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crm_that_is_down_is_asked_now_and_then_and_gets_its_work_when_it_is_back() {
    const CLIENTS: u64 = 40;
    let ledger = Ledger::open().await;
    let host = TestHost::with(|config| {
        config.retry.breaker_failures = 3.try_into().unwrap();
        config.retry.breaker_base_ms = 200.try_into().unwrap();
        config.retry.breaker_cap_s = 1.try_into().unwrap();
        config.retry.attempts_max = 100.try_into().unwrap();
    })
    .await;
    let url = host.jivo_to_ledger_with(&ledger, json!({})).await;
    ledger.set_fault(Some(Fault::Status(503)));
    for client in 1..=CLIENTS {
        host.hook(&url, offline(client)).await;
    }
    // Those that were under way when it opened, and the first probe.
    ledger.arrived(4).await;
    let before = ledger.calls();
    time::sleep(Duration::from_secs(3)).await;
    let probes = ledger.calls() - before;
    assert!((2..=40).contains(&probes), "{probes} calls in three seconds");
    assert!(ledger.calls() <= 50, "{} calls in all", ledger.calls());

    ledger.set_fault(None);
    host.idle().await;
    assert_eq!(ledger.count(Kind::Contact), usize::try_from(CLIENTS).unwrap());
    assert_eq!(ledger.calls_of(Endpoint::CreateContact), CLIENTS);
    assert_eq!(host.get("/dead-letters").await["items"], json!([]));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_told_before_the_acknowledgement_and_never_after() {
    const SENDERS: u64 = 64;
    let ledger = Ledger::open().await;
    let host = TestHost::with(|config| {
        config.worker.slots = 0;
        config.storage.queue_max = 2;
        config.storage.batch_max = 1;
    })
    .await;
    let url = host.jivo_to_ledger_with(&ledger, everything()).await;
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let url = url.clone();
        senders.spawn(async move {
            let web = Web::new();
            let mut taken = 0;
            for client in sender * 10..sender * 10 + 10 {
                let answer = web.hook(&url, offline(client)).await;
                if answer.status.is_success() {
                    taken += 1;
                    continue;
                }
                assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
                assert_eq!(answer.headers[header::RETRY_AFTER], "1");
                assert_eq!(answer.json()["code"], "storage");
            }
            taken
        });
    }
    let taken: u64 = senders.join_all().await.into_iter().sum();
    assert!((1..SENDERS * 10).contains(&taken), "{taken} taken");
    let depth = host.host().state.stores.journal.depth().await.unwrap();
    assert_eq!(depth.pending_jobs, taken, "what was taken is kept, and nothing else");
    host.stop().await;
}
