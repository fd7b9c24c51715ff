//! Turns within a pool: fair, small to keep, and the same for the same key.

use std::collections::{BTreeMap, VecDeque};

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
}

/// How far ahead of the least served candidate a member is. A newcomer, and a member who comes
/// back, starts with that one: what was missed is not made up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
struct Served {
    ahead: u64,
    /// The load that the CRM told last, and the draws since then.
    load: u64,
    drawn_since: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Drawn {
    key: u64,
    manager: String,
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

/// Who is next. The same key gets the same answer while it is among the last draws and its manager
/// is a candidate. `None` where there are no candidates.
pub fn draw(
    state: &mut PoolState,
    key: &str,
    strategy: Strategy,
    candidates: &[Candidate],
) -> Option<String> {
    let key = short(key);
    if let Some(drawn) = state.draws.iter().find(|drawn| drawn.key == key)
        && candidates.iter().any(|it| it.manager == drawn.manager)
    {
        return Some(drawn.manager.clone());
    }
    let next = state.next(strategy, candidates)?.clone();
    state.serve(&next, strategy, candidates);
    state.draws.retain(|drawn| drawn.key != key);
    state.draws.push_back(Drawn { key, manager: next.manager.clone() });
    while DRAWS_MAX < state.draws.len() {
        state.draws.pop_front();
    }
    Some(next.manager)
}

impl PoolState {
    /// The first in the pool's order of those who are served least.
    fn next<'a>(&self, strategy: Strategy, candidates: &'a [Candidate]) -> Option<&'a Candidate> {
        candidates.iter().min_by_key(|candidate| {
            let served = self.members.get(&candidate.manager).copied().unwrap_or_default();
            let load = match strategy {
                Strategy::LeastLoaded => candidate.load.saturating_add(served.since(candidate)),
                Strategy::RoundRobin | Strategy::Weighted => 0,
            };
            (load, served.ahead)
        })
    }

    fn serve(&mut self, next: &Candidate, strategy: Strategy, candidates: &[Candidate]) {
        for candidate in candidates {
            let served = self.members.entry(candidate.manager.clone()).or_default();
            served.drawn_since = served.since(candidate);
            served.load = candidate.load;
        }
        if let Some(served) = self.members.get_mut(&next.manager) {
            let weight = match strategy {
                Strategy::Weighted => u64::from(next.weight.max(1)),
                Strategy::RoundRobin | Strategy::LeastLoaded => 1,
            };
            served.ahead = served.ahead.saturating_add(TURN / weight);
            served.drawn_since = served.drawn_since.saturating_add(1);
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

impl Served {
    /// The draws that the load does not count yet.
    fn since(&self, candidate: &Candidate) -> u64 {
        if self.load == candidate.load { self.drawn_since } else { 0 }
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

    fn turns(
        state: &mut PoolState,
        strategy: Strategy,
        candidates: &[Candidate],
        keys: std::ops::Range<u32>,
    ) -> String {
        keys.map(|key| draw(state, &key.to_string(), strategy, candidates).unwrap()).collect()
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
        assert_eq!(turns(&mut state, Strategy::LeastLoaded, &all, 0..4), "bcba");
        let counted = candidates(&[("a", 1, 3), ("b", 1, 2), ("c", 1, 2)]);
        assert_eq!(turns(&mut state, Strategy::LeastLoaded, &counted, 4..6), "cb");
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
        assert_eq!(draw(&mut state, "1", Strategy::Weighted, &[]), None);
        assert_eq!(state, PoolState::default());
    }

    #[test]
    fn members_are_remembered_up_to_their_limit() {
        let mut state = PoolState::default();
        for n in 0..=MEMBERS_MAX {
            let one = candidates(&[(n.to_string().as_str(), 1, 0)]);
            draw(&mut state, &n.to_string(), Strategy::RoundRobin, &one);
        }
        assert_eq!(state.members.len(), 1);
    }
}
