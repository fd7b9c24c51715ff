//! The embedded backend: one SQLite file, one writer with group commit, a few readers.

use std::{fs::File, path::Path, sync::Arc};

use self::alone::{Alone, OwnTurns};
use super::{Error, Result, Stores, codec, codec::unavailable, rows};
use crate::config;

mod accept;
mod alone;
mod connection;
mod draws;
mod forget;
mod holds;
mod journal;
mod kv;
mod lease;
mod links;
mod migrations;
mod readers;
mod registry;
mod replay;
mod retention;
mod settle;
#[cfg(test)]
mod tests;
mod upkeep;
mod versions;
mod views;
mod writer;

/// An open database.
#[derive(Debug)]
pub struct Sqlite {
    // The order is that of the drop: the writer ends first, the lock goes last.
    writer: writer::Writer,
    readers: readers::Readers,
    rejected_max: u32,
    #[expect(dead_code, reason = "held, and released by its drop")]
    lock: File,
}

impl Sqlite {
    /// Opens the database, makes or migrates it, and gives back the leases of an earlier process.
    ///
    /// The last handle or store that is dropped closes it; [`Sqlite::close`] does so in order.
    pub fn open(path: &Path, options: &config::Storage) -> Result<Arc<Self>> {
        let lock = connection::lock(path)?;
        let db = connection::open_writer(path)?;
        migrations::apply(&db)?;
        settle::give_back_all(&db)?;
        let readers = readers::Readers::open(path, options)?;
        let writer = writer::Writer::start(db, options)?;
        Ok(Arc::new(Self { writer, readers, rejected_max: options.rejected_max, lock }))
    }

    pub fn stores(self: &Arc<Self>) -> Stores {
        Stores {
            journal: Arc::<Self>::clone(self),
            registry: Arc::<Self>::clone(self),
            versions: Arc::<Self>::clone(self),
            kv: Arc::<Self>::clone(self),
            draws: Arc::<Self>::clone(self),
            turns: Arc::new(OwnTurns::default()),
            peers: Arc::new(Alone),
        }
    }

    /// Transactions committed since the start, for metrics.
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    /// Takes no more writes and returns once those that wait are durable.
    pub async fn close(self: Arc<Self>) {
        let closed = tokio::task::spawn_blocking(move || self.writer.close()).await;
        if closed.is_err() {
            tracing::error!("closing the database has panicked");
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        unavailable(error)
    }
}
