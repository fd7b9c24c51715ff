//! Sets right what must never be wrong.

use std::{collections::HashSet, time::Duration};

use deadpool_postgres::Object;
use jiff::Timestamp;

use super::{
    Postgres, Result,
    codec::to_micros,
    lanes::{GoOn, release},
    queries::{column, row, run},
};

/// Idle lanes with a pending job.
const FORGOTTEN: &str = "SELECT DISTINCT lane.id FROM job JOIN lane ON lane.id = job.lane_id
    WHERE job.state = 'pending' AND lane.state = 'idle'";

/// Lanes held on a client whom nobody works on, and whom no lane of their integration was woken for.
const UNOFFERED: &str = "SELECT held.id FROM lane held
    WHERE held.state = 'held'
      AND NOT EXISTS (SELECT 1 FROM client_lock
                      WHERE crm = held.held_crm AND key = held.held_key)
      AND NOT EXISTS (SELECT 1 FROM lane woken
                      WHERE woken.state = 'ready' AND woken.held_crm = held.held_crm
                        AND woken.held_key = held.held_key
                        AND woken.integration = held.integration)";

/// Lanes that have a client without a lease.
const OUTLIVED: &str = "SELECT DISTINCT lane_id FROM client_lock
    WHERE NOT EXISTS (SELECT 1 FROM lane WHERE lane.id = lane_id AND state = 'leased')";

/// What is wrong for longer than this is wrong: a lane that is written to is woken right after the
/// commit that frees its client.
const SECOND_LOOK: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
struct Faults {
    forgotten: HashSet<i64>,
    unoffered: HashSet<i64>,
    outlived: HashSet<i64>,
}

impl Faults {
    fn is_empty(&self) -> bool {
        self.forgotten.is_empty() && self.unoffered.is_empty() && self.outlived.is_empty()
    }

    fn also_in(mut self, other: &Self) -> Self {
        self.forgotten.retain(|lane| other.forgotten.contains(lane));
        self.unoffered.retain(|lane| other.unoffered.contains(lane));
        self.outlived.retain(|lane| other.outlived.contains(lane));
        self
    }
}

pub(super) async fn reconcile(pg: &Postgres, now: Timestamp) -> Result<u64> {
    let first = find(pg).await?;
    if first.is_empty() {
        return Ok(0);
    }
    tokio::time::sleep(SECOND_LOOK).await;
    let faults = find(pg).await?.also_in(&first);
    let mut mended = 0;
    let mut db = pg.connection().await?;
    for lane in &faults.forgotten {
        mended += u64::from(wake_idle(&mut db, *lane, to_micros(now)).await?);
    }
    for lane in &faults.outlived {
        let sql = "DELETE FROM client_lock WHERE lane_id = $1 AND NOT EXISTS (
                       SELECT 1 FROM lane WHERE id = $1 AND state = 'leased')";
        mended += u64::from(0 < run(&db, sql, &[lane]).await?);
    }
    let sql = "UPDATE lane SET state = 'ready' WHERE id = $1 AND state = 'held'";
    for lane in &faults.unoffered {
        mended += run(&db, sql, &[lane]).await?;
    }
    Ok(mended)
}

async fn find(pg: &Postgres) -> Result<Faults> {
    let db = pg.connection().await?;
    Ok(Faults {
        forgotten: lanes(&db, FORGOTTEN).await?,
        unoffered: lanes(&db, UNOFFERED).await?,
        outlived: lanes(&db, OUTLIVED).await?,
    })
}

async fn lanes(db: &Object, sql: &str) -> Result<HashSet<i64>> {
    Ok(column(db, sql, &[]).await?.into_iter().collect())
}

async fn wake_idle(db: &mut Object, lane: i64, now: i64) -> Result<bool> {
    let transaction = db.transaction().await?;
    let sql = "SELECT 1::int FROM lane WHERE id = $1 AND state = 'idle' FOR UPDATE";
    let is_idle = row(&transaction, sql, &[&lane]).await?.is_some();
    if is_idle {
        release(&transaction, lane, GoOn::At(now)).await?;
    }
    transaction.commit().await?;
    Ok(is_idle)
}
