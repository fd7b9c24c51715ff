//! What the hosts on one database share beside its rows: turns, draws, and news of each other.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;

use super::Result;
use crate::{
    account::Rate,
    id::{AccountId, EventId, PoolId},
    rules::responsible::Turn,
};

/// Turns of an account's requests: together all hosts stay within its rate.
#[async_trait]
pub trait Turns: fmt::Debug + Send + Sync {
    /// Takes the next turn of the account, and returns when it is. A turn that is taken and not
    /// used is lost.
    async fn take(&self, account: &AccountId, rate: Rate, now: Timestamp) -> Result<Timestamp>;

    /// When the account's next turn is, without taking it.
    async fn peek(&self, account: &AccountId, rate: Rate, now: Timestamp) -> Result<Timestamp>;
}

/// Whose turn it is in a pool of managers: together all hosts are fair, also after a restart.
#[async_trait]
pub trait Draws: fmt::Debug + Send + Sync {
    /// Takes the next turn of the pool, durably, and returns the manager whose it is; `None` where
    /// nobody can be drawn. The same `key` answers the same manager as before: a job that is
    /// attempted again takes no second turn.
    async fn draw(&self, pool: &PoolId, key: &str, turn: Turn) -> Result<Option<String>>;

    /// Whose turn it is for this key, without taking it.
    async fn next_turn(&self, pool: &PoolId, key: &str, turn: Turn) -> Result<Option<String>>;
}

/// What another host on the same database did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// There may be a job to lease.
    Work,
    /// Something became of the event.
    Settled(EventId),
    /// Plugins, accounts, integrations or pools are not what they were.
    Changed,
    /// News may have been missed: everything has to be looked at again.
    Gap,
}

/// What the other hosts on the same database do. A wake-up that gets lost costs time, never work:
/// whoever waits looks again after a while.
#[async_trait]
pub trait Peers: fmt::Debug + Send + Sync {
    /// Waits for news; for ever where the database has one host only.
    async fn news(&self) -> News;
}

/// When the next turn is, and what to remember once it is taken.
///
/// What is remembered is the time at which the account has rested enough to have no turn owed:
/// each turn moves it on by one interval, and a turn may come before it by as many intervals as the
/// burst has turns beyond the first.
pub fn turn(remembered: Option<Timestamp>, rate: Rate, now: Timestamp) -> (Timestamp, Timestamp) {
    let interval = interval(rate);
    let slack = interval.saturating_mul(rate.burst.max(1) - 1);
    let rested = remembered.unwrap_or(now).max(now);
    let at = rested.checked_sub(slack).unwrap_or(now).max(now);
    (at, rested.checked_add(interval).unwrap_or(Timestamp::MAX))
}

/// Between two turns without a burst; a rate that makes no sense lets one through in an hour.
pub fn interval(rate: Rate) -> Duration {
    const LONGEST: Duration = Duration::from_hours(1);
    Duration::try_from_secs_f64(rate.per_second.recip()).unwrap_or(LONGEST).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    /// The turns of ten requests that all come at the same time.
    fn turns(rate: Rate) -> Vec<i64> {
        let mut remembered = None;
        let mut times = Vec::new();
        for _ in 0..5 {
            let (at, after) = turn(remembered, rate, at(1000));
            remembered = Some(after);
            times.push(at.as_millisecond());
        }
        times
    }

    #[test]
    fn turns_follow_each_other_at_the_rate_after_the_burst() {
        let rate = |burst| Rate { per_second: 4.0, burst };
        assert_eq!(turns(rate(1)), [1000, 1250, 1500, 1750, 2000]);
        assert_eq!(turns(rate(3)), [1000, 1000, 1000, 1250, 1500]);
    }

    #[test]
    fn a_rest_gives_the_burst_back_and_no_more() {
        let rate = Rate { per_second: 10.0, burst: 2 };
        let (_, after) = turn(None, rate, at(0));
        let (_, after) = turn(Some(after), rate, at(0));
        assert_eq!(turn(Some(after), rate, at(0)).0, at(100), "the burst is used up");
        let (first, after) = turn(Some(after), rate, at(60_000));
        let (second, after) = turn(Some(after), rate, at(60_000));
        let (third, _) = turn(Some(after), rate, at(60_000));
        assert_eq!([first, second, third], [at(60_000), at(60_000), at(60_100)]);
    }

    #[test]
    fn a_rate_that_is_no_number_still_lets_something_through() {
        for per_second in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(interval(Rate { per_second, burst: 0 }) <= Duration::from_hours(1));
        }
    }
}
