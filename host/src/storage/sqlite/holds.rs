//! Locks on clients: no two jobs of one client run at the same time in one CRM account.
//!
//! A head takes all of its keys or none, in the transaction of its lease; they go with the lease.
//! Where one is taken, the lane is held by it until that lease ends. A key that is free again is
//! offered to the first lane of each integration that is held by it, not to the first of all: an
//! integration may be paused, and must not keep the others waiting.

use rusqlite::{Connection, OptionalExtension, params};

use super::Result;
use crate::id::ClientKey;

/// The first lane that is held by a key, of the first integration after this one.
pub(super) const NEXT: &str = "SELECT id, integration FROM lane
    WHERE held_crm = ?1 AND held_key = ?2 AND state = 'held' AND integration > ?3
    ORDER BY integration, held_at, run_at, id LIMIT 1";

/// Takes the keys for the head of a lane. The first one that another lane has, if there is any:
/// then nothing is taken.
pub(super) fn take(
    db: &Connection,
    crm: &str,
    lane: i64,
    keys: &[ClientKey],
) -> Result<Option<ClientKey>> {
    let mut insert = db.prepare_cached(
        "INSERT INTO client_lock (crm, key, lane_id) VALUES (?1, ?2, ?3)
         ON CONFLICT (crm, key) DO NOTHING",
    )?;
    for key in keys {
        if insert.execute(params![crm, key.0, lane])? == 0 && !has(db, crm, *key, lane)? {
            db.prepare_cached("DELETE FROM client_lock WHERE lane_id = ?1")?.execute([lane])?;
            return Ok(Some(*key));
        }
    }
    Ok(None)
}

/// Takes one more key for a lane whose head is leased. False when another lane has it.
pub(super) fn take_one(db: &Connection, crm: &str, lane: i64, key: ClientKey) -> Result<bool> {
    let taken = db
        .prepare_cached(
            "INSERT INTO client_lock (crm, key, lane_id) VALUES (?1, ?2, ?3)
             ON CONFLICT (crm, key) DO NOTHING",
        )?
        .execute(params![crm, key.0, lane])?;
    Ok(taken == 1 || has(db, crm, key, lane)?)
}

/// Whether the lane itself has the key: an event may tell one twice.
fn has(db: &Connection, crm: &str, key: ClientKey, lane: i64) -> Result<bool> {
    let mut owner = db
        .prepare_cached("SELECT 1 FROM client_lock WHERE crm = ?1 AND key = ?2 AND lane_id = ?3")?;
    Ok(owner.exists(params![crm, key.0, lane])?)
}

/// Holds a lane by a key. What it was held by before is offered to the next one.
pub(super) fn hold(db: &Connection, crm: &str, lane: i64, key: ClientKey, now: i64) -> Result<()> {
    let before = held_by(db, lane)?;
    // It keeps its place among those that are held: the time of the first hold stays.
    db.prepare_cached(
        "UPDATE lane SET state = 'held', held_crm = ?2, held_key = ?3,
                         held_at = coalesce(held_at, ?4)
         WHERE id = ?1",
    )?
    .execute(params![lane, crm, key.0, now])?;
    match before {
        Some((crm, before)) if before != key.0 => offer(db, &crm, before),
        _ => Ok(()),
    }
}

/// Gives the lane's keys back, and makes those ready that were held by them.
pub(super) fn release(db: &Connection, lane: i64) -> Result<()> {
    let freed = db
        .prepare_cached("DELETE FROM client_lock WHERE lane_id = ?1 RETURNING crm, key")?
        .query_map([lane], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(String, i64)>>>()?;
    for (crm, key) in freed {
        offer(db, &crm, key)?;
    }
    Ok(())
}

/// Forgets what a lane was held by, because its head is another one now.
pub(super) fn let_go(db: &Connection, lane: i64) -> Result<()> {
    let Some((crm, key)) = held_by(db, lane)? else { return Ok(()) };
    db.prepare_cached(
        "UPDATE lane SET held_crm = NULL, held_key = NULL, held_at = NULL WHERE id = ?1",
    )?
    .execute([lane])?;
    offer(db, &crm, key)
}

fn held_by(db: &Connection, lane: i64) -> Result<Option<(String, i64)>> {
    Ok(db
        .prepare_cached("SELECT held_crm, held_key FROM lane WHERE id = ?1")?
        .query_row([lane], |row| Ok(row.get::<_, Option<_>>(0)?.zip(row.get(1)?)))?)
}

/// Makes the first lane of each integration that is held by this key ready, if the key is free.
///
/// They keep the time at which they were due, and so their place before what came later.
pub(super) fn offer(db: &Connection, crm: &str, key: i64) -> Result<()> {
    let is_taken = db
        .prepare_cached("SELECT 1 FROM client_lock WHERE crm = ?1 AND key = ?2")?
        .exists(params![crm, key])?;
    if is_taken {
        return Ok(());
    }
    let mut next = db.prepare_cached(NEXT)?;
    let mut integration = String::new();
    while let Some((lane, found)) = next
        .query_row(params![crm, key, integration], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })
        .optional()?
    {
        db.prepare_cached("UPDATE lane SET state = 'ready' WHERE id = ?1")?.execute([lane])?;
        integration = found;
    }
    Ok(())
}
