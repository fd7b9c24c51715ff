//! How fast webhooks may come and pages be asked for: for each URL its own rate, so that a flood
//! costs only its sender.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use crate::{account::Rate, id::AccountId, storage::turn};

/// The URLs' turns, in this host's memory.
#[derive(Debug)]
pub struct Pace {
    default: Rate,
    next: Mutex<HashMap<AccountId, Timestamp>>,
}

impl Pace {
    pub fn new(default: Rate) -> Self {
        Self { default, next: Mutex::default() }
    }

    /// Lets one request for the account in, or tells how long its sender has to wait. `own` is the
    /// account's rate, where it has one.
    pub fn admit(
        &self,
        account: &AccountId,
        own: Option<Rate>,
        now: Timestamp,
    ) -> Result<(), Duration> {
        let rate = own.unwrap_or(self.default);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, after) = turn(next.get(account).copied(), rate, now);
        if now < at {
            // Not taken: who comes too fast must not push the next turn away.
            return Err(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO));
        }
        match next.get_mut(account) {
            Some(kept) => *kept = after,
            None => {
                next.insert(account.clone(), after);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    #[test]
    fn a_flood_is_held_at_its_own_url_and_told_how_long() {
        let pace = Pace::new(Rate { per_second: 10.0, burst: 2 });
        let [flood, other] = ["flood", "other"].map(|id| id.parse().unwrap());
        assert_eq!(pace.admit(&flood, None, at(0)), Ok(()));
        assert_eq!(pace.admit(&flood, None, at(0)), Ok(()));
        for _ in 0..100 {
            assert_eq!(pace.admit(&flood, None, at(0)), Err(Duration::from_millis(100)));
        }
        assert_eq!(pace.admit(&other, None, at(0)), Ok(()));
        assert_eq!(pace.admit(&flood, None, at(100)), Ok(()), "refused ones have not taken a turn");
    }

    #[test]
    fn an_account_may_have_a_rate_of_its_own() {
        let pace = Pace::new(Rate { per_second: 1000.0, burst: 1000 });
        let (slow, own) = ("slow".parse().unwrap(), Some(Rate { per_second: 1.0, burst: 1 }));
        assert_eq!(pace.admit(&slow, own, at(0)), Ok(()));
        assert_eq!(pace.admit(&slow, own, at(1)), Err(Duration::from_millis(999)));
    }
}
