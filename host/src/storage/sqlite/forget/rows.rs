//! The rows of what is erased: they stay, and tell nothing of the client any more.

use rusqlite::{Connection, OptionalExtension, params};

use super::Cards;
use crate::{
    id::AccountId,
    storage::{
        Erased,
        erase::{Client, REASON, bare, cards_in},
        sqlite::{
            Result,
            accept::retired_key,
            codec::{event_from_json, event_to_json, to_id},
            holds, settle,
        },
    },
};

/// Erases events with all that came of them.
pub(super) fn erase_events(
    db: &Connection,
    client: &Client,
    events: &[i64],
    now: i64,
) -> Result<(Erased, Cards)> {
    overwriting(db, || {
        let (mut erased, mut cards) = (Erased::default(), Cards::new());
        for event in events {
            let Some(request) = erase_event(db, client, *event)? else { continue };
            erased.events += 1;
            let mut requests = vec![request];
            let mut repeats =
                db.prepare_cached("SELECT request_id FROM repeat WHERE event_id = ?1")?;
            for repeat in repeats.query_map([event], |row| row.get(0))? {
                requests.push(repeat?);
            }
            for request in requests {
                erased.requests += erase_request(db, request)?;
            }
            erased.jobs += erase_jobs(db, client, *event, now, &mut cards)?;
        }
        Ok((erased, cards))
    })
}

/// Erases webhooks without events. One that was to be read again is not any more.
pub(super) fn erase_requests(db: &Connection, requests: &[i64]) -> Result<u64> {
    overwriting(db, || {
        let mut count = 0;
        for request in requests {
            count += erase_request(db, *request)?;
            db.prepare_cached(
                "UPDATE request SET verdict = 'answered', reason = ?2
                 WHERE id = ?1 AND verdict = 'unread'",
            )?
            .execute(params![request, REASON])?;
        }
        Ok(count)
    })
}

/// Free space is overwritten meanwhile: what was in it must not be found in a copy of the file.
pub(super) fn overwriting<T>(db: &Connection, run: impl FnOnce() -> Result<T>) -> Result<T> {
    let set = |value: &str| {
        db.query_row(&format!("PRAGMA secure_delete = {value}"), (), |row| row.get::<_, i64>(0))
    };
    set("ON")?;
    let result = run();
    set("FAST")?;
    result
}

/// The event's webhook; `None` when it is gone.
fn erase_event(db: &Connection, client: &Client, event: i64) -> Result<Option<i64>> {
    let row: Option<(i64, String, String, Vec<u8>)> = db
        .prepare_cached(
            "SELECT request_id, payload, conversation, dedup_key FROM event WHERE id = ?1",
        )?
        .query_row([event], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((request, payload, conversation, dedup_key)) = row else { return Ok(None) };
    let tells = client.is_told_in(conversation.as_bytes());
    let payload = event_to_json(&mut bare(event_from_json(&payload, String::new()).ok()))?;
    let conversation = if tells { format!("erased:{event}") } else { conversation };
    let dedup_key = if client.is_told_in(&dedup_key) { retired_key(event) } else { dedup_key };
    db.prepare_cached(
        "UPDATE event SET payload = ?2, client_keys = x'', conversation = ?3, dedup_key = ?4
         WHERE id = ?1",
    )?
    .execute(params![event, payload, conversation, dedup_key])?;
    Ok(Some(request))
}

/// 1 when there was something left in it.
fn erase_request(db: &Connection, request: i64) -> Result<u64> {
    let erased = db
        .prepare_cached(
            "UPDATE request SET headers = '[]', body = x'', query = '', path = '',
                                remote_address = '', reason = NULL
             WHERE id = ?1 AND (headers <> '[]' OR body <> x'' OR query <> '' OR path <> ''
                                OR remote_address <> '')",
        )?
        .execute([request])?;
    Ok(u64::try_from(erased).unwrap_or(u64::MAX))
}

struct Job {
    id: i64,
    lane: i64,
    is_unfinished: bool,
    result: Option<String>,
    crm: String,
}

/// Returns how many had not ended.
fn erase_jobs(
    db: &Connection,
    client: &Client,
    event: i64,
    now: i64,
    cards: &mut Cards,
) -> Result<u64> {
    let jobs = db
        .prepare_cached(
            "SELECT job.id, job.lane_id, job.state IN ('pending', 'leased'), job.result,
                    integration.crm
             FROM job JOIN integration ON integration.id = job.integration
             WHERE job.event_id = ?1",
        )?
        .query_map([event], |row| {
            Ok(Job {
                id: row.get(0)?,
                lane: row.get(1)?,
                is_unfinished: row.get(2)?,
                result: row.get(3)?,
                crm: row.get(4)?,
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut unfinished = 0;
    for job in jobs {
        let crm: AccountId = to_id("integration", job.crm.clone())?;
        for card in cards_of(db, &job)? {
            cards.insert((crm.clone(), card));
        }
        let is_head = job.is_unfinished && is_head(db, &job)?;
        db.prepare_cached(
            "UPDATE job SET result = NULL, run_at = NULL,
                 reason = CASE state WHEN 'done' THEN NULL ELSE ?2 END,
                 died_at = CASE WHEN state IN ('pending', 'leased') THEN ?3 ELSE died_at END,
                 state = CASE WHEN state IN ('pending', 'leased') THEN 'dead' ELSE state END
             WHERE id = ?1",
        )?
        .execute(params![job.id, REASON, now])?;
        db.prepare_cached("UPDATE step SET result = NULL WHERE job_id = ?1")?.execute([job.id])?;
        db.prepare_cached("UPDATE attempt SET reason = NULL WHERE job_id = ?1")?
            .execute([job.id])?;
        if is_head {
            holds::let_go(db, job.lane)?;
            holds::release(db, job.lane)?;
            settle::advance(db, job.lane, now)?;
        }
        rename_lane(db, client, job.lane)?;
        unfinished += u64::from(job.is_unfinished);
    }
    Ok(unfinished)
}

/// Whether its lane waits for this job, or runs it.
fn is_head(db: &Connection, job: &Job) -> Result<bool> {
    Ok(db
        .prepare_cached(
            "SELECT 1 FROM lane WHERE id = ?1 AND CASE state
                 WHEN 'leased' THEN leased_job = ?2
                 WHEN 'stopped' THEN FALSE
                 ELSE ?2 = (SELECT id FROM job WHERE lane_id = ?1 AND state = 'pending'
                            ORDER BY seq LIMIT 1) END",
        )?
        .exists([job.lane, job.id])?)
}

/// The cards that the job has worked on, by what it answered.
fn cards_of(db: &Connection, job: &Job) -> Result<Vec<String>> {
    let steps = db
        .prepare_cached("SELECT result FROM step WHERE job_id = ?1 AND result NOT NULL")?
        .query_map([job.id], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    Ok(cards_in(job.result.as_deref(), &steps))
}

/// A conversation may be called by its client.
fn rename_lane(db: &Connection, client: &Client, lane: i64) -> Result<()> {
    let conversation: Option<String> = db
        .prepare_cached("SELECT conversation FROM lane WHERE id = ?1")?
        .query_row([lane], |row| row.get(0))
        .optional()?;
    if conversation.is_some_and(|name| client.is_told_in(name.as_bytes())) {
        db.prepare_cached("UPDATE lane SET conversation = ?2 WHERE id = ?1")?
            .execute(params![lane, format!("erased:{lane}")])?;
    }
    Ok(())
}
