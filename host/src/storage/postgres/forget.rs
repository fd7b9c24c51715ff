//! Erases what was received of a client, on request, in pieces: each transaction is short.

use std::collections::BTreeSet;

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::Row;

use super::{
    Postgres, Result, again, clients,
    codec::{event_from_json, event_to_json, to_id},
    lanes::{GoOn, link_columns_of, release},
    queries::{column, row, rows, run},
};
use crate::{
    card::Identifier,
    id::{AccountId, ClientKey},
    storage::{
        Erased,
        erase::{Client, REASON, bare, cards_in},
    },
};

/// Ids that one read looks at.
const IDS_PER_READ: i64 = 50_000;
/// Webhooks whose bodies one read looks at.
const BODIES_PER_READ: i64 = 100;
/// Events that one transaction erases.
const EVENTS_PER_WRITE: usize = 50;

type Cards = BTreeSet<(AccountId, String)>;

pub(super) async fn forget(pg: &Postgres, identifier: &Identifier, now: i64) -> Result<Erased> {
    let client = Client::new(identifier);
    let (mut erased, mut cards) = (Erased::default(), Cards::new());
    let last = last_id(pg, "event").await?;
    let mut after = 0;
    while after < last {
        let found = events_of(pg, &client, after).await?;
        after += IDS_PER_READ;
        for ids in found.chunks(EVENTS_PER_WRITE) {
            let (piece, found) = again(|| erase_events(pg, &client, ids, now)).await?;
            erased.requests += piece.requests;
            erased.events += piece.events;
            erased.jobs += piece.jobs;
            cards.extend(found);
        }
    }
    erased.requests += erase_told(pg, &client).await?;
    // Last, so that a call that was cut short finds the cards again.
    erased.cards = forget_links(pg, &client.identifier, cards).await?;
    Ok(erased)
}

async fn last_id(pg: &Postgres, table: &str) -> Result<i64> {
    let db = pg.connection().await?;
    let sql = format!("SELECT coalesce(max(id), 0) FROM {table}");
    Ok(column(&db, &sql, &[]).await?.first().copied().unwrap_or(0))
}

async fn events_of(pg: &Postgres, client: &Client, after: i64) -> Result<Vec<i64>> {
    let sql = "SELECT id, client_keys, payload, conversation FROM event
               WHERE id > $1 AND id <= $2 AND $3 = ANY(client_keys) ORDER BY id";
    let db = pg.connection().await?;
    let mut found = Vec::new();
    for row in rows(&db, sql, &[&after, &(after + IDS_PER_READ), &client.key().0]).await? {
        let keys: Vec<i64> = row.try_get(1)?;
        let keys: Vec<ClientKey> = keys.into_iter().map(ClientKey).collect();
        if client.is_client_of(&keys, row.try_get(2)?, row.try_get(3)?) {
            found.push(row.try_get(0)?);
        }
    }
    Ok(found)
}

/// Erases events with all that came of them.
async fn erase_events(
    pg: &Postgres,
    client: &Client,
    events: &[i64],
    now: i64,
) -> Result<(Erased, Cards)> {
    let mut db = pg.connection().await?;
    let transaction = db.transaction().await?;
    let sql = "SELECT id FROM lane WHERE id IN (SELECT lane_id FROM job WHERE event_id = ANY($1))
               ORDER BY integration, conversation FOR UPDATE";
    let _lanes: Vec<i64> = column(&transaction, sql, &[&events]).await?;
    let (mut erased, mut cards) = (Erased::default(), Cards::new());
    let mut late = Vec::new();
    for event in events {
        if !erase_event(&transaction, client, *event).await? {
            continue;
        }
        erased.events += 1;
        let sql = "SELECT request_id FROM event WHERE id = $1
                   UNION SELECT request_id FROM repeat WHERE event_id = $1";
        let requests: Vec<i64> = column(&transaction, sql, &[event]).await?;
        erased.requests += erase_requests(&transaction, &requests).await?;
        for job in jobs_of(&transaction, *event).await? {
            cards.extend(cards_of(&transaction, &job).await?);
            erased.jobs += u64::from(job.is_unfinished);
            late.extend(erase_job(&transaction, client, &job, now).await?);
        }
    }
    transaction.commit().await?;
    clients::wake_late(&db, &late).await?;
    Ok((erased, cards))
}

/// False when it is gone.
async fn erase_event(db: &Transaction<'_>, client: &Client, event: i64) -> Result<bool> {
    let sql = "SELECT payload, conversation, dedup_key FROM event WHERE id = $1 FOR UPDATE";
    let Some(found) = row(db, sql, &[&event]).await? else { return Ok(false) };
    let (payload, conversation): (String, String) = (found.try_get(0)?, found.try_get(1)?);
    let dedup_key: Option<Vec<u8>> = found.try_get(2)?;
    let payload = event_to_json(&mut bare(event_from_json(&payload, String::new()).ok()))?;
    let tells = client.is_told_in(conversation.as_bytes());
    let conversation = if tells { format!("erased:{event}") } else { conversation };
    let dedup_key = dedup_key.filter(|key| !client.is_told_in(key));
    let sql = "UPDATE event SET payload = $2, client_keys = '{}', conversation = $3, dedup_key = $4
               WHERE id = $1";
    run(db, sql, &[&event, &payload, &conversation, &dedup_key]).await?;
    Ok(true)
}

/// Returns in how many there was something left.
async fn erase_requests(db: &Transaction<'_>, requests: &[i64]) -> Result<u64> {
    let sql = "
        WITH bodies AS (
            UPDATE request_body SET headers = '[]', body = '' FROM request
            WHERE request.id = ANY($1) AND request_body.request_id = request.id
              AND request_body.received_at = request.received_at
              AND (headers <> '[]' OR body <> '')
            RETURNING request_id AS id
        ), requests AS (
            UPDATE request SET query = '', path = '', remote_address = '', reason = NULL
            WHERE id = ANY($1) AND (query <> '' OR path <> '' OR remote_address <> '')
            RETURNING id
        )
        SELECT count(*) FROM (SELECT id FROM bodies UNION SELECT id FROM requests) erased";
    let count: i64 = column(db, sql, &[&requests]).await?.first().copied().unwrap_or(0);
    Ok(u64::try_from(count).unwrap_or(0))
}

struct Job {
    id: i64,
    lane: i64,
    is_unfinished: bool,
    result: Option<String>,
    crm: String,
    /// Whether its lane waits for this job, or runs it.
    is_head: bool,
}

async fn jobs_of(db: &Transaction<'_>, event: i64) -> Result<Vec<Job>> {
    let sql = "
        SELECT job.id, job.lane_id, job.state IN ('pending', 'leased'), job.result, integration.crm,
               coalesce(CASE lane.state WHEN 'leased' THEN lane.leased_job = job.id
                    WHEN 'stopped' THEN FALSE
                    ELSE job.id = (SELECT head.id FROM job head
                                   WHERE head.lane_id = lane.id AND head.state = 'pending'
                                   ORDER BY head.seq LIMIT 1) END, FALSE)
        FROM job JOIN integration ON integration.id = job.integration
                 JOIN lane ON lane.id = job.lane_id
        WHERE job.event_id = $1 ORDER BY job.id";
    let job = |row: &Row| {
        Ok(Job {
            id: row.try_get(0)?,
            lane: row.try_get(1)?,
            is_unfinished: row.try_get(2)?,
            result: row.try_get(3)?,
            crm: row.try_get(4)?,
            is_head: row.try_get(5)?,
        })
    };
    rows(db, sql, &[&event]).await?.iter().map(job).collect()
}

/// The cards that the job has worked on.
async fn cards_of(db: &Transaction<'_>, job: &Job) -> Result<Cards> {
    let sql = "SELECT result FROM step WHERE job_id = $1 AND result IS NOT NULL";
    let steps: Vec<String> = column(db, sql, &[&job.id]).await?;
    let crm: AccountId = to_id("integration", job.crm.clone())?;
    let cards = cards_in(job.result.as_deref(), &steps);
    Ok(cards.into_iter().map(|card| (crm.clone(), card)).collect())
}

/// Returns the clients whose lanes are to be woken after the commit.
async fn erase_job(
    db: &Transaction<'_>,
    client: &Client,
    job: &Job,
    now: i64,
) -> Result<Vec<clients::Client>> {
    let sql = "
        WITH steps AS (UPDATE step SET result = NULL WHERE job_id = $1),
        attempts AS (UPDATE attempt SET reason = NULL WHERE job_id = $1)
        UPDATE job SET result = NULL, run_at = NULL,
            reason = CASE state WHEN 'done' THEN NULL ELSE $2 END,
            died_at = CASE WHEN state IN ('pending', 'leased') THEN $3 ELSE died_at END,
            state = CASE WHEN state IN ('pending', 'leased') THEN 'dead' ELSE state END
        WHERE id = $1";
    run(db, sql, &[&job.id, &REASON, &now]).await?;
    let mut late = Vec::new();
    if job.is_unfinished && job.is_head {
        let mut freed = clients::unlock(db, &[job.lane]).await?;
        freed.extend(woken_for(db, job.lane).await?);
        release(db, job.lane, GoOn::At(now)).await?;
        late = clients::wake(db, freed).await?;
    }
    // A conversation may be called by its client.
    let sql = "SELECT conversation FROM lane WHERE id = $1";
    let name: Vec<String> = column(db, sql, &[&job.lane]).await?;
    if name.iter().any(|name| client.is_told_in(name.as_bytes())) {
        let sql = "UPDATE lane SET conversation = 'erased:' || id WHERE id = $1";
        run(db, sql, &[&job.lane]).await?;
    }
    Ok(late)
}

/// What a lane was woken for, and does not take now. One that is held has nothing to pass on.
async fn woken_for(db: &Transaction<'_>, lane: i64) -> Result<Option<clients::Client>> {
    let sql = "SELECT held_crm, held_key FROM lane
               WHERE id = $1 AND state = 'ready' AND held_key IS NOT NULL";
    let found = row(db, sql, &[&lane]).await?;
    found.map(|row| Ok(clients::Client { crm: row.try_get(0)?, key: row.try_get(1)? })).transpose()
}

/// Erases the webhooks without events that tell of the client.
async fn erase_told(pg: &Postgres, client: &Client) -> Result<u64> {
    let (mut erased, mut after) = (0, Some(0));
    while let Some(start) = after {
        let db = pg.connection().await?;
        let (found, last) = told_in(&db, client, start).await?;
        drop(db);
        if !found.is_empty() {
            erased += again(|| erase_unread(pg, &found)).await?;
        }
        after = last;
    }
    Ok(erased)
}

/// The webhooks that tell of the client, and the one at which the next read begins.
async fn told_in(db: &Object, client: &Client, after: i64) -> Result<(Vec<i64>, Option<i64>)> {
    let sql = "SELECT request.id, path, query, request_body.body FROM request
               LEFT JOIN request_body ON request_body.request_id = request.id
                   AND request_body.received_at = request.received_at
               WHERE request.id > $1 AND verdict <> 'events' ORDER BY request.id LIMIT $2";
    let (mut found, mut last) = (Vec::new(), None);
    for row in rows(db, sql, &[&after, &BODIES_PER_READ]).await? {
        let id: i64 = row.try_get(0)?;
        let (path, query): (&str, &str) = (row.try_get(1)?, row.try_get(2)?);
        let body: Option<&[u8]> = row.try_get(3)?;
        let texts = [path.as_bytes(), query.as_bytes(), body.unwrap_or_default()];
        if texts.iter().any(|text| client.is_told_in(text)) {
            found.push(id);
        }
        last = Some(id);
    }
    Ok((found, last))
}

/// One that was to be read again is not any more.
async fn erase_unread(pg: &Postgres, requests: &[i64]) -> Result<u64> {
    let mut db = pg.connection().await?;
    let transaction = db.transaction().await?;
    let erased = erase_requests(&transaction, requests).await?;
    let sql = "UPDATE request SET verdict = 'answered', reason = $2
               WHERE id = ANY($1) AND verdict = 'unread'";
    run(&transaction, sql, &[&requests, &REASON]).await?;
    transaction.commit().await?;
    Ok(erased)
}

/// Removes the links of the identifier, and all others to the cards of the client. Returns those
/// cards.
async fn forget_links(
    pg: &Postgres,
    identifier: &Identifier,
    mut cards: Cards,
) -> Result<Vec<(AccountId, String)>> {
    let (kind, value) = link_columns_of(identifier)?;
    let db = pg.connection().await?;
    let sql = "DELETE FROM identity_link
               WHERE crm IN (SELECT id FROM account) AND kind = $1 AND value = $2
               RETURNING crm, card";
    for row in rows(&db, sql, &[&kind, &value]).await? {
        cards.insert((to_id("identity_link", row.try_get(0)?)?, row.try_get(1)?));
    }
    let sql = "DELETE FROM identity_link WHERE crm = $1 AND card = $2";
    for (crm, card) in &cards {
        run(&db, sql, &[&crm.as_str(), card]).await?;
    }
    Ok(cards.into_iter().collect())
}
