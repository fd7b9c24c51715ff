//! What a soak tells at its end: counters, times, memory, and the faults that were found.

use std::{collections::BTreeMap, fmt, fs, path::PathBuf, sync::Arc, time::Duration};

use patchbay_ledger::{Kind, Ledger, Write};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{Options, chaos::Kills, journal::Entry, send::Sent, site::Site};

/// Between two looks at the memory of the hosts.
const LOOK: Duration = Duration::from_secs(5);

/// A host has warmed up after so long.
const WARM: Duration = Duration::from_mins(1);

/// What hosts count themselves.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counters {
    pub(crate) leases_lost: u64,
    pub(crate) lanes_reconciled: u64,
    pub(crate) fallback_replies: u64,
    /// Hosts that were asked to end and did not end well.
    pub(crate) bad_exits: u64,
}

impl Counters {
    /// From the text of the metrics.
    pub(crate) fn parse(text: &str) -> Self {
        let count = |name: &str| {
            let prefix = format!("patchbay_{name}_total ");
            let line = text.lines().find_map(|line| line.strip_prefix(&prefix));
            line.and_then(|count| count.parse().ok()).unwrap_or_default()
        };
        Self {
            leases_lost: count("leases_lost"),
            lanes_reconciled: count("lanes_reconciled"),
            fallback_replies: count("fallback_replies"),
            bad_exits: 0,
        }
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self {
            leases_lost: self.leases_lost + other.leases_lost,
            lanes_reconciled: self.lanes_reconciled + other.lanes_reconciled,
            fallback_replies: self.fallback_replies + other.fallback_replies,
            bad_exits: self.bad_exits + other.bad_exits,
        }
    }
}

/// The memory of one process over its life, in KiB.
#[derive(Debug, Default, Clone, Copy)]
struct Life {
    /// When it was warm, or as late as it was seen.
    warm: u64,
    last: u64,
    most: u64,
    length: Duration,
}

/// The memory of all processes that there were.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    lives: BTreeMap<u32, Life>,
}

/// Looks at the memory of the hosts until told to stop.
pub(crate) async fn watch(site: Arc<Site>, mut stop: watch::Receiver<bool>) -> Usage {
    let mut usage = Usage::default();
    let mut born: BTreeMap<u32, Instant> = BTreeMap::new();
    loop {
        tokio::select! {
            () = sleep(LOOK) => {}
            _ = stop.wait_for(|stop| *stop) => return usage,
        }
        for pid in site.seats.iter().filter_map(crate::site::Seat::pid) {
            let Some(rss_kib) = rss_kib(pid) else { continue };
            let length = born.entry(pid).or_insert_with(Instant::now).elapsed();
            let life = usage.lives.entry(pid).or_default();
            if life.warm == 0 || length <= WARM {
                life.warm = rss_kib;
            }
            life.last = rss_kib;
            life.most = life.most.max(rss_kib);
            life.length = length;
        }
    }
}

fn rss_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// The table of figures, and what is wrong.
#[derive(Debug)]
pub struct Report {
    /// Empty where every promise was kept.
    pub faults: Vec<String>,
    rows: Vec<(&'static str, String)>,
    folder: Option<PathBuf>,
}

impl Options {
    /// What is soaked, in one line.
    pub fn line(&self) -> String {
        format!(
            "{} {} host(s) on {}, {} webhooks/s for {:?}, a kill every {:?}, seed {}",
            self.hosts,
            if cfg!(debug_assertions) { "debug" } else { "release" },
            self.backend.name(),
            self.rate,
            self.length,
            self.kill_every,
            self.seed
        )
    }
}

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        Self { faults: Vec::new(), rows: vec![("soak", options.line())], folder: None }
    }

    fn row(&mut self, title: &'static str, value: impl fmt::Display) {
        self.rows.push((title, value.to_string()));
    }

    pub(crate) fn phases(&mut self, loaded: Duration, idle: Duration) {
        self.row("load, s", format!("{:.1}", loaded.as_secs_f64()));
        self.row("idle after, s", format!("{:.1}", (idle.saturating_sub(loaded)).as_secs_f64()));
    }

    pub(crate) fn kills(&mut self, kills: &Kills) {
        self.row("kill -9", kills.killed);
        self.row("SIGTERM", kills.asked);
        if 0 < kills.bad_exits {
            self.faults.push(format!("{} hosts did not end well when asked", kills.bad_exits));
        }
    }

    pub(crate) fn sent(&mut self, sent: &Sent) {
        self.row("webhooks answered 2xx", sent.answered.len());
        self.row("requests unanswered", sent.unanswered);
        self.row("requests refused", sent.refused);
        self.row("sent again though answered", sent.again);
        self.row("conversations held back", sent.held_back);
        self.row("ack p50 / p99 / max, ms", times(&sent.acks_us));
        self.row("reply p50 / p99 / max, ms", times(&sent.replies_us));
        if sent.answered.is_empty() {
            self.faults.push("nothing was sent".to_owned());
        }
    }

    pub(crate) fn journal(&mut self, journal: &[Entry]) {
        self.row("events", journal.len());
        self.row("repeats in the journal", journal.iter().map(|entry| entry.repeats).sum::<u64>());
        let mut outcomes: BTreeMap<&str, u64> = BTreeMap::new();
        for outcome in journal.iter().flat_map(|entry| &entry.outcomes) {
            *outcomes.entry(outcome).or_default() += 1;
        }
        self.row("attempts", outcomes.values().sum::<u64>());
        for (outcome, title) in [
            ("done", "  done"),
            ("transient", "  transient"),
            ("rate-limited", "  rate-limited"),
            ("given-back", "  given back"),
        ] {
            self.row(title, outcomes.remove(outcome).unwrap_or_default());
        }
        if !outcomes.is_empty() {
            self.row("  others", format!("{outcomes:?}"));
        }
        let attempts = |entry: &Entry| entry.jobs.iter().map(|job| job.attempts).max();
        let most = journal.iter().filter_map(attempts).max().unwrap_or_default();
        self.row("most attempts of a job", most);
    }

    pub(crate) fn adopted(&mut self, count: usize) {
        self.row("deals of another job taken as own", count);
    }

    /// What the hosts have logged as an error or a warning.
    pub(crate) fn logs(&mut self, site: &Site) {
        let logs = site.logs();
        for level in ["ERROR", "WARN"] {
            let lines = logs.lines().filter(|line| line.contains(&format!(" {level} ")));
            self.row(
                if level == "ERROR" { "errors logged" } else { "warnings logged" },
                lines.count(),
            );
        }
    }

    pub(crate) fn ledger(&mut self, ledger: &Ledger, writes: &[Write]) {
        self.row("CRM calls", ledger.calls());
        for (fault, times) in ledger.met() {
            self.row("  fault", format!("{times} x {fault:?}"));
        }
        self.row("CRM writes", writes.len());
        for (kind, title) in [
            (Kind::Contact, "  contacts"),
            (Kind::Deal, "  deals"),
            (Kind::Task, "  tasks"),
            (Kind::Note, "  notes"),
        ] {
            self.row(title, ledger.count(kind));
        }
        let busiest = ledger.busiest();
        let busiest = busiest.values().max().copied().unwrap_or_default();
        self.row("calls at once for a client", busiest);
    }

    pub(crate) fn counters(&mut self, counters: &Counters) {
        self.row("leases lost (as counted)", counters.leases_lost);
        self.row("fallback replies", counters.fallback_replies);
        self.row("lanes reconciled", counters.lanes_reconciled);
        if 0 < counters.lanes_reconciled {
            let count = counters.lanes_reconciled;
            self.faults.push(format!("{count} lanes had lost their work and were reconciled"));
        }
        if 0 < counters.bad_exits {
            self.faults.push(format!("{} hosts did not stop well at the end", counters.bad_exits));
        }
    }

    pub(crate) fn usage(&mut self, usage: &Usage) {
        let longest = usage.lives.values().max_by_key(|life| life.length);
        let most = usage.lives.values().map(|life| life.most).max().unwrap_or_default();
        self.row("memory of any host at most, MiB", most / 1024);
        if let Some(life) = longest {
            let line = format!(
                "{} warm, {} at the end, {} at most, over {:.0} s",
                life.warm / 1024,
                life.last / 1024,
                life.most / 1024,
                life.length.as_secs_f64()
            );
            self.row("memory of the oldest, MiB", line);
        }
    }

    pub(crate) fn keep_folder_if_faulty(&mut self, site: &Site) {
        if !self.faults.is_empty() {
            self.folder = site.keep();
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (title, value) in &self.rows {
            writeln!(f, "{title:<35} {value}")?;
        }
        for fault in &self.faults {
            writeln!(f, "FAULT {fault}")?;
        }
        match &self.folder {
            Some(folder) => write!(f, "kept: {}", folder.display()),
            None => write!(f, "every promise was kept"),
        }
    }
}

/// Median, 99th of a hundred, and the longest.
fn times(all_us: &[u64]) -> String {
    let mut sorted = all_us.to_vec();
    sorted.sort_unstable();
    let at = |of_hundred: usize| {
        let place = sorted.len().saturating_sub(1) * of_hundred / 100;
        Duration::from_micros(sorted.get(place).copied().unwrap_or_default()).as_secs_f64() * 1e3
    };
    format!("{:.1} / {:.1} / {:.1}", at(50), at(99), at(100))
}
