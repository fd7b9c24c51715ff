//! Versions swapped under load: no webhook fails, none is lost and none takes effect twice.
//! `cargo xtask swaps` does it a hundred times under 500 webhooks in a second.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use patchbay_ledger::{Kind, Ledger};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{self, Instant},
};

use crate::{
    backend::{Backend, on_every_backend},
    enquiries::{everything, offline},
    harness::{TestHost, Web, component, eventually},
    versions::post,
};

on_every_backend!(versions_are_swapped_under_load_and_no_webhook_fails_or_comes_twice);

/// Senders that share the rate.
const SENDERS: u64 = 16;

/// A number that `cargo xtask swaps` sets, or the one for every day.
fn number(name: &str, everyday: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "how long to go on is told by whoever runs it")]
    let given = std::env::var(name);
    given.map_or(everyday, |text| text.parse().unwrap())
}

/// The adapter with a note at its end: the same behaviour, another digest.
fn version(file: &str, note: &str) -> Vec<u8> {
    let mut bytes = component(file);
    let section = format!("\u{4}note{note}");
    bytes.push(0);
    bytes.push(u8::try_from(section.len()).unwrap());
    bytes.extend_from_slice(section.as_bytes());
    bytes
}

/// Prints what there was, and returns the webhooks in a second.
#[expect(clippy::print_stdout, reason = "a measurement that nobody sees was none")]
fn tell(swaps: u64, took: Duration, sent: u64, slowest: Duration) -> f64 {
    let rate = f64::from(u32::try_from(sent).unwrap()) / took.as_secs_f64();
    println!(
        "{swaps} swaps in {took:.1?} under {sent} webhooks, {rate:.0} a second; the slowest was \
         answered after {slowest:.1?}"
    );
    rate
}

/// However much there is: it ends while it goes on.
async fn work_ends(host: &TestHost) {
    let journal = &host.host().state.stores.journal;
    let mut least = u64::MAX;
    loop {
        let left = Cell::new(0);
        eventually("a job ends", async || {
            left.set(journal.depth().await.unwrap().pending_jobs);
            left.get() < least
        })
        .await;
        least = left.get();
        if least == 0 {
            return;
        }
    }
}

async fn versions_are_swapped_under_load_and_no_webhook_fails_or_comes_twice(backend: Backend) {
    let swaps = number("PATCHBAY_SWAPS", 12);
    let per_second = number("PATCHBAY_SWAPS_RATE", 40);
    let ledger = Ledger::open().await;
    let host = TestHost::with(|config| backend.configure(config)).await;
    let url = host.jivo_to_ledger_with(&ledger, everything()).await;
    let mut digests = Vec::new();
    for (plugin, file) in [("channel-jivo", "channel_jivo"), ("crm-ledger", "crm_ledger")] {
        for note in ["one", "two"] {
            let installed = host.install_bytes(version(file, note)).await;
            digests.push((plugin, installed["digest"].clone()));
        }
    }
    let (sent, stopping) = (AtomicU64::new(0), tokio_util::sync::CancellationToken::new());
    let sent = std::sync::Arc::new(sent);
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let (url, sent, stopping) = (url.clone(), std::sync::Arc::clone(&sent), stopping.clone());
        let mut pace = time::interval(Duration::from_micros(SENDERS * 1_000_000 / per_second));
        senders.spawn(async move {
            let web = Web::new();
            let mut slowest = Duration::ZERO;
            while !stopping.is_cancelled() {
                pace.tick().await;
                let client = sent.fetch_add(1, Ordering::Relaxed);
                let asked = Instant::now();
                let answer = web.hook(&url, offline(client)).await;
                assert!(answer.status.is_success(), "client {client}: {answer:?}");
                slowest = slowest.max(asked.elapsed());
            }
            slowest
        });
    }

    let begun = Instant::now();
    let mut pace = time::interval(Duration::from_millis(100));
    // Both plugins go back and forth, each every other time.
    let course = [0, 2, 1, 3].into_iter().cycle().take(usize::try_from(swaps).unwrap());
    for (plugin, digest) in course.map(|version| &digests[version]) {
        pace.tick().await;
        let choice = json!({ "digest": digest });
        post(&host, &format!("/plugins/{plugin}/activate"), choice).await;
    }
    stopping.cancel();
    let slowest = senders.join_all().await.into_iter().max().unwrap();
    let (took, sent) = (begun.elapsed(), sent.load(Ordering::Relaxed));
    let rate = tell(swaps, took, sent, slowest);
    // A machine that could not send so much would show nothing.
    assert!(f64::from(u32::try_from(per_second).unwrap()) * 0.8 < rate, "{rate:.0} a second");

    work_ends(&host).await;
    let sent = usize::try_from(sent).unwrap();
    assert_eq!(ledger.count(Kind::Contact), sent, "one card for each client");
    assert_eq!(ledger.duplicates(), Vec::<String>::new());
    let letters = host.get("/dead-letters").await;
    assert_eq!(letters["items"], json!([]));
    let versions = host.get("/plugins/channel-jivo/versions").await;
    assert!(versions["items"][0].get("notice").is_none(), "{versions}");
    assert_eq!(host.mended().await, 0);
    host.stop().await;
}
