//! What only this backend promises: batches, full disks, full queues, migrations, restarts.

use std::sync::mpsc;

use rusqlite::Connection;
use tokio::task::JoinSet;

use super::*;
use crate::storage::{
    JobState, NewReading, NewWebhook,
    suite::{self, Embedded, FIRST, accept_one, lease_one, new_event, only_job, options, webhook},
};

mod backlog;
mod migration;
mod removal;

fn one_event(key: &str) -> NewWebhook {
    webhook(0, NewReading::Events(vec![new_event(key, key, &[FIRST])]))
}

fn count(folder: &tempfile::TempDir, table: &str) -> i64 {
    let second = Connection::open(folder.path().join("patchbay.db")).unwrap();
    second.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0)).unwrap()
}

/// Keeps the writer busy until the sender is dropped, so that writes pile up behind it.
async fn hold_writer(sqlite: &Arc<Sqlite>) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (started, has_started) = tokio::sync::oneshot::channel();
    let mut started = Some(started);
    let sqlite = Arc::clone(sqlite);
    let mut task = JoinSet::new();
    task.spawn(async move {
        let wait = move |_: &Connection| {
            if let Some(started) = started.take() {
                started.send(()).expect("the test waits for it");
            }
            held.recv().map_or(Ok(()), Ok)
        };
        sqlite.writer.write(wait).await
    });
    has_started.await.unwrap();
    task.detach_all();
    release
}

#[tokio::test]
async fn an_accepted_webhook_is_seen_by_a_second_connection() {
    let backend = Embedded::new().await;
    accept_one(&backend.stores, 0, "k", "chat-1").await;
    for table in ["request", "event", "lane", "job"] {
        assert_eq!(count(&backend.folder, table), 1, "{table}");
    }
    let db = Connection::open(backend.folder.path().join("patchbay.db")).unwrap();
    let mode: String = db.query_row("PRAGMA journal_mode", (), |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    let pragma =
        |db: &Connection| Ok(db.query_row("PRAGMA synchronous", (), |row| row.get::<_, i64>(0))?);
    assert_eq!(backend.sqlite.writer.write(pragma).await.unwrap(), 2, "FULL");
}

#[tokio::test]
async fn writes_that_wait_share_one_commit() {
    let backend = Embedded::new().await;
    let before = backend.sqlite.commits();
    let release = hold_writer(&backend.sqlite).await;
    let mut callers = JoinSet::new();
    for key in 0..50 {
        let journal = Arc::clone(&backend.stores.journal);
        callers.spawn(async move { journal.accept(one_event(&format!("k{key}"))).await.unwrap() });
    }
    tokio::task::yield_now().await;
    drop(release);
    assert_eq!(callers.join_all().await.len(), 50);
    assert_eq!(backend.sqlite.commits() - before, 2, "one for the hold, one for the fifty");
    assert_eq!(count(&backend.folder, "job"), 50);
}

#[tokio::test]
async fn a_batch_ends_at_its_limit() {
    let backend = Embedded::with(&config::Storage { batch_max: 10, ..options() }).await;
    let before = backend.sqlite.commits();
    let release = hold_writer(&backend.sqlite).await;
    let mut callers = JoinSet::new();
    for key in 0..30 {
        let journal = Arc::clone(&backend.stores.journal);
        callers.spawn(async move { journal.accept(one_event(&format!("k{key}"))).await.unwrap() });
    }
    tokio::task::yield_now().await;
    drop(release);
    callers.join_all().await;
    // The hold was taken alone: nothing else waited then.
    assert_eq!(backend.sqlite.commits() - before, 4);
}

#[tokio::test]
async fn a_full_queue_is_an_overload() {
    let backend = Embedded::with(&config::Storage { queue_max: 2, ..options() }).await;
    let release = hold_writer(&backend.sqlite).await;
    let mut callers = JoinSet::new();
    for key in ["k1", "k2"] {
        let journal = Arc::clone(&backend.stores.journal);
        callers.spawn(async move { journal.accept(one_event(key)).await.unwrap() });
    }
    tokio::task::yield_now().await;
    let refused = backend.stores.journal.accept(one_event("k3")).await;
    assert!(matches!(refused, Err(Error::Overloaded)));
    drop(release);
    callers.join_all().await;
    assert_eq!(count(&backend.folder, "request"), 2, "the refused one has left no trace");
    backend.stores.journal.accept(one_event("k3")).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_stores_nothing_until_there_is_room_again() {
    let backend = Embedded::new().await;
    let limit = |pages: u32| {
        let set = move |db: &Connection| {
            Ok(db.query_row(&format!("PRAGMA max_page_count = {pages}"), (), |row| {
                row.get::<_, u32>(0)
            })?)
        };
        backend.sqlite.writer.write(set)
    };
    // A limit below the size of the file is taken as that size.
    limit(1).await.unwrap();
    let big = |key: &str| {
        let mut webhook = one_event(key);
        webhook.request.body = vec![7; 100_000].into();
        webhook
    };
    let journal = &backend.stores.journal;
    let (one, two) = tokio::join!(journal.accept(big("k1")), journal.accept(big("k2")));
    for refused in [one, two] {
        assert!(matches!(refused, Err(Error::Unavailable(_))));
    }
    for table in ["request", "event", "lane", "job"] {
        assert_eq!(count(&backend.folder, table), 0, "{table}");
    }
    limit(1_000_000).await.unwrap();
    assert!(!journal.accept(big("k1")).await.unwrap().events[0].is_duplicate);
}

#[tokio::test]
async fn a_commit_that_fails_acknowledges_nobody_and_the_next_one_works() {
    let backend = Embedded::new().await;
    // The violation is found by the COMMIT only.
    let orphan = |db: &Connection| {
        db.execute_batch("PRAGMA defer_foreign_keys = ON; INSERT INTO repeat VALUES (77, 0, 77)")?;
        Ok(())
    };
    let release = hold_writer(&backend.sqlite).await;
    let journal = &backend.stores.journal;
    let (good, bad, ()) =
        tokio::join!(journal.accept(one_event("k1")), backend.sqlite.writer.write(orphan), async {
            drop(release);
        },);
    assert!(matches!(good, Err(Error::Unavailable(_))));
    assert!(matches!(bad, Err(Error::Unavailable(_))));
    assert_eq!(count(&backend.folder, "request"), 0);
    journal.accept(one_event("k1")).await.unwrap();
    assert_eq!(count(&backend.folder, "request"), 1);
}

#[tokio::test]
async fn a_write_that_panics_fails_alone() {
    let backend = Embedded::new().await;
    let release = hold_writer(&backend.sqlite).await;
    let journal = &backend.stores.journal;
    let panics = backend.sqlite.writer.write(|_| -> Result<()> { panic!("a bug in one write") });
    let (first, panicked, last, ()) = tokio::join!(
        journal.accept(one_event("k1")),
        panics,
        journal.accept(one_event("k2")),
        async {
            drop(release);
        },
    );
    assert!(matches!(panicked, Err(Error::Unavailable(_))));
    assert!(first.is_ok() && last.is_ok());
    assert_eq!(count(&backend.folder, "job"), 2);
}

#[tokio::test]
async fn a_caller_that_goes_away_cancels_nothing() {
    let backend = Embedded::new().await;
    let release = hold_writer(&backend.sqlite).await;
    let mut caller = JoinSet::new();
    let journal = Arc::clone(&backend.stores.journal);
    caller.spawn(async move { journal.accept(one_event("k1")).await.unwrap() });
    tokio::task::yield_now().await;
    caller.shutdown().await;
    drop(release);
    // Queued behind it, so answered after it.
    backend.stores.journal.accept(one_event("k2")).await.unwrap();
    assert_eq!(count(&backend.folder, "request"), 2);
}

#[tokio::test]
async fn a_closed_database_takes_no_writes_and_opens_again() {
    let backend = Embedded::new().await;
    let Embedded { stores, sqlite, folder } = backend;
    let path = folder.path().join("patchbay.db");
    let id = accept_one(&stores, 0, "k", "chat-1").await;
    lease_one(&stores, 0).await;

    let second = Sqlite::open(&path, &options());
    assert!(matches!(second, Err(Error::Unavailable(_))), "one process at a time");
    sqlite.close().await;
    assert!(matches!(stores.journal.accept(one_event("k2")).await, Err(Error::Unavailable(_))));
    drop(stores);

    let stores = Sqlite::open(&path, &options()).unwrap().stores();
    let view = only_job(&stores, id).await;
    assert_eq!((view.state, view.attempts), (JobState::Pending, 1), "the lease is given back");
    let attempts = stores.journal.event(id).await.unwrap().unwrap().attempts;
    assert_eq!(attempts[0].outcome, "lost");
    assert_eq!(lease_one(&stores, 0).await.attempt, 2, "at once");
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("patchbay.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch("PRAGMA user_version = 5").unwrap();
    let refused = Sqlite::open(&path, &options()).unwrap_err();
    assert!(matches!(refused, Error::NewerSchema { found: 5, known: 4 }), "{refused}");
    let tables: i64 =
        db.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0)).unwrap();
    assert_eq!(tables, 0);
}

#[test]
fn migrating_twice_changes_nothing() {
    let db = Connection::open_in_memory().unwrap();
    migrations::apply(&db).unwrap();
    let schema = || -> Vec<String> {
        let mut statement = db.prepare("SELECT sql FROM sqlite_schema WHERE sql NOT NULL").unwrap();
        statement.query_map((), |row| row.get(0)).unwrap().map(rusqlite::Result::unwrap).collect()
    };
    let first = schema();
    migrations::apply(&db).unwrap();
    assert_eq!(schema(), first);
    let version: i64 = db.query_row("PRAGMA user_version", (), |row| row.get(0)).unwrap();
    assert_eq!(version, 4);
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let backend = Embedded::new().await;
    for name in ["patchbay.db", "patchbay.db-wal", "patchbay.db-shm"] {
        let mode = backend.folder.path().join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_read_is_a_dead_letter_and_its_lane_goes_on() {
    let backend = Embedded::new().await;
    let broken = accept_one(&backend.stores, 0, "k1", "chat-1").await;
    let good = accept_one(&backend.stores, 0, "k2", "chat-1").await;
    let db = Connection::open(backend.folder.path().join("patchbay.db")).unwrap();
    db.execute("UPDATE event SET payload = '{' WHERE id = ?1", [broken.0]).unwrap();

    assert!(suite::lease(&backend.stores, 10, 1).await.is_empty());

    let job = only_job(&backend.stores, broken).await;
    assert_eq!(job.state, JobState::Dead);
    assert_eq!(job.reason.as_deref(), Some("`event` holds a row that cannot be read"));
    assert_eq!(lease_one(&backend.stores, 1).await.event_id, good);
}

#[tokio::test]
async fn a_pool_goes_on_after_a_restart_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("patchbay.db");
    let mut drawn = Vec::new();
    for host in 0..3 {
        let sqlite = Sqlite::open(&path, &options()).unwrap();
        let stores = sqlite.stores();
        let again = suite::draws::draw(&stores, &format!("{host}-1")).await;
        drawn.push(again.clone());
        if let Some(last) = drawn.len().checked_sub(2) {
            let earlier = suite::draws::draw(&stores, &format!("{}-1", host - 1)).await;
            assert_eq!(earlier, drawn[last], "a job that is attempted again after the restart");
        }
        assert_eq!(suite::draws::draw(&stores, &format!("{host}-1")).await, again);
        drop(stores);
        sqlite.close().await;
    }
    assert_eq!(suite::draws::counts(drawn).len(), 3, "each in turn");
}
