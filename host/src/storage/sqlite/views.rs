//! What is read of the journal: lists, one event whole, dead letters, counts.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    Result,
    codec::{
        corrupt, event_from_json, from_json, headers_from_json, job_state, page, step_state,
        to_count, to_id, to_timestamp, to_timestamps,
    },
};
use crate::{
    event::{EventOutcome, Request},
    id::{AccountId, Digest, EventId, IntegrationId, JobId, LaneId, RequestId},
    storage::{
        AttemptView, DeadLetter, Depth, EventDetail, EventView, JobView, LaneState, LaneView, Page,
        PageQuery, Step, UnreadRequest, WebhookView,
    },
};

/// Runs a query whose rows are decoded with errors of our own.
fn all<T>(
    db: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    decode: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(decode(row)?);
    }
    Ok(items)
}

pub(super) fn steps_of(db: &Connection, job: JobId) -> Result<Vec<Step>> {
    let sql = "SELECT name, idempotency_key, state, result FROM step WHERE job_id = ?1 ORDER BY id";
    all(db, sql, [job.0], |row| {
        Ok(Step {
            name: row.get(0)?,
            idempotency_key: row.get(1)?,
            state: step_state(row.get_ref(2)?.as_str().map_err(|error| corrupt("step", error))?)?,
            result: row.get(3)?,
        })
    })
}

pub(super) fn jobs_of(db: &Connection, event: EventId) -> Result<Vec<JobView>> {
    let sql = "SELECT id, integration, state, attempts, run_at, reason, result FROM job
               WHERE event_id = ?1 ORDER BY id";
    all(db, sql, [event.0], |row| {
        let job = JobId(row.get(0)?);
        let result: Option<String> = row.get(6)?;
        Ok(JobView {
            job,
            integration: to_id("job", row.get(1)?)?,
            state: job_state(row.get_ref(2)?.as_str().map_err(|error| corrupt("job", error))?)?,
            attempts: row.get(3)?,
            run_at: to_timestamps("job", row.get(4)?)?,
            reason: row.get(5)?,
            result: result.map(|json| from_json::<EventOutcome>("job", &json)).transpose()?,
            steps: steps_of(db, job)?,
        })
    })
}

pub(super) fn webhooks(
    db: &Connection,
    account: Option<&AccountId>,
    query: PageQuery,
) -> Result<Page<WebhookView>> {
    let (before, limit) = (query.before.unwrap_or(i64::MAX), i64::from(query.limit) + 1);
    let columns =
        "SELECT id, account, received_at, method, body_bytes, verdict, reason FROM request";
    let view = |row: &Row<'_>| webhook_view(db, row);
    let items = match account {
        Some(account) => {
            let sql = format!("{columns} WHERE account = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
            all(db, &sql, params![account.as_str(), before, limit], view)?
        }
        None => all(
            db,
            &format!("{columns} WHERE id < ?1 ORDER BY id DESC LIMIT ?2"),
            [before, limit],
            view,
        )?,
    };
    Ok(page(items, query.limit, |webhook| webhook.request.0))
}

fn webhook_view(db: &Connection, row: &Row<'_>) -> Result<WebhookView> {
    let request = RequestId(row.get(0)?);
    Ok(WebhookView {
        request,
        account: to_id("request", row.get(1)?)?,
        received_at: to_timestamp("request", row.get(2)?)?,
        method: row.get(3)?,
        body_bytes: to_count("request", row.get(4)?)?,
        verdict: row.get(5)?,
        reason: row.get(6)?,
        events: events_of(db, request)?,
    })
}

/// The events that a request told, and those that it repeated, in its order.
fn events_of(db: &Connection, request: RequestId) -> Result<Vec<EventView>> {
    let sql = "SELECT ordinal, id, kind, conversation, 0 FROM event WHERE request_id = ?1
               UNION ALL
               SELECT repeat.ordinal, event.id, event.kind, event.conversation, 1
               FROM repeat JOIN event ON event.id = repeat.event_id WHERE repeat.request_id = ?1
               ORDER BY 1";
    all(db, sql, [request.0], |row| {
        let id = EventId(row.get(1)?);
        Ok(EventView {
            id,
            kind: row.get(2)?,
            conversation: row.get(3)?,
            is_duplicate: row.get(4)?,
            jobs: jobs_of(db, id)?,
        })
    })
}

const REQUEST_COLUMNS: &str = "request.id, request.account, request.plugin, request.received_at,
    request.method, request.path, request.query, request.remote_address, request.headers, request.body";

fn unread_request(row: &Row<'_>) -> Result<UnreadRequest> {
    let request = Request {
        received_at: to_timestamp("request", row.get(3)?)?,
        method: row.get(4)?,
        path: row.get(5)?,
        query: row.get(6)?,
        remote_address: row.get(7)?,
        headers: headers_from_json(&row.get::<_, String>(8)?)?,
        body: row.get::<_, Vec<u8>>(9)?.into(),
    };
    Ok(UnreadRequest {
        id: RequestId(row.get(0)?),
        account: to_id("request", row.get(1)?)?,
        plugin: Digest(row.get(2)?),
        request,
    })
}

pub(super) fn unread(
    db: &Connection,
    account: &AccountId,
    plugin: Digest,
    limit: u32,
) -> Result<Vec<UnreadRequest>> {
    let sql = format!(
        "SELECT {REQUEST_COLUMNS} FROM request
         WHERE account = ?1 AND verdict = 'unread' AND plugin <> ?2 ORDER BY id LIMIT ?3"
    );
    all(db, &sql, params![account.as_str(), plugin.0, limit], unread_request)
}

pub(super) fn event(db: &Connection, id: EventId) -> Result<Option<EventDetail>> {
    let sql = format!(
        "SELECT {REQUEST_COLUMNS}, event.kind, event.conversation, event.payload
         FROM event JOIN request ON request.id = event.request_id WHERE event.id = ?1"
    );
    let details = all(db, &sql, [id.0], |row| {
        let UnreadRequest { account, request, .. } = unread_request(row)?;
        let conversation: String = row.get(11)?;
        let event = event_from_json(&row.get::<_, String>(12)?, conversation.clone())?;
        let jobs = jobs_of(db, id)?;
        let view = EventView { id, kind: row.get(10)?, conversation, is_duplicate: false, jobs };
        Ok(EventDetail { request, account, event, view, attempts: attempts_of(db, id)? })
    })?;
    Ok(details.into_iter().next())
}

pub(super) fn body_of(db: &Connection, event: EventId) -> Result<Option<Bytes>> {
    let sql = "SELECT request.body FROM event JOIN request ON request.id = event.request_id
               WHERE event.id = ?1";
    let bodies = all(db, sql, [event.0], |row| Ok(row.get::<_, Vec<u8>>(0)?.into()))?;
    Ok(bodies.into_iter().next())
}

fn attempts_of(db: &Connection, event: EventId) -> Result<Vec<AttemptView>> {
    let sql = "SELECT attempt.job_id, number, started_at, took_ms, outcome, blame, attempt.reason
               FROM job JOIN attempt ON attempt.job_id = job.id
               WHERE job.event_id = ?1 ORDER BY attempt.id";
    all(db, sql, [event.0], |row| {
        Ok(AttemptView {
            job: JobId(row.get(0)?),
            number: row.get(1)?,
            started_at: to_timestamp("attempt", row.get(2)?)?,
            took_ms: to_count("attempt", row.get(3)?)?,
            outcome: row.get(4)?,
            blame: row.get(5)?,
            reason: row.get(6)?,
        })
    })
}

pub(super) fn dead_letters(
    db: &Connection,
    integration: Option<&IntegrationId>,
    query: PageQuery,
) -> Result<Page<DeadLetter>> {
    let (before, limit) = (query.before.unwrap_or(i64::MAX), i64::from(query.limit) + 1);
    let columns =
        "SELECT job.id, job.event_id, job.integration, event.kind, job.attempts, job.died_at,
                          coalesce(job.reason, '')
                   FROM job JOIN event ON event.id = job.event_id WHERE job.state = 'dead'";
    let order = "ORDER BY job.id DESC LIMIT ?2";
    let items = if let Some(integration) = integration {
        let sql = format!("{columns} AND job.id < ?1 AND job.integration = ?3 {order}");
        all(db, &sql, params![before, limit, integration.as_str()], dead_letter)?
    } else {
        all(db, &format!("{columns} AND job.id < ?1 {order}"), [before, limit], dead_letter)?
    };
    Ok(page(items, query.limit, |letter| letter.job.0))
}

fn dead_letter(row: &Row<'_>) -> Result<DeadLetter> {
    Ok(DeadLetter {
        job: JobId(row.get(0)?),
        event: EventId(row.get(1)?),
        integration: to_id("job", row.get(2)?)?,
        kind: row.get(3)?,
        attempts: row.get(4)?,
        died_at: to_timestamp("job", row.get(5)?)?,
        reason: row.get(6)?,
    })
}

/// Lanes by the index of those that do not flow. The head of a stopped one is its dead letter.
pub(super) const STUCK: &str = "SELECT lane.id, lane.integration, lane.conversation, lane.state, job.id,
        job.event_id, job.attempts, job.run_at, job.reason
    FROM lane JOIN job ON job.id = CASE lane.state
        WHEN 'stopped' THEN lane.stopped_by
        ELSE (SELECT id FROM job WHERE lane_id = lane.id AND state = 'pending'
              ORDER BY seq LIMIT 1) END
    WHERE (lane.state = 'stopped' OR lane.state = 'held' OR (lane.state = 'ready' AND lane.is_again))
      AND (lane.state <> 'ready' OR 0 < job.attempts) AND lane.id < ?1";

pub(super) fn stuck_lanes(
    db: &Connection,
    integration: Option<&IntegrationId>,
    query: PageQuery,
) -> Result<Page<LaneView>> {
    let (before, limit) = (query.before.unwrap_or(i64::MAX), i64::from(query.limit) + 1);
    let order = "ORDER BY lane.id DESC LIMIT ?2";
    let items = if let Some(integration) = integration {
        let sql = format!("{STUCK} AND lane.integration = ?3 {order}");
        all(db, &sql, params![before, limit, integration.as_str()], lane_view)?
    } else {
        all(db, &format!("{STUCK} {order}"), [before, limit], lane_view)?
    };
    Ok(page(items, query.limit, |lane| lane.lane.0))
}

fn lane_view(row: &Row<'_>) -> Result<LaneView> {
    let state = row.get_ref(3)?.as_str().map_err(|error| corrupt("lane", error))?;
    Ok(LaneView {
        lane: LaneId(row.get(0)?),
        integration: to_id("lane", row.get(1)?)?,
        conversation: row.get(2)?,
        state: match state {
            "stopped" => LaneState::Stopped,
            "held" => LaneState::Held,
            _ => LaneState::Waiting,
        },
        head: JobId(row.get(4)?),
        event: EventId(row.get(5)?),
        attempts: row.get(6)?,
        run_at: to_timestamps("job", row.get(7)?)?,
        reason: row.get(8)?,
    })
}

pub(super) const OLDEST_PENDING: &str = "SELECT received_at
    FROM event JOIN request ON request.id = event.request_id
    WHERE event.id = (SELECT min(event_id) FROM job WHERE state = 'pending')";

/// Counts by the partial indexes alone, and up to a maximum: neither work that is done nor a long
/// backlog costs anything.
pub(super) fn depth(db: &Connection) -> Result<Depth> {
    let count = |rows: &str| -> Result<u64> {
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {rows} LIMIT {})", Depth::COUNT_MAX);
        to_count("job", db.prepare_cached(&sql)?.query_row((), |row| row.get(0))?)
    };
    let oldest_pending =
        db.prepare_cached(OLDEST_PENDING)?.query_row((), |row| row.get(0)).optional()?;
    let waiting = count("job WHERE state = 'pending'")?;
    let running = count("lane WHERE state = 'leased'")?;
    Ok(Depth {
        pending_jobs: (waiting + running).min(Depth::COUNT_MAX),
        dead_jobs: count("job WHERE state = 'dead'")?,
        unread_requests: count("request WHERE verdict = 'unread'")?,
        oldest_pending: to_timestamps("request", oldest_pending)?,
    })
}
