//! A long backlog costs nothing: every question is answered from an index, counts are bounded.

use super::*;
use crate::storage::{Depth, suite};

/// More than are counted.
const BACKLOG: u64 = Depth::COUNT_MAX + 10;

fn plan(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    // What the parameters are does not matter to the plan.
    let params = vec![1; statement.parameter_count()];
    let lines = statement.query_map(rusqlite::params_from_iter(params), |row| row.get(3)).unwrap();
    lines.map(rusqlite::Result::unwrap).collect()
}

#[test]
fn no_question_of_the_queue_reads_a_whole_table() {
    let db = Connection::open_in_memory().unwrap();
    migrations::apply(&db).unwrap();
    let stuck = format!("{} ORDER BY lane.id DESC LIMIT ?2", views::STUCK);
    let questions = [
        lease::ACTIVE,
        lease::DUE,
        lease::NEXT_DUE,
        lease::HEAD,
        settle::HEAD,
        settle::LOST,
        holds::NEXT,
        upkeep::FORGOTTEN,
        upkeep::UNOFFERED,
        upkeep::OUTLIVED,
        retention::OLD_ATTEMPTS,
        views::OLDEST_PENDING,
        stuck.as_str(),
        "SELECT 1 FROM job WHERE state = 'pending' LIMIT 1",
        "SELECT 1 FROM lane WHERE state = 'leased' LIMIT 1",
        "SELECT 1 FROM request WHERE verdict = 'unread' LIMIT 1",
        "DELETE FROM client_lock WHERE lane_id = 1",
        "DELETE FROM lane WHERE id = 1 AND jobs <= 0 AND state = 'idle'",
        "SELECT 1 FROM lane WHERE stopped_by = 1 AND stopped_by IS NOT NULL",
    ];
    for sql in questions {
        for line in plan(&db, sql) {
            let is_scan = line.starts_with("SCAN") && !line.contains("INDEX");
            // There are as many locks as leases.
            let is_short = line.contains("client_lock");
            assert!(!is_scan || is_short, "{sql}: {line}");
        }
    }
    for sql in [lease::DUE, lease::NEXT_DUE, lease::HEAD, settle::HEAD, holds::NEXT] {
        let plan = plan(&db, sql);
        assert!(plan.iter().all(|line| !line.contains("TEMP B-TREE")), "sorts: {plan:?}");
        assert!(plan[0].starts_with("SEARCH"), "{plan:?}");
    }
    assert!(plan(&db, lease::DUE)[0].contains("lane_ready"));
    assert!(plan(&db, holds::NEXT)[0].contains("lane_held"));
    assert!(plan(&db, upkeep::UNOFFERED)[0].contains("lane_held"), "retries are not looked at");
}

/// As many lanes with a job each, all of one webhook.
fn fill(db: &Connection) {
    let rows = format!(
        "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {BACKLOG})"
    );
    let received = suite::at(0).as_microsecond();
    db.execute_batch(&format!(
        "BEGIN;
         INSERT INTO request VALUES (1, '{channel}', {received}, 'events', NULL, NULL, x'00',
                                     'POST', '', '', '', 0, '[]', x'');
         {rows} INSERT INTO event (id, request_id, ordinal, account, dedup_key, kind, conversation,
                                   payload, client_keys)
             SELECT i, 1, i, '{channel}', CAST(i AS BLOB), 'client-updated', 'chat-' || i,
                    '{{\"wants_reply\":false,\"kind\":\"client-updated\",\"client\":[],\"fields\":[],\"agents\":[]}}',
                    x'' FROM n;
         {rows} INSERT INTO lane (id, integration, conversation, state, last_seq, jobs, run_at)
             SELECT i, '{FIRST}', 'chat-' || i, 'ready', 1, 1, {received} + i FROM n;
         {rows} INSERT INTO job (id, lane_id, seq, event_id, integration, run_at)
             SELECT i, i, 1, i, '{FIRST}', {received} + i FROM n;
         COMMIT;",
        channel = suite::CHANNEL,
    ))
    .unwrap();
}

#[tokio::test]
async fn a_long_backlog_is_counted_up_to_a_maximum_and_leased_from_its_start() {
    let Embedded { stores, sqlite, folder } = Embedded::new().await;
    sqlite.close().await;
    drop(stores);
    let path = folder.path().join("patchbay.db");
    fill(&Connection::open(&path).unwrap());

    let stores = Sqlite::open(&path, &options()).unwrap().stores();
    let expected = Depth {
        pending_jobs: Depth::COUNT_MAX,
        oldest_pending: Some(suite::at(0)),
        ..Depth::default()
    };
    assert_eq!(stores.journal.depth().await.unwrap(), expected);
    let next = stores.journal.next_due(&suite::both()).await.unwrap().unwrap();
    assert_eq!(next.as_microsecond(), suite::at(0).as_microsecond() + 1);
    let leased = suite::lease(&stores, 3, 3600).await;
    assert_eq!(suite::conversations(&leased), ["chat-1", "chat-2", "chat-3"]);
    let more = suite::lease(&stores, 2, 3600).await;
    assert_eq!(suite::conversations(&more), ["chat-4", "chat-5"]);
    assert_eq!(stores.journal.reconcile(suite::at(3600)).await.unwrap(), 0);
    // What runs counts as well, and nothing counts beyond the maximum.
    assert_eq!(stores.journal.depth().await.unwrap().pending_jobs, Depth::COUNT_MAX);
}

#[tokio::test]
async fn a_client_with_very_many_conversations_does_not_keep_a_lease_long() {
    let backend = Embedded::new().await;
    for number in 0..lease::PASSED_MAX + 10 {
        let name = format!("same-{number}");
        suite::accept_of(&backend.stores, 0, &name, &[7], &[FIRST]).await;
    }
    suite::accept_of(&backend.stores, 1, "other", &[8], &[FIRST]).await;
    let first = suite::lease(&backend.stores, 2, 1).await;
    assert_eq!(suite::conversations(&first), ["same-0"]);
    assert!(backend.stores.journal.next_due(&suite::both()).await.unwrap().is_some());
    let second = suite::lease(&backend.stores, 2, 1).await;
    assert_eq!(suite::conversations(&second), ["other"], "the next one goes on");
}

/// Breaks the file behind the back of the host, and returns what was set right.
async fn mended(backend: &Embedded, sql: &str) -> u64 {
    Connection::open(backend.folder.path().join("patchbay.db"))
        .unwrap()
        .execute_batch(sql)
        .unwrap();
    let mended = backend.stores.journal.reconcile(suite::at(50)).await.unwrap();
    let again = backend.stores.journal.reconcile(suite::at(50)).await.unwrap();
    assert_eq!(again, 0, "{sql}");
    mended
}

#[tokio::test]
async fn an_idle_lane_with_a_pending_job_is_set_right() {
    let backend = Embedded::new().await;
    accept_one(&backend.stores, 0, "k", "chat-1").await;
    assert_eq!(mended(&backend, "UPDATE lane SET state = 'idle'").await, 1);
    assert!(suite::lease(&backend.stores, 10, 49).await.is_empty());
    lease_one(&backend.stores, 50).await;
}

#[tokio::test]
async fn a_lane_that_waits_for_nobody_is_set_right() {
    let backend = Embedded::new().await;
    for name in ["chat-1", "chat-2", "chat-3"] {
        suite::accept_of(&backend.stores, 0, name, &[7], &[FIRST]).await;
    }
    let job = lease_one(&backend.stores, 0).await;
    assert_eq!(mended(&backend, "SELECT 1").await, 0, "they wait for somebody");
    assert_eq!(mended(&backend, "DELETE FROM client_lock").await, 2);
    let next = lease_one(&backend.stores, 50).await;
    suite::settle(&backend.stores, &next, crate::outcome::Next::Done, 50).await;
    suite::settle(&backend.stores, &job, crate::outcome::Next::Done, 50).await;
    lease_one(&backend.stores, 50).await;
}

#[tokio::test]
async fn a_client_that_is_locked_without_a_lease_is_set_right() {
    let backend = Embedded::new().await;
    suite::accept_of(&backend.stores, 0, "chat-1", &[7], &[FIRST]).await;
    suite::accept_of(&backend.stores, 0, "chat-2", &[7], &[FIRST]).await;
    lease_one(&backend.stores, 0).await;
    let sql = "UPDATE job SET state = 'done' WHERE state = 'leased';
               UPDATE lane SET state = 'idle', leased_job = NULL WHERE state = 'leased'";
    assert_eq!(mended(&backend, sql).await, 1);
    assert_eq!(lease_one(&backend.stores, 50).await.event.conversation, "chat-2");
}
