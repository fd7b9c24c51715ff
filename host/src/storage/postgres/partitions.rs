//! The bodies of webhooks, in one partition for each day.

use deadpool_postgres::Object;
use jiff::Timestamp;

use super::{Result, codec::corrupt, queries::column};

const DAY_MICROS: i64 = 86_400_000_000;

/// Taken by whoever makes a partition.
const LOCK: i64 = 0x7061_7274_6974_696f;

/// Days since 1970.
pub(super) fn day_of(micros: i64) -> i64 {
    micros.div_euclid(DAY_MICROS)
}

/// The first microsecond of a day.
pub(super) fn begin_of(day: i64) -> i64 {
    day.saturating_mul(DAY_MICROS)
}

/// Makes the partition of a day, unless it is there.
pub(super) async fn ensure(db: &mut Object, day: i64) -> Result<()> {
    let begin = begin_of(day);
    let name = name_of(begin)?;
    let transaction = db.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let there = "SELECT 1::int FROM pg_inherits
                 WHERE inhparent = 'request_body'::regclass AND inhrelid = to_regclass($1)";
    if column::<i32>(&transaction, there, &[&name]).await?.is_empty() {
        // Attached, not made in place: so the webhooks that arrive meanwhile do not wait.
        let end = begin_of(day.saturating_add(1));
        let make = format!(
            "DROP TABLE IF EXISTS {name};
             CREATE TABLE {name} (LIKE request_body INCLUDING STORAGE INCLUDING INDEXES);
             ALTER TABLE request_body ATTACH PARTITION {name} FOR VALUES FROM ({begin}) TO ({end})"
        );
        transaction.batch_execute(&make).await?;
    }
    Ok(transaction.commit().await?)
}

fn name_of(begin: i64) -> Result<String> {
    let begin = Timestamp::from_microsecond(begin).map_err(|error| corrupt("request", error))?;
    let date = begin.strftime("%Y%m%d").to_string();
    Ok(format!("request_body_{}", date.replace('-', "m")))
}

/// A partition, told by its name and the first microsecond of its day.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) name: String,
    pub(super) begin: i64,
    /// An earlier host has ended while it was taking it off.
    is_pending: bool,
}

impl Partition {
    /// The first microsecond that it does not hold.
    pub(super) fn end(&self) -> i64 {
        self.begin.saturating_add(DAY_MICROS)
    }
}

/// All of them, the oldest first.
pub(super) async fn all(db: &Object) -> Result<Vec<Partition>> {
    let sql = "SELECT relation.relname::text, inhdetachpending,
                      substring(pg_get_expr(relation.relpartbound, relation.oid)
                                FROM 'FROM \\(''?(-?[0-9]+)''?\\)')::bigint AS begin
               FROM pg_inherits JOIN pg_class relation ON relation.oid = inhrelid
               WHERE inhparent = 'request_body'::regclass ORDER BY 3 NULLS FIRST";
    let rows = super::queries::rows(db, sql, &[]).await?;
    rows.iter()
        .map(|row| {
            let begin: Option<i64> = row.try_get(2)?;
            Ok(Partition {
                name: row.try_get(0)?,
                is_pending: row.try_get(1)?,
                begin: begin.unwrap_or(i64::MAX - DAY_MICROS),
            })
        })
        .collect()
}

/// Takes a partition off and removes it. Reads that run keep it until they end. False when another
/// host is at it.
pub(super) async fn remove(db: &Object, partition: &Partition) -> Result<bool> {
    let name = &partition.name;
    let how = if partition.is_pending { "FINALIZE" } else { "CONCURRENTLY" };
    let detach = format!("ALTER TABLE request_body DETACH PARTITION {name} {how}");
    for step in [detach, format!("DROP TABLE IF EXISTS {name}")] {
        match db.batch_execute(&step).await {
            Ok(()) => {}
            Err(error) if super::error::is_done_by_another(&error) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}
