//! A database of an earlier release opens, and goes on where it was.

use super::*;
use crate::{
    access::Scope,
    account::{IntegrationOptions, Rules},
    id::Digest,
    storage::{
        Registry,
        suite::{self, at, settle},
    },
};

/// A database of schema 1 with work in every state, as the release of that time has left it.
fn schema_1(path: &Path) {
    let db = Connection::open(path).unwrap();
    db.execute_batch(include_str!("../schema_001.sql")).unwrap();
    let now = at(0).as_microsecond();
    let event = |phone: &str| {
        format!(
            r#"{{"wants_reply":true,"kind":"lead-submitted","client":[{{"phone":"{phone}"}}],"fields":[],"agents":[]}}"#
        )
    };
    let (one, two) = (event("+79000000003"), event("+7 900 000-00-03"));
    for id in [suite::CHANNEL, "notebook", "odoo"] {
        // An account of that time lacks what has been added since.
        let mut record = serde_json::to_value(suite::account(id)).unwrap();
        for key in ["webhook_token", "rate", "webhook_rate", "allow_from", "replaced_token"] {
            record.as_object_mut().unwrap().remove(key);
        }
        db.execute("INSERT INTO account VALUES (?1, ?1, TRUE, ?2)", (id, record.to_string()))
            .unwrap();
    }
    db.execute_batch(&format!(
        "INSERT INTO integration VALUES ('{FIRST}', '{channel}', 'notebook', TRUE);
         INSERT INTO request VALUES
             (1, '{channel}', {now}, 'events', NULL, NULL, x'00', 'POST', '', '', '', 0, '[]', x'');
         INSERT INTO event VALUES
             (1, 1, 0, '{channel}', x'6b31', 'lead-submitted', 'retried', '{one}'),
             (2, 1, 1, '{channel}', x'6b32', 'lead-submitted', 'leased', '{two}'),
             (3, 1, 2, '{channel}', x'6b33', 'lead-submitted', 'ended', '{one}'),
             (4, 1, 3, '{channel}', x'6b34', 'lead-submitted', 'ended', '{one}');
         INSERT INTO lane VALUES
             (1, '{FIRST}', 'retried', 'ready', 1, {now}, 1, NULL, NULL, NULL),
             (2, '{FIRST}', 'leased', 'leased', 1, {now}, 1, 2, {now}, {now} + 1000000),
             (3, '{FIRST}', 'ended', 'idle', 2, {now}, 2, NULL, NULL, NULL);
         INSERT INTO job VALUES
             (1, 1, 1, 1, '{FIRST}', 'pending', 1, {now}, NULL, 'no answer', NULL),
             (2, 2, 1, 2, '{FIRST}', 'leased', 0, {now}, NULL, NULL, NULL),
             (3, 3, 1, 3, '{FIRST}', 'done', 1, NULL, NULL, NULL, NULL),
             (4, 3, 2, 4, '{FIRST}', 'dead', 1, NULL, {now}, 'refused', NULL);
         INSERT INTO step VALUES (1, 1, 'upsert-contact', 'key', 'unknown', NULL);
         INSERT INTO attempt VALUES (1, 1, 1, {now}, 5, 'transient', 'peer', 'no answer'),
             (2, 3, 1, {now}, 5, 'done', NULL, NULL), (3, 4, 1, {now}, 5, 'permanent', NULL, NULL);
         INSERT INTO token VALUES (x'{token}');
         PRAGMA user_version = 1;",
        channel = suite::CHANNEL,
        token = Digest::of(b"token"),
    ))
    .unwrap();
}

#[tokio::test]
async fn a_database_of_schema_1_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("patchbay.db");
    schema_1(&path);
    let sqlite = Sqlite::open(&path, &options()).unwrap();
    let stores = sqlite.stores();

    // Both are of one client, in two notations: their events tell it.
    let mut ran = Vec::new();
    for second in [1, 2] {
        let job = lease_one(&stores, second).await;
        ran.push((job.event.conversation.clone(), job.attempt, job.is_again, job.steps.len()));
        settle(&stores, &job, crate::outcome::Next::Done, second).await;
    }
    ran.sort();
    let expected = [("leased".to_owned(), 2, true, 0), ("retried".to_owned(), 2, true, 1)];
    assert_eq!(ran, expected);

    let letters = stores.journal.dead_letters(None, suite::all()).await.unwrap().items;
    assert_eq!((letters.len(), letters[0].reason.as_str()), (1, "refused"));
    assert!(stores.journal.replay(letters[0].job, at(3)).await.unwrap());
    let replayed = lease_one(&stores, 3).await;
    settle(&stores, &replayed, crate::outcome::Next::Done, 3).await;
    let next = accept_one(&stores, 4, "k", "ended").await;
    assert_eq!(lease_one(&stores, 4).await.event_id, next);

    let token = stores.access.token(Digest::of(b"token")).await.unwrap().unwrap();
    assert_eq!((token.name.as_str(), token.created_at), ("first", None));
    assert!(token.may(Scope::Admin), "it could do everything");
    assert!(!stores.access.put_first_token(token).await.unwrap());

    let integrations = sqlite.integrations().await.unwrap();
    assert_eq!(integrations[0].options, IntegrationOptions::default());
    assert_eq!(integrations[0].rules, Rules::default());
    let account = sqlite.accounts().await.unwrap().remove(0);
    sqlite.put_account(Some(&account), account.clone()).await.unwrap();
}

#[tokio::test]
async fn lanes_of_schema_1_go_with_their_last_job() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("patchbay.db");
    schema_1(&path);
    let stores = Sqlite::open(&path, &options()).unwrap().stores();
    for second in [1, 2] {
        settle(&stores, &lease_one(&stores, second).await, crate::outcome::Next::Done, 2).await;
    }
    let keep = crate::storage::Keep {
        journal_since: at(9),
        traces_since: at(0),
        bytes_max: None,
        rows_max: 1000,
    };
    let expired = stores.journal.expire(keep).await.unwrap();
    assert_eq!((expired.requests, expired.lanes), (1, 3));
    for table in ["event", "job", "step", "attempt", "lane", "client_lock"] {
        assert_eq!(count(&folder, table), 0, "{table}");
    }
}

#[tokio::test]
async fn a_client_of_schema_1_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("patchbay.db");
    schema_1(&path);
    let stores = Sqlite::open(&path, &options()).unwrap().stores();
    let phone = crate::card::Identifier::Phone("+79000000003".to_owned());
    let erased = stores.journal.forget(&phone, at(9)).await.unwrap();
    assert_eq!((erased.events, erased.jobs), (4, 2));
    assert!(suite::lease(&stores, 10, 9).await.is_empty());
}

#[tokio::test]
async fn a_database_of_schema_2_gets_rules_pools_and_versions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("patchbay.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(include_str!("../schema_001.sql")).unwrap();
    db.execute_batch(include_str!("../schema_002.sql")).unwrap();
    for id in [suite::CHANNEL, "notebook"] {
        let record = serde_json::to_string(&suite::account(id)).unwrap();
        db.execute("INSERT INTO account VALUES (?1, ?1, TRUE, ?2)", (id, record)).unwrap();
    }
    for (digest, is_active, record) in suite::versions::before_versions() {
        let sql = "INSERT INTO plugin VALUES (?1, 'crm-odoo', ?2, ?3, x'00')";
        db.execute(sql, (digest.0, is_active, record)).unwrap();
    }
    db.execute_batch(&format!(
        "INSERT INTO integration VALUES
             ('{FIRST}', '{}', 'notebook', TRUE, '{{\"deals\":true}}');
         PRAGMA user_version = 2;",
        suite::CHANNEL
    ))
    .unwrap();
    drop(db);

    let sqlite = Sqlite::open(&path, &options()).unwrap();

    let mut expected = suite::integration(FIRST, "notebook");
    expected.options.deals = true;
    assert_eq!(sqlite.integrations().await.unwrap(), [expected]);
    assert!(sqlite.pools().await.unwrap().is_empty());
    suite::draws::draw(&sqlite.stores(), "job-1").await;
    suite::versions::goes_on_after_the_migration(&sqlite.stores()).await;
}

#[test]
fn a_row_without_its_parent_stops_the_migration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("patchbay.db");
    schema_1(&path);
    let db = Connection::open(&path).unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO repeat VALUES (77, 0, 77)").unwrap();
    let refused = migrations::apply(&db).unwrap_err();
    assert!(matches!(refused, Error::Unavailable(_)));
    let version: i64 = db.query_row("PRAGMA user_version", (), |row| row.get(0)).unwrap();
    assert_eq!(version, 1, "nothing has changed");
    assert!(db.prepare("SELECT options FROM integration").is_err());
}

#[test]
fn foreign_keys_hold_again_after_a_migration() {
    let db = Connection::open_in_memory().unwrap();
    migrations::apply(&db).unwrap();
    assert!(db.execute("INSERT INTO repeat VALUES (77, 0, 77)", ()).is_err());
}
