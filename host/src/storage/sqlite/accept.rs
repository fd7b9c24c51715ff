//! Webhooks into the journal: the request, its events, their jobs and lanes.

use std::borrow::Cow;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Result,
    codec::{keys_to_bytes, to_micros},
    rows::{EncodedEvent, Reading, Webhook},
};
use crate::{
    id::{Digest, EventId, RequestId},
    storage::{Accepted, AcceptedEvent},
};

/// Rejected requests that one write removes: more only after the cap was lowered.
const REJECTED_REMOVED_MAX: i64 = 64;

/// The first byte of a key that was given up; the event's id follows in digits.
const RETIRED: u8 = b'r';

/// The key as it is kept: with its mark doubled, so that it equals none that was given up.
fn kept_key(event: &EncodedEvent) -> Cow<'_, [u8]> {
    let key = event.dedup_key.as_slice();
    if key.first() == Some(&RETIRED) {
        Cow::Owned([&[RETIRED], key].concat())
    } else {
        Cow::Borrowed(key)
    }
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
            .query_row(params![place.account, kept_key(event)], |row| {
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
            kept_key(event),
            event.kind,
            event.conversation,
            event.payload,
            keys_to_bytes(&event.client_keys),
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
