//! The breaker of one plugin: after failures in a row it rests, then one probe decides.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Shared by all calls of one plugin.
#[derive(Debug)]
pub(super) struct Breaker {
    failures_max: u32,
    rest: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
    is_probing: bool,
}

/// The right to make one call. Dropped without a verdict, it leaves the breaker as it was.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

impl Breaker {
    pub(super) fn new(failures_max: u32, rest: Duration) -> Self {
        Self { failures_max, rest, state: Mutex::default() }
    }

    /// `None` while the breaker is open, and while its one probe is on the way.
    pub(super) fn pass(&self) -> Option<Pass<'_>> {
        let mut state = self.state();
        let is_probe = match state.open_until {
            None => false,
            Some(until) if Instant::now() < until || state.is_probing => return None,
            Some(_) => true,
        };
        state.is_probing |= is_probe;
        Some(Pass { breaker: self, is_probe })
    }

    pub(super) fn is_open(&self) -> bool {
        self.state().open_until.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// Reports how the call ended.
    pub(super) fn end(self, failed: bool) {
        let mut state = self.breaker.state();
        if !failed {
            // A call that began before the breaker opened does not close it.
            if self.is_probe || state.open_until.is_none() {
                state.failures = 0;
                state.open_until = None;
            }
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if self.is_probe || self.breaker.failures_max <= state.failures {
            state.open_until = Some(Instant::now() + self.breaker.rest);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.state().is_probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(5);

    fn tripped() -> Breaker {
        let breaker = Breaker::new(2, REST);
        breaker.pass().unwrap().end(true);
        assert!(breaker.pass().is_some(), "one failure is below the limit");
        breaker.pass().unwrap().end(true);
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_a_good_probe_closes_it() {
        let breaker = tripped();
        assert!(breaker.pass().is_none());
        tokio::time::advance(REST).await;
        let probe = breaker.pass().unwrap();
        assert!(breaker.pass().is_none(), "one probe at a time");
        probe.end(false);
        assert!(breaker.pass().is_some() && !breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_probe_opens_it_again_at_once() {
        let breaker = tripped();
        tokio::time::advance(REST).await;
        breaker.pass().unwrap().end(true);
        assert!(breaker.pass().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_in_between_starts_the_count_anew() {
        let breaker = Breaker::new(2, REST);
        for failed in [true, false, true] {
            breaker.pass().unwrap().end(failed);
        }
        assert!(breaker.pass().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_was_abandoned_makes_room_for_the_next() {
        let breaker = tripped();
        tokio::time::advance(REST).await;
        drop(breaker.pass().unwrap());
        assert!(breaker.pass().is_some());
    }
}
