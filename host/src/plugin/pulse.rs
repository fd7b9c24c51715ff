//! How the last calls of one version went: what a watch over a new version looks at.

use std::sync::{Mutex, PoisonError};

use super::error::Error;
use crate::card::AdapterError;

/// Calls that are remembered.
const CALLS_MAX: u32 = u128::BITS;

/// One bit for each call, the latest lowest.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<Beats>);

#[derive(Debug, Clone, Copy, Default)]
struct Beats {
    calls: u32,
    faults: u128,
    complaints: u128,
}

/// How many of the last calls went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    pub calls: u32,
    /// The version itself failed: it trapped, passed a limit, or broke the contract.
    pub faults: u32,
    /// It answered that what it was given, or sent, is not right: webhooks refused, records invalid.
    pub complaints: u32,
}

/// What one call says of the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    Good,
    Fault,
    Complaint,
}

impl Beat {
    /// `None` where the call says nothing of the version: it did not run, or its peer was at fault.
    pub(super) fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Adapter(AdapterError::Invalid(_) | AdapterError::Unsupported(_)) => {
                Some(Self::Complaint)
            }
            Error::Trapped { .. }
            | Error::CpuSpent { .. }
            | Error::MemorySpent { .. }
            | Error::TooLarge { .. }
            | Error::Spent(_)
            | Error::BadAnswer(_) => Some(Self::Fault),
            Error::Adapter(_)
            | Error::TimedOut { .. }
            | Error::MemorySharedOut(_)
            | Error::Busy(_)
            | Error::BreakerOpen
            | Error::Unsupported(_)
            | Error::Host(_) => None,
        }
    }
}

impl Pulse {
    pub(super) fn beat(&self, beat: Beat) {
        let mut beats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        beats.calls = beats.calls.saturating_add(1).min(CALLS_MAX);
        beats.faults = beats.faults << 1 | u128::from(beat == Beat::Fault);
        beats.complaints = beats.complaints << 1 | u128::from(beat == Beat::Complaint);
    }

    /// Forgets what was before: a version that comes again gets a fresh chance.
    pub fn reset(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Beats::default();
    }

    pub fn read(&self) -> Reading {
        let beats = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Reading {
            calls: beats.calls,
            faults: beats.faults.count_ones(),
            complaints: beats.complaints.count_ones(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_calls_count() {
        let pulse = Pulse::default();
        pulse.beat(Beat::Fault);
        pulse.beat(Beat::Complaint);
        assert_eq!(pulse.read(), Reading { calls: 2, faults: 1, complaints: 1 });
        for _ in 2..CALLS_MAX {
            pulse.beat(Beat::Good);
        }
        assert_eq!(pulse.read(), Reading { calls: CALLS_MAX, faults: 1, complaints: 1 });
        pulse.beat(Beat::Good);
        assert_eq!(pulse.read(), Reading { calls: CALLS_MAX, faults: 0, complaints: 1 });
        pulse.reset();
        assert_eq!(pulse.read(), Reading::default());
    }

    #[test]
    fn a_peer_that_is_down_says_nothing_of_the_version() {
        let adapter = |error| Beat::of(&Error::Adapter(error));
        for error in [
            AdapterError::Unavailable(String::new()),
            AdapterError::RateLimited(None),
            AdapterError::Unauthorized(String::new()),
        ] {
            assert_eq!(adapter(error), None);
        }
        assert_eq!(adapter(AdapterError::Invalid(Vec::new())), Some(Beat::Complaint));
        assert_eq!(Beat::of(&Error::Trapped { message: String::new() }), Some(Beat::Fault));
        assert_eq!(Beat::of(&Error::BreakerOpen), None);
    }
}
