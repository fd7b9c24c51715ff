//! Opens the database's secrets with the host's keys, and seals them anew where that is due.

use tokio_postgres::Client;

use super::{Keys, Resealed, Result, codec::to_id, connect::Connections, migrations::LOCK, sealed};
use crate::{id::AccountId, seal::Keyring};

/// The keys for this database. All secrets are sealed with the newest one afterwards, or nothing
/// is changed. The other hosts that start now wait for it.
pub(super) async fn apply(connections: &Connections, keys: &Keys) -> Result<(Keyring, Resealed)> {
    let (client, connection) = connections.connect().await?;
    let (result, _driven) = tokio::join!(
        async {
            let result = reseal(&client, keys).await;
            drop(client);
            result
        },
        connection
    );
    result
}

async fn reseal(client: &Client, keys: &Keys) -> Result<(Keyring, Resealed)> {
    let begin = format!(
        "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;
         SET LOCAL idle_in_transaction_session_timeout = 0;
         SELECT pg_advisory_xact_lock({LOCK});"
    );
    client.batch_execute(&begin).await?;
    let known = client.query("SELECT id FROM sealing_key ORDER BY id", &[]).await?;
    let known: Vec<String> =
        known.iter().map(|row| row.try_get(0)).collect::<Result<_, tokio_postgres::Error>>()?;
    let keyring = keys.open(&known)?;
    let (accounts, had_plain) = accounts(client, &keyring).await?;
    let records = accounts + tokens(client, &keyring).await?;
    // A consent takes minutes: after a change of keys it is begun anew.
    let id = keyring.id();
    let flows = "DELETE FROM oauth_flow WHERE sealed NOT LIKE 'sealed:' || $1 || ':%'";
    client.execute(flows, &[&id]).await?;
    client.execute("DELETE FROM sealing_key WHERE id <> $1", &[&id]).await?;
    let keep = "INSERT INTO sealing_key VALUES ($1) ON CONFLICT DO NOTHING";
    client.execute(keep, &[&id]).await?;
    client.batch_execute("COMMIT").await?;
    // The rows of before would lie about until the server cleans up.
    if had_plain && let Err(error) = client.batch_execute("VACUUM (FULL) account").await {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "the rows of before are still there: run `VACUUM (FULL) account`");
    }
    if 0 < records {
        tracing::info!(records, key = id, "secrets were sealed anew");
    }
    let resealed = Resealed { key: id.to_owned(), records };
    Ok((keyring, resealed))
}

/// How many were sealed anew, and whether any was not sealed at all.
async fn accounts(db: &Client, keys: &Keyring) -> Result<(usize, bool)> {
    let (mut changed, mut had_plain) = (0, false);
    for row in db.query("SELECT id, record FROM account FOR UPDATE", &[]).await? {
        let (id, record): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if let Some(again) = sealed::account_again(&record, keys)? {
            had_plain |= !sealed::is_sealed(&record)?;
            let sql = "UPDATE account SET record = $2 WHERE id = $1";
            db.execute(sql, &[&id, &again]).await?;
            changed += 1;
        }
    }
    Ok((changed, had_plain))
}

async fn tokens(db: &Client, keys: &Keyring) -> Result<usize> {
    let mut changed = 0;
    let sql = "SELECT account, sealed FROM oauth_token WHERE sealed IS NOT NULL FOR UPDATE";
    for row in db.query(sql, &[]).await? {
        let id: AccountId = to_id("oauth_token", row.try_get(0)?)?;
        let again = sealed::again(("oauth_token", "tokens"), &id, row.try_get(1)?, keys)?;
        if let Some(again) = again {
            let sql = "UPDATE oauth_token SET sealed = $2 WHERE account = $1";
            db.execute(sql, &[&id.as_str(), &again]).await?;
            changed += 1;
        }
    }
    Ok(changed)
}
