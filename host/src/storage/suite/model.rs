//! The lanes beside a model of them: random operations, and a comparison after each one.

use std::sync::atomic::{AtomicI64, Ordering};

use proptest::{
    collection::{btree_set, vec},
    prelude::*,
    sample::Index,
    test_runner::{Config as Runs, TestCaseError, TestError, TestRunner},
};

use super::*;

mod claims;
mod compare;
mod lanes;
mod stage;

use self::{
    lanes::{Model, Told},
    stage::Stage,
};

on_every_backend!(lanes_do_what_their_model_says);

/// Sequences of operations that one run tries; `PROPTEST_CASES` says another number.
const CASES: u32 = 24;
const OPERATIONS_MAX: usize = 60;

const CONVERSATIONS: usize = 5;
const CLIENT_KEYS: i64 = 4;
const DEDUP_KEYS: u8 = 12;

/// How an attempt ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Done,
    Again { wait: i64, counts: bool },
    Dead { stops_lane: bool },
}

/// What is asked of a lease that has ended.
#[derive(Debug, Clone, Copy)]
enum Ask {
    Settle,
    RecordStep,
    Extend,
}

#[derive(Debug, Clone)]
enum Operation {
    Accept(Vec<Told>),
    /// Shares of each integration: first attempts, the others, and both together.
    Lease {
        shares: [(u32, u32, u32); 3],
        limit: u32,
    },
    LeaseAll,
    Settle {
        which: Index,
        end: End,
        link: Option<u8>,
    },
    RecordStep {
        which: Index,
        name: u8,
        state: StepState,
    },
    Extend {
        which: Index,
        seconds: i64,
    },
    /// With a lease that was settled or taken back.
    TooLate {
        which: Index,
        ask: Ask,
    },
    Reap,
    Replay(Index),
    ReplayAll {
        integration: usize,
        seconds: i64,
        limit: u32,
    },
    Resume(Index),
    SwitchAccount(usize),
    SwitchIntegration(usize),
    Pass(i64),
}

fn told() -> impl Strategy<Value = Told> {
    let keys = btree_set(0..CLIENT_KEYS, 0..=2);
    (0..DEDUP_KEYS, 0..CONVERSATIONS, keys, btree_set(0_usize..3, 0..=3)).prop_map(
        |(dedup_key, conversation, client_keys, integrations)| Told {
            dedup_key,
            conversation,
            client_keys: client_keys.into_iter().collect(),
            integrations: integrations.into_iter().collect(),
        },
    )
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        4 => Just(End::Done),
        3 => (0_i64..5, any::<bool>()).prop_map(|(wait, counts)| End::Again { wait, counts }),
        2 => any::<bool>().prop_map(|stops_lane| End::Dead { stops_lane }),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let which = any::<Index>;
    let share = || (0_u32..5, 0_u32..5, 0_u32..6);
    let states =
        || prop_oneof![Just(StepState::Intended), Just(StepState::Done), Just(StepState::Unknown)];
    let asks = || prop_oneof![Just(Ask::Settle), Just(Ask::RecordStep), Just(Ask::Extend)];
    prop_oneof![
        8 => vec(told(), 1..=2).prop_map(Operation::Accept),
        6 => ([share(), share(), share()], 0_u32..4)
            .prop_map(|(shares, limit)| Operation::Lease { shares, limit }),
        2 => Just(Operation::LeaseAll),
        8 => (which(), end(), proptest::option::of(0_u8..3))
            .prop_map(|(which, end, link)| Operation::Settle { which, end, link }),
        2 => (which(), 0_u8..3, states())
            .prop_map(|(which, name, state)| Operation::RecordStep { which, name, state }),
        1 => (which(), 0_i64..20).prop_map(|(which, seconds)| Operation::Extend { which, seconds }),
        2 => (which(), asks()).prop_map(|(which, ask)| Operation::TooLate { which, ask }),
        2 => Just(Operation::Reap),
        3 => which().prop_map(Operation::Replay),
        1 => (0_usize..3, 0_i64..20, 0_u32..4).prop_map(|(integration, seconds, limit)| {
            Operation::ReplayAll { integration, seconds, limit }
        }),
        2 => which().prop_map(Operation::Resume),
        1 => (0_usize..3).prop_map(Operation::SwitchAccount),
        1 => (0_usize..3).prop_map(Operation::SwitchIntegration),
        6 => (1_i64..4).prop_map(Operation::Pass),
        1 => (stage::LEASE_S - 1..stage::LEASE_S + 2).prop_map(Operation::Pass),
    ]
}

async fn lanes_do_what_their_model_says(stores: &Stores) {
    let mut runner =
        TestRunner::new(Runs { cases: cases(), failure_persistence: None, ..Runs::default() });
    let numbers = AtomicI64::new(0);
    let runtime = tokio::runtime::Handle::current();
    let tested = tokio::task::block_in_place(|| {
        runner.run(&vec(operation(), 1..=OPERATIONS_MAX), |operations| {
            let number = numbers.fetch_add(1, Ordering::Relaxed);
            runtime.block_on(run(stores, number, &operations));
            Ok::<_, TestCaseError>(())
        })
    });
    if let Err(TestError::Fail(reason, operations)) = &tested {
        panic!("{reason}, after {operations:#?}");
    }
    tested.unwrap();
}

#[expect(clippy::disallowed_methods, reason = "how long it is looked for, not what for")]
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES)
}

/// One sequence, and then all that is left to do.
async fn run(stores: &Stores, number: i64, operations: &[Operation]) {
    let mut stage = Stage::new(stores, number).await;
    for operation in operations {
        stage.run(operation).await;
        stage.compare().await;
    }
    stage.drain().await;
}
