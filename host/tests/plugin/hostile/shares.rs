//! Many calls within their limits: an account and a plugin have their shares of the machine.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use patchbay::{
    config::Limits,
    outcome::Blame,
    plugin::{Adapter, Error, Scarce, Sharer},
};

use tokio::task::JoinSet;

use crate::stage::{Stage, account, limits, pure, reaching, still_works};

fn refusals(stage: &Stage, cause: &str) -> u64 {
    let figures = stage.plugins.figures().refusals;
    figures.iter().filter(|refusal| refusal.cause == cause).map(|refusal| refusal.count).sum()
}

/// Processor time of all calls so far.
fn ran(stage: &Stage) -> Duration {
    stage.plugins.figures().ran.iter().map(|(_, ran)| *ran).sum()
}

/// A percent of the processors, and little patience.
fn a_percent() -> Limits {
    Limits {
        cpu_percent_per_account: NonZeroU32::MIN,
        cpu_percent_per_plugin: 100.try_into().unwrap(),
        wall_ms: 600.try_into().unwrap(),
        ..limits()
    }
}

/// Spins until the share is used up: on a machine with many processors that takes more than once.
async fn spin_until_refused(adapter: &Adapter) -> Error {
    loop {
        match pure(adapter, "spin", "").await.unwrap_err() {
            // On a busy machine it may not even get so far.
            Error::CpuSpent { .. } | Error::TimedOut { .. } => {}
            Error::BreakerOpen => tokio::time::sleep(Duration::from_millis(10)).await,
            other => return other,
        }
    }
}

#[tokio::test]
async fn an_account_that_has_used_up_its_processor_time_waits_and_its_neighbour_does_not() {
    let stage = Stage::new(a_percent());
    let plugin = stage.hostile().await;
    let adapter = stage.plugins.bind(Arc::clone(&plugin), account("shop")).unwrap();
    let other = stage.plugins.bind(plugin, account("other")).unwrap();
    let refused = spin_until_refused(&adapter).await;
    assert!(
        matches!(refused, Error::Busy(Scarce::Processors(Sharer::Account))),
        "{refused:?} after {:?}",
        ran(&stage)
    );
    assert_eq!((refused.kind(), refused.blame()), ("busy", Blame::Host));
    assert_eq!(
        refused.to_string(),
        "the calls of this account have used up its share of the processors \
         (`limits.cpu_percent_per_account`)"
    );
    still_works(&other).await;
    assert!(refusals(&stage, "cpu-of-account") > 0);
    assert_eq!(refusals(&stage, "cpu-of-plugin"), 0);
    assert!(Duration::from_millis(100) <= ran(&stage), "{:?}", ran(&stage));
}

#[tokio::test]
async fn a_plugin_that_has_used_up_its_processor_time_waits_with_all_its_accounts() {
    let stage = Stage::new(Limits { cpu_percent_per_plugin: NonZeroU32::MIN, ..a_percent() });
    let plugin = stage.hostile().await;
    let adapter = stage.plugins.bind(Arc::clone(&plugin), account("shop")).unwrap();
    let other = stage.plugins.bind(Arc::clone(&plugin), account("other")).unwrap();
    spin_until_refused(&adapter).await;
    let refused = pure(&other, "nothing", "").await.unwrap_err();
    assert!(matches!(refused, Error::Busy(Scarce::Processors(Sharer::Plugin))), "{refused:?}");
    let changed = stage.plugins.bind(plugin, account("other")).unwrap();
    let refused = pure(&changed, "nothing", "").await.unwrap_err();
    assert!(matches!(refused, Error::Busy(_)), "bound anew, it is the same plugin: {refused:?}");
}

#[tokio::test]
async fn a_call_that_reaches_out_is_held_back_while_it_runs() {
    let stage = Stage::new(Limits { breaker_traps: NonZeroU32::MAX, ..a_percent() });
    let adapter = stage.adapter().await;
    let held_back = loop {
        let before = ran(&stage);
        let error = reaching(&adapter, "spin", "").await.unwrap_err();
        // Before, there was enough saved up for the whole of it.
        if 0 < refusals(&stage, "cpu-of-account") {
            break (error, ran(&stage).saturating_sub(before));
        }
    };
    // Without its share it would have spun for half a second.
    assert!(
        matches!(held_back, (Error::TimedOut { .. } | Error::Busy(_), ran) if ran < Duration::from_millis(500)),
        "{held_back:?}"
    );
}

/// Memory that an instance of the hostile plugin holds.
async fn of_an_instance() -> usize {
    let stage = Stage::new(limits());
    let cost = stage.hostile().await.record().cost.expect("the gate measures it");
    usize::try_from(cost.memory_bytes).unwrap()
}

/// A call that holds its memory, and one beside it.
async fn beside_one_that_sleeps(stage: &Stage, attack: &str) -> (Result<String, Error>, Adapters) {
    let plugin = stage.hostile().await;
    let adapter = stage.plugins.bind(Arc::clone(&plugin), account("shop")).unwrap();
    let other = stage.plugins.bind(plugin, account("other")).unwrap();
    let (sleeping, mut sleeper) = (Arc::clone(&adapter), JoinSet::new());
    sleeper.spawn(async move { reaching(&sleeping, "sleep", "").await });
    while stage.plugins.figures().calls_in_flight == 0 {
        tokio::task::yield_now().await;
    }
    let answer = reaching(&adapter, attack, "").await;
    (answer, Adapters { adapter, other, sleeper })
}

struct Adapters {
    adapter: Arc<Adapter>,
    other: Arc<Adapter>,
    sleeper: JoinSet<Result<String, Error>>,
}

impl Adapters {
    /// The one that sleeps comes to the end of its time.
    async fn wait(&mut self) {
        let slept = self.sleeper.join_next().await.unwrap().unwrap();
        assert!(matches!(slept, Err(Error::TimedOut { .. })), "{slept:?}");
    }
}

fn sharing(memory_bytes_per_account: usize) -> Stage {
    Stage::new(Limits {
        memory_bytes: memory_bytes_per_account,
        memory_bytes_per_account,
        wall_ms: 3000.try_into().unwrap(),
        ..limits()
    })
}

#[tokio::test]
async fn the_memory_of_an_account_is_for_all_its_calls_up_to_the_last_byte() {
    let instance = of_an_instance().await;
    let stage = sharing(instance * 2 - 1);
    let (answer, mut all) = beside_one_that_sleeps(&stage, "nothing").await;
    let refused = answer.unwrap_err();
    assert!(matches!(refused, Error::Busy(Scarce::Memory(Sharer::Account))), "{refused:?}");
    assert_eq!(reaching(&all.other, "nothing", "").await.unwrap(), "nothing");
    all.wait().await;
    still_works(&all.adapter).await;

    let (answer, _all) = beside_one_that_sleeps(&sharing(instance * 2), "nothing").await;
    assert_eq!(answer.unwrap(), "nothing");
}

#[tokio::test]
async fn a_call_that_grows_into_the_memory_of_another_ends_and_is_told_apart() {
    let stage = sharing(of_an_instance().await * 4);
    let (answer, mut all) = beside_one_that_sleeps(&stage, "grow").await;
    let refused = answer.unwrap_err();
    assert!(matches!(refused, Error::MemorySharedOut(Sharer::Account)), "{refused:?}");
    assert_eq!((refused.kind(), refused.blame()), ("memory-shared-out", Blame::Host));
    all.wait().await;
    let refused = reaching(&all.adapter, "grow", "").await.unwrap_err();
    assert!(matches!(refused, Error::MemorySpent { .. }), "alone, it meets its own: {refused:?}");
    still_works(&all.adapter).await;
}
