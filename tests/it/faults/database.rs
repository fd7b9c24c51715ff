//! The journal failing at its k-th call, before or after it has done what it was asked.

use std::{sync::Arc, time::Duration};

use hyper::StatusCode;
use patchbay_ledger::Ledger;
use serde_json::json;

use super::frail::{Frail, Op, Script, When};
use crate::{
    ahead::AheadClock,
    backend::{Backend, on_every_backend},
    enquiries::{CALLS, books, everything, offline, undisturbed},
    harness::{TestHost, eventually},
};

on_every_backend!(
    a_database_that_fails_at_any_call_changes_nothing_in_the_end,
    a_settlement_that_is_never_kept_costs_a_lease_and_no_effect,
);

/// Longer than any lease.
const LEASE: Duration = Duration::from_hours(1);

struct Stage {
    host: TestHost,
    url: String,
    ledger: Ledger,
    script: Arc<Script>,
    clock: Arc<AheadClock>,
    clients: u64,
}

impl Stage {
    async fn new(backend: &Backend) -> Self {
        let (script, clock) = (Arc::new(Script::default()), Arc::new(AheadClock::default()));
        let (ledger, told) = (Ledger::open().await, Arc::clone(&script));
        let host = TestHost::wrapped(
            Arc::<AheadClock>::clone(&clock),
            |config| backend.configure(config),
            |mut stores| {
                stores.journal = Arc::new(Frail::new(stores.journal, told));
                stores
            },
        )
        .await;
        let url = host.jivo_to_ledger_with(&ledger, everything()).await;
        Self { host, url, ledger, script, clock, clients: 0 }
    }

    /// The next client's message, sent until it is taken. How many times it was refused.
    async fn send(&mut self) -> usize {
        self.clients += 1;
        let mut refusals = 0;
        loop {
            let answer = self.host.hook(&self.url, offline(self.clients)).await;
            if answer.status == StatusCode::OK {
                return refusals;
            }
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
            refusals += 1;
            assert!(refusals < 10, "{answer:?}");
        }
    }

    async fn end(self) {
        assert_eq!(self.ledger.duplicates(), Vec::<String>::new());
        assert_eq!(books(&self.ledger), undisturbed(self.clients).await);
        assert_eq!(self.host.get("/dead-letters").await["items"], json!([]));
        assert_eq!(self.host.mended().await, 0, "no lane has lost its work");
        self.host.stop().await;
    }
}

async fn a_database_that_fails_at_any_call_changes_nothing_in_the_end(backend: Backend) {
    let mut stage = Stage::new(&backend).await;
    let ops = [Op::Accept, Op::Lease, Op::LinkedCards, Op::LockClient, Op::RecordStep, Op::Settle];
    stage.script.pass();
    stage.send().await;
    stage.host.idle().await;
    let counts = ops.map(|op| stage.script.calls(op));
    let [accepts, leases, links, locks, steps, settles] = counts;
    assert_eq!((accepts, settles), (1, 1), "{counts:?}");
    assert!(
        1 <= leases && 1 <= links && 1 <= locks && 8 == steps,
        "before and after each write: {counts:?}"
    );
    let points = ops.into_iter().zip([1, 1, links, locks, steps, 1]);
    let points = points.flat_map(|(op, calls)| (1..=calls).map(move |call| (op, call)));
    for (op, call) in points {
        for when in [When::Before, When::After] {
            let calls = stage.ledger.calls();
            stage.script.fail(op, call, when);
            let refusals = stage.send().await;
            assert_eq!(refusals, usize::from(op == Op::Accept), "{op:?} {call} {when:?}");
            if (op, when) == (Op::Lease, When::After) {
                // Nobody knows of the lease: it runs out.
                tokio::time::sleep(Duration::from_millis(200)).await;
                assert_eq!(stage.ledger.calls(), calls);
                stage.clock.advance(LEASE);
            }
            stage.host.idle().await;
            let twice = stage.ledger.duplicates();
            assert_eq!(twice, Vec::<String>::new(), "{op:?} {call} {when:?}");
        }
    }
    stage.end().await;
}

async fn a_settlement_that_is_never_kept_costs_a_lease_and_no_effect(backend: Backend) {
    let mut stage = Stage::new(&backend).await;
    stage.script.fail_first(Op::Settle, 5, When::Before);
    stage.send().await;
    stage.ledger.done(CALLS).await;
    eventually("the host gives up", async || stage.script.calls(Op::Settle) == 5).await;
    stage.clock.advance(LEASE);
    stage.host.idle().await;
    let event = stage.host.newest().await;
    assert_eq!(event["jobs"][0]["attempts"], 2, "{event}");
    let writes = stage.ledger.writes();
    assert_eq!(writes.len(), 4, "what is recorded is not sent again: {writes:?}");
    stage.end().await;
}
