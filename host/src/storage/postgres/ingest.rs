//! One task joins the webhooks that wait into one transaction and one sync of the disk.
//!
//! One task and not several, so that webhooks are stored in the order in which they came. If a batch
//! is refused for the sake of a row, every webhook of it runs alone, so that only the faulty one
//! fails.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use deadpool_postgres::{Object, Pool};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use super::{
    Error, Result,
    accept::{self, Stored},
    again,
    connect::Connections,
    error::{is_about_a_row, is_without_partition},
    news::Notes,
    partitions, unavailable,
    values::Webhook,
};
use crate::{config, storage::Accepted, tasks::Tasks};

/// Connections of its own: a pool that is busy with other work delays no webhook.
const CONNECTIONS: usize = 2;

/// A batch ends at so many bytes of bodies, too: the server builds it in memory.
const BATCH_BYTES_MAX: usize = 32 << 20;

/// The queue of webhooks.
#[derive(Debug)]
pub(super) struct Ingest {
    queue: Mutex<Option<mpsc::Sender<Waiting>>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Waiting {
    webhook: Webhook,
    reply: oneshot::Sender<Result<Accepted>>,
}

/// What the loop works with; it outlives a panic of the loop.
#[derive(Debug)]
struct Shared {
    pool: Pool,
    waiting: AsyncMutex<mpsc::Receiver<Waiting>>,
    batch_max: usize,
    rejected_max: u32,
    /// Days whose partitions are known to be there.
    days: Mutex<BTreeSet<i64>>,
    commits: AtomicU64,
    news: Notes,
}

impl Ingest {
    pub(super) fn start(
        connections: &Connections,
        options: &config::Storage,
        news: Notes,
        tasks: &Tasks,
    ) -> Result<Self> {
        let (queue, waiting) = mpsc::channel(options.queue_max.max(1));
        let shared = Arc::new(Shared {
            pool: connections.pool(CONNECTIONS)?,
            waiting: AsyncMutex::new(waiting),
            batch_max: options.batch_max.max(1),
            rejected_max: options.rejected_max,
            days: Mutex::default(),
            commits: AtomicU64::new(0),
            news,
        });
        let own = Arc::clone(&shared);
        tasks.keep("webhooks into the database", move || run(Arc::clone(&own)));
        Ok(Self { queue: Mutex::new(Some(queue)), shared })
    }

    /// Queues a webhook and waits until it is durable, or has failed without a trace.
    ///
    /// Dropping the future cancels nothing.
    pub(super) async fn store(&self, webhook: Webhook) -> Result<Accepted> {
        let (reply, answer) = oneshot::channel();
        {
            let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            let queue = queue.as_ref().ok_or_else(|| unavailable("the database is closed"))?;
            queue.try_send(Waiting { webhook, reply }).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Error::Overloaded,
                mpsc::error::TrySendError::Closed(_) => unavailable("the database is closed"),
            })?;
        }
        answer.await.map_err(unavailable)?
    }

    pub(super) fn rejected_max(&self) -> u32 {
        self.shared.rejected_max
    }

    pub(super) fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Takes no more webhooks; the loop ends once those that wait are stored.
    pub(super) fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

async fn run(shared: Arc<Shared>) {
    let mut waiting = shared.waiting.lock().await;
    while let Some(first) = waiting.recv().await {
        let mut bytes = first.webhook.request.body.len();
        let mut batch = vec![first];
        while batch.len() < shared.batch_max && bytes < BATCH_BYTES_MAX {
            let Ok(next) = waiting.try_recv() else { break };
            bytes = bytes.saturating_add(next.webhook.request.body.len());
            batch.push(next);
        }
        shared.store(batch).await;
    }
}

impl Shared {
    async fn store(&self, batch: Vec<Waiting>) {
        let webhooks: Vec<&Webhook> = batch.iter().map(|waiting| &waiting.webhook).collect();
        let results = match self.commit(&webhooks).await {
            Ok(stored) => stored.accepted.into_iter().map(Ok).collect(),
            Err(error) if 1 < webhooks.len() && is_about_a_row(&error) => {
                self.commit_each(&webhooks).await
            }
            Err(error) => fail_all(error, webhooks.len()),
        };
        for (waiting, result) in batch.into_iter().zip(results) {
            // A caller that has gone changes nothing: what it asked for is done.
            drop(waiting.reply.send(result));
        }
    }

    async fn commit_each(&self, webhooks: &[&Webhook]) -> Vec<Result<Accepted>> {
        let mut results = Vec::with_capacity(webhooks.len());
        for webhook in webhooks {
            let stored = self.commit(&[webhook]).await;
            results.push(stored.and_then(|stored| {
                stored.accepted.into_iter().next().ok_or_else(|| unavailable("nothing was stored"))
            }));
        }
        results
    }

    async fn commit(&self, webhooks: &[&Webhook]) -> Result<Stored> {
        let result = again(|| self.attempt(webhooks)).await;
        match result {
            // Another host has removed the partition of an old day meanwhile.
            Err(error) if is_without_partition(&error) => {
                self.known_days().clear();
                again(|| self.attempt(webhooks)).await
            }
            result => result,
        }
    }

    async fn attempt(&self, webhooks: &[&Webhook]) -> Result<Stored> {
        let mut db = self.pool.get().await?;
        for webhook in webhooks {
            self.ensure_partition(&mut db, partitions::day_of(accept::received_at(webhook)))
                .await?;
        }
        let transaction = db.transaction().await?;
        let stored = accept::store(&transaction, webhooks, self.rejected_max).await?;
        transaction.commit().await?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        if stored.has_jobs {
            self.news.work();
        }
        Ok(stored)
    }

    /// The day after it, too: midnight is no time to make one.
    async fn ensure_partition(&self, db: &mut Object, day: i64) -> Result<()> {
        if self.known_days().contains(&day) {
            return Ok(());
        }
        for day in [day, day.saturating_add(1)] {
            partitions::ensure(db, day).await?;
        }
        self.known_days().insert(day);
        Ok(())
    }

    fn known_days(&self) -> std::sync::MutexGuard<'_, BTreeSet<i64>> {
        self.days.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fail_all(error: Error, count: usize) -> Vec<Result<Accepted>> {
    let error = Arc::new(error);
    (0..count).map(|_| Err(unavailable(Arc::clone(&error)))).collect()
}
