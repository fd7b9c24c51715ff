//! The program killed before and after every call of its CRM.

use std::collections::BTreeMap;

use hyper::StatusCode;
use patchbay_ledger::{Fault, Ledger};
use serde_json::{Value, json};

use crate::{
    backend::{Backend, on_every_backend},
    enquiries::{CALLS, books, by_client, offline, site, undisturbed},
    harness::eventually,
    program::Program,
};

on_every_backend!(no_effect_reaches_a_crm_twice);

/// Whatever call the program dies at, before or after its effect: the next one goes on from there.
async fn no_effect_reaches_a_crm_twice(backend: Backend) {
    let other = backend.another().await;
    let (expected, before, after) = tokio::join!(
        undisturbed(CALLS),
        killed_at_every_call(&backend, Fault::Hang),
        killed_at_every_call(&other, Fault::HangAfter),
    );
    let expected = by_client(&expected);
    assert_eq!(before, expected, "killed before the effect");
    assert_eq!(after, expected, "killed after the effect");
}

/// The host that dies does not come back: another one on its database takes its work over.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_dies_leaves_its_work_to_another() {
    let backend = Backend::postgres().await;
    let ledger = Ledger::open().await;
    let (mut first, mut second) =
        (site(&backend, &ledger, "", 4000), site(&backend, &ledger, "", 4000));
    let dying = first.serve(&[]).await;
    for (call, fault) in [(2, Fault::HangAfter), (7, Fault::Hang)] {
        stop_at(&dying, &ledger, call, fault).await;
    }
    second.set_token(dying.token());
    let living = second.serve(&[]).await;
    dying.kill().await;
    let answer = living.hook(&living.webhook("shop"), offline(3)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    every_job_is_done(&living).await;

    assert_eq!(ledger.duplicates(), Vec::<String>::new());
    let made = by_client(&books(&ledger));
    assert_eq!(made.len(), 3, "{made:?}");
    assert!(made.values().all(|client| client["notes"][0]["text"].is_string()), "{made:?}");
    assert_eq!(living.get("/dead-letters").await["items"], json!([]));
    assert_eq!(living.terminate().await, Some(0));
}

/// As many clients as an offline message makes calls, and each has its kill at one call later.
/// What there is of each in the end.
async fn killed_at_every_call(backend: &Backend, fault: Fault) -> BTreeMap<String, Value> {
    let ledger = Ledger::open().await;
    // Short calls make short leases, for a backend where nobody gives them back at a start.
    let mut site = site(backend, &ledger, "", 4000);
    let mut program = site.serve(&[]).await;
    // Where a kill costs a lease, one kill meets all of them, each at its call.
    let together = if backend.takes_back_at_start() { 1 } else { CALLS };
    for first in (1..=CALLS).step_by(usize::try_from(together).unwrap()) {
        for call in first..first + together {
            stop_at(&program, &ledger, call, fault).await;
        }
        program.kill().await;
        program = site.serve(&[]).await;
        every_job_is_done(&program).await;
        assert_eq!(ledger.duplicates(), Vec::<String>::new(), "killed at call {first}: {fault:?}");
    }
    let journal = program.journal().await;
    assert_eq!(u64::try_from(journal.len()).unwrap(), CALLS, "no webhook is lost");
    let attempts = journal.iter().map(|request| &request["events"][0]["jobs"][0]["attempts"]);
    assert!(attempts.clone().all(|count| *count == 2), "{:?}", attempts.collect::<Vec<_>>());
    assert_eq!(program.get("/dead-letters").await["items"], json!([]));
    assert_eq!(program.terminate().await, Some(0));
    by_client(&books(&ledger))
}

/// Lets the next client's job come as far as this call of its own.
async fn stop_at(program: &Program, ledger: &Ledger, call: u64, fault: Fault) {
    let at = ledger.calls() + call;
    ledger.fault_at(at, fault);
    let answer = program.hook(&program.webhook("shop"), offline(call)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    match fault {
        Fault::HangAfter => ledger.done(at).await,
        _ => ledger.arrived(at).await,
    }
}

async fn every_job_is_done(program: &Program) {
    eventually("every job is done", async || {
        let journal = program.journal().await;
        journal.iter().all(|request| request["events"][0]["jobs"][0]["state"] == "done")
    })
    .await;
}
