//! How fast one may ask, and what becomes of those who do not listen.

use std::{collections::VecDeque, time::Duration};

use patchbay_sdk::http::Response;

use super::hal;

/// A second, less what the network may move two requests together: how the vendor counts is not
/// documented.
const WINDOW: Duration = Duration::from_millis(950);

/// How long an address stays blocked.
const BLOCK: Duration = Duration::from_mins(1);

/// Limits by time.
#[derive(Debug)]
pub struct Limits {
    /// Requests within any second; `None` for as many as one likes.
    pub per_second: Option<usize>,
    /// Refusals within ten seconds after which the address is blocked.
    pub refusals: usize,
    /// Requests that were too fast, in all.
    pub refused: usize,
    answered: VecDeque<Duration>,
    warned: VecDeque<Duration>,
    blocked_until: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_second: Some(7),
            refusals: 50,
            refused: 0,
            answered: VecDeque::new(),
            warned: VecDeque::new(),
            blocked_until: None,
        }
    }
}

impl Limits {
    /// The answer to a request that comes too early.
    pub(super) fn refuse(&mut self, now: Duration) -> Option<Response> {
        let per_second = self.per_second?;
        if self.blocked_until.is_some_and(|until| now < until) {
            self.refused += 1;
            return Some(hal::page(403, "<html>403 Forbidden</html>"));
        }
        forget(&mut self.answered, now, WINDOW);
        if self.answered.len() < per_second {
            self.answered.push_back(now);
            return None;
        }
        self.refused += 1;
        forget(&mut self.warned, now, WINDOW * 10);
        self.warned.push_back(now);
        if self.refusals < self.warned.len() {
            self.blocked_until = Some(now + BLOCK);
        }
        Some(hal::page(429, "Too Many Requests"))
    }
}

fn forget(times: &mut VecDeque<Duration>, now: Duration, age: Duration) {
    while times.front().is_some_and(|time| age <= now.saturating_sub(*time)) {
        times.pop_front();
    }
}
