//! Erases what was received of a client, on request. In pieces: the journal is looked through
//! beside the writer, and each write is short.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use self::rows::{erase_events, erase_requests, overwriting};
use super::{
    Result, Sqlite,
    codec::{keys_from_row, to_id, to_micros},
    rows::link_columns,
};
use crate::{
    card::Identifier,
    id::AccountId,
    storage::{Erased, erase::Client},
};

mod rows;

/// Rows that one read looks at.
const READ_MAX: u32 = 2000;
/// Rows that one write erases.
const WRITE_MAX: usize = 50;
type Cards = BTreeSet<(AccountId, String)>;

/// What one read has found, and the row at which the next one begins.
struct Found {
    ids: Vec<i64>,
    last: Option<i64>,
}

impl Sqlite {
    pub(super) async fn erase(&self, identifier: &Identifier, now: Timestamp) -> Result<Erased> {
        let client = Client::new(identifier);
        let mut cards = Cards::new();
        let mut erased = Erased::default();
        let mut after = Some(0);
        while let Some(start) = after {
            let reader = client.clone();
            let found = self.readers.read(move |db| events_of(db, &reader, start)).await?;
            for ids in found.ids.chunks(WRITE_MAX) {
                let (ids, client) = (ids.to_vec(), client.clone());
                let write = move |db: &Connection| erase_events(db, &client, &ids, to_micros(now));
                let (piece, found) = self.writer.write(write).await?;
                erased.requests += piece.requests;
                erased.events += piece.events;
                erased.jobs += piece.jobs;
                cards.extend(found);
            }
            after = found.last;
        }
        let mut after = Some(0);
        while let Some(start) = after {
            let reader = client.clone();
            let found = self.readers.read(move |db| requests_of(db, &reader, start)).await?;
            for ids in found.ids.chunks(WRITE_MAX) {
                let ids = ids.to_vec();
                erased.requests += self.writer.write(move |db| erase_requests(db, &ids)).await?;
            }
            after = found.last;
        }
        // Last, so that a call that was cut short finds the cards again.
        let write =
            move |db: &Connection| overwriting(db, || forget_links(db, &client.identifier, &cards));
        erased.cards = self.writer.write(write).await?;
        Ok(erased)
    }
}

/// The events of the client after this one.
fn events_of(db: &Connection, client: &Client, after: i64) -> Result<Found> {
    let mut statement = db.prepare_cached(
        "SELECT id, client_keys, payload, conversation FROM event
         WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut rows = statement.query(params![after, READ_MAX])?;
    let mut found = Found { ids: Vec::new(), last: None };
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        let keys: Option<Vec<u8>> = row.get(1)?;
        let payload: String = row.get(2)?;
        let keys = keys_from_row(keys.as_deref(), &payload);
        if client.is_client_of(&keys, &payload, row.get(3)?) {
            found.ids.push(id);
        }
        found.last = Some(id);
    }
    Ok(found)
}

/// The webhooks without events that tell of the client.
fn requests_of(db: &Connection, client: &Client, after: i64) -> Result<Found> {
    let mut statement = db.prepare_cached(
        "SELECT id, verdict, path, query, body FROM request WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut rows = statement.query(params![after, READ_MAX])?;
    let mut found = Found { ids: Vec::new(), last: None };
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        found.last = Some(id);
        if row.get_ref(1)?.as_str().is_ok_and(|verdict| verdict == "events") {
            continue;
        }
        let mut is_found = false;
        for column in 2..5 {
            let text = row.get_ref(column)?;
            is_found |= text.as_bytes().is_ok_and(|bytes| client.is_told_in(bytes));
        }
        if is_found {
            found.ids.push(id);
        }
    }
    Ok(found)
}

/// Removes the links of the identifier, and all others to the cards of the client. Returns those
/// cards.
fn forget_links(
    db: &Connection,
    identifier: &Identifier,
    cards: &Cards,
) -> Result<Vec<(AccountId, String)>> {
    let mut cards = cards.clone();
    let (kind, value) = link_columns(identifier)?;
    let mut linked = db.prepare_cached(
        "DELETE FROM identity_link WHERE kind = ?2 AND value = ?3 AND crm = ?1 RETURNING card",
    )?;
    let accounts = db
        .prepare_cached("SELECT id FROM account")?
        .query_map((), |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    for account in accounts {
        let mut rows = linked.query(params![account, kind, value])?;
        while let Some(row) = rows.next()? {
            cards.insert((to_id("identity_link", account.clone())?, row.get(0)?));
        }
    }
    let mut others = db.prepare_cached("DELETE FROM identity_link WHERE crm = ?1 AND card = ?2")?;
    for (crm, card) in &cards {
        others.execute([crm.as_str(), card])?;
    }
    Ok(cards.into_iter().collect())
}
