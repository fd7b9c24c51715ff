//! What is seen of a host from outside: latencies, counters, and what its process holds.

use std::{collections::BTreeMap, fmt, fs, time::Duration};

use rustix::process::Pid;

/// Middle and end of a distribution, of so many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latency {
    pub(super) count: usize,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
}

impl Latency {
    pub(super) fn of(mut took: Vec<Duration>) -> Self {
        took.sort();
        let at = |percent: usize| {
            let index = (took.len() * percent / 100).min(took.len().saturating_sub(1));
            took.get(index).copied().unwrap_or_default()
        };
        Self { count: took.len(), p50: at(50), p99: at(99) }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(f, "{:.1} / {:.1}", ms(self.p50), ms(self.p99))
    }
}

/// Counters of the metrics page: the cause that one of `causes` tells, and how often.
pub(super) fn causes(page: &str) -> BTreeMap<String, u64> {
    let mut causes = BTreeMap::new();
    for line in page.lines() {
        let is_attacker = line.contains("plugin=\"guest-hostile\"");
        let label = if is_attacker && line.starts_with("patchbay_calls_total{") {
            label(line, "outcome")
        } else if is_attacker && line.starts_with("patchbay_refusals_total{") {
            label(line, "cause")
        } else if line.starts_with("patchbay_plugins_refused_total{") {
            label(line, "reason")
        } else {
            None
        };
        let count = line.rsplit(' ').next().and_then(|text| text.parse::<u64>().ok());
        if let (Some(label), Some(count)) = (label, count) {
            *causes.entry(label).or_default() += count;
        }
    }
    causes
}

fn label(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

/// A gauge without labels.
pub(super) fn gauge(page: &str, name: &str) -> Option<i64> {
    let line = page.lines().find(|line| line.starts_with(&format!("{name} ")))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) resident_kib: u64,
    pub(super) files: usize,
    pub(super) threads: usize,
}

impl Held {
    pub(super) fn by(pid: Pid) -> Self {
        let folder = format!("/proc/{}", pid.as_raw_nonzero());
        let status = fs::read_to_string(format!("{folder}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let count = |name: &str| fs::read_dir(format!("{folder}/{name}")).unwrap().count();
        Self {
            resident_kib: line.trim().trim_end_matches(" kB").parse().unwrap(),
            files: count("fd"),
            threads: count("task"),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resident_kib, files, threads } = self;
        write!(f, "{} MiB resident, {files} files, {threads} threads", resident_kib / 1024)
    }
}
