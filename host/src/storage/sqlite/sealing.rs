//! Opens the database's secrets with the host's keys, and seals them anew where that is due.

use rusqlite::{Connection, params};

use super::{Keys, Resealed, Result, codec::to_id, sealed, unavailable};
use crate::{id::AccountId, seal::Keyring};

/// The keys for this database. All secrets are sealed with the newest one afterwards, or nothing
/// is changed.
pub(super) fn apply(db: &Connection, keys: &Keys) -> Result<(Keyring, Resealed)> {
    let keyring = keys.open(&known(db)?)?;
    let resealed = reseal(db, &keyring)?;
    Ok((keyring, resealed))
}

/// Seals everything with a new key. Whenever this is cut off, the file has every key it takes.
pub(super) fn rotate(db: &Connection, keys: &Keys) -> Result<Resealed> {
    let both = keys.prepare_rotation(&keys.open(&known(db)?)?)?;
    let resealed = reseal(db, &both)?;
    keys.end_rotation(&both)?;
    Ok(resealed)
}

fn known(db: &Connection) -> Result<Vec<String>> {
    let mut statement = db.prepare("SELECT id FROM sealing_key ORDER BY id")?;
    let ids = statement.query_map((), |row| row.get(0))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

fn reseal(db: &Connection, keys: &Keyring) -> Result<Resealed> {
    // What stood there before is overwritten, wherever it stood.
    db.execute_batch("PRAGMA secure_delete = ON")?;
    let sealing = db.unchecked_transaction()?;
    let records = accounts(&sealing, keys)? + tokens(&sealing, keys)?;
    // A consent takes minutes: after a change of keys it is begun anew.
    sealing.execute("DELETE FROM sealing_key WHERE id <> ?1", [keys.id()])?;
    sealing.execute("INSERT OR IGNORE INTO sealing_key VALUES (?1)", [keys.id()])?;
    let flows = sealing.execute(
        "DELETE FROM oauth_flow WHERE sealed NOT LIKE 'sealed:' || ?1 || ':%'",
        [keys.id()],
    )?;
    sealing.commit()?;
    if 0 < records + flows {
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_row| Ok(()))?;
        tracing::info!(records, key = keys.id(), "secrets were sealed anew");
    }
    db.execute_batch("PRAGMA secure_delete = FAST").map_err(unavailable)?;
    Ok(Resealed { key: keys.id().to_owned(), records })
}

fn accounts(db: &Connection, keys: &Keyring) -> Result<usize> {
    let mut changed = 0;
    for (id, record) in pairs(db, "SELECT id, record FROM account")? {
        if let Some(record) = sealed::account_again(&record, keys)? {
            db.execute("UPDATE account SET record = ?2 WHERE id = ?1", params![id, record])?;
            changed += 1;
        }
    }
    Ok(changed)
}

fn tokens(db: &Connection, keys: &Keyring) -> Result<usize> {
    let mut changed = 0;
    let sql = "SELECT account, sealed FROM oauth_token WHERE sealed NOT NULL";
    for (account, text) in pairs(db, sql)? {
        let id: AccountId = to_id("oauth_token", account)?;
        if let Some(text) = sealed::again(("oauth_token", "tokens"), &id, &text, keys)? {
            let sql = "UPDATE oauth_token SET sealed = ?2 WHERE account = ?1";
            db.execute(sql, params![id.as_str(), text])?;
            changed += 1;
        }
    }
    Ok(changed)
}

fn pairs(db: &Connection, sql: &str) -> Result<Vec<(String, String)>> {
    let mut statement = db.prepare(sql)?;
    let pairs = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(pairs.collect::<rusqlite::Result<_>>()?)
}
