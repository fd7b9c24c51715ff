//! Statements, prepared once for each connection, and values as the database can keep them.

use std::borrow::Cow;

use deadpool_postgres::GenericClient;
use tokio_postgres::{Row, types::ToSql};

use super::Result;

pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

pub(super) async fn rows(
    db: &impl GenericClient,
    sql: &str,
    params: Params<'_>,
) -> Result<Vec<Row>> {
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query(&statement, params).await?)
}

pub(super) async fn row(
    db: &impl GenericClient,
    sql: &str,
    params: Params<'_>,
) -> Result<Option<Row>> {
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query_opt(&statement, params).await?)
}

/// Returns how many rows were changed.
pub(super) async fn run(db: &impl GenericClient, sql: &str, params: Params<'_>) -> Result<u64> {
    let statement = db.prepare_cached(sql).await?;
    Ok(db.execute(&statement, params).await?)
}

/// The first column of every row.
pub(super) async fn column<T>(
    db: &impl GenericClient,
    sql: &str,
    params: Params<'_>,
) -> Result<Vec<T>>
where
    T: for<'a> tokio_postgres::types::FromSql<'a>,
{
    let rows = rows(db, sql, params).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Text of the database knows every character but one, which then becomes the mark for an unknown.
pub(super) fn text(given: &str) -> Cow<'_, str> {
    if given.contains('\0') {
        Cow::Owned(given.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(given)
    }
}

pub(super) fn text_or_none(given: Option<&str>) -> Option<Cow<'_, str>> {
    given.map(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_character_that_text_lacks_is_replaced() {
        assert_eq!(text("a\0b"), "a\u{fffd}b");
        assert!(matches!(text("ж"), Cow::Borrowed("ж")));
    }
}
