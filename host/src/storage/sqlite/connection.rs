//! How a connection is opened: the settings that durability and speed rest on.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use super::{Result, unavailable};

/// How long a statement waits for a foreign process that holds the file, a backup for example.
const BUSY: Duration = Duration::from_secs(5);
/// More than the statements of this module.
const STATEMENTS_MAX: usize = 128;
/// Webhooks of some KiB fit several to a page, where the usual 4 KiB hold one and waste the rest.
const PAGE_BYTES: u32 = 8 << 10;
/// Pages in the write-ahead log that start a checkpoint: 16 MiB.
const CHECKPOINT_PAGES: u32 = 2000;
/// Cache of each connection, in KiB.
const CACHE_KIB: u32 = 16 << 10;

pub(super) fn open(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let db = Connection::open_with_flags(path, flags).map_err(unavailable)?;
    db.busy_timeout(BUSY).map_err(unavailable)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    let settings = format!(
        "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{CACHE_KIB};"
    );
    db.execute_batch(&settings).map_err(unavailable)?;
    Ok(db)
}

/// Opens the connection of the writer, and makes the file if there is none.
pub(super) fn open_writer(path: &Path) -> Result<Connection> {
    create_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = open(path, flags)?;
    // What is removed gives its pages back bit by bit. A file that was made without keeps its size
    // and uses its free pages again: to switch it takes a VACUUM, which copies the whole file.
    // A commit is durable before it is answered, a power cut included.
    // What moves within the file leaves nothing behind, so that a client can be forgotten later.
    let settings = format!(
        "PRAGMA page_size = {PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = FAST; PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};"
    );
    db.execute_batch(&settings).map_err(unavailable)?;
    Ok(db)
}

/// The database holds secrets and personal data: nobody else may read it.
fn create_private(path: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(unavailable)
}

/// Holds off a second process, whose start would take the leases of the first.
pub(super) fn lock(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(PathBuf::from(name))
        .map_err(unavailable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(unavailable(format!(
            "`{}` is in use by another process: stop it first",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(unavailable(error)),
    }
}
