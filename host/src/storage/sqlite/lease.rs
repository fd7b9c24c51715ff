//! Leases: which lanes are due, in turns of their integrations, and the head of each.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    Result,
    codec::{keys_from_row, to_micros},
    holds,
    rows::LeasedRow,
    views,
};
use crate::{
    id::{ClientKey, IntegrationId, JobId},
    storage::{Claim, Lease},
};

/// Lanes that one lease looks at beyond its limit. A client with more conversations than that is
/// gone through by the next ones.
pub(super) const PASSED_MAX: usize = 256;

/// Whether the jobs of an integration may run now, and in which CRM account.
pub(super) const ACTIVE: &str = "SELECT integration.crm FROM integration
    JOIN account channel ON channel.id = integration.channel
    JOIN account crm ON crm.id = integration.crm
    WHERE integration.id = ?1 AND integration.is_enabled AND channel.is_active AND crm.is_active";

/// The first lanes of an integration that are due.
pub(super) const DUE: &str = "SELECT run_at, id FROM lane
    WHERE integration = ?1 AND is_again = ?2 AND state = 'ready' AND run_at <= ?3
    ORDER BY run_at, id LIMIT ?4";

pub(super) const NEXT_DUE: &str = "SELECT min(run_at) FROM lane
    WHERE integration = ?1 AND is_again = ?2 AND state = 'ready'";

/// The first pending job of a lane, with all that its attempt needs.
pub(super) const HEAD: &str =
    "SELECT job.id, job.is_again, job.attempts, job.event_id, job.integration,
        event.account, event.conversation, event.payload, request.received_at, event.client_keys
    FROM job JOIN event ON event.id = job.event_id
             JOIN request ON request.id = event.request_id
    WHERE job.lane_id = ?1 AND job.state = 'pending' ORDER BY job.seq LIMIT 1";

/// The head of a lane that is due.
struct Head {
    row: LeasedRow,
    client_keys: Vec<ClientKey>,
}

/// What is left of a share.
struct Quota {
    integration: String,
    crm: String,
    /// Of first attempts, and of the others.
    left: [u32; 2],
    /// Of both together.
    room: u32,
}

/// A lane that is due, with the quota that it is taken from.
struct Due {
    run_at: i64,
    lane: i64,
    quota: usize,
    is_again: usize,
}

pub(super) fn lease(db: &Connection, claim: &Claim) -> Result<Vec<LeasedRow>> {
    let (now, until) = (to_micros(claim.now), to_micros(claim.until));
    let limit = usize::try_from(claim.limit).unwrap_or(usize::MAX);
    let mut quotas = quotas(db, claim)?;
    let mut leased = Vec::new();
    let mut passed = 0;
    // Each round leaves no lane ready that it has looked at, so the next one finds others.
    while leased.len() < limit && passed < PASSED_MAX {
        let before = passed;
        for due in due_lanes(db, &quotas, claim.limit, now)? {
            if leased.len() == limit {
                break;
            }
            let Some(quota) = quotas.get_mut(due.quota).filter(|quota| 0 < quota.room) else {
                continue;
            };
            match lease_head(db, &quota.crm, due.lane, now, until)? {
                Some(head) => {
                    leased.push(head);
                    quota.room -= 1;
                    if let Some(left) = quota.left.get_mut(due.is_again) {
                        *left -= 1;
                    }
                }
                None => passed += 1,
            }
        }
        if passed == before {
            break;
        }
    }
    Ok(leased)
}

/// The shares of the integrations that are active.
fn quotas(db: &Connection, claim: &Claim) -> Result<Vec<Quota>> {
    let mut active = db.prepare_cached(ACTIVE)?;
    let mut quotas = Vec::with_capacity(claim.shares.len());
    for share in &claim.shares {
        let integration = share.integration.as_str();
        let crm: Option<String> = active.query_row([integration], |row| row.get(0)).optional()?;
        quotas.extend(crm.map(|crm| Quota {
            integration: integration.to_owned(),
            crm,
            left: [share.first, share.again],
            room: share.room,
        }));
    }
    Ok(quotas)
}

/// The oldest of every integration come first, then the second of every integration, and so on.
fn due_lanes(db: &Connection, quotas: &[Quota], limit: u32, now: i64) -> Result<Vec<Due>> {
    let mut statement = db.prepare_cached(DUE)?;
    let mut turns = Vec::new();
    for (index, quota) in quotas.iter().enumerate() {
        let mut own = Vec::new();
        for (is_again, left) in quota.left.into_iter().enumerate() {
            let params =
                params![quota.integration, is_again == 1, now, left.min(quota.room).min(limit)];
            let lanes = statement.query_map(params, |row| {
                Ok(Due { run_at: row.get(0)?, lane: row.get(1)?, quota: index, is_again })
            })?;
            for due in lanes {
                own.push(due?);
            }
        }
        own.sort_unstable_by_key(|due| (due.run_at, due.lane));
        turns.extend(own.into_iter().enumerate());
    }
    turns.sort_unstable_by_key(|(turn, due)| (*turn, due.run_at, due.lane));
    Ok(turns.into_iter().map(|(_, due)| due).collect())
}

/// Leases the head of a lane that is ready, or holds the lane where its client is worked on.
fn lease_head(
    db: &Connection,
    crm: &str,
    lane: i64,
    now: i64,
    until: i64,
) -> Result<Option<LeasedRow>> {
    let head = db.prepare_cached(HEAD)?.query_row([lane], head_of).optional()?;
    let Some(Head { row: mut head, client_keys }) = head else {
        // Nothing waits here. The lane would be found due again and again.
        db.prepare_cached("UPDATE lane SET state = 'idle', is_again = 0 WHERE id = ?1")?
            .execute([lane])?;
        holds::let_go(db, lane)?;
        return Ok(None);
    };
    if let Some(key) = holds::take(db, crm, lane, &client_keys)? {
        holds::hold(db, crm, lane, key, now)?;
        return Ok(None);
    }
    let job = head.lease.job;
    let was_held: bool;
    (head.lease.fence, was_held) = db
        .prepare_cached(
            "UPDATE lane SET state = 'leased', fence = fence + 1, leased_job = ?2, leased_at = ?3,
                             lease_until = ?4
             WHERE id = ?1 RETURNING fence, held_key IS NOT NULL",
        )?
        .query_row(params![lane, job.0, now, until], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if was_held {
        holds::let_go(db, lane)?;
    }
    db.prepare_cached("UPDATE job SET state = 'leased' WHERE id = ?1")?.execute([job.0])?;
    head.steps = views::steps_of(db, job)?;
    Ok(Some(head))
}

fn head_of(row: &Row<'_>) -> rusqlite::Result<Head> {
    let client_keys: Option<Vec<u8>> = row.get(9)?;
    let row = LeasedRow {
        lease: Lease { job: JobId(row.get(0)?), fence: 0 },
        is_again: row.get(1)?,
        attempts: row.get(2)?,
        event_id: row.get(3)?,
        integration: row.get(4)?,
        account: row.get(5)?,
        conversation: row.get(6)?,
        payload: row.get(7)?,
        received_at: row.get(8)?,
        steps: Vec::new(),
    };
    let client_keys = keys_from_row(client_keys.as_deref(), &row.payload);
    Ok(Head { row, client_keys })
}

/// Asks one integration at a time: a paused one with a long queue costs nothing.
pub(super) fn next_due(db: &Connection, integrations: &[IntegrationId]) -> Result<Option<i64>> {
    let mut active = db.prepare_cached(ACTIVE)?;
    let mut next = db.prepare_cached(NEXT_DUE)?;
    let mut earliest = None;
    for integration in integrations {
        if !active.exists([integration.as_str()])? {
            continue;
        }
        for is_again in [false, true] {
            let due: Option<i64> =
                next.query_row(params![integration.as_str(), is_again], |row| row.get(0))?;
            earliest = earliest.into_iter().chain(due).min();
        }
    }
    Ok(earliest)
}
