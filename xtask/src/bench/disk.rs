//! How long the disk below takes to make 4 KiB durable: the floor under every answer.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    time::Duration,
};

use crate::steps::{Context as _, Result, now};

const WRITES: usize = 500;

#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Appends 4 KiB and calls fdatasync, many times, in `folder`.
pub(crate) fn probe(folder: &Path) -> Result<Disk> {
    let path = folder.join("fdatasync.probe");
    let took = write_all(&path).context(format!("cannot write {}", path.display()))?;
    fs::remove_file(&path).context(format!("cannot remove {}", path.display()))?;
    Ok(Disk { p50: percentile(&took, 50), p99: percentile(&took, 99) })
}

fn write_all(path: &Path) -> std::io::Result<Vec<Duration>> {
    let mut file = File::create(path)?;
    let block = [7; 4096];
    let mut took = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let started = now();
        file.write_all(&block)?;
        file.sync_data()?;
        took.push(started.elapsed());
    }
    took.sort();
    Ok(took)
}

/// The value that `percent` of the sorted ones do not pass.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&values, 50), Duration::from_millis(100));
        assert_eq!(percentile(&values, 99), Duration::from_millis(198));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}
