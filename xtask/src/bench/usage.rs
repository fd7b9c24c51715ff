//! What processes use, out of `/proc`.

use std::fs;

use crate::steps::{Context as _, Error, Result};

/// What Linux counts processor time in, on every architecture that Rust runs on.
const TICK_US: u64 = 10_000;

/// What a process, or several, have used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) cpu_us: u64,
    pub(crate) rss_kib: u64,
    pub(crate) rss_peak_kib: u64,
}

impl Usage {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            cpu_us: self.cpu_us + other.cpu_us,
            rss_kib: self.rss_kib + other.rss_kib,
            rss_peak_kib: self.rss_peak_kib + other.rss_peak_kib,
        }
    }
}

pub(crate) fn of(process: u32) -> Result<Usage> {
    let read = |file: &str| {
        let path = format!("/proc/{process}/{file}");
        fs::read_to_string(&path).context(format!("cannot read {path}"))
    };
    parse(&read("stat")?, &read("status")?)
        .ok_or_else(|| Error::new("/proc is not the one of Linux"))
}

/// A process with its children, those that have ended too; shared memory is counted once.
pub(crate) fn of_family(parent: u32) -> Result<Usage> {
    let entries = fs::read_dir("/proc").context("cannot list /proc")?;
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let mut usage = Usage::default();
    for id in ids {
        // One that ends while it is looked at is the next look's.
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        let of_ended = if id == parent { 2 } else { 0 };
        if id != parent && field(&stat, 1) != Some(u64::from(parent)) {
            continue;
        }
        let ticks: u64 = (11..13 + of_ended).filter_map(|place| field(&stat, place)).sum();
        let memory = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
        let kib = kib(&memory, "Pss").unwrap_or_default();
        usage = usage.and(Usage { cpu_us: ticks * TICK_US, rss_kib: kib, rss_peak_kib: kib });
    }
    Ok(usage)
}

fn parse(stat: &str, status: &str) -> Option<Usage> {
    let ticks = field(stat, 11)? + field(stat, 12)?;
    Some(Usage {
        cpu_us: ticks * TICK_US,
        rss_kib: kib(status, "VmRSS")?,
        rss_peak_kib: kib(status, "VmHWM")?,
    })
}

/// A number of `stat` by its place behind the name: 1 is the parent, 11 and 12 are the times in user
/// and system mode, 13 and 14 those of children that have ended.
fn field(stat: &str, place: usize) -> Option<u64> {
    // The name in parentheses may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(place)?.parse().ok()
}

fn kib(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_an_odd_name_is_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 12 30 0 0 20 0 1 0 100 0 0";
        let status = "Name:\ta\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        let usage = Usage { cpu_us: 420_000, rss_kib: 1024, rss_peak_kib: 2048 };
        assert_eq!(parse(stat, status), Some(usage));
        assert_eq!(field(stat, 1), Some(1));
    }

    #[test]
    fn a_family_is_at_least_its_parent() {
        let own = std::process::id();
        assert!(of(own).unwrap().cpu_us <= of_family(own).unwrap().cpu_us + TICK_US);
        assert!(0 < of_family(own).unwrap().rss_kib);
    }
}
