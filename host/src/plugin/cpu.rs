//! The processor time of one call: what its thread runs while it polls the call.
//!
//! Two looks at the thread's own clock take 0.7 µs, which is much for a call of 20 µs. So a short
//! call may be timed by the wall clock, which shows no less.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// What times one poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// The thread's own, which stands still while the thread has no processor.
    Thread,
    /// Cheap to look at, and ahead of the thread's where others had the processor meanwhile.
    Wall,
}

impl Clock {
    fn now(self) -> Duration {
        let id = match self {
            Self::Thread => ClockId::ThreadCPUTime,
            Self::Wall => ClockId::Monotonic,
        };
        Duration::try_from(clock_gettime(id)).unwrap_or_default()
    }
}

/// What the guest runs, and the host for it. It stands still while the call waits for others. Who
/// polls the call writes it; an epoch that ends reads it.
#[derive(Debug, Default)]
pub(super) struct CpuTime {
    /// In polls that are over.
    over_ns: AtomicU64,
    /// When the poll under way began, by its clock.
    begun_ns: AtomicU64,
    is_by_wall: AtomicBool,
}

impl CpuTime {
    /// Polls the call, and gives what its thread ran for it.
    pub(super) fn of<T>(&self, clock: Clock, poll: impl FnOnce() -> T) -> (T, Duration) {
        let begun = clock.now();
        self.begun_ns.store(nanos(begun), Ordering::Relaxed);
        self.is_by_wall.store(clock == Clock::Wall, Ordering::Relaxed);
        let polled = poll();
        let ran = clock.now().saturating_sub(begun);
        self.over_ns.fetch_add(nanos(ran), Ordering::Relaxed);
        (polled, ran)
    }

    /// So far, where it is asked in a poll.
    fn so_far(&self) -> Duration {
        let begun = Duration::from_nanos(self.begun_ns.load(Ordering::Relaxed));
        let over = Duration::from_nanos(self.over_ns.load(Ordering::Relaxed));
        let is_by_wall = self.is_by_wall.load(Ordering::Relaxed);
        let clock = if is_by_wall { Clock::Wall } else { Clock::Thread };
        over.saturating_add(clock.now().saturating_sub(begun))
    }
}

/// How much of it one call may use.
#[derive(Debug)]
pub(super) struct Cpu {
    limit: Duration,
    time: Arc<CpuTime>,
    pub(super) is_spent: bool,
}

impl Cpu {
    pub(super) fn new(limit_ms: u32, time: Arc<CpuTime>) -> Self {
        Self { limit: Duration::from_millis(limit_ms.into()), time, is_spent: false }
    }

    /// Looks at the time in a poll. False when the call has had its share.
    pub(super) fn goes_on(&mut self) -> bool {
        self.is_spent = self.limit <= self.time.so_far();
        !self.is_spent
    }
}

pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Runs on for some processor time.
#[cfg(test)]
pub(super) fn work(time: Duration) {
    let begun = Clock::Thread.now();
    while Clock::Thread.now().saturating_sub(begun) < time {
        std::hint::spin_loop();
    }
}

/// Keeps the thread for so long, and lets others have its processor.
#[cfg(test)]
pub(super) fn sleep(time: Duration) {
    let begun = Clock::Wall.now();
    while let Some(rest) = time.checked_sub(Clock::Wall.now().saturating_sub(begun)) {
        std::thread::park_timeout(rest);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const PIECE: Duration = Duration::from_millis(3);

    #[test]
    fn polls_are_added_up_and_what_the_thread_ran_between_them_is_not() {
        let time = CpuTime::default();
        let (answer, first) = time.of(Clock::Thread, || {
            work(PIECE);
            7
        });
        assert_eq!(answer, 7);
        assert!(PIECE <= first && first < PIECE * 3, "{first:?}");
        work(PIECE * 4);
        // The next poll may be on another thread, whose clock shows something else.
        let elsewhere = || {
            work(PIECE * 4);
            time.of(Clock::Thread, || work(PIECE)).1
        };
        let second = thread::scope(|scope| scope.spawn(elsewhere).join().unwrap());
        let (both, _) = time.of(Clock::Thread, || time.so_far());
        assert!(first + second <= both && both < first + second + PIECE, "{both:?}");
    }

    #[test]
    fn the_poll_under_way_counts_by_its_clock() {
        for (clock, counts) in [(Clock::Thread, PIECE), (Clock::Wall, PIECE * 4)] {
            let time = CpuTime::default();
            let (so_far, ran) = time.of(clock, || {
                work(PIECE);
                sleep(PIECE * 3);
                time.so_far()
            });
            assert!(counts <= so_far && so_far <= ran, "{clock:?} {so_far:?} {ran:?}");
            assert!(clock == Clock::Wall || ran < PIECE * 3, "{ran:?}");
        }
    }

    #[test]
    fn a_call_goes_on_until_its_time_is_spent_and_time_in_which_it_sleeps_is_not() {
        let time = Arc::<CpuTime>::default();
        let mut cpu = Cpu::new(6, Arc::clone(&time));
        let (goes_on, _) = time.of(Clock::Thread, || {
            work(PIECE);
            sleep(PIECE * 3);
            cpu.goes_on()
        });
        assert!(goes_on && !cpu.is_spent);
        let (goes_on, _) = time.of(Clock::Thread, || {
            work(PIECE);
            cpu.goes_on()
        });
        assert!(!goes_on && cpu.is_spent);
    }
}
