//! Webhooks into the journal: the request, its events, their jobs and lanes.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Result,
    codec::{event_to_json, headers_to_json, keys_to_bytes, to_micros},
};
use crate::{
    event::Request,
    id::{AccountId, Digest, EventId, IntegrationId, RequestId},
    storage::{Accepted, AcceptedEvent, NewEvent, NewReading, NewWebhook},
};

/// Rejected requests that one write removes: more only after the cap was lowered.
const REJECTED_REMOVED_MAX: i64 = 64;

/// A webhook, encoded outside the writer's thread.
pub(super) struct Webhook {
    account: AccountId,
    plugin: Digest,
    request: Request,
    headers: String,
    reading: Reading,
}

impl Webhook {
    pub(super) fn encode(webhook: NewWebhook) -> Result<Self> {
        let NewWebhook { account, plugin, request, reading } = webhook;
        let headers = headers_to_json(&request.headers)?;
        Ok(Self { account, plugin, request, headers, reading: Reading::encode(reading)? })
    }
}

/// What is kept of a reading.
pub(super) struct Reading {
    verdict: &'static str,
    status: Option<u16>,
    reason: Option<String>,
    events: Vec<EncodedEvent>,
}

struct EncodedEvent {
    dedup_key: Vec<u8>,
    dedup_since: i64,
    client_keys: Vec<u8>,
    kind: &'static str,
    conversation: String,
    payload: String,
    integrations: Vec<IntegrationId>,
}

impl Reading {
    pub(super) fn encode(reading: NewReading) -> Result<Self> {
        let (verdict, status, reason, events) = match reading {
            NewReading::Events(events) => ("events", None, None, events),
            NewReading::Answered => ("answered", None, None, Vec::new()),
            NewReading::Rejected { status, reason } => {
                ("rejected", Some(status), Some(reason), Vec::new())
            }
            NewReading::Unread { reason } => ("unread", None, Some(reason), Vec::new()),
        };
        let events = events.into_iter().map(EncodedEvent::encode).collect::<Result<_>>()?;
        Ok(Self { verdict, status, reason, events })
    }
}

impl EncodedEvent {
    fn encode(event: NewEvent) -> Result<Self> {
        let NewEvent { dedup_key, dedup_since, client_keys, mut event, integrations } = event;
        let payload = event_to_json(&mut event)?;
        Ok(Self {
            dedup_key: apart_from_retired(dedup_key),
            dedup_since: to_micros(dedup_since),
            client_keys: keys_to_bytes(&client_keys),
            kind: event.kind.name(),
            conversation: event.conversation,
            payload,
            integrations,
        })
    }
}

/// The first byte of a key that was given up; the event's id follows in digits.
const RETIRED: u8 = b'r';

/// Doubles the mark at the start of a key, so that no key equals one that was given up.
fn apart_from_retired(mut key: Vec<u8>) -> Vec<u8> {
    if key.first() == Some(&RETIRED) {
        key.insert(0, RETIRED);
    }
    key
}

/// The key of an event that has given up its own.
pub(super) fn retired_key(event: i64) -> Vec<u8> {
    format!("{}{event}", char::from(RETIRED)).into_bytes()
}

/// Where and when a reading is stored.
struct Place<'a> {
    request: RequestId,
    account: &'a str,
    now: i64,
    rejected_max: u32,
}

pub(super) fn store(db: &Connection, webhook: &Webhook, rejected_max: u32) -> Result<Accepted> {
    let Webhook { account, plugin, request, headers, reading } = webhook;
    let now = to_micros(request.received_at);
    db.prepare_cached(
        "INSERT INTO request (account, received_at, verdict, status, reason, plugin, method, path,
                              query, remote_address, body_bytes, headers, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        account.as_str(),
        now,
        reading.verdict,
        reading.status,
        reading.reason,
        plugin.0,
        request.method,
        request.path,
        request.query,
        request.remote_address,
        i64::try_from(request.body.len()).unwrap_or(i64::MAX),
        headers,
        request.body.as_ref(),
    ])?;
    let request = RequestId(db.last_insert_rowid());
    store_reading(db, &Place { request, account: account.as_str(), now, rejected_max }, reading)
}

/// Replaces the reading of an unread request. One that is read by now is left as it is.
pub(super) fn replace(
    db: &Connection,
    request: RequestId,
    plugin: Digest,
    reading: &Reading,
    now: Timestamp,
    rejected_max: u32,
) -> Result<Accepted> {
    let account: Option<String> = db
        .prepare_cached(
            "UPDATE request SET verdict = ?2, status = ?3, reason = ?4, plugin = ?5
             WHERE id = ?1 AND verdict = 'unread' RETURNING account",
        )?
        .query_row(
            params![request.0, reading.verdict, reading.status, reading.reason, plugin.0],
            |row| row.get(0),
        )
        .optional()?;
    let Some(account) = account else {
        return Ok(Accepted { request, events: Vec::new() });
    };
    let now = to_micros(now);
    store_reading(db, &Place { request, account: &account, now, rejected_max }, reading)
}

fn store_reading(db: &Connection, place: &Place<'_>, reading: &Reading) -> Result<Accepted> {
    if reading.verdict == "rejected" {
        keep_within_cap(db, place)?;
    }
    let store = |(ordinal, event)| store_event(db, place, ordinal, event);
    let events = (0_i64..).zip(&reading.events).map(store).collect::<Result<_>>()?;
    Ok(Accepted { request: place.request, events })
}

fn store_event(
    db: &Connection,
    place: &Place<'_>,
    ordinal: i64,
    event: &EncodedEvent,
) -> Result<AcceptedEvent> {
    if !insert_event(db, place, ordinal, event)? {
        let (id, received_at): (i64, i64) = db
            .prepare_cached(
                "SELECT event.id, request.received_at
                 FROM event JOIN request ON request.id = event.request_id
                 WHERE event.account = ?1 AND dedup_key = ?2",
            )?
            .query_row(params![place.account, event.dedup_key], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        if event.dedup_since <= received_at {
            return store_repeat(db, place, ordinal, id);
        }
        db.prepare_cached("UPDATE event SET dedup_key = ?2 WHERE id = ?1")?
            .execute(params![id, retired_key(id)])?;
        insert_event(db, place, ordinal, event)?;
    }
    let id = EventId(db.last_insert_rowid());
    for integration in &event.integrations {
        append_job(db, id, integration.as_str(), &event.conversation, place.now)?;
    }
    Ok(AcceptedEvent { id, is_duplicate: false })
}

/// False when another event of the account has the key.
fn insert_event(
    db: &Connection,
    place: &Place<'_>,
    ordinal: i64,
    event: &EncodedEvent,
) -> Result<bool> {
    let stored = db
        .prepare_cached(
            "INSERT INTO event (request_id, ordinal, account, dedup_key, kind, conversation,
                                payload, client_keys)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (account, dedup_key) DO NOTHING",
        )?
        .execute(params![
            place.request.0,
            ordinal,
            place.account,
            event.dedup_key,
            event.kind,
            event.conversation,
            event.payload,
            event.client_keys,
        ])?;
    Ok(0 < stored)
}

fn store_repeat(
    db: &Connection,
    place: &Place<'_>,
    ordinal: i64,
    event: i64,
) -> Result<AcceptedEvent> {
    db.prepare_cached("INSERT INTO repeat (request_id, ordinal, event_id) VALUES (?1, ?2, ?3)")?
        .execute(params![place.request.0, ordinal, event])?;
    Ok(AcceptedEvent { id: EventId(event), is_duplicate: true })
}

fn append_job(
    db: &Connection,
    event: EventId,
    integration: &str,
    conversation: &str,
    now: i64,
) -> Result<()> {
    let (lane, seq): (i64, i64) = db
        .prepare_cached(
            "INSERT INTO lane (integration, conversation, state, last_seq, jobs, run_at)
             VALUES (?1, ?2, 'ready', 1, 1, ?3)
             ON CONFLICT (integration, conversation) DO UPDATE SET
                 last_seq = last_seq + 1,
                 jobs = jobs + 1,
                 run_at = CASE state WHEN 'idle' THEN excluded.run_at ELSE run_at END,
                 state = CASE state WHEN 'idle' THEN 'ready' ELSE state END
             RETURNING id, last_seq",
        )?
        .query_row(params![integration, conversation, now], |row| Ok((row.get(0)?, row.get(1)?)))?;
    db.prepare_cached(
        "INSERT INTO job (lane_id, seq, event_id, integration, run_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![lane, seq, event.0, integration, now])?;
    Ok(())
}

/// Counts one more rejected request of the account, and removes the oldest beyond the cap.
fn keep_within_cap(db: &Connection, place: &Place<'_>) -> Result<()> {
    let kept: i64 = db
        .prepare_cached(
            "INSERT INTO usage (account, rejected) VALUES (?1, 1)
             ON CONFLICT (account) DO UPDATE SET rejected = rejected + 1 RETURNING rejected",
        )?
        .query_row([place.account], |row| row.get(0))?;
    let excess = (kept - i64::from(place.rejected_max)).min(REJECTED_REMOVED_MAX);
    if excess <= 0 {
        return Ok(());
    }
    let removed = db
        .prepare_cached(
            "DELETE FROM request WHERE id IN (SELECT id FROM request
             WHERE account = ?1 AND verdict = 'rejected' ORDER BY id LIMIT ?2)",
        )?
        .execute(params![place.account, excess])?;
    db.prepare_cached("UPDATE usage SET rejected = rejected - ?2 WHERE account = ?1")?
        .execute(params![place.account, i64::try_from(removed).unwrap_or(i64::MAX)])?;
    Ok(())
}
