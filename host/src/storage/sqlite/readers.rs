//! The connections that only read, beside the writer.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, OpenFlags};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{Result, connection, unavailable};
use crate::config;

/// A pool of read-only connections. A read sees every write that was answered before it began.
#[derive(Debug)]
pub(super) struct Readers {
    free: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn open(path: &Path, options: &config::Storage) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let idle = (0..options.readers.get())
            .map(|_| connection::open(path, flags))
            .collect::<Result<Vec<_>>>()?;
        let free = Arc::new(Semaphore::new(idle.len()));
        Ok(Self { free, idle: Arc::new(Mutex::new(idle)) })
    }

    /// Runs `read` in one snapshot of the database, on a thread that may block.
    pub(super) async fn read<T, F>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(unavailable)?;
        let idle = Arc::clone(&self.idle);
        let run = move || {
            let taken = Taken::from(idle)?;
            let result = taken.snapshot(read);
            drop(taken);
            drop(permit);
            result
        };
        spawn_blocking(run).await.map_err(unavailable)?
    }
}

/// A connection that goes back to the pool, also when its reader panics.
struct Taken {
    db: Option<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Taken {
    fn from(idle: Arc<Mutex<Vec<Connection>>>) -> Result<Self> {
        let db = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if db.is_none() {
            return Err(unavailable("no reader of the database is left"));
        }
        Ok(Self { db, idle })
    }

    fn snapshot<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let db = self.db.as_ref().expect("the connection is here until the drop");
        // Dropping the transaction ends the snapshot.
        let snapshot = db.unchecked_transaction().map_err(unavailable)?;
        read(&snapshot)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(self.db.take());
    }
}
