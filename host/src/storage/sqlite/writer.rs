//! The one thread that writes: it joins what waits into one transaction and one sync of the disk.
//!
//! A batch runs without savepoints. If one of its writes fails, the whole batch is rolled back
//! and every write of it runs again in a transaction of its own, so that only the faulty one
//! fails. That path is rare, and the common one pays nothing for it.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{Error, Result, unavailable};
use crate::config;

/// The handle to the writer's thread.
pub(super) struct Writer {
    queue: Mutex<Option<SyncSender<Box<dyn Write>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    commits: Arc<AtomicU64>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("commits", &self.commits).finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn start(db: Connection, options: &config::Storage) -> Result<Self> {
        let (queue, waiting) = sync_channel(options.queue_max.max(1));
        let commits = Arc::new(AtomicU64::new(0));
        let state = Loop {
            db,
            waiting,
            batch_max: options.batch_max.max(1),
            commits: Arc::clone(&commits),
        };
        let thread = thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || state.run())
            .map_err(unavailable)?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)), commits })
    }

    /// Queues a write and waits until it is durable, or has failed without a trace.
    ///
    /// Dropping the future cancels nothing. `run` may be called twice, the second time after a
    /// rollback of the first. If it answers [`Error::LeaseLost`] or [`Error::Changed`] it must not have changed
    /// anything.
    pub(super) async fn write<T, F>(&self, run: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.send(Box::new(Call { run, result: None, reply }))?;
        answer.await.map_err(unavailable)?
    }

    fn send(&self, write: Box<dyn Write>) -> Result<()> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queue.as_ref().ok_or_else(|| unavailable("the database is closed"))?;
        queue.try_send(write).map_err(|error| match error {
            TrySendError::Full(_) => Error::Overloaded,
            TrySendError::Disconnected(_) => unavailable("the writer has stopped"),
        })
    }

    /// Transactions committed since the start.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Takes no more writes, and returns once those that wait are done. Blocks.
    pub(super) fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer of the database has panicked");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

/// A write that waits, without its types.
trait Write: Send {
    /// False when the transaction must be rolled back.
    fn run(&mut self, db: &Connection) -> bool;
    fn fail(&mut self, error: Error);
    fn answer(self: Box<Self>);
}

struct Call<T, F> {
    run: F,
    result: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Write for Call<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> Result<T> + Send,
{
    fn run(&mut self, db: &Connection) -> bool {
        let result = catch_unwind(AssertUnwindSafe(|| (self.run)(db)))
            .unwrap_or_else(|_panic| Err(unavailable("a write has panicked")));
        let is_kept = matches!(result, Ok(_) | Err(Error::LeaseLost | Error::Changed(_)));
        self.result = Some(result);
        is_kept
    }

    fn fail(&mut self, error: Error) {
        self.result = Some(Err(error));
    }

    fn answer(self: Box<Self>) {
        let result = self.result.unwrap_or_else(|| Err(unavailable("the write was not run")));
        // A caller that has gone changes nothing: what it asked for is done.
        drop(self.reply.send(result));
    }
}

struct Loop {
    db: Connection,
    waiting: Receiver<Box<dyn Write>>,
    batch_max: usize,
    commits: Arc<AtomicU64>,
}

impl Loop {
    fn run(self) {
        let mut batch = Vec::with_capacity(self.batch_max.min(1024));
        while let Ok(first) = self.waiting.recv() {
            batch.push(first);
            batch.extend(self.waiting.try_iter().take(self.batch_max - 1));
            if !self.commit(&mut batch) {
                for write in &mut batch {
                    self.commit(std::slice::from_mut(write));
                }
            }
            batch.drain(..).for_each(Write::answer);
        }
        // So that a copy of the one file is whole. If it fails, the log beside it holds the rest.
        if let Err(error) = self.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the write-ahead log is not merged"
            );
        }
    }

    /// Runs the writes in one transaction. False when one of them failed: then nothing is kept.
    ///
    /// If the transaction cannot begin or end, all writes fail and none is to be run again.
    fn commit(&self, batch: &mut [Box<dyn Write>]) -> bool {
        if let Err(error) = self.db.execute_batch("BEGIN IMMEDIATE") {
            fail_all(batch, error);
            return true;
        }
        // A failed write may have ended the transaction, so nothing more may run after it.
        if !batch.iter_mut().all(|write| write.run(&self.db)) {
            self.roll_back();
            return false;
        }
        match self.db.execute_batch("COMMIT") {
            Ok(()) => {
                self.commits.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                self.roll_back();
                fail_all(batch, error);
            }
        }
        true
    }

    fn roll_back(&self) {
        if self.db.is_autocommit() {
            return;
        }
        if let Err(error) = self.db.execute_batch("ROLLBACK") {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a transaction cannot be rolled back"
            );
        }
    }
}

fn fail_all(batch: &mut [Box<dyn Write>], error: rusqlite::Error) {
    let error = Arc::new(error);
    for write in batch {
        write.fail(unavailable(Arc::clone(&error)));
    }
}
