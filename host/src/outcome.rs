//! Decides what happens to a job after an attempt. Pure: no I/O, no clock.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Done,
    /// A later attempt may succeed. The peer may have named the earliest time.
    Transient {
        retry_after: Option<Duration>,
    },
    /// The peer asked to wait: a later attempt is due, and this one does not count.
    RateLimited {
        retry_after: Option<Duration>,
    },
    /// Another job of this host or of another one is at work on the same: soon it will have ended.
    InWork,
    /// The credentials were refused: the account is paused and the job waits.
    Unauthorized,
    /// No attempt with the same input can succeed.
    Permanent,
    /// The host stopped before the attempt had ended.
    GivenBack,
}

impl Outcome {
    /// The word for journal and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Transient { .. } => "transient",
            Self::RateLimited { .. } => "rate-limited",
            Self::InWork => "in-work",
            Self::Unauthorized => "unauthorized",
            Self::Permanent => "permanent",
            Self::GivenBack => "given-back",
        }
    }
}

/// Who has to act on a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// The plugin's author.
    Guest,
    /// Us, or the machine.
    Host,
    /// The channel or the CRM.
    Peer,
    /// The operator: a grant, a setting, a credential.
    Operator,
}

impl Blame {
    /// The word for journal and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Host => "host",
            Self::Peer => "peer",
            Self::Operator => "operator",
        }
    }
}

/// The state a job moves to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Done,
    ReadyAt(Timestamp),
    Dead,
}

/// How often, and how far apart, a job is attempted.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    pub attempts_max: u32,
    pub base: Duration,
    pub cap: Duration,
}

/// How soon a job comes back whose client or card another one works on.
const WORK_WAIT: Duration = Duration::from_millis(200);

/// An attempt that does not count waits at least as long as after this many that do: its number
/// does not grow, and so neither would its delay.
const UNCOUNTED_AS_ATTEMPT: u32 = 5;

impl RetryPolicy {
    /// The state after attempt number `attempt`, counted from 1.
    ///
    /// `jitter` is a draw from [0, 1) that is added as a share of the delay, so that jobs
    /// which failed together do not come back together.
    pub fn next(&self, outcome: Outcome, attempt: u32, now: Timestamp, jitter: f64) -> Next {
        match outcome {
            Outcome::Done => Next::Done,
            Outcome::Permanent => Next::Dead,
            Outcome::GivenBack => Next::ReadyAt(now),
            Outcome::InWork => {
                let wait = WORK_WAIT.saturating_add(WORK_WAIT.mul_f64(jitter));
                Next::ReadyAt(now.checked_add(wait).unwrap_or(Timestamp::MAX))
            }
            Outcome::Transient { .. } if self.attempts_max <= attempt => Next::Dead,
            Outcome::Transient { retry_after } => {
                self.ready_after(retry_after, attempt, now, jitter)
            }
            Outcome::RateLimited { retry_after: Some(asked) } => {
                self.ready_after(Some(asked), attempt, now, jitter)
            }
            Outcome::RateLimited { retry_after: None } | Outcome::Unauthorized => {
                self.ready_after(None, attempt.max(UNCOUNTED_AS_ATTEMPT), now, jitter)
            }
        }
    }

    fn ready_after(
        &self,
        asked: Option<Duration>,
        attempt: u32,
        now: Timestamp,
        jitter: f64,
    ) -> Next {
        let backoff = self.backoff(attempt);
        let delay = match asked {
            // The peer's time is the earliest; only the spread is added to it.
            Some(asked) => asked.saturating_add(self.base.mul_f64(jitter)),
            None => backoff.saturating_add(backoff.mul_f64(jitter)),
        };
        Next::ReadyAt(now.checked_add(delay.max(backoff)).unwrap_or(Timestamp::MAX))
    }

    fn backoff(&self, attempt: u32) -> Duration {
        let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
        self.base.saturating_mul(factor).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy =
        RetryPolicy { attempts_max: 4, base: Duration::from_secs(5), cap: Duration::from_secs(15) };

    #[track_caller]
    fn check(outcome: Outcome, attempt: u32, jitter: f64, expected_delay_s: Option<i64>) {
        let actual = match POLICY.next(outcome, attempt, Timestamp::UNIX_EPOCH, jitter) {
            Next::ReadyAt(at) => Some(at.as_second()),
            Next::Dead => None,
            Next::Done => panic!("a failed attempt cannot finish a job"),
        };
        assert_eq!(actual, expected_delay_s);
    }

    #[test]
    fn delays_double_up_to_the_cap_and_then_the_job_dies() {
        let transient = Outcome::Transient { retry_after: None };
        check(transient, 1, 0.0, Some(5));
        check(transient, 2, 0.0, Some(10));
        check(transient, 3, 0.0, Some(15));
        check(transient, 4, 0.0, None);
    }

    #[test]
    fn who_waits_for_another_job_is_back_at_once_however_often() {
        for attempt in [1, 3, 100] {
            let next = POLICY.next(Outcome::InWork, attempt, Timestamp::UNIX_EPOCH, 0.5);
            assert_eq!(next, Next::ReadyAt(Timestamp::from_millisecond(300).unwrap()));
        }
    }

    #[test]
    fn jitter_is_added_and_never_subtracted() {
        let transient = Outcome::Transient { retry_after: None };
        check(transient, 1, 0.999, Some(9));
        check(
            Outcome::RateLimited { retry_after: Some(Duration::from_mins(1)) },
            1,
            0.999,
            Some(64),
        );
    }

    #[test]
    fn retry_after_of_the_peer_wins_when_it_is_later() {
        check(Outcome::Transient { retry_after: Some(Duration::from_mins(1)) }, 1, 0.0, Some(60));
        check(Outcome::Transient { retry_after: Some(Duration::from_secs(1)) }, 2, 0.0, Some(10));
    }

    #[test]
    fn rate_limits_and_refused_credentials_do_not_spend_attempts() {
        check(Outcome::RateLimited { retry_after: None }, 400, 0.0, Some(15));
        check(Outcome::Unauthorized, 400, 0.0, Some(15));
    }

    #[test]
    fn an_attempt_that_does_not_count_is_not_repeated_at_the_shortest_delay() {
        check(Outcome::RateLimited { retry_after: None }, 1, 0.0, Some(15));
        check(Outcome::Unauthorized, 1, 0.0, Some(15));
        let asked = Outcome::RateLimited { retry_after: Some(Duration::from_secs(6)) };
        check(asked, 1, 0.0, Some(6));
    }

    #[test]
    fn a_job_that_is_given_back_is_due_at_once() {
        check(Outcome::GivenBack, 400, 0.999, Some(0));
    }

    #[test]
    fn a_permanent_failure_dies_at_once() {
        check(Outcome::Permanent, 1, 0.0, None);
    }
}
