//! Writes that are made once for each idempotency key: what was meant is kept before it is sent, and
//! its id after it. So a first write needs no look-up, and a repeat never goes without one.

use patchbay_sdk::kv::{self, Batch};
use patchbay_sdk::log;
use patchbay_sdk::types::{Error, Problem};

use crate::clock;

/// How long a write is remembered: longer than any job is attempted.
const KEPT_DAYS: u64 = 30;

/// Most old entries removed with one write.
const REMOVED_MAX: u32 = 16;

const KEY_BYTES_MAX: usize = 128;
const DAY_MS: u64 = 86_400_000;

/// What is known of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// It was never sent.
    New,
    /// It was sent, and its answer was lost. `missed_ms` is when a look-up first found nothing.
    Sent { missed_ms: Option<u64> },
    /// The id of the record that it made.
    Done(String),
}

/// One write, by the kind of its record and its key.
#[derive(Debug, Clone)]
pub(crate) struct Once {
    entry: String,
}

impl Once {
    pub(crate) fn new(kind: &str, key: &str) -> Result<Self, Error> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if key.is_empty() || KEY_BYTES_MAX < key.len() || !key.bytes().all(fits) {
            let text = "the idempotency key must be 1 to 128 letters, digits, `-` and `_`";
            return Err(Error::Invalid(vec![Problem::general(text)]));
        }
        Ok(Self { entry: format!("once/{kind}/{key}") })
    }

    pub(crate) fn known(&self) -> Result<Known, Error> {
        let Some(value) = kv::get(&self.entry)? else { return Ok(Known::New) };
        let text = String::from_utf8(value).unwrap_or_default();
        Ok(match text.strip_prefix('?') {
            Some(missed) => Known::Sent { missed_ms: missed.parse().ok() },
            None => Known::Done(text),
        })
    }

    /// Keeps that the write is about to be sent, and removes what is too old.
    pub(crate) fn intend(&self) -> Result<(), Error> {
        let batch = Batch::new().set(&self.entry, "?");
        let batch = expiring(batch, &self.entry, KEPT_DAYS);
        Ok(without_old(batch)?.commit()?)
    }

    /// Keeps when a look-up found nothing of it.
    pub(crate) fn missed(&self, now_ms: u64) -> Result<(), Error> {
        Ok(Batch::new().set(&self.entry, format!("?{now_ms}")).commit()?)
    }

    /// Keeps the id together with `more`. The record is there: a store that fails now costs a repeat
    /// one look-up, and is no failure of the write.
    pub(crate) fn done(&self, id: &str, more: Batch) {
        if more.set(&self.entry, id).commit().is_err() {
            log::warn("a write was made and could not be remembered; a repeat will look for it");
        }
    }

    /// Forgets a write that was refused, so that the next attempt needs no look-up.
    pub(crate) fn refused(&self) {
        if Batch::new().delete(&self.entry).commit().is_err() {
            log::debug("a refused write could not be forgotten; a repeat will look for it");
        }
    }

    /// Sends a write that `known` says was not made, and keeps what became of it.
    pub(crate) fn write<T>(
        &self,
        known: &Known,
        write: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        // What was missed is missed no more: this write may get lost as well.
        if !matches!(known, Known::Sent { missed_ms: None }) {
            self.intend()?;
        }
        let written = write();
        // Of a write that was sent before, no refusal says that it did not arrive then.
        if *known == Known::New
            && written.as_ref().is_err_and(|error| !matches!(error, Error::UnknownOutcome(_)))
        {
            self.refused();
        }
        written
    }
}

/// Has an entry removed after so many days.
pub(crate) fn expiring(batch: Batch, entry: &str, days: u64) -> Batch {
    let day = clock::unix_ms() / DAY_MS + days;
    batch.set(format!("day/{day:08}/{entry}"), "")
}

fn without_old(batch: Batch) -> Result<Batch, Error> {
    let today = format!("day/{:08}/", clock::unix_ms() / DAY_MS);
    let old = kv::keys("day/", None, REMOVED_MAX)?;
    Ok(old.iter().filter(|key| **key < today).fold(batch, |batch, key| {
        let entry = key.splitn(3, '/').nth(2).unwrap_or_default();
        batch.delete(key).delete(entry)
    }))
}
