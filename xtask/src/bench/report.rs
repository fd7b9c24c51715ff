//! Medians, side by side.

use std::fs;

use super::{Contestant, disk::Disk, load::Answers, server::Usage};

/// One contestant in one round.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    contestant: Contestant,
    requests_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    cpu_us_per_request: f64,
    rss_mib: f64,
    rss_peak_mib: f64,
    answered: u64,
    journaled: u64,
}

impl Sample {
    pub(crate) fn new(
        contestant: Contestant,
        run: &Answers,
        before: &Usage,
        after: &Usage,
        answered: u64,
        journaled: u64,
    ) -> Self {
        Self {
            contestant,
            requests_per_s: ratio(run.requests * 1_000_000, run.duration_us),
            p50_ms: ratio(run.p50_us, 1000),
            p99_ms: ratio(run.p99_us, 1000),
            cpu_us_per_request: ratio(after.cpu_us - before.cpu_us, run.requests),
            rss_mib: ratio(after.rss_kib, 1024),
            rss_peak_mib: ratio(after.rss_peak_kib, 1024),
            answered,
            journaled,
        }
    }

    pub(crate) fn line(&self) -> String {
        format!(
            "{:<9} {:>7.0} requests/s  p50 {:.2} ms  p99 {:.2} ms  answered {}  journaled {}",
            self.contestant.name(),
            self.requests_per_s,
            self.p50_ms,
            self.p99_ms,
            self.answered,
            self.journaled
        )
    }
}

type Column = (&'static str, fn(&Sample) -> f64);

const ROWS: &[Column] = &[
    ("requests/s", |sample| sample.requests_per_s),
    ("p50, ms", |sample| sample.p50_ms),
    ("p99, ms", |sample| sample.p99_ms),
    ("CPU, µs/request", |sample| sample.cpu_us_per_request),
    ("memory, MiB", |sample| sample.rss_mib),
    ("memory peak, MiB", |sample| sample.rss_peak_mib),
];

/// The table: a column for each contestant, and how the first relates to the last.
pub(crate) fn print(samples: &[Sample], contestants: &[Contestant], disk: &Disk) {
    println!("\n{}", table(samples, contestants));
    println!(
        "disk: 4 KiB and fdatasync take {:.2} ms (p50), {:.2} ms (p99)",
        disk.p50.as_secs_f64() * 1e3,
        disk.p99.as_secs_f64() * 1e3
    );
    let busy = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("machine: {cores} cores shared with wrk, load average {}", busy.trim());
    println!(
        "every server was killed with SIGKILL, and its journal held every webhook it had answered"
    );
}

fn table(samples: &[Sample], contestants: &[Contestant]) -> String {
    let is_pair = contestants.len() == 2;
    let names = contestants.iter().map(|one| one.name()).chain(is_pair.then_some("ratio"));
    let mut lines = vec![row("median", names.map(str::to_owned).collect())];
    for (title, value) in ROWS {
        let medians: Vec<f64> =
            contestants.iter().map(|one| median(samples, *one, *value)).collect();
        let mut cells: Vec<String> = medians.iter().map(|median| format!("{median:.2}")).collect();
        if let [first, last] = medians.as_slice() {
            cells.push(format!("{:.2}", first / last));
        }
        lines.push(row(title, cells));
    }
    lines.join("\n")
}

fn row(title: &str, cells: Vec<String>) -> String {
    let cells: Vec<String> = cells.into_iter().map(|cell| format!("{cell:>12}")).collect();
    format!("{title:<18}{}", cells.concat())
}

fn median(samples: &[Sample], contestant: Contestant, value: fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> =
        samples.iter().filter(|one| one.contestant == contestant).map(value).collect();
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied().unwrap_or(f64::NAN);
    let lower = values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN);
    f64::midpoint(lower, upper)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a bench are far below 2^52")]
fn ratio(count: u64, of: u64) -> f64 {
    count as f64 / of as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(contestant: Contestant, requests: u64) -> Sample {
        let run = Answers { requests, duration_us: 1_000_000, p50_us: 500, p99_us: 900 };
        let before = Usage { cpu_us: 1000, rss_kib: 1024, rss_peak_kib: 1024 };
        let after = Usage { cpu_us: 1000 + 20 * requests, rss_kib: 2048, rss_peak_kib: 4096 };
        Sample::new(contestant, &run, &before, &after, requests, requests)
    }

    #[test]
    fn the_table_compares_medians() {
        let samples = [
            sample(Contestant::Host, 100),
            sample(Contestant::Reference, 400),
            sample(Contestant::Host, 900),
            sample(Contestant::Reference, 200),
            sample(Contestant::Host, 200),
        ];
        let table = table(&samples, &[Contestant::Host, Contestant::Reference]);
        let words: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words, ["requests/s", "200.00", "300.00", "0.67"]);
        assert!(
            table.contains("CPU, µs/request          20.00       20.00        1.00"),
            "{table}"
        );
    }

    #[test]
    fn one_contestant_has_no_ratio() {
        let table = table(&[sample(Contestant::Reference, 5)], &[Contestant::Reference]);
        assert!(!table.contains("ratio") && table.contains("5.00"), "{table}");
    }
}
