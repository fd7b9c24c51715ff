//! How long the disk below takes to make 4 KiB durable: the floor under every answer.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::steps::{Context as _, Error, Result, now, sleep};

const WRITES: usize = 500;
/// Between two looks at a disk under load: it is looked at, not loaded.
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Looks at the disk while something else loads it too.
#[derive(Debug)]
pub(crate) struct Watch {
    is_over: Arc<AtomicBool>,
    looks: JoinHandle<std::io::Result<Vec<Duration>>>,
}

impl Watch {
    /// Starts to make 4 KiB durable every 10 ms in `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (path, end) = (folder.join("fdatasync.watch"), Arc::clone(&is_over));
        let looks = thread::spawn(move || {
            let took = write_until(&path, || {
                sleep(PAUSE);
                end.load(Ordering::Relaxed)
            });
            fs::remove_file(&path)?;
            took
        });
        Self { is_over, looks }
    }

    pub(crate) fn stop(self) -> Result<Disk> {
        self.is_over.store(true, Ordering::Relaxed);
        let took = self.looks.join().map_err(|_panic| Error::new("the watch of the disk ended"))?;
        Ok(Disk::of(&took.context("cannot watch the disk")?))
    }
}

impl Disk {
    fn of(sorted: &[Duration]) -> Self {
        Self { p50: percentile(sorted, 50), p99: percentile(sorted, 99) }
    }
}

/// Appends 4 KiB and calls fdatasync, many times, in `folder`.
pub(crate) fn probe(folder: &Path) -> Result<Disk> {
    let path = folder.join("fdatasync.probe");
    let mut left = WRITES;
    let took = write_until(&path, || {
        left -= 1;
        left == 0
    });
    let took = took.context(format!("cannot write {}", path.display()))?;
    fs::remove_file(&path).context(format!("cannot remove {}", path.display()))?;
    Ok(Disk::of(&took))
}

/// How long each took, sorted.
fn write_until(path: &Path, mut is_over: impl FnMut() -> bool) -> std::io::Result<Vec<Duration>> {
    let mut file = File::create(path)?;
    let block = [7; 4096];
    let mut took = Vec::with_capacity(WRITES);
    loop {
        let started = now();
        file.write_all(&block)?;
        file.sync_data()?;
        took.push(started.elapsed());
        if is_over() {
            took.sort();
            return Ok(took);
        }
    }
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
