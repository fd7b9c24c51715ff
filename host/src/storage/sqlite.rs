//! The embedded backend: one SQLite file, one writer with group commit, a few readers.

use std::{fs::File, path::Path, sync::Arc};

use self::alone::{Alone, OwnTurns};
use super::{Error, Keys, Resealed, Result, Stores, codec, codec::unavailable, rows, sealed};
use crate::{config, seal::Keyring};

mod accept;
mod access;
mod alone;
mod connection;
mod denials;
mod draws;
mod forget;
mod holds;
mod journal;
mod kv;
mod lease;
mod links;
mod migrations;
mod oauth;
mod readers;
mod registry;
mod replay;
mod retention;
mod sealing;
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
    keys: Arc<Keyring>,
    #[expect(dead_code, reason = "held, and released by its drop")]
    lock: File,
}

impl Sqlite {
    /// Opens the database, makes or migrates it, and gives back the leases of an earlier process.
    ///
    /// The last handle or store that is dropped closes it; [`Sqlite::close`] does so in order.
    ///
    /// Its secrets are sealed with the key file in its folder.
    pub fn open(path: &Path, options: &config::Storage) -> Result<Arc<Self>> {
        Self::open_with(path, options, &Keys::in_folder(folder_of(path)))
    }

    /// The same with other keys. What the newest of them has not sealed is sealed anew.
    pub fn open_with(path: &Path, options: &config::Storage, keys: &Keys) -> Result<Arc<Self>> {
        let lock = connection::lock(path)?;
        let db = connection::open_writer(path)?;
        migrations::apply(&db)?;
        let keys = Arc::new(sealing::apply(&db, keys)?.0);
        settle::give_back_all(&db)?;
        let readers = readers::Readers::open(path, options)?;
        let writer = writer::Writer::start(db, options)?;
        Ok(Arc::new(Self { writer, readers, rejected_max: options.rejected_max, keys, lock }))
    }

    /// Seals with the first of the keys what others have sealed; no host may run meanwhile.
    pub fn reseal(path: &Path, keys: &Keys) -> Result<Resealed> {
        let lock = connection::lock(path)?;
        let db = connection::open_writer(path)?;
        migrations::apply(&db)?;
        let (_keys, resealed) = sealing::apply(&db, keys)?;
        drop(lock);
        Ok(resealed)
    }

    /// Makes a new key in the key file and seals all secrets with it; no host may run meanwhile.
    pub fn rotate(path: &Path, keys: &Keys) -> Result<Resealed> {
        let lock = connection::lock(path)?;
        let db = connection::open_writer(path)?;
        migrations::apply(&db)?;
        let resealed = sealing::rotate(&db, keys);
        drop(lock);
        resealed
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
            access: Arc::<Self>::clone(self),
            tokens: Arc::<Self>::clone(self),
            denials: Arc::<Self>::clone(self),
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

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        unavailable(error)
    }
}
