//! Brings a database to the newest schema, forward only, one host at a time.

use tokio_postgres::Client;

use super::{Error, Result, connect::Connections};

/// The schema of each release; the position counted from 1 is its version.
const MIGRATIONS: [&str; 3] = [
    include_str!("schema_001.sql"),
    include_str!("schema_002.sql"),
    include_str!("schema_003.sql"),
];

/// Any number that nobody else on the server takes: "patchbay", as bytes.
pub(super) const LOCK: i64 = 0x7061_7463_6862_6179;

/// Applies what is missing, all in one transaction. The other hosts that start now wait for it.
pub(super) async fn apply(connections: &Connections) -> Result<()> {
    let (client, connection) = connections.connect().await?;
    let (result, _driven) = tokio::join!(
        async {
            let result = migrate(&client).await;
            drop(client);
            result
        },
        connection
    );
    result
}

async fn migrate(client: &Client) -> Result<()> {
    let begin = format!(
        "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;
         SELECT pg_advisory_xact_lock({LOCK});"
    );
    client.batch_execute(&begin).await?;
    let ready = "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)";
    client.batch_execute(ready).await?;
    let found: Option<i64> =
        client.query_one("SELECT max(version) FROM schema_version", &[]).await?.try_get(0)?;
    let found = found.unwrap_or(0);
    let known = i64::try_from(MIGRATIONS.len()).expect("migrations are few");
    if known < found {
        return Err(Error::NewerSchema { found, known });
    }
    for (version, sql) in (1_i64..).zip(MIGRATIONS) {
        if version <= found {
            continue;
        }
        client.batch_execute(sql).await?;
        client.execute("INSERT INTO schema_version VALUES ($1)", &[&version]).await?;
    }
    Ok(client.batch_execute("COMMIT").await?)
}
