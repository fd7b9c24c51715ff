//! The journal: one thread writes, and every commit takes all webhooks that wait for it.

use std::{path::Path, thread};

use rusqlite::{Connection, Transaction, params};
use tokio::sync::{mpsc, oneshot};

use crate::jivo::Event;

/// Webhooks in one transaction at most.
const GROUP_MAX: usize = 256;
/// Webhooks that may wait for the writer; more are refused.
const QUEUE_MAX: usize = 4096;
/// The one account and the one integration of the bench.
const ACCOUNT: &str = "jivo";
const INTEGRATION: &str = "jivo-to-notebook";
const PLUGIN: [u8; 32] = [7; 32];

/// One webhook with the event read from it.
#[derive(Debug)]
pub(crate) struct NewWebhook {
    pub(crate) received_at_us: i64,
    pub(crate) method: String,
    pub(crate) query: String,
    /// As JSON.
    pub(crate) headers: String,
    pub(crate) body: bytes::Bytes,
    pub(crate) remote_address: String,
    pub(crate) event: Event,
}

#[derive(Debug)]
struct Waiting {
    webhook: NewWebhook,
    done: oneshot::Sender<bool>,
}

/// A handle on the writer; the writer ends when the last handle is gone.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    queue: mpsc::Sender<Waiting>,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Refused {
    #[error("the journal's queue is full")]
    Overloaded,
    #[error("the journal cannot be written")]
    Unavailable,
}

impl Journal {
    /// Returns once the webhook is durable.
    pub(crate) async fn accept(&self, webhook: NewWebhook) -> Result<(), Refused> {
        let (done, written) = oneshot::channel();
        self.queue.try_send(Waiting { webhook, done }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => Refused::Overloaded,
            mpsc::error::TrySendError::Closed(_) => Refused::Unavailable,
        })?;
        if written.await.unwrap_or(false) { Ok(()) } else { Err(Refused::Unavailable) }
    }
}

/// Opens the database and starts the writer.
pub(crate) fn start(path: &Path) -> rusqlite::Result<Journal> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch(include_str!("schema.sql"))?;
    connection.set_prepared_statement_cache_capacity(16);
    let (queue, mut waiting) = mpsc::channel(QUEUE_MAX);
    thread::spawn(move || {
        let mut group: Vec<Waiting> = Vec::with_capacity(GROUP_MAX);
        while waiting.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
            let written = write(&mut connection, &group).is_ok();
            for one in group.drain(..) {
                // A sender that hung up needs no answer.
                one.done.send(written).unwrap_or_default();
            }
        }
    });
    Ok(Journal { queue })
}

fn write(connection: &mut Connection, group: &[Waiting]) -> rusqlite::Result<()> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for one in group {
        insert(&transaction, &one.webhook)?;
    }
    transaction.commit()
}

fn insert(transaction: &Transaction<'_>, webhook: &NewWebhook) -> rusqlite::Result<()> {
    let event = &webhook.event;
    let request = transaction
        .prepare_cached(
            "INSERT INTO request (account, received_at, verdict, plugin, method, path, query,
                                  remote_address, body_bytes, headers, body)
             VALUES (?1, ?2, 'events', ?3, ?4, '', ?5, ?6, ?7, ?8, ?9)",
        )?
        .insert(params![
            ACCOUNT,
            webhook.received_at_us,
            PLUGIN,
            webhook.method,
            webhook.query,
            webhook.remote_address,
            i64::try_from(webhook.body.len()).unwrap_or(i64::MAX),
            webhook.headers,
            webhook.body.as_ref(),
        ])?;
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO event (request_id, ordinal, account, dedup_key, kind, conversation,
                                payload)
             VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (account, dedup_key) DO NOTHING",
        )?
        .execute(params![
            request,
            ACCOUNT,
            event.dedup_key.as_bytes(),
            event.kind,
            event.conversation,
            event.payload,
        ])?;
    if inserted == 1 {
        let event_id = transaction.last_insert_rowid();
        append_job(transaction, event_id, &event.conversation, webhook.received_at_us)?;
    }
    Ok(())
}

fn append_job(
    transaction: &Transaction<'_>,
    event: i64,
    conversation: &str,
    now: i64,
) -> rusqlite::Result<()> {
    let (lane, seq): (i64, i64) = transaction
        .prepare_cached(
            "INSERT INTO lane (integration, conversation, state, last_seq, run_at)
             VALUES (?1, ?2, 'ready', 1, ?3)
             ON CONFLICT (integration, conversation) DO UPDATE SET last_seq = last_seq + 1
             RETURNING id, last_seq",
        )?
        .query_row(params![INTEGRATION, conversation, now], |row| Ok((row.get(0)?, row.get(1)?)))?;
    transaction
        .prepare_cached(
            "INSERT INTO job (lane_id, seq, event_id, integration, run_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![lane, seq, event, INTEGRATION, now])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count;

    fn webhook(chat: &str) -> NewWebhook {
        NewWebhook {
            received_at_us: 1,
            method: "POST".to_owned(),
            query: String::new(),
            headers: "[]".to_owned(),
            body: bytes::Bytes::from_static(b"{}"),
            remote_address: "127.0.0.1".to_owned(),
            event: Event {
                dedup_key: format!("chat_finished:{chat}"),
                conversation: chat.to_owned(),
                kind: "conversation-finished",
                payload: "{}".to_owned(),
            },
        }
    }

    #[tokio::test]
    async fn a_repeated_webhook_is_journaled_and_makes_no_second_job() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let journal = start(&path).unwrap();
        for chat in ["1", "2", "1"] {
            journal.accept(webhook(chat)).await.unwrap();
        }
        assert_eq!(count::rows(&path, "request").unwrap(), 3);
        assert_eq!(count::rows(&path, "event").unwrap(), 2);
        assert_eq!(count::rows(&path, "lane").unwrap(), 2);
        assert_eq!(count::rows(&path, "job").unwrap(), 2);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let (queue, _never_read) = mpsc::channel(1);
        let (done, _written) = oneshot::channel();
        queue.try_send(Waiting { webhook: webhook("1"), done }).unwrap();
        assert_eq!(Journal { queue }.accept(webhook("2")).await, Err(Refused::Overloaded));
    }
}
