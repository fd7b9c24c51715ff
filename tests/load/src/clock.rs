//! The one place that reads the machine's clock and sleeps: threads, no runtime, no 1 ms timer.

use std::time::{Duration, Instant};

#[expect(clippy::disallowed_methods, reason = "there is no runtime whose time could be paused")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "there is no runtime that it could block")]
pub(crate) fn sleep(time: Duration) {
    std::thread::sleep(time);
}

/// Returns at once if the time has come.
pub(crate) fn sleep_until(due: Instant) {
    let time = due.saturating_duration_since(now());
    if !time.is_zero() {
        sleep(time);
    }
}
