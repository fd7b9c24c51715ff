//! Every call of a CRM answered badly, or not at all, once.

use patchbay_ledger::{Fault, Ledger};
use serde_json::json;

use super::crm::outcomes;
use crate::{
    backend::{Backend, on_every_backend},
    enquiries::{CALLS, books, offline, stage, undisturbed},
};

on_every_backend!(
    an_answer_that_is_lost_at_any_call_changes_nothing_in_the_end,
    a_refusal_at_any_call_changes_nothing_in_the_end,
    a_wish_to_wait_at_any_call_spends_no_attempt,
);

async fn an_answer_that_is_lost_at_any_call_changes_nothing_in_the_end(backend: Backend) {
    for fault in [Fault::CutBefore, Fault::CutAfter] {
        fault_at_every_call(&backend, fault, &["transient", "done"], 2).await;
    }
}

async fn a_refusal_at_any_call_changes_nothing_in_the_end(backend: Backend) {
    for status in [500, 503] {
        fault_at_every_call(&backend, Fault::Status(status), &["transient", "done"], 2).await;
    }
}

async fn a_wish_to_wait_at_any_call_spends_no_attempt(backend: Backend) {
    let busy = Fault::TooManyRequests { retry_after_s: 1 };
    fault_at_every_call(&backend, busy, &["rate-limited", "done"], 1).await;
}

/// One client after the other, and for each the fault at one call later.
async fn fault_at_every_call(backend: &Backend, fault: Fault, told: &[&str], attempts: u32) {
    let ledger = Ledger::open().await;
    let backend = backend.another().await;
    let (host, url) = stage(&backend, &ledger).await;
    for call in 1..=CALLS {
        ledger.fault_at(ledger.calls() + call, fault);
        host.hook(&url, offline(call)).await;
        host.idle().await;
        let event = host.newest().await;
        assert_eq!(outcomes(&event), told, "{fault:?} at call {call}: {event}");
        assert_eq!(event["jobs"][0]["attempts"], attempts, "{fault:?} at call {call}");
    }
    assert_eq!(ledger.duplicates(), Vec::<String>::new(), "{fault:?}");
    assert_eq!(books(&ledger), undisturbed(CALLS).await, "{fault:?}");
    assert_eq!(host.get("/dead-letters").await["items"], json!([]));
    host.stop().await;
}
