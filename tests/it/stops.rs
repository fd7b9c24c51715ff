//! The program stops, and starts again, whatever it has to do.

use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use patchbay_ledger::{Fault, Ledger};
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    backend::{Backend, on_every_backend},
    enquiries::{books, offline, site, undisturbed},
    harness::{Web, eventually},
    program::Program,
};

on_every_backend!(
    a_stop_gives_back_what_cannot_end_and_the_next_start_finishes_it,
    a_second_signal_ends_the_program_at_once,
);

/// What the machine may take beside a wait.
const MARGIN: Duration = Duration::from_secs(2);

async fn newest(program: &Program) -> Value {
    let journal = program.get("/events?limit=1").await;
    program.get(&format!("/events/{}", journal["items"][0]["events"][0]["id"])).await
}

async fn a_stop_gives_back_what_cannot_end_and_the_next_start_finishes_it(backend: Backend) {
    let ledger = Ledger::open().await;
    let mut site = site(&backend, &ledger, "grace_s = 1", 20_000);
    let program = site.serve(&[]).await;
    // The card is made, and the program never hears of it.
    ledger.fault_at(2, Fault::HangAfter);
    program.hook(&program.webhook("shop"), offline(1)).await;
    ledger.done(2).await;

    let asked = Instant::now();
    assert_eq!(program.terminate().await, Some(0));
    let took = asked.elapsed();

    let grace = Duration::from_secs(1);
    assert!((grace..grace + MARGIN).contains(&took), "{took:?}");
    let program = site.serve(&[]).await;
    eventually("the job is done", async || newest(&program).await["jobs"][0]["state"] == "done")
        .await;
    let event = newest(&program).await;
    let attempts = event["attempts"].as_array().unwrap();
    let outcomes: Vec<&Value> = attempts.iter().map(|attempt| &attempt["outcome"]).collect();
    assert_eq!(outcomes, ["given-back", "done"]);
    assert_eq!(event["jobs"][0]["attempts"], 1, "what is given back is not counted");
    assert_eq!(ledger.duplicates(), Vec::<String>::new());
    assert_eq!(books(&ledger), undisturbed(1).await);
    assert_eq!(program.terminate().await, Some(0));
}

async fn a_second_signal_ends_the_program_at_once(backend: Backend) {
    let ledger = Ledger::open().await;
    let mut site = site(&backend, &ledger, "grace_s = 60", 20_000);
    let program = site.serve(&[]).await;
    ledger.fault_at(1, Fault::Hang);
    program.hook(&program.webhook("shop"), offline(1)).await;
    ledger.arrived(1).await;
    program.ask_to_stop();
    eventually("the first signal is heard", async || site.log().contains("stopping")).await;

    let asked = Instant::now();
    assert_eq!(program.terminate().await, Some(69));

    assert!(asked.elapsed() < MARGIN, "{:?}", asked.elapsed());
    assert!(site.log().contains("stopped at once"), "{}", site.log());
}

/// As many as fit into a test; a million take the same time.
const PENDING: u64 = 200_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_a_mountain_of_work_is_ready_within_seconds() {
    let ledger = Ledger::open().await;
    let mut site = site(&Backend::Sqlite, &ledger, "slots = 0", 20_000);
    let program = site.serve(&[]).await;
    program.hook(&program.webhook("shop"), offline(1)).await;
    assert_eq!(program.terminate().await, Some(0));
    let filled = Instant::now();
    fill(&site.path("data/patchbay.db"), PENDING);
    let filled = filled.elapsed();
    let text = std::fs::read_to_string(site.path("patchbay.toml")).unwrap();
    std::fs::write(site.path("patchbay.toml"), text.replace("slots = 0", "slots = 16")).unwrap();

    let started = Instant::now();
    let program = site.serve(&[]).await;
    let request = Request::get(format!("{}/health/ready", program.url));
    let ready = Web::new().send(request.body(Full::default()).unwrap()).await;
    let took = started.elapsed();
    assert!(ready.status.is_success(), "{ready:?}");
    ledger.arrived(1).await;
    let worked = started.elapsed();
    report(&json!({
        "pending": PENDING,
        "filled_s": filled.as_secs_f64(),
        "ready_s": took.as_secs_f64(),
        "first_call_s": worked.as_secs_f64(),
    }));
    assert!(took < Duration::from_secs(10), "ready after {took:?}");
    assert!(worked < Duration::from_secs(15), "at work after {worked:?}");
    let answer = program.hook(&program.webhook("shop"), offline(2)).await;
    assert!(answer.status.is_success(), "and it takes webhooks in: {answer:?}");
    program.kill().await;
}

/// Copies the one webhook that is there, each time for another client and another conversation.
fn fill(database: &std::path::Path, count: u64) {
    let db = Connection::open(database).unwrap();
    db.execute_batch(&format!(
        "PRAGMA synchronous = OFF;
         PRAGMA foreign_keys = OFF;
         BEGIN;
         CREATE TEMP TABLE number AS
             WITH RECURSIVE numbers(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
             SELECT n FROM numbers;
         INSERT INTO request (id, account, received_at, verdict, plugin, method, path, query,
                              remote_address, body_bytes, headers, body)
             SELECT n, account, received_at + n, verdict, plugin, method, path, query,
                    remote_address, body_bytes, headers, body FROM request, number WHERE id = 1;
         INSERT INTO event (id, request_id, ordinal, account, dedup_key, kind, conversation,
                            payload, client_keys)
             SELECT n, n, 0, account, CAST(printf('k%d', n) AS BLOB), kind, printf('c%d', n),
                    payload, CAST(printf('%08d', n) AS BLOB) FROM event, number WHERE id = 1;
         INSERT INTO lane (id, integration, conversation, state, last_seq, jobs, run_at)
             SELECT n, integration, printf('c%d', n), 'ready', 1, 1, run_at + n
             FROM lane, number WHERE id = 1;
         INSERT INTO job (id, lane_id, seq, event_id, integration, run_at)
             SELECT n, n, 1, n, integration, run_at + n FROM job, number WHERE id = 1;
         COMMIT;"
    ))
    .unwrap();
}

/// Figures are for people; `cargo test -- --nocapture` shows them.
#[expect(clippy::print_stdout, reason = "a measurement that nobody sees was none")]
fn report(figures: &Value) {
    println!("{figures}");
}
