//! Draws from pools: fair, the same for the same key, together with every other host.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::*;
use crate::{
    account::Strategy,
    id::PoolId,
    rules::responsible::{Candidate, Turn},
};

on_every_backend!(
    a_thousand_draws_are_fair,
    the_same_key_draws_the_same_manager_once,
    to_look_at_the_next_turn_takes_nothing,
    pools_take_turns_apart,
    a_pool_without_candidates_draws_nobody,
    many_at_once_draw_as_fairly_as_one,
    the_least_loaded_is_drawn_by_the_newest_count,
);

pub(in crate::storage) fn sales() -> PoolId {
    "sales".parse().unwrap()
}

/// A turn in which loads count for nothing.
pub(in crate::storage) fn turn(strategy: Strategy, candidates: Vec<Candidate>) -> Turn {
    Turn { strategy, candidates, counted_at: at(0), now: at(1) }
}

pub(in crate::storage) fn candidates(managers: &[(&str, u32)]) -> Vec<Candidate> {
    let candidate = |&(manager, weight): &(&str, u32)| Candidate {
        manager: manager.to_owned(),
        weight,
        load: 0,
    };
    managers.iter().map(candidate).collect()
}

pub(in crate::storage) fn three() -> Vec<Candidate> {
    candidates(&[("1", 1), ("2", 1), ("3", 1)])
}

pub(in crate::storage) async fn draw(stores: &Stores, key: &str) -> String {
    let drawn = stores.draws.draw(&sales(), key, turn(Strategy::RoundRobin, three())).await;
    drawn.unwrap().expect("there are candidates")
}

/// How often each manager was drawn.
pub(in crate::storage) fn counts(drawn: impl IntoIterator<Item = String>) -> Vec<(String, u32)> {
    let mut counts = BTreeMap::new();
    for manager in drawn {
        *counts.entry(manager).or_default() += 1;
    }
    counts.into_iter().collect()
}

fn expected(counts: &[(&str, u32)]) -> Vec<(String, u32)> {
    counts.iter().map(|&(manager, count)| (manager.to_owned(), count)).collect()
}

async fn a_thousand_draws_are_fair(stores: &Stores) {
    let mut drawn = Vec::new();
    for number in 0..999 {
        drawn.push(draw(stores, &format!("job-{number}")).await);
    }
    assert_eq!(counts(drawn), expected(&[("1", 333), ("2", 333), ("3", 333)]));

    let weighted: PoolId = "weighted".parse().unwrap();
    let mut drawn = Vec::new();
    for number in 0..1000 {
        let candidates = candidates(&[("a", 7), ("b", 2), ("c", 1)]);
        let key = format!("job-{number}");
        let manager =
            stores.draws.draw(&weighted, &key, turn(Strategy::Weighted, candidates)).await;
        drawn.push(manager.unwrap().unwrap());
    }
    assert_eq!(counts(drawn), expected(&[("a", 700), ("b", 200), ("c", 100)]));
}

async fn the_same_key_draws_the_same_manager_once(stores: &Stores) {
    let first = draw(stores, "job-1").await;
    for _ in 0..5 {
        assert_eq!(draw(stores, "job-1").await, first);
    }
    let rest = [draw(stores, "job-2").await, draw(stores, "job-3").await];
    assert_eq!(counts([vec![first], rest.to_vec()].concat()).len(), 3, "no turn was lost");
}

async fn to_look_at_the_next_turn_takes_nothing(stores: &Stores) {
    for number in 0..4 {
        let key = format!("job-{number}");
        let mut seen = Vec::new();
        for _ in 0..2 {
            let next =
                stores.draws.next_turn(&sales(), &key, turn(Strategy::RoundRobin, three())).await;
            seen.push(next.unwrap().unwrap());
        }
        let drawn = draw(stores, &key).await;
        assert_eq!(seen, [drawn.clone(), drawn]);
    }
}

async fn pools_take_turns_apart(stores: &Stores) {
    let first = draw(stores, "job-1").await;
    let other: PoolId = "other".parse().unwrap();
    let drawn = stores.draws.draw(&other, "job-1", turn(Strategy::RoundRobin, three())).await;
    assert_eq!(drawn.unwrap(), Some(first), "each begins anew");
}

async fn a_pool_without_candidates_draws_nobody(stores: &Stores) {
    let none = async |key: &str| {
        stores.draws.draw(&sales(), key, turn(Strategy::LeastLoaded, Vec::new())).await.unwrap()
    };
    assert_eq!(none("job-1").await, None);
    draw(stores, "job-1").await;
    assert_eq!(none("job-1").await, None);
}

async fn many_at_once_draw_as_fairly_as_one(stores: &Stores) {
    assert_eq!(counts(draw_at_once(std::slice::from_ref(stores)).await).len(), 3);
}

async fn the_least_loaded_is_drawn_by_the_newest_count(stores: &Stores) {
    let mut drawn = String::new();
    for key in 0..14_u8 {
        // Two hosts in turn, of which one has asked the CRM before the other.
        let (load, counted_at) = if key % 2 == 0 { (2, 10) } else { (3, 12) };
        let mut candidates = candidates(&[("a", 1), ("b", 1)]);
        candidates[0].load = load;
        candidates[1].load = 10;
        let turn = Turn {
            counted_at: at(counted_at),
            now: at(13),
            ..turn(Strategy::LeastLoaded, candidates)
        };
        let key = format!("job-{key}");
        drawn += &stores.draws.draw(&sales(), &key, turn).await.unwrap().unwrap();
    }
    assert_eq!(drawn, "aaaaaaabababab", "seven of ten are missing");
}

/// Each of the stores draws thirty times at once for jobs of its own; all turns are told.
pub(in crate::storage) async fn draw_at_once(hosts: &[Stores]) -> Vec<String> {
    let mut tasks = JoinSet::new();
    for (host, stores) in hosts.iter().enumerate() {
        for number in 0..30 {
            let stores = stores.clone();
            tasks.spawn(async move { draw(&stores, &format!("{host}/{number}")).await });
        }
    }
    let drawn = tasks.join_all().await;
    let share = u32::try_from(hosts.len() * 10).unwrap();
    assert_eq!(counts(drawn.clone()), expected(&[("1", share), ("2", share), ("3", share)]));
    drawn
}
