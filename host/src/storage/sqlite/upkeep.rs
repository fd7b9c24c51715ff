//! Sets right what must never be wrong.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::{Result, holds, settle};

// A cross join keeps the order of its tables: the first one is short, and lanes are many.

/// Idle lanes with a pending job, of those that have one.
pub(super) const FORGOTTEN: &str =
    "SELECT DISTINCT lane.id FROM job CROSS JOIN lane ON lane.id = job.lane_id
    WHERE job.state = 'pending' AND lane.state = 'idle'";

/// Keys that a lane is held by and nobody works on, unless the first of its integration has been
/// offered the key already.
pub(super) const UNOFFERED: &str =
    "SELECT held.id, held.held_crm, held.held_key FROM lane held INDEXED BY lane_held
    WHERE held.state = 'held'
      AND NOT EXISTS (SELECT 1 FROM client_lock
                      WHERE crm = held.held_crm AND key = held.held_key)
      AND NOT EXISTS (SELECT 1 FROM lane offered
                      WHERE offered.held_key IS NOT NULL AND offered.held_crm = held.held_crm
                        AND offered.held_key = held.held_key
                        AND offered.integration = held.integration AND offered.state = 'ready')";

/// Lanes that have a client without a lease.
pub(super) const OUTLIVED: &str = "SELECT DISTINCT lane.id FROM client_lock
    CROSS JOIN lane ON lane.id = client_lock.lane_id WHERE lane.state <> 'leased'";

/// What is wrong, as a reader has seen it: looked at again before it is set right.
pub(super) struct Faults {
    forgotten: Vec<i64>,
    outlived: Vec<i64>,
    is_unoffered: bool,
}

impl Faults {
    pub(super) fn is_empty(&self) -> bool {
        self.forgotten.is_empty() && self.outlived.is_empty() && !self.is_unoffered
    }
}

pub(super) fn find(db: &Connection) -> Result<Faults> {
    Ok(Faults {
        forgotten: lanes(db, FORGOTTEN)?,
        outlived: lanes(db, OUTLIVED)?,
        is_unoffered: db.prepare_cached(UNOFFERED)?.exists(())?,
    })
}

pub(super) fn mend(db: &Connection, faults: &Faults, now: i64) -> Result<u64> {
    let mut mended = 0;
    for lane in &faults.forgotten {
        let is_forgotten = db
            .prepare_cached(
                "SELECT 1 FROM lane WHERE id = ?1 AND state = 'idle'
                   AND EXISTS (SELECT 1 FROM job WHERE lane_id = ?1 AND state = 'pending')",
            )?
            .exists([lane])?;
        if is_forgotten {
            settle::advance(db, *lane, now)?;
            mended += 1;
        }
    }
    for lane in &faults.outlived {
        let is_leased = db
            .prepare_cached("SELECT 1 FROM lane WHERE id = ?1 AND state = 'leased'")?
            .exists([lane])?;
        if !is_leased {
            holds::release(db, *lane)?;
            mended += 1;
        }
    }
    if faults.is_unoffered {
        mended += offer_again(db)?;
    }
    Ok(mended)
}

/// Counts the lanes that wait, and offers each key once.
fn offer_again(db: &Connection) -> Result<u64> {
    let held = db
        .prepare_cached(UNOFFERED)?
        .query_map((), |row| Ok((row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(String, i64)>>>()?;
    for (crm, key) in held.iter().collect::<BTreeSet<_>>() {
        holds::offer(db, crm, *key)?;
    }
    Ok(u64::try_from(held.len()).unwrap_or(u64::MAX))
}

fn lanes(db: &Connection, sql: &str) -> Result<Vec<i64>> {
    Ok(db.prepare_cached(sql)?.query_map((), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}
