//! Brings a database to the newest schema, forward only.

use rusqlite::{Connection, OptionalExtension};

use super::{Error, Result, unavailable};

/// The schema of each release; the position counted from 1 is the `user_version`.
const MIGRATIONS: [&str; 4] = [
    include_str!("schema_001.sql"),
    include_str!("schema_002.sql"),
    include_str!("schema_003.sql"),
    include_str!("schema_004.sql"),
];

/// Applies what is missing, each migration in a transaction of its own.
pub(super) fn apply(db: &Connection) -> Result<()> {
    let found: i64 =
        db.query_row("PRAGMA user_version", (), |row| row.get(0)).map_err(unavailable)?;
    let known = i64::try_from(MIGRATIONS.len()).expect("migrations are few");
    let is_known = |found: &usize| *found <= MIGRATIONS.len();
    let applied =
        usize::try_from(found).ok().filter(is_known).ok_or(Error::NewerSchema { found, known })?;
    if applied == MIGRATIONS.len() {
        return Ok(());
    }
    // A table that is built anew is dropped under its name: its children must not notice. The
    // setting has no effect within a transaction.
    db.execute_batch("PRAGMA foreign_keys = OFF")?;
    let mut result = Ok(());
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(applied) {
        result = result.and_then(|()| migrate(db, sql, index + 1));
    }
    db.execute_batch("PRAGMA foreign_keys = ON")?;
    result
}

fn migrate(db: &Connection, sql: &str, version: usize) -> Result<()> {
    let migration = db.unchecked_transaction()?;
    migration.execute_batch(sql)?;
    let orphan: Option<String> =
        migration.query_row("PRAGMA foreign_key_check", (), |row| row.get(0)).optional()?;
    if let Some(table) = orphan {
        return Err(unavailable(format!(
            "`{table}` has a row whose parent is missing: restore the database from a backup"
        )));
    }
    migration.execute_batch(&format!("PRAGMA user_version = {version}"))?;
    Ok(migration.commit()?)
}
