//! Claims: the heads of lanes that are due, one for each lane, with their clients locked.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::{
    Postgres, Result, again,
    clients::{self, Client, Room, Wish},
    codec::to_micros,
    queries::{column, rows, run},
    values::LeasedRow,
    views::{number, step_of},
};
use crate::{
    id::JobId,
    storage::{Claim, Lease, Step},
};

/// The first pending job of a lane that is locked.
struct Head {
    wish: Wish,
    row: LeasedRow,
}

/// Looks at the queue that one claim takes. More than one where clients are held.
const PASSES_MAX: u32 = 12;

/// Lanes beyond the room that a later pass looks at.
const BEYOND_MAX: u32 = 512;

/// Leases what the claim asks for. It may give less than there is: what another host is at, and what
/// waits for a client.
///
/// Every pass is a transaction: what it has leased is so, whatever becomes of the next.
pub(super) async fn lease(pg: &Postgres, claim: &Claim) -> Result<Vec<LeasedRow>> {
    let (mut shares, mut rooms) = (HashMap::new(), HashMap::new());
    for share in &claim.shares {
        rooms.insert(share.integration.to_string(), share.room);
        for (is_again, count) in [(false, share.first), (true, share.again)] {
            shares.insert((share.integration.to_string(), is_again), count);
        }
    }
    let mut room = Room { shares, rooms, limit: claim.limit };
    let mut leased = Vec::new();
    for pass in 0..PASSES_MAX {
        let beyond = if pass == 0 { 0 } else { (8 << pass).min(BEYOND_MAX) };
        let more = again(|| lease_some(pg, claim, &room, beyond)).await;
        let more = match more {
            Err(error) if leased.is_empty() => return Err(error),
            Err(_) => break,
            Ok(more) => more,
        };
        leased.extend(more.leased);
        room = more.room;
        if room.limit == 0 || !more.is_more {
            break;
        }
    }
    Ok(leased)
}

struct Pass {
    leased: Vec<LeasedRow>,
    room: Room,
    is_more: bool,
}

async fn lease_some(pg: &Postgres, claim: &Claim, room: &Room, beyond: u32) -> Result<Pass> {
    let mut room = room.clone();
    let mut db = pg.connection().await?;
    let transaction = db.transaction().await?;
    let due = lock_due(&transaction, claim, &room, beyond).await?;
    if due.is_empty() {
        return Ok(Pass { leased: Vec::new(), room, is_more: false });
    }
    // Statements of their own after the lanes are locked: so they see the heads as they are now.
    let heads = heads_of(&transaction, &due).await?;
    let (rested, mut late) = rest(&transaction, &due, &heads).await?;
    let (wishes, rows): (Vec<Wish>, Vec<LeasedRow>) =
        heads.into_iter().map(|head| (head.wish, head.row)).unzip();
    let granted = clients::lock(&transaction, &wishes, &mut room).await?;
    let started = wishes.iter().zip(rows).filter(|(wish, _)| granted.lanes.contains(&wish.lane));
    let (lanes, mut leased): (Vec<i64>, Vec<LeasedRow>) =
        started.map(|(wish, row)| (wish.lane, row)).unzip();
    start(&transaction, &lanes, &mut leased, claim).await?;
    add_steps(&transaction, &mut leased).await?;
    transaction.commit().await?;
    late.extend(granted.late);
    clients::wake_late(&db, &late).await?;
    Ok(Pass { leased, room, is_more: granted.has_more || rested })
}

/// Locks lanes that are due, those that others have locked left out. Integrations take turns.
async fn lock_due(
    db: &Transaction<'_>,
    claim: &Claim,
    room: &Room,
    beyond: u32,
) -> Result<Vec<i64>> {
    let sql = "
        WITH due AS MATERIALIZED (
            SELECT lane.id, lane.run_at, share.integration
            FROM unnest($1::text[], $2::boolean[], $3::bigint[]) AS share (integration, is_again, count)
            JOIN active_integration ON active_integration.id = share.integration
            CROSS JOIN LATERAL (
                SELECT id, run_at FROM lane
                WHERE lane.integration = share.integration AND lane.is_again = share.is_again
                  AND state = 'ready' AND run_at <= $5
                ORDER BY run_at, id LIMIT least(share.count, $4) FOR UPDATE SKIP LOCKED) lane
        )
        SELECT id FROM (
            SELECT id, run_at, integration,
                   row_number() OVER (PARTITION BY integration ORDER BY run_at, id) AS turn
            FROM due) turns
        ORDER BY turn, run_at, id LIMIT $4";
    let (mut integrations, mut again, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for ((integration, is_again), share) in &room.shares {
        let left = room.rooms.get(integration).map_or(*share, |room| (*room).min(*share));
        if left == 0 {
            continue;
        }
        integrations.push(integration.as_str());
        again.push(*is_again);
        counts.push(i64::from(left.saturating_add(beyond)));
    }
    let limit = i64::from(room.limit.saturating_add(beyond));
    if integrations.is_empty() || room.limit == 0 {
        return Ok(Vec::new());
    }
    column(db, sql, &[&integrations, &again, &counts, &limit, &to_micros(claim.now)]).await
}

/// In the order of the lanes given.
async fn heads_of(db: &Transaction<'_>, lanes: &[i64]) -> Result<Vec<Head>> {
    let sql = "
        SELECT lane.id, integration.crm, event.client_keys, head.id, head.attempts, head.is_again,
               head.event_id, head.integration, event.account, event.conversation, event.payload,
               event.received_at, lane.fence, lane.held_crm, lane.held_key, lane.is_again
        FROM unnest($1::bigint[]) WITH ORDINALITY AS t (id, ord)
        JOIN lane ON lane.id = t.id
        JOIN integration ON integration.id = lane.integration
        CROSS JOIN LATERAL (
            SELECT * FROM job WHERE job.lane_id = lane.id AND job.state = 'pending'
            ORDER BY seq LIMIT 1) head
        JOIN event ON event.id = head.event_id
        ORDER BY t.ord";
    rows(db, sql, &[&lanes]).await?.iter().map(head_of).collect()
}

fn head_of(row: &Row) -> Result<Head> {
    let (lane, fence): (i64, i64) = (row.try_get(0)?, row.try_get(12)?);
    let (held_crm, held_key): (Option<String>, Option<i64>) = (row.try_get(13)?, row.try_get(14)?);
    Ok(Head {
        wish: Wish {
            lane,
            crm: row.try_get(1)?,
            keys: row.try_get(2)?,
            woken_for: held_crm.zip(held_key).map(|(crm, key)| Client { crm, key }),
            share: (row.try_get(7)?, row.try_get(15)?),
        },
        row: LeasedRow {
            lease: Lease { job: JobId(row.try_get(3)?), fence: fence + 1 },
            attempts: number("job", row.try_get(4)?)?,
            is_again: row.try_get(5)?,
            event_id: row.try_get(6)?,
            integration: row.try_get(7)?,
            account: row.try_get(8)?,
            conversation: row.try_get(9)?,
            payload: row.try_get(10)?,
            received_at: row.try_get(11)?,
            steps: Vec::new(),
        },
    })
}

/// Lanes in which nothing waits rest: they would be found due again and again. What they were woken
/// for is the next one's. Returns whether there were any, and whom to wake after the commit.
async fn rest(db: &Transaction<'_>, lanes: &[i64], heads: &[Head]) -> Result<(bool, Vec<Client>)> {
    let is_empty = |lane: &i64| heads.iter().all(|head| head.wish.lane != *lane);
    let empty: Vec<i64> = lanes.iter().copied().filter(is_empty).collect();
    if empty.is_empty() {
        return Ok((false, Vec::new()));
    }
    let sql = "SELECT held_crm, held_key FROM lane WHERE id = ANY($1) AND held_key IS NOT NULL";
    let mut unused = Vec::new();
    for row in rows(db, sql, &[&empty]).await? {
        unused.push(Client { crm: row.try_get(0)?, key: row.try_get(1)? });
    }
    let sql = "UPDATE lane SET state = 'idle', is_again = FALSE, held_crm = NULL, held_key = NULL
               WHERE id = ANY($1)";
    run(db, sql, &[&empty]).await?;
    Ok((true, clients::wake(db, unused).await?))
}

async fn start(
    db: &Transaction<'_>,
    lanes: &[i64],
    leased: &mut [LeasedRow],
    claim: &Claim,
) -> Result<()> {
    if leased.is_empty() {
        return Ok(());
    }
    let sql = "
        WITH started AS (
            UPDATE job SET state = 'leased' WHERE id = ANY($2)
        )
        UPDATE lane SET state = 'leased', fence = fence + 1, leased_job = t.job, leased_at = $3,
                        lease_until = $4, held_crm = NULL, held_key = NULL
        FROM unnest($1::bigint[], $2::bigint[]) AS t (id, job)
        WHERE lane.id = t.id RETURNING t.job, lane.fence";
    let jobs: Vec<i64> = leased.iter().map(|row| row.lease.job.0).collect();
    let (now, until) = (to_micros(claim.now), to_micros(claim.until));
    let mut fences: HashMap<i64, i64> = HashMap::new();
    for row in rows(db, sql, &[&lanes, &jobs, &now, &until]).await? {
        fences.insert(row.try_get(0)?, row.try_get(1)?);
    }
    for row in leased {
        if let Some(fence) = fences.get(&row.lease.job.0) {
            row.lease.fence = *fence;
        }
    }
    Ok(())
}

async fn add_steps(db: &Transaction<'_>, leased: &mut [LeasedRow]) -> Result<()> {
    let again: Vec<i64> =
        leased.iter().filter(|row| row.is_again).map(|row| row.lease.job.0).collect();
    if again.is_empty() {
        return Ok(());
    }
    let sql = "SELECT name, idempotency_key, state, result, job_id FROM step
               WHERE job_id = ANY($1) ORDER BY id";
    let mut steps: HashMap<i64, Vec<Step>> = HashMap::new();
    for row in rows(db, sql, &[&again]).await? {
        steps.entry(row.try_get(4)?).or_default().push(step_of(&row)?);
    }
    for row in leased {
        row.steps = steps.remove(&row.lease.job.0).unwrap_or_default();
    }
    Ok(())
}
