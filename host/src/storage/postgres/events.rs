//! Events into the journal, each once within its window, and a job of each for its integrations.

use std::collections::{BTreeMap, HashMap, btree_map::Entry};

use deadpool_postgres::Transaction;

use super::{
    Result,
    accept::Placed,
    queries::{rows, run},
    unavailable,
    values::EncodedEvent,
};
use crate::{id::EventId, storage::AcceptedEvent};

/// Times that the events of one batch are offered: more than one only where a key changes hands.
const ROUNDS_MAX: u32 = 32;

/// One event of a batch, and what has become of it.
struct Told<'a> {
    placed: &'a Placed<'a>,
    ordinal: i32,
    event: &'a EncodedEvent,
    accepted: Option<AcceptedEvent>,
}

/// Within one account, what makes an event the same.
type Key<'a> = (&'a str, &'a [u8]);

/// Which event has a key, and since when.
#[derive(Clone, Copy)]
struct Holder {
    id: i64,
    received_at: i64,
}

impl<'a> Told<'a> {
    fn key(&self) -> Key<'a> {
        (self.placed.account, &self.event.dedup_key)
    }

    /// The event repeats the holder of its key, unless that was received before the window.
    fn repeats(&self, holder: Holder) -> bool {
        self.event.dedup_since <= holder.received_at
    }
}

/// Returns what became of the events of each reading, in their order.
pub(super) async fn store(
    db: &Transaction<'_>,
    placed: &[Placed<'_>],
) -> Result<Vec<Vec<AcceptedEvent>>> {
    let mut told: Vec<Told<'_>> = placed
        .iter()
        .flat_map(|placed| {
            (0..).zip(&placed.reading.events).map(move |(ordinal, event)| Told {
                placed,
                ordinal,
                event,
                accepted: None,
            })
        })
        .collect();
    for _ in 0..ROUNDS_MAX {
        if told.iter().all(|told| told.accepted.is_some()) {
            break;
        }
        offer(db, &mut told).await?;
    }
    store_repeats(db, &told).await?;
    let mut accepted = told.iter().map(|told| {
        told.accepted.ok_or_else(|| unavailable("the keys of events changed hands too often"))
    });
    placed
        .iter()
        .map(|placed| accepted.by_ref().take(placed.reading.events.len()).collect())
        .collect()
}

/// Offers the first event of each key that is left; those behind it see what holds the key then.
async fn offer(db: &Transaction<'_>, told: &mut [Told<'_>]) -> Result<()> {
    // By key: so several hosts that insert the same ones wait for each other in one order.
    let mut firsts: BTreeMap<Key<'_>, usize> = BTreeMap::new();
    for (index, one) in told.iter().enumerate().filter(|(_, told)| told.accepted.is_none()) {
        firsts.entry(one.key()).or_insert(index);
    }
    let inserted = insert(db, told, firsts.values().copied()).await?;
    let mut holders: HashMap<Key<'_>, Holder> = HashMap::new();
    let mut taken: Vec<Key<'_>> = Vec::new();
    for (key, index) in &firsts {
        let Some(one) = told.get_mut(*index) else { continue };
        match inserted.get(&(one.placed.request, one.ordinal)) {
            Some(id) => {
                one.accepted = Some(AcceptedEvent { id: EventId(*id), is_duplicate: false });
                let received_at = one.placed.received_at;
                holders.insert(*key, Holder { id: *id, received_at });
            }
            None => taken.push(*key),
        }
    }
    holders.extend(find_holders(db, &taken).await?);
    let mut outdated = Vec::new();
    for one in told.iter_mut().filter(|told| told.accepted.is_none()) {
        let Some(holder) = holders.get(&one.key()).copied() else { continue };
        if one.repeats(holder) {
            one.accepted = Some(AcceptedEvent { id: EventId(holder.id), is_duplicate: true });
        } else {
            outdated.push(holder.id);
            holders.remove(&one.key());
        }
    }
    retire(db, &outdated).await
}

/// One column of the rows.
fn each<'a, T>(chosen: &[&'a Told<'a>], of: impl Fn(&'a Told<'a>) -> T) -> Vec<T> {
    chosen.iter().map(|told| of(told)).collect()
}

async fn insert(
    db: &Transaction<'_>,
    told: &[Told<'_>],
    chosen: impl Iterator<Item = usize>,
) -> Result<HashMap<(i64, i32), i64>> {
    let chosen: Vec<&Told<'_>> = chosen.filter_map(|index| told.get(index)).collect();
    if chosen.is_empty() {
        return Ok(HashMap::new());
    }
    // Arrays of arrays are rectangles to the database, so the client keys travel as text.
    let sql = "
        INSERT INTO event (request_id, ordinal, account, dedup_key, received_at, kind, conversation,
                           client_keys, payload)
        SELECT request_id, ordinal, account, dedup_key, received_at, kind, conversation,
               client_keys::bigint[], payload
        FROM unnest($1::bigint[], $2::int[], $3::text[], $4::bytea[], $5::bigint[], $6::text[],
                    $7::text[], $8::text[], $9::text[])
            WITH ORDINALITY AS t (request_id, ordinal, account, dedup_key, received_at, kind,
                                  conversation, client_keys, payload, ord)
        ORDER BY ord
        ON CONFLICT (account, dedup_key) DO NOTHING
        RETURNING request_id, ordinal, id";
    let stored = rows(
        db,
        sql,
        &[
            &each(&chosen, |told| told.placed.request),
            &each(&chosen, |told| told.ordinal),
            &each(&chosen, |told| told.placed.account),
            &each(&chosen, |told| told.event.dedup_key.as_slice()),
            &each(&chosen, |told| told.placed.received_at),
            &each(&chosen, |told| told.event.kind),
            &each(&chosen, |told| told.event.conversation.as_str()),
            &each(&chosen, |told| array(&told.event.client_keys)),
            &each(&chosen, |told| told.event.payload.as_str()),
        ],
    )
    .await?;
    stored.iter().map(|row| Ok(((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?))).collect()
}

/// `{1,2}`
fn array(keys: &[i64]) -> String {
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    format!("{{{}}}", keys.join(","))
}

/// Which events hold these keys now: a statement of its own, so that it sees what others committed.
async fn find_holders<'a>(
    db: &Transaction<'_>,
    keys: &[Key<'a>],
) -> Result<HashMap<Key<'a>, Holder>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = "SELECT t.ord, event.id, event.received_at
               FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS t (account, dedup_key, ord)
               JOIN event ON event.account = t.account AND event.dedup_key = t.dedup_key";
    let (accounts, dedup_keys): (Vec<&str>, Vec<&[u8]>) = keys.iter().copied().unzip();
    let mut holders = HashMap::new();
    for row in rows(db, sql, &[&accounts, &dedup_keys]).await? {
        let ord: i64 = row.try_get(0)?;
        let key = usize::try_from(ord - 1).ok().and_then(|index| keys.get(index));
        if let Some(key) = key {
            holders.insert(*key, Holder { id: row.try_get(1)?, received_at: row.try_get(2)? });
        }
    }
    Ok(holders)
}

/// Takes the keys from events whose window has passed. Their rows stay.
async fn retire(db: &Transaction<'_>, events: &[i64]) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let mut events = events.to_vec();
    events.sort_unstable();
    let sql = "UPDATE event SET dedup_key = NULL WHERE id IN (
                   SELECT id FROM event WHERE id = ANY($1) ORDER BY id FOR UPDATE)";
    run(db, sql, &[&events]).await?;
    Ok(())
}

async fn store_repeats(db: &Transaction<'_>, told: &[Told<'_>]) -> Result<()> {
    let (mut requests, mut ordinals, mut events) = (Vec::new(), Vec::new(), Vec::new());
    for one in told {
        let Some(AcceptedEvent { id, is_duplicate: true }) = one.accepted else { continue };
        requests.push(one.placed.request);
        ordinals.push(one.ordinal);
        events.push(id.0);
    }
    if requests.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO repeat (request_id, ordinal, event_id)
               SELECT * FROM unnest($1::bigint[], $2::int[], $3::bigint[])";
    run(db, sql, &[&requests, &ordinals, &events]).await?;
    Ok(())
}

/// What a batch adds to one lane.
struct Addition {
    jobs: i64,
    run_at: i64,
}

/// Appends a job of each new event to its lanes. Returns whether there were any.
pub(super) async fn append_jobs(
    db: &Transaction<'_>,
    placed: &[Placed<'_>],
    events: &[Vec<AcceptedEvent>],
) -> Result<bool> {
    let mut lanes: BTreeMap<(&str, &str), Addition> = BTreeMap::new();
    let mut jobs: Vec<((&str, &str), i64, i64)> = Vec::new();
    for (placed, accepted) in placed.iter().zip(events) {
        let new = placed.reading.events.iter().zip(accepted);
        for (event, accepted) in new.filter(|(_, accepted)| !accepted.is_duplicate) {
            for integration in &event.integrations {
                let lane = (integration.as_str(), event.conversation.as_str());
                match lanes.entry(lane) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(Addition { jobs: 1, run_at: placed.now });
                    }
                    Entry::Occupied(mut occupied) => occupied.get_mut().jobs += 1,
                }
                jobs.push((lane, accepted.id.0, placed.now));
            }
        }
    }
    if jobs.is_empty() {
        return Ok(false);
    }
    let mut ends = lengthen_lanes(db, &lanes).await?;
    insert_jobs(db, &jobs, &mut ends).await?;
    Ok(true)
}

/// Locks the lanes in the order of their keys, which is the same on every host. Returns each one's
/// id and the number of its first new job.
async fn lengthen_lanes<'a>(
    db: &Transaction<'_>,
    lanes: &BTreeMap<(&'a str, &'a str), Addition>,
) -> Result<HashMap<(&'a str, &'a str), (i64, i64)>> {
    let sql = "
        WITH lengthened AS (
            INSERT INTO lane (integration, conversation, state, last_seq, run_at)
            SELECT integration, conversation, 'ready', jobs, run_at
            FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
                WITH ORDINALITY AS t (integration, conversation, jobs, run_at, ord)
            ORDER BY ord
            ON CONFLICT (integration, conversation) DO UPDATE SET
                last_seq = lane.last_seq + excluded.last_seq,
                run_at = CASE lane.state WHEN 'idle' THEN excluded.run_at ELSE lane.run_at END,
                is_again = lane.is_again AND lane.state <> 'idle',
                state = CASE lane.state WHEN 'idle' THEN 'ready' ELSE lane.state END
            RETURNING id, integration, conversation, last_seq)
        SELECT t.ord, lengthened.id, lengthened.last_seq
        FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t (integration, conversation, ord)
        JOIN lengthened USING (integration, conversation)";
    let keys: Vec<(&str, &str)> = lanes.keys().copied().collect();
    let additions = || lanes.values();
    let (integrations, conversations): (Vec<&str>, Vec<&str>) = keys.iter().copied().unzip();
    let counts: Vec<i64> = additions().map(|addition| addition.jobs).collect();
    let run_at: Vec<i64> = additions().map(|addition| addition.run_at).collect();
    let mut ends = HashMap::new();
    for row in rows(db, sql, &[&integrations, &conversations, &counts, &run_at]).await? {
        let (ord, lane, last): (i64, i64, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let index = usize::try_from(ord - 1).unwrap_or(usize::MAX);
        if let (Some(key), Some(count)) = (keys.get(index), counts.get(index)) {
            ends.insert(*key, (lane, last - count + 1));
        }
    }
    Ok(ends)
}

async fn insert_jobs<'a>(
    db: &Transaction<'_>,
    jobs: &[((&'a str, &'a str), i64, i64)],
    ends: &mut HashMap<(&'a str, &'a str), (i64, i64)>,
) -> Result<()> {
    let (mut lanes, mut numbers) = (Vec::new(), Vec::new());
    for (lane, ..) in jobs {
        let (id, next) =
            ends.get_mut(lane).ok_or_else(|| unavailable("a lane was not lengthened"))?;
        lanes.push(*id);
        numbers.push(*next);
        *next += 1;
    }
    let events: Vec<i64> = jobs.iter().map(|(_, event, _)| *event).collect();
    let integrations: Vec<&str> = jobs.iter().map(|((integration, _), ..)| *integration).collect();
    let run_at: Vec<i64> = jobs.iter().map(|(.., run_at)| *run_at).collect();
    let sql = "INSERT INTO job (lane_id, seq, event_id, integration, run_at)
               SELECT lane_id, seq, event_id, integration, run_at
               FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[])
                   WITH ORDINALITY AS t (lane_id, seq, event_id, integration, run_at, ord)
               ORDER BY ord";
    run(db, sql, &[&lanes, &numbers, &events, &integrations, &run_at]).await?;
    Ok(())
}
