//! Brings a database to the newest schema, forward only.

use rusqlite::Connection;

use super::{Error, Result, unavailable};

/// The schema of each release; the position counted from 1 is the `user_version`.
const MIGRATIONS: [&str; 1] = [include_str!("schema_001.sql")];

/// Applies what is missing, each migration in a transaction of its own.
pub(super) fn apply(db: &Connection) -> Result<()> {
    let found: i64 =
        db.query_row("PRAGMA user_version", (), |row| row.get(0)).map_err(unavailable)?;
    let known = i64::try_from(MIGRATIONS.len()).expect("migrations are few");
    let is_known = |found: &usize| *found <= MIGRATIONS.len();
    let applied =
        usize::try_from(found).ok().filter(is_known).ok_or(Error::NewerSchema { found, known })?;
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(applied) {
        let version = index + 1;
        let steps = format!("BEGIN IMMEDIATE; {sql}; PRAGMA user_version = {version}; COMMIT;");
        if let Err(error) = db.execute_batch(&steps) {
            if !db.is_autocommit() {
                db.execute_batch("ROLLBACK").map_err(unavailable)?;
            }
            return Err(unavailable(error));
        }
    }
    Ok(())
}
