//! What the host itself works for a guest that waits for it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::state::ThreadTime;

/// Processor time of the host between the begin and the end of one request of a guest. What only
/// waits is not in it.
#[derive(Debug, Default)]
pub(super) struct Meter {
    nanos: AtomicU64,
}

impl Meter {
    /// Does a piece of work that has no pause in it.
    pub(super) fn of<T>(&self, work: impl FnOnce() -> T) -> T {
        let begin = ThreadTime::now();
        let done = work();
        // It is the same thread: there was no pause.
        let ran = ThreadTime::now().since(begin).unwrap_or_default();
        let nanos = u64::try_from(ran.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        done
    }

    pub(super) fn time(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_work_are_added_up_and_what_is_between_them_is_not() {
        let meter = Meter::default();
        let work = |time: Duration| {
            let begin = ThreadTime::now();
            while ThreadTime::now().since(begin).unwrap() < time {
                std::hint::spin_loop();
            }
        };
        let piece = Duration::from_millis(3);
        assert_eq!(meter.of(|| 7), 7);
        let before = meter.time();
        work(piece * 4);
        assert_eq!(meter.time(), before);
        meter.of(|| work(piece));
        meter.of(|| work(piece));
        let both = meter.time().saturating_sub(before);
        assert!(piece * 2 <= both && both < piece * 4, "{both:?}");
    }
}
