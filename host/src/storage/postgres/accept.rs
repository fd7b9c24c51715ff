//! Webhooks into the journal: many requests in one transaction, then what was read from them.

use std::{borrow::Cow, collections::BTreeMap};

use deadpool_postgres::Transaction;
use jiff::Timestamp;

use super::{
    Result,
    codec::to_micros,
    events,
    queries::{column, row, rows, run, text, text_or_none},
    values::{Reading, Webhook},
};
use crate::{
    id::{Digest, RequestId},
    storage::Accepted,
};

/// Rejected requests that one write removes of an account: more only after the cap was lowered.
const REJECTED_REMOVED_MAX: i64 = 64;

/// A reading with the row that it belongs to.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    pub(super) request: i64,
    pub(super) account: &'a str,
    pub(super) received_at: i64,
    /// When its jobs are due.
    pub(super) now: i64,
    pub(super) reading: &'a Reading,
}

/// What a transaction has stored.
#[derive(Debug)]
pub(super) struct Stored {
    /// One for each reading, in their order.
    pub(super) accepted: Vec<Accepted>,
    pub(super) has_jobs: bool,
}

/// Text as this database keeps it, before a lane is known by it.
pub(super) fn clean(mut reading: Reading) -> Reading {
    for event in &mut reading.events {
        if let Cow::Owned(conversation) = text(&event.conversation) {
            event.conversation = conversation;
        }
    }
    reading
}

pub(super) fn received_at(webhook: &Webhook) -> i64 {
    to_micros(webhook.request.received_at)
}

fn status(reading: &Reading) -> Option<i32> {
    reading.status.map(i32::from)
}

/// Stores webhooks in their order. The partitions of their days are there.
pub(super) async fn store(
    db: &Transaction<'_>,
    webhooks: &[&Webhook],
    rejected_max: u32,
) -> Result<Stored> {
    let ids = insert_requests(db, webhooks).await?;
    let placed: Vec<_> = webhooks
        .iter()
        .zip(ids)
        .map(|(webhook, request)| Placed {
            request,
            account: webhook.account.as_str(),
            received_at: received_at(webhook),
            now: received_at(webhook),
            reading: &webhook.reading,
        })
        .collect();
    store_readings(db, &placed, rejected_max).await
}

/// Replaces the reading of an unread request. One that is read by now is left as it is.
pub(super) async fn replace(
    db: &Transaction<'_>,
    request: RequestId,
    plugin: Digest,
    reading: &Reading,
    now: Timestamp,
    rejected_max: u32,
) -> Result<Stored> {
    let sql = "UPDATE request SET verdict = $2, status = $3, reason = $4, plugin = $5
               WHERE id = $1 AND verdict = 'unread' RETURNING account, received_at";
    let reason = text_or_none(reading.reason.as_deref());
    let plugin = plugin.0.as_slice();
    let unread =
        row(db, sql, &[&request.0, &reading.verdict, &status(reading), &reason, &plugin]).await?;
    let Some(unread) = unread else {
        let accepted = vec![Accepted { request, events: Vec::new() }];
        return Ok(Stored { accepted, has_jobs: false });
    };
    let (account, received_at): (String, i64) = (unread.try_get(0)?, unread.try_get(1)?);
    let now = to_micros(now);
    let placed = Placed { request: request.0, account: &account, received_at, now, reading };
    store_readings(db, &[placed], rejected_max).await
}

/// One column of the rows.
fn each<'a, T>(webhooks: &[&'a Webhook], of: impl Fn(&'a Webhook) -> T) -> Vec<T> {
    webhooks.iter().map(|webhook| of(webhook)).collect()
}

/// Returns the ids, in the order given.
async fn insert_requests(db: &Transaction<'_>, webhooks: &[&Webhook]) -> Result<Vec<i64>> {
    let sql = "
        WITH given AS MATERIALIZED (
            SELECT nextval('request_id_seq') AS id, ordered.* FROM (
                SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::int[], $5::text[],
                                     $6::bytea[], $7::text[], $8::text[], $9::text[], $10::text[],
                                     $11::text[], $12::bytea[])
                    WITH ORDINALITY AS t (account, received_at, verdict, status, reason, plugin,
                                          method, path, query, remote_address, headers, body, ord)
                ORDER BY ord) ordered
        ), bodies AS (
            INSERT INTO request_body (received_at, request_id, headers, body)
            SELECT received_at, id, headers, body FROM given
        ), requests AS (
            INSERT INTO request (id, account, received_at, verdict, status, reason, plugin, method,
                                 path, query, remote_address, body_bytes)
            SELECT id, account, received_at, verdict, status, reason, plugin, method,
                   path, query, remote_address, length(body) FROM given
        )
        SELECT id FROM given ORDER BY ord";
    let each_text =
        |of: fn(&Webhook) -> &str| webhooks.iter().map(|one| text(of(one))).collect::<Vec<_>>();
    column(
        db,
        sql,
        &[
            &each_text(|one| one.account.as_str()),
            &each(webhooks, received_at),
            &each_text(|one| one.reading.verdict),
            &each(webhooks, |one| status(&one.reading)),
            &each(webhooks, |one| text_or_none(one.reading.reason.as_deref())),
            &each(webhooks, |one| one.plugin.0.as_slice()),
            &each_text(|one| &one.request.method),
            &each_text(|one| &one.request.path),
            &each_text(|one| &one.request.query),
            &each_text(|one| &one.request.remote_address),
            &each_text(|one| &one.headers),
            &each(webhooks, |one| one.request.body.as_ref()),
        ],
    )
    .await
}

async fn store_readings(
    db: &Transaction<'_>,
    placed: &[Placed<'_>],
    rejected_max: u32,
) -> Result<Stored> {
    let events = events::store(db, placed).await?;
    let has_jobs = events::append_jobs(db, placed, &events).await?;
    keep_within_cap(db, placed, rejected_max).await?;
    let accepted = |(placed, events): (&Placed<'_>, _)| Accepted {
        request: RequestId(placed.request),
        events,
    };
    Ok(Stored { accepted: placed.iter().zip(events).map(accepted).collect(), has_jobs })
}

/// Counts the rejected requests of each account, and removes the oldest beyond the cap.
async fn keep_within_cap(
    db: &Transaction<'_>,
    placed: &[Placed<'_>],
    rejected_max: u32,
) -> Result<()> {
    let mut added: BTreeMap<&str, i64> = BTreeMap::new();
    for placed in placed.iter().filter(|placed| placed.reading.verdict == "rejected") {
        *added.entry(placed.account).or_default() += 1;
    }
    if added.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO usage (account, rejected)
               SELECT account, rejected
               FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS t (account, rejected, ord)
               ORDER BY ord
               ON CONFLICT (account) DO UPDATE SET rejected = usage.rejected + excluded.rejected
               RETURNING account, rejected";
    let (accounts, counts): (Vec<&str>, Vec<i64>) = added.into_iter().unzip();
    for kept in rows(db, sql, &[&accounts, &counts]).await? {
        let (account, rejected): (&str, i64) = (kept.try_get(0)?, kept.try_get(1)?);
        let excess = (rejected - i64::from(rejected_max)).min(REJECTED_REMOVED_MAX);
        if 0 < excess {
            remove_rejected(db, account, excess).await?;
        }
    }
    Ok(())
}

async fn remove_rejected(db: &Transaction<'_>, account: &str, count: i64) -> Result<()> {
    let sql = "
        WITH oldest AS (
            DELETE FROM request WHERE id IN (
                SELECT id FROM request WHERE account = $1 AND verdict = 'rejected'
                ORDER BY id LIMIT $2)
            RETURNING id, received_at
        ), bodies AS (
            DELETE FROM request_body USING oldest
            WHERE request_body.request_id = oldest.id
              AND request_body.received_at = oldest.received_at
        )
        UPDATE usage SET rejected = rejected - (SELECT count(*) FROM oldest) WHERE account = $1";
    run(db, sql, &[&account, &count]).await?;
    Ok(())
}
