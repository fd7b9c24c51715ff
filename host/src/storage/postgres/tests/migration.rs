//! Databases of every schema, taken over by hosts of this release.

use patchbay_test_postgres::{connect, database};
use tokio::task::JoinSet;

use crate::{
    access::Scope,
    id::Digest,
    storage::{
        Error,
        postgres::Postgres,
        suite::{self, FIRST, keys, options},
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_start_at_once_migrate_once() {
    let database = database().await;
    let mut hosts = JoinSet::new();
    for _ in 0..5 {
        let url = database.url.clone();
        hosts.spawn(async move { Postgres::open(&url, &options(), &keys()).await.unwrap() });
    }
    for host in hosts.join_all().await {
        assert!(host.stores().registry.accounts().await.unwrap().is_empty());
        host.close().await;
    }
    let db = connect(&database.url).await;
    let versions = db.query("SELECT version FROM schema_version", &[]).await.unwrap();
    assert_eq!(versions.len(), 3);
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_refused() {
    let database = database().await;
    Postgres::open(&database.url, &options(), &keys()).await.unwrap().close().await;
    let newer = "INSERT INTO schema_version VALUES (7)";
    connect(&database.url).await.batch_execute(newer).await.unwrap();
    let refused = Postgres::open(&database.url, &options(), &keys()).await;
    assert!(matches!(refused, Err(Error::NewerSchema { found: 7, known: 3 })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_schema_1_gets_rules_pools_and_versions() {
    let database = database().await;
    let db = connect(&database.url).await;
    db.batch_execute(include_str!("../schema_001.sql")).await.unwrap();
    let account = |id: &str| serde_json::to_string(&suite::account(id)).unwrap();
    for id in [suite::CHANNEL, "notebook"] {
        let sql = "INSERT INTO account VALUES ($1, $1, TRUE, $2)";
        db.execute(sql, &[&id, &account(id)]).await.unwrap();
    }
    for (digest, is_active, record) in suite::versions::before_versions() {
        let sql = "INSERT INTO plugin VALUES ($1, 'crm-odoo', $2, $3, '')";
        db.execute(sql, &[&digest.0.as_slice(), &is_active, &record]).await.unwrap();
    }
    db.batch_execute(&format!(
        "INSERT INTO integration VALUES
             ('{FIRST}', '{}', 'notebook', TRUE, '{{\"deals\":true}}');
         CREATE TABLE schema_version (version BIGINT NOT NULL);
         INSERT INTO schema_version VALUES (1);
         INSERT INTO token VALUES ('\\x{}');",
        suite::CHANNEL,
        Digest::of(b"token")
    ))
    .await
    .unwrap();

    let host = Postgres::open(&database.url, &options(), &keys()).await.unwrap();

    let stores = host.stores();
    let mut expected = suite::integration(FIRST, "notebook");
    expected.options.deals = true;
    assert_eq!(stores.registry.integrations().await.unwrap(), [expected]);
    assert!(stores.registry.pools().await.unwrap().is_empty());
    let token = stores.access.token(Digest::of(b"token")).await.unwrap().unwrap();
    assert_eq!((token.name.as_str(), token.scopes), ("first", vec![Scope::Admin]));
    suite::draws::draw(&stores, "job-1").await;
    suite::versions::goes_on_after_the_migration(&stores).await;
    host.close().await;
}
