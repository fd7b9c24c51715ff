//! A clock that goes, and that a test can set forward.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use patchbay::clock::{Clock, SystemClock};

/// The machine's clock, and what a test has added to it.
#[derive(Debug, Default)]
pub(crate) struct AheadClock(AtomicI64);

impl AheadClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_micros().try_into().unwrap(), Ordering::Relaxed);
    }
}

impl Clock for AheadClock {
    fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_micros(self.0.load(Ordering::Relaxed));
        SystemClock.now().checked_add(ahead).unwrap()
    }
}
