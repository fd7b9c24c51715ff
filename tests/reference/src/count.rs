//! Counts the rows of a table, so that the bench can compare them with the answers.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// The rows of `table`, read without changing the database.
pub(crate) fn rows(database: &Path, table: &str) -> rusqlite::Result<i64> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let quoted = table.replace('"', "\"\"");
    connection.query_row(&format!("SELECT count(*) FROM \"{quoted}\""), [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_table_name_is_a_name_and_not_sql() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("CREATE TABLE \"a\"\"b\" (x); INSERT INTO \"a\"\"b\" VALUES (1), (2)")
            .unwrap();
        assert_eq!(rows(&path, "a\"b").unwrap(), 2);
        assert!(rows(&path, "missing").is_err());
    }
}
