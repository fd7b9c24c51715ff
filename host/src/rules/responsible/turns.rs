//! Turns within a pool: fair, small to keep, and the same for the same key.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{account::Strategy, id::Digest};

/// Draws that are remembered, so that a repeated attempt gets the same answer.
const DRAWS_MAX: usize = 256;

/// Members that are remembered; those who were not candidates for long are forgotten first.
const MEMBERS_MAX: usize = 1024;

/// What one turn costs a member of weight 1.
const TURN: u64 = 1 << 32;

/// How the turns of a pool have gone. Small, and kept as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PoolState {
    members: BTreeMap<String, Served>,
    draws: VecDeque<Drawn>,
    /// When the loads of the members were counted, in microseconds since 1970.
    counted_at: i64,
}

/// How far ahead of the least served candidate a member is. A newcomer, and a member who comes
/// back, starts with that one: what was missed is not made up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
struct Served {
    ahead: u64,
    /// The load that the CRM told last, by the newest count of all hosts.
    load: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Drawn {
    key: u64,
    manager: String,
    /// Microseconds since 1970.
    #[serde(default)]
    at: i64,
}

/// One active manager of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The manager's id in the CRM.
    pub manager: String,
    /// 1 to `WEIGHT_MAX`.
    pub weight: u32,
    /// How many cards the manager looks after.
    pub load: u64,
}

/// Who may be drawn, and how.
#[derive(Debug, Clone)]
pub struct Turn {
    pub strategy: Strategy,
    pub candidates: Vec<Candidate>,
    /// When the loads of the candidates were asked for; what was drawn since they do not count.
    pub counted_at: Timestamp,
    pub now: Timestamp,
}

/// Who is next. The same key gets the same answer while it is among the last draws and its manager
/// is a candidate. `None` where there are no candidates.
pub fn draw(state: &mut PoolState, key: &str, turn: &Turn) -> Option<String> {
    let key = short(key);
    if let Some(drawn) = state.draws.iter().find(|drawn| drawn.key == key)
        && turn.candidates.iter().any(|it| it.manager == drawn.manager)
    {
        return Some(drawn.manager.clone());
    }
    state.count(turn);
    let next = state.next(turn)?.clone();
    state.serve(&next, turn);
    state.draws.retain(|drawn| drawn.key != key);
    let at = turn.now.as_microsecond();
    state.draws.push_back(Drawn { key, manager: next.manager.clone(), at });
    while DRAWS_MAX < state.draws.len() {
        state.draws.pop_front();
    }
    Some(next.manager)
}

impl PoolState {
    /// Takes over the loads of a newer count. A host with an older one draws by the newer.
    fn count(&mut self, turn: &Turn) {
        let counted_at = turn.counted_at.as_microsecond();
        let is_newer = turn.strategy == Strategy::LeastLoaded && self.counted_at < counted_at;
        for candidate in &turn.candidates {
            let is_new = !self.members.contains_key(&candidate.manager);
            let served = self.members.entry(candidate.manager.clone()).or_default();
            if is_new || is_newer {
                served.load = candidate.load;
            }
        }
        if is_newer {
            self.counted_at = counted_at;
        }
    }

    /// The first in the pool's order of those who are served least.
    fn next<'a>(&self, turn: &'a Turn) -> Option<&'a Candidate> {
        turn.candidates.iter().min_by_key(|candidate| {
            let served = self.members.get(&candidate.manager).copied().unwrap_or_default();
            let load = match turn.strategy {
                Strategy::LeastLoaded => served.load.saturating_add(self.drawn(candidate)),
                Strategy::RoundRobin | Strategy::Weighted => 0,
            };
            (load, served.ahead)
        })
    }

    /// The draws that the loads do not count yet.
    fn drawn(&self, candidate: &Candidate) -> u64 {
        let is_uncounted =
            |drawn: &&Drawn| drawn.manager == candidate.manager && self.counted_at <= drawn.at;
        u64::try_from(self.draws.iter().filter(is_uncounted).count()).unwrap_or(u64::MAX)
    }

    fn serve(&mut self, next: &Candidate, turn: &Turn) {
        let candidates = &turn.candidates;
        if let Some(served) = self.members.get_mut(&next.manager) {
            let weight = match turn.strategy {
                Strategy::Weighted => u64::from(next.weight.max(1)),
                Strategy::RoundRobin | Strategy::LeastLoaded => 1,
            };
            served.ahead = served.ahead.saturating_add(TURN / weight);
        }
        let ahead = |candidate: &Candidate| self.members.get(&candidate.manager).map(|it| it.ahead);
        let least = candidates.iter().filter_map(ahead).min().unwrap_or(0);
        for served in self.members.values_mut() {
            served.ahead = served.ahead.saturating_sub(least);
        }
        if MEMBERS_MAX < self.members.len() {
            self.members.retain(|id, _| candidates.iter().any(|it| it.manager == *id));
        }
    }
}

/// Enough of a key to tell the last draws apart.
fn short(key: &str) -> u64 {
    let digest = Digest::of(key.as_bytes());
    u64::from_le_bytes(*digest.0.first_chunk().expect("a digest is longer than a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(weights: &[(&str, u32, u64)]) -> Vec<Candidate> {
        let candidate = |(manager, weight, load): &(&str, u32, u64)| Candidate {
            manager: (*manager).to_owned(),
            weight: *weight,
            load: *load,
        };
        weights.iter().map(candidate).collect()
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A draw at a second, with loads that were counted at another one.
    fn turn(strategy: Strategy, candidates: &[Candidate], counted_at: i64, now: i64) -> Turn {
        let (counted_at, now) = (second(counted_at), second(now));
        Turn { strategy, candidates: candidates.to_vec(), counted_at, now }
    }

    fn turns(
        state: &mut PoolState,
        strategy: Strategy,
        candidates: &[Candidate],
        keys: std::ops::Range<u32>,
    ) -> String {
        let turn = turn(strategy, candidates, 0, 1);
        keys.map(|key| draw(state, &key.to_string(), &turn).unwrap()).collect()
    }

    #[test]
    fn each_has_a_turn_in_the_order_of_the_pool() {
        let all = candidates(&[("a", 1, 0), ("b", 9, 0), ("c", 1, 0)]);
        let mut state = PoolState::default();
        assert_eq!(turns(&mut state, Strategy::RoundRobin, &all, 0..7), "abcabca");
    }

    #[test]
    fn turns_are_as_many_as_the_weights_say() {
        let all = candidates(&[("a", 3, 0), ("b", 1, 0), ("c", 100, 0)]);
        let mut state = PoolState::default();
        let drawn = turns(&mut state, Strategy::Weighted, &all, 0..1040);
        let count = |name: char| drawn.chars().filter(|it| *it == name).count();
        assert_eq!((count('a'), count('b'), count('c')), (30, 10, 1000));
    }

    #[test]
    fn the_least_loaded_is_next_though_the_crm_counts_late() {
        let all = candidates(&[("a", 1, 2), ("b", 1, 0), ("c", 1, 1)]);
        let mut state = PoolState::default();
        let mut drawn = |key: u32, candidates: &[Candidate], counted_at: i64, now: i64| {
            let turn = turn(Strategy::LeastLoaded, candidates, counted_at, now);
            draw(&mut state, &key.to_string(), &turn).unwrap()
        };
        let first: String = (0..4).map(|key| drawn(key, &all, 10, 11)).collect();
        assert_eq!(first, "bcba");
        let counted = candidates(&[("a", 1, 3), ("b", 1, 2), ("c", 1, 2)]);
        let second: String = (4..6).map(|key| drawn(key, &counted, 20, 21)).collect();
        assert_eq!(second, "cb");
    }

    #[test]
    fn two_hosts_that_counted_at_two_times_draw_as_one() {
        let early = candidates(&[("a", 1, 2), ("b", 1, 10)]);
        let late = candidates(&[("a", 1, 3), ("b", 1, 10)]);
        let mut state = PoolState::default();
        let drawn = (0..20).map(|key| {
            let (loads, counted_at) = if key % 2 == 0 { (&early, 10) } else { (&late, 12) };
            let turn = turn(Strategy::LeastLoaded, loads, counted_at, 13 + key);
            draw(&mut state, &key.to_string(), &turn).unwrap()
        });
        let drawn: String = drawn.collect();
        // The first draw was made by the older count, and the newer one is older than that draw.
        assert_eq!(drawn.matches('a').count(), 13, "{drawn}");
        assert!(drawn.starts_with("aaaaaaa"), "{drawn}");
    }

    #[test]
    fn the_same_key_gets_the_same_answer_while_its_manager_is_active() {
        let all = candidates(&[("a", 1, 0), ("b", 1, 0)]);
        let mut state = PoolState::default();
        for _ in 0..3 {
            assert_eq!(turns(&mut state, Strategy::RoundRobin, &all, 0..1), "a");
        }
        let without = candidates(&[("b", 1, 0)]);
        assert_eq!(turns(&mut state, Strategy::RoundRobin, &without, 0..1), "b");
        assert_eq!(turns(&mut state, Strategy::RoundRobin, &all, 0..1), "b");
    }

    #[test]
    fn draws_are_remembered_up_to_their_limit() {
        let all = candidates(&[("a", 1, 0), ("b", 1, 0), ("c", 1, 0)]);
        let mut state = PoolState::default();
        let many = u32::try_from(DRAWS_MAX).unwrap();
        let drawn = turns(&mut state, Strategy::RoundRobin, &all, 0..many);
        let kept = state.clone();
        assert_eq!(turns(&mut state, Strategy::RoundRobin, &all, 0..many), drawn);
        assert_eq!(state, kept);
        turns(&mut state, Strategy::RoundRobin, &all, many..many + 1);
        assert_eq!(state.draws.len(), DRAWS_MAX);
        assert!(serde_json::to_string(&state).unwrap().len() < 20_000);
    }

    #[test]
    fn who_comes_back_and_who_is_new_is_not_flooded() {
        let all = candidates(&[("a", 1, 0), ("b", 1, 0), ("c", 1, 0)]);
        let without = candidates(&[("a", 1, 0), ("b", 1, 0)]);
        let mut state = PoolState::default();
        turns(&mut state, Strategy::RoundRobin, &all, 0..3);
        turns(&mut state, Strategy::RoundRobin, &without, 3..100);
        let after = turns(&mut state, Strategy::RoundRobin, &all, 100..106);
        assert_eq!(after.matches('c').count(), 2, "{after}");
        let grown = candidates(&[("a", 1, 0), ("b", 1, 0), ("c", 1, 0), ("d", 1, 0)]);
        let after = turns(&mut state, Strategy::RoundRobin, &grown, 106..114);
        assert_eq!(after.matches('d').count(), 2, "{after}");
    }

    #[test]
    fn a_kept_state_goes_on_where_it_was() {
        let all = candidates(&[("a", 1, 0), ("b", 1, 0), ("c", 1, 0)]);
        let mut state = PoolState::default();
        turns(&mut state, Strategy::RoundRobin, &all, 0..2);
        let mut kept: PoolState =
            serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        assert_eq!(turns(&mut kept, Strategy::RoundRobin, &all, 2..4), "ca");
    }

    #[test]
    fn nobody_is_drawn_of_nobody() {
        let mut state = PoolState::default();
        assert_eq!(draw(&mut state, "1", &turn(Strategy::Weighted, &[], 0, 0)), None);
        assert_eq!(state, PoolState::default());
    }

    #[test]
    fn members_are_remembered_up_to_their_limit() {
        let mut state = PoolState::default();
        for n in 0..=MEMBERS_MAX {
            let one = candidates(&[(n.to_string().as_str(), 1, 0)]);
            draw(&mut state, &n.to_string(), &turn(Strategy::RoundRobin, &one, 0, 0));
        }
        assert_eq!(state.members.len(), 1);
    }
}
