//! Who may start how much work: places for every CRM account, and none for one that is down.
//!
//! Each host counts its own jobs and makes up its own mind about a CRM. Nothing here is kept: after
//! a start every account begins anew.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;

use crate::{
    directory::Snapshot,
    id::{AccountId, IntegrationId},
    storage::Share,
};

mod breaker;

pub use self::breaker::{Breaker, BreakerPolicy, Verdict};

/// How many jobs run at the same time.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of all accounts.
    pub slots: u32,
    /// Of one CRM account.
    pub account: u32,
    /// Of all accounts, jobs that were attempted before or replayed.
    pub again: u32,
}

/// The places and who has taken them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shares {
    limits: Limits,
    policy: BreakerPolicy,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    running: u32,
    running_again: u32,
    accounts: HashMap<AccountId, Use>,
    /// Grows with every claim: who is served first changes with it.
    turn: usize,
}

/// One CRM account's part.
#[derive(Debug, Default)]
struct Use {
    running: u32,
    breaker: Breaker,
}

/// What may be leased now.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Open {
    pub shares: Vec<Share>,
    pub limit: u32,
    /// When an account that is held back now is open again, if one is.
    pub next_open: Option<Timestamp>,
}

/// A place that is taken; the end of it is the drop.
#[derive(Debug)]
pub struct Place {
    shares: Shares,
    account: AccountId,
    is_again: bool,
}

impl Shares {
    pub fn new(limits: Limits, policy: BreakerPolicy) -> Self {
        Self { limits, policy, state: Arc::default() }
    }

    /// Divides the free places among the integrations of `snapshot` that may run.
    pub fn open(&self, snapshot: &Snapshot, now: Timestamp) -> Open {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.turn = state.turn.wrapping_add(1);
        let again = self.limits.again.saturating_sub(state.running_again);
        let mut open =
            Open { limit: self.limits.slots.saturating_sub(state.running), ..Open::default() };
        for (crm, integrations) in by_crm(snapshot) {
            let most = most_at_once(snapshot, &crm).unwrap_or(u32::MAX).min(self.limits.account);
            let turn = state.turn;
            let used = state.accounts.entry(crm).or_default();
            let room = match used.breaker.room(now) {
                Ok(room) => room.min(most).saturating_sub(used.running),
                Err(until) => {
                    open.next_open = Some(open.next_open.map_or(until, |other| other.min(until)));
                    0
                }
            };
            open.shares.extend(divided(room, again, integrations, turn));
        }
        open
    }

    /// Takes a place for a job that was leased.
    pub fn take(&self, account: &AccountId, is_again: bool) -> Place {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.running += 1;
        state.running_again += u32::from(is_again);
        state.accounts.entry(account.clone()).or_default().running += 1;
        Place { shares: self.clone(), account: account.clone(), is_again }
    }

    /// What an attempt has learnt of the account's CRM. Tells when that shuts or opens it.
    ///
    /// `jitter` is a draw from [0, 1).
    pub fn tell(&self, account: &AccountId, verdict: Verdict, now: Timestamp, jitter: f64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let used = state.accounts.entry(account.clone()).or_default();
        used.breaker.tell(verdict, now, &self.policy, jitter);
    }

    /// Accounts that are held back now, for metrics.
    pub fn held(&self, now: Timestamp) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.accounts.values().filter(|used| used.breaker.room(now).is_err()).count()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.shares.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.running = state.running.saturating_sub(1);
        if self.is_again {
            state.running_again = state.running_again.saturating_sub(1);
        }
        if let Some(used) = state.accounts.get_mut(&self.account) {
            used.running = used.running.saturating_sub(1);
        }
    }
}

/// The integrations that may run, by the CRM account that they lead to.
fn by_crm(snapshot: &Snapshot) -> BTreeMap<AccountId, Vec<IntegrationId>> {
    let mut found: BTreeMap<AccountId, Vec<IntegrationId>> = BTreeMap::new();
    for integration in snapshot.integrations.values().filter(|it| snapshot.runs(it)) {
        found.entry(integration.crm.clone()).or_default().push(integration.id.clone());
    }
    found
}

/// An account with a rate has no use for more jobs at once than it may send requests in a second:
/// they would hold places and wait for their turns.
fn most_at_once(snapshot: &Snapshot, crm: &AccountId) -> Option<u32> {
    let entry = snapshot.accounts.get(crm)?;
    let adapter = entry.adapter.as_ref().ok()?;
    let rate = entry.account.rate_with(&adapter.plugin().record().manifest)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it saturates, and a rate is above 0"
    )]
    let most = rate.per_second.ceil() as u32;
    Some(most.max(1))
}

/// The same for each integration; what cannot be divided goes to others each time.
fn divided(
    room: u32,
    again: u32,
    integrations: Vec<IntegrationId>,
    turn: usize,
) -> impl Iterator<Item = Share> {
    let count = integrations.len().max(1);
    let each = room / u32::try_from(count).unwrap_or(u32::MAX);
    let rest = usize::try_from(room).unwrap_or(usize::MAX) % count;
    integrations.into_iter().enumerate().filter_map(move |(index, integration)| {
        let room = each + u32::from(index.wrapping_add(turn) % count < rest);
        (0 < room).then(|| Share { integration, first: room, again: again.min(room), room })
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::account::{Integration, IntegrationOptions};

    const POLICY: BreakerPolicy =
        BreakerPolicy { failures: 2, base: Duration::from_secs(1), cap: Duration::from_mins(1) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn shares() -> Shares {
        Shares::new(Limits { slots: 8, account: 4, again: 2 }, POLICY)
    }

    /// Integrations as `(id, crm)`.
    fn snapshot(integrations: &[(&str, &str)]) -> Snapshot {
        let integrations = integrations.iter().map(|(id, crm)| Integration {
            id: id.parse().unwrap(),
            channel: "shop".parse().unwrap(),
            crm: crm.parse().unwrap(),
            enabled: true,
            options: IntegrationOptions::default(),
            rules: crate::account::Rules::default(),
        });
        let integrations = integrations.map(|it| (it.id.clone(), it)).collect();
        let mut snapshot = Snapshot::default();
        snapshot.integrations = integrations;
        snapshot
    }

    fn firsts(open: &Open) -> Vec<(&str, u32)> {
        open.shares.iter().map(|share| (share.integration.as_str(), share.first)).collect()
    }

    #[test]
    fn one_account_never_gets_all_the_places() {
        let (shares, snapshot) = (shares(), snapshot(&[("a", "slow"), ("b", "quick")]));
        let slow: AccountId = "slow".parse().unwrap();
        let open = shares.open(&snapshot, at(0));
        assert_eq!((open.limit, firsts(&open)), (8, vec![("b", 4), ("a", 4)]));
        let _places: Vec<Place> = (0..4).map(|_| shares.take(&slow, false)).collect();
        let open = shares.open(&snapshot, at(0));
        assert_eq!((open.limit, firsts(&open)), (4, vec![("b", 4)]), "the slow one has its share");
    }

    #[test]
    fn a_place_is_free_again_when_it_is_dropped() {
        let (shares, snapshot) = (shares(), snapshot(&[("a", "crm")]));
        let crm: AccountId = "crm".parse().unwrap();
        let places = [shares.take(&crm, false), shares.take(&crm, true)];
        assert_eq!(firsts(&shares.open(&snapshot, at(0))), [("a", 2)]);
        drop(places);
        let open = shares.open(&snapshot, at(0));
        assert_eq!((open.limit, firsts(&open)), (8, vec![("a", 4)]));
    }

    #[test]
    fn retries_and_replays_leave_room_for_first_attempts() {
        let (shares, snapshot) = (shares(), snapshot(&[("a", "crm")]));
        let crm: AccountId = "crm".parse().unwrap();
        let _places = [shares.take(&crm, true), shares.take(&crm, true)];
        let open = shares.open(&snapshot, at(0));
        assert_eq!((open.shares[0].first, open.shares[0].again), (2, 0));
        assert_eq!(open.shares[0].room, 2);
    }

    #[test]
    fn integrations_of_one_account_share_it_and_none_is_always_last() {
        let (shares, snapshot) = (shares(), snapshot(&[("a", "crm"), ("b", "crm"), ("c", "crm")]));
        let mut sums = BTreeMap::new();
        for _ in 0..3 {
            let open = shares.open(&snapshot, at(0));
            assert_eq!(open.shares.iter().map(|share| share.first).sum::<u32>(), 4);
            for share in open.shares {
                *sums.entry(share.integration).or_insert(0) += share.first;
            }
        }
        assert_eq!(sums.into_values().collect::<Vec<u32>>(), [4, 4, 4]);
    }

    #[test]
    fn an_account_that_is_down_gets_one_probe_after_its_hold() {
        let (shares, snapshot) = (shares(), snapshot(&[("a", "down"), ("b", "up")]));
        let down: AccountId = "down".parse().unwrap();
        for _ in 0..2 {
            shares.tell(&down, Verdict::Failed, at(0), 0.0);
        }
        let open = shares.open(&snapshot, at(0));
        assert_eq!((firsts(&open), open.next_open), (vec![("b", 4)], Some(at(1))));
        assert_eq!(shares.held(at(0)), 1);
        let open = shares.open(&snapshot, at(1));
        assert_eq!(firsts(&open), [("a", 1), ("b", 4)]);
        assert_eq!((open.shares[0].again, open.shares[0].room), (1, 1), "one of both");
        let probe = shares.take(&down, true);
        assert_eq!(firsts(&shares.open(&snapshot, at(1))), [("b", 4)], "one at a time");
        shares.tell(&down, Verdict::Answered, at(1), 0.0);
        drop(probe);
        assert_eq!(firsts(&shares.open(&snapshot, at(1))), [("a", 4), ("b", 4)]);
    }
}
