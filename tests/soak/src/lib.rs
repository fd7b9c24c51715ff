//! The soak: hosts that are killed at random under a mixed load, and a check of every effect at the end.
//!
//! The CRM is a ledger that fails by chance. The load is made of conversations of clients who come
//! over several channels, with senders that repeat a webhook until it is answered. At the end the
//! journal tells which event was accepted and in which order, and the ledger what came of it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "what goes wrong in a soak ends it, and its tasks are waited for"
)]

mod chaos;
mod figures;
mod journal;
mod lanes;
mod load;
mod program;
mod send;
mod site;
mod verdict;
mod web;
mod webhook;

use std::{path::PathBuf, sync::Arc, time::Duration};

use patchbay_ledger::{Draw, Fault, Ledger, Weather};
use serde_json::json;
use tokio::{sync::watch, time::Instant};

pub use figures::Report;
pub use site::Backend;

use crate::{
    figures::Usage,
    journal::Entry,
    site::{MANAGERS, Site},
    verdict::Evidence,
};

/// Longest wait for the last job after the load has ended.
const IDLE_PATIENCE: Duration = Duration::from_mins(10);

/// Of a thousand calls of the CRM.
const FAULTS: [(u32, Fault); 4] = [
    (5, Fault::CutBefore),
    (5, Fault::CutAfter),
    (5, Fault::Status(503)),
    (1, Fault::TooManyRequests { retry_after_s: 1 }),
];

/// What is soaked, and for how long.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long the load lasts.
    pub length: Duration,
    pub hosts: usize,
    pub backend: Backend,
    /// New webhooks a second, repeats not counted.
    pub rate: u32,
    /// Between two kills, on average.
    pub kill_every: Duration,
    pub seed: u64,
    /// The program `patchbay`.
    pub program: PathBuf,
    /// The folder of the components that `cargo xtask plugins` has built.
    pub components: PathBuf,
}

/// Runs the soak to its end. The folder with data, configurations and logs is kept if a check fails.
pub async fn run(options: &Options) -> Report {
    let mut draw = Draw::new(options.seed);
    let ledger = Ledger::open().await;
    ledger.set_weather(Weather {
        seed: draw.below(u64::MAX),
        latency_max: Duration::from_millis(50),
        faults: FAULTS.to_vec(),
    });
    let manager = |id: &&str| json!({ "id": id, "name": id, "active": true });
    ledger.set_managers(&MANAGERS.iter().map(manager).collect());
    let site = Arc::new(Site::open(options, &ledger).await);
    let started = Instant::now();
    let (stop, stopping) = watch::channel(false);
    let watched = tokio::spawn(figures::watch(Arc::clone(&site), stopping.clone()));
    let killed = chaos::run(Arc::clone(&site), options.clone(), draw.fork(), stopping);
    let killed = tokio::spawn(killed);
    let load = load::Load { site: Arc::clone(&site), rate: options.rate, length: options.length };
    let sent = load.run(draw.fork()).await;
    let loaded = started.elapsed();
    stop.send_replace(true);
    let mut report = Report::new(options);
    let kills = killed.await.unwrap();
    let is_idle = idle(&site).await;
    report.phases(loaded, started.elapsed());
    let journal = journal::read(&site).await;
    let usage: Usage = watched.await.unwrap();
    conclude(&mut report, &ledger, &sent, &journal);
    report.faults.extend(is_idle.err());
    report.kills(&kills);
    let counted = site.stop().await;
    report.counters(&kills.counted.plus(&counted));
    report.usage(&usage);
    report.logs(&site);
    report.keep_folder_if_faulty(&site);
    report
}

fn conclude(report: &mut Report, ledger: &Ledger, sent: &send::Sent, journal: &[Entry]) {
    let writes = ledger.writes();
    let records = ledger.records();
    let evidence = Evidence {
        sent: &sent.answered,
        journal,
        writes: &writes,
        records: &records,
        duplicates: ledger.duplicates(),
    };
    report.faults.extend(verdict::faults(&evidence));
    report.sent(sent);
    report.journal(journal);
    report.ledger(ledger, &writes);
    report.adopted(verdict::adopted(journal, &writes));
}

/// Waits until no job is left to do, as the hosts count them.
async fn idle(site: &Site) -> Result<(), String> {
    let deadline = Instant::now() + IDLE_PATIENCE;
    loop {
        let pending = journal::pending(site).await;
        if pending == 0 {
            return Ok(());
        }
        if deadline < Instant::now() {
            return Err(format!("{pending} jobs are not done {IDLE_PATIENCE:?} after the load"));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
