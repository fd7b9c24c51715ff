//! What is read of the journal: lists, one event whole, dead letters, lanes, counts.

use std::collections::HashMap;

use bytes::Bytes;
use deadpool_postgres::Object;
use tokio_postgres::Row;

use super::{
    Result,
    codec::{
        corrupt, event_from_json, from_json, headers_from_json, job_state, page, step_state,
        to_count, to_id, to_timestamp, to_timestamps, unavailable,
    },
    queries::{row, rows},
    registry::digest,
};
use crate::{
    event::{EventOutcome, Request},
    id::{AccountId, Digest, EventId, IntegrationId, JobId, LaneId, RequestId},
    storage::{
        AttemptView, DeadLetter, Depth, EventDetail, EventView, JobView, LaneState, LaneView, Page,
        PageQuery, Step, UnreadRequest, WebhookView,
    },
};

pub(super) fn step_of(row: &Row) -> Result<Step> {
    Ok(Step {
        name: row.try_get(0)?,
        idempotency_key: row.try_get(1)?,
        state: step_state(row.try_get(2)?)?,
        result: row.try_get(3)?,
    })
}

pub(super) fn number(table: &'static str, value: i32) -> Result<u32> {
    u32::try_from(value).map_err(|error| corrupt(table, error))
}

/// The jobs of each event, with their steps.
pub(super) async fn jobs_of(db: &Object, events: &[i64]) -> Result<HashMap<i64, Vec<JobView>>> {
    let sql = "SELECT name, idempotency_key, step.state, step.result, step.job_id
               FROM step JOIN job ON job.id = step.job_id
               WHERE job.event_id = ANY($1) ORDER BY step.id";
    let mut steps: HashMap<i64, Vec<Step>> = HashMap::new();
    for row in rows(db, sql, &[&events]).await? {
        steps.entry(row.try_get(4)?).or_default().push(step_of(&row)?);
    }
    let sql = "SELECT id, integration, state, attempts, run_at, reason, result, event_id FROM job
               WHERE event_id = ANY($1) ORDER BY id";
    let mut jobs: HashMap<i64, Vec<JobView>> = HashMap::new();
    for row in rows(db, sql, &[&events]).await? {
        let job: i64 = row.try_get(0)?;
        let result: Option<String> = row.try_get(6)?;
        jobs.entry(row.try_get(7)?).or_default().push(JobView {
            job: JobId(job),
            integration: to_id("job", row.try_get(1)?)?,
            state: job_state(row.try_get(2)?)?,
            attempts: number("job", row.try_get(3)?)?,
            run_at: to_timestamps("job", row.try_get(4)?)?,
            reason: row.try_get(5)?,
            result: result.map(|json| from_json::<EventOutcome>("job", &json)).transpose()?,
            steps: steps.remove(&job).unwrap_or_default(),
        });
    }
    Ok(jobs)
}

pub(super) async fn webhooks(
    db: &Object,
    account: Option<&AccountId>,
    query: PageQuery,
) -> Result<Page<WebhookView>> {
    let (before, limit) = (query.before.unwrap_or(i64::MAX), i64::from(query.limit) + 1);
    let columns =
        "SELECT id, account, received_at, method, body_bytes, verdict, reason FROM request";
    let found = if let Some(account) = account {
        let sql = format!("{columns} WHERE account = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
        rows(db, &sql, &[&account.as_str(), &before, &limit]).await?
    } else {
        let sql = format!("{columns} WHERE id < $1 ORDER BY id DESC LIMIT $2");
        rows(db, &sql, &[&before, &limit]).await?
    };
    let items = found.iter().map(webhook_of).collect::<Result<_>>()?;
    let mut page = page(items, query.limit, |webhook: &WebhookView| webhook.request.0);
    let requests: Vec<i64> = page.items.iter().map(|webhook| webhook.request.0).collect();
    let mut events = events_of(db, &requests).await?;
    for webhook in &mut page.items {
        webhook.events = events.remove(&webhook.request.0).unwrap_or_default();
    }
    Ok(page)
}

fn webhook_of(row: &Row) -> Result<WebhookView> {
    Ok(WebhookView {
        request: RequestId(row.try_get(0)?),
        account: to_id("request", row.try_get(1)?)?,
        received_at: to_timestamp("request", row.try_get(2)?)?,
        method: row.try_get(3)?,
        body_bytes: to_count("request", row.try_get(4)?)?,
        verdict: row.try_get(5)?,
        reason: row.try_get(6)?,
        events: Vec::new(),
    })
}

/// The events that each request told, and those that it repeated, in its order.
async fn events_of(db: &Object, requests: &[i64]) -> Result<HashMap<i64, Vec<EventView>>> {
    let sql = "SELECT request_id, ordinal, id, kind, conversation, FALSE FROM event
               WHERE request_id = ANY($1)
               UNION ALL
               SELECT repeat.request_id, repeat.ordinal, event.id, event.kind, event.conversation,
                      TRUE
               FROM repeat JOIN event ON event.id = repeat.event_id
               WHERE repeat.request_id = ANY($1)
               ORDER BY 1, 2";
    let found = rows(db, sql, &[&requests]).await?;
    let ids = found.iter().map(|row| Ok(row.try_get(2)?)).collect::<Result<Vec<i64>>>()?;
    let jobs = jobs_of(db, &ids).await?;
    let mut events: HashMap<i64, Vec<EventView>> = HashMap::new();
    for row in found {
        let id: i64 = row.try_get(2)?;
        events.entry(row.try_get(0)?).or_default().push(EventView {
            id: EventId(id),
            kind: row.try_get(3)?,
            conversation: row.try_get(4)?,
            is_duplicate: row.try_get(5)?,
            jobs: jobs.get(&id).cloned().unwrap_or_default(),
        });
    }
    Ok(events)
}

const REQUEST: &str = "SELECT request.id, request.account, request.plugin, request.received_at,
    request.method, request.path, request.query, request.remote_address,
    coalesce(request_body.headers, '[]'), coalesce(request_body.body, '')";

const BODY: &str = "LEFT JOIN request_body ON request_body.request_id = request.id
    AND request_body.received_at = request.received_at";

fn unread_of(row: &Row) -> Result<UnreadRequest> {
    let request = Request {
        received_at: to_timestamp("request", row.try_get(3)?)?,
        method: row.try_get(4)?,
        path: row.try_get(5)?,
        query: row.try_get(6)?,
        remote_address: row.try_get(7)?,
        headers: headers_from_json(row.try_get(8)?)?,
        body: row.try_get::<_, Vec<u8>>(9)?.into(),
    };
    Ok(UnreadRequest {
        id: RequestId(row.try_get(0)?),
        account: to_id("request", row.try_get(1)?)?,
        plugin: digest("request", row.try_get(2)?)?,
        request,
    })
}

pub(super) async fn unread(
    db: &Object,
    account: &AccountId,
    plugin: Digest,
    limit: u32,
) -> Result<Vec<UnreadRequest>> {
    let sql = format!(
        "{REQUEST} FROM request {BODY}
         WHERE account = $1 AND verdict = 'unread' AND plugin <> $2 ORDER BY request.id LIMIT $3"
    );
    let plugin = plugin.0.as_slice();
    let found = rows(db, &sql, &[&account.as_str(), &plugin, &i64::from(limit)]).await?;
    found.iter().map(unread_of).collect()
}

pub(super) async fn event(db: &Object, id: EventId) -> Result<Option<EventDetail>> {
    let sql = format!(
        "{REQUEST}, event.kind, event.conversation, event.payload
         FROM event JOIN request ON request.id = event.request_id {BODY} WHERE event.id = $1"
    );
    let Some(row) = row(db, &sql, &[&id.0]).await? else { return Ok(None) };
    let UnreadRequest { account, request, .. } = unread_of(&row)?;
    let conversation: String = row.try_get(11)?;
    let event = event_from_json(row.try_get(12)?, conversation.clone())?;
    let jobs = jobs_of(db, &[id.0]).await?.remove(&id.0).unwrap_or_default();
    let view = EventView { id, kind: row.try_get(10)?, conversation, is_duplicate: false, jobs };
    Ok(Some(EventDetail { request, account, event, view, attempts: attempts_of(db, id).await? }))
}

pub(super) async fn body_of(db: &Object, event: EventId) -> Result<Option<Bytes>> {
    let sql = format!(
        "SELECT coalesce(request_body.body, '')
         FROM event JOIN request ON request.id = event.request_id {BODY} WHERE event.id = $1"
    );
    let row = row(db, &sql, &[&event.0]).await?;
    row.map(|row| Ok(row.try_get::<_, Vec<u8>>(0)?.into())).transpose()
}

async fn attempts_of(db: &Object, event: EventId) -> Result<Vec<AttemptView>> {
    let sql = "SELECT attempt.job_id, number, started_at, took_ms, outcome, blame, attempt.reason
               FROM job JOIN attempt ON attempt.job_id = job.id
               WHERE job.event_id = $1 ORDER BY attempt.id";
    let attempt = |row: &Row| {
        Ok(AttemptView {
            job: JobId(row.try_get(0)?),
            number: number("attempt", row.try_get(1)?)?,
            started_at: to_timestamp("attempt", row.try_get(2)?)?,
            took_ms: to_count("attempt", row.try_get(3)?)?,
            outcome: row.try_get(4)?,
            blame: row.try_get(5)?,
            reason: row.try_get(6)?,
        })
    };
    rows(db, sql, &[&event.0]).await?.iter().map(attempt).collect()
}

pub(super) async fn dead_letters(
    db: &Object,
    integration: Option<&IntegrationId>,
    query: PageQuery,
) -> Result<Page<DeadLetter>> {
    let (before, limit) = (query.before.unwrap_or(i64::MAX), i64::from(query.limit) + 1);
    let columns = "SELECT job.id, job.event_id, job.integration, event.kind, job.attempts,
                          job.died_at, coalesce(job.reason, '')
                   FROM job JOIN event ON event.id = job.event_id
                   WHERE job.state = 'dead' AND job.id < $1";
    let order = "ORDER BY job.id DESC LIMIT $2";
    let found = match integration {
        Some(integration) => {
            let sql = format!("{columns} AND job.integration = $3 {order}");
            rows(db, &sql, &[&before, &limit, &integration.as_str()]).await?
        }
        None => rows(db, &format!("{columns} {order}"), &[&before, &limit]).await?,
    };
    let letter = |row: &Row| {
        Ok(DeadLetter {
            job: JobId(row.try_get(0)?),
            event: EventId(row.try_get(1)?),
            integration: to_id("job", row.try_get(2)?)?,
            kind: row.try_get(3)?,
            attempts: number("job", row.try_get(4)?)?,
            died_at: to_timestamp("job", row.try_get(5)?)?,
            reason: row.try_get(6)?,
        })
    };
    let items = found.iter().map(letter).collect::<Result<_>>()?;
    Ok(page(items, query.limit, |letter| letter.job.0))
}

/// Lanes by the index of those that do not flow. The head of a stopped one is its dead letter.
const STUCK: &str = "SELECT lane.id, lane.integration, lane.conversation, lane.state, job.id,
        job.event_id, job.attempts, job.run_at, job.reason
    FROM lane JOIN job ON job.id = CASE lane.state
        WHEN 'stopped' THEN lane.stopped_by
        ELSE (SELECT id FROM job WHERE lane_id = lane.id AND state = 'pending'
              ORDER BY seq LIMIT 1) END
    WHERE (lane.state = 'stopped' OR lane.state = 'held' OR (lane.state = 'ready' AND lane.is_again))
      AND (lane.state <> 'ready' OR 0 < job.attempts) AND lane.id < $1";

pub(super) async fn stuck_lanes(
    db: &Object,
    integration: Option<&IntegrationId>,
    query: PageQuery,
) -> Result<Page<LaneView>> {
    let (before, limit) = (query.before.unwrap_or(i64::MAX), i64::from(query.limit) + 1);
    let order = "ORDER BY lane.id DESC LIMIT $2";
    let found = match integration {
        Some(integration) => {
            let sql = format!("{STUCK} AND lane.integration = $3 {order}");
            rows(db, &sql, &[&before, &limit, &integration.as_str()]).await?
        }
        None => rows(db, &format!("{STUCK} {order}"), &[&before, &limit]).await?,
    };
    let items = found.iter().map(lane_of).collect::<Result<_>>()?;
    Ok(page(items, query.limit, |lane: &LaneView| lane.lane.0))
}

fn lane_of(row: &Row) -> Result<LaneView> {
    let state: &str = row.try_get(3)?;
    Ok(LaneView {
        lane: LaneId(row.try_get(0)?),
        integration: to_id("lane", row.try_get(1)?)?,
        conversation: row.try_get(2)?,
        state: match state {
            "stopped" => LaneState::Stopped,
            "held" => LaneState::Held,
            _ => LaneState::Waiting,
        },
        head: JobId(row.try_get(4)?),
        event: EventId(row.try_get(5)?),
        attempts: number("job", row.try_get(6)?)?,
        run_at: to_timestamps("job", row.try_get(7)?)?,
        reason: row.try_get(8)?,
    })
}

/// Counts by the partial indexes alone, and up to a maximum: neither work that is done nor a long
/// backlog costs anything.
pub(super) async fn depth(db: &Object) -> Result<Depth> {
    let max = i64::try_from(Depth::COUNT_MAX).unwrap_or(i64::MAX);
    let count = |rows: &str| format!("(SELECT count(*) FROM (SELECT 1 FROM {rows} LIMIT $1) rows)");
    // One statement, so that a job which moves on meanwhile is counted once.
    let sql = format!(
        "SELECT {}, {}, {}, {}, (SELECT received_at FROM event WHERE id = (
             SELECT event_id FROM job WHERE state = 'pending' ORDER BY event_id LIMIT 1))",
        count("job WHERE state = 'pending'"),
        count("lane WHERE state = 'leased'"),
        count("job WHERE state = 'dead'"),
        count("request WHERE verdict = 'unread'"),
    );
    let found = row(db, &sql, &[&max]).await?;
    let found = found.ok_or_else(|| unavailable("a count has no row"))?;
    let number = |index: usize| -> Result<u64> { to_count("job", found.try_get(index)?) };
    Ok(Depth {
        pending_jobs: (number(0)? + number(1)?).min(Depth::COUNT_MAX),
        dead_jobs: number(2)?,
        unread_requests: number(3)?,
        oldest_pending: to_timestamps("event", found.try_get(4)?)?,
    })
}
