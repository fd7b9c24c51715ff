//! Writes that are made once for each idempotency key: what is meant is kept before it is sent, and its
//! id after it. So a first write needs no look-up, and a repeat never goes without one.

use patchbay_sdk::kv::{self, Batch};
use patchbay_sdk::log;
use patchbay_sdk::types::{Error, Problem};

use crate::clock;

/// How long a write is remembered: longer than any job is attempted.
const KEPT_DAYS: u64 = 30;

/// Most old entries removed with one write.
const REMOVED_MAX: u32 = 16;

const KEY_BYTES_MAX: usize = 128;

/// Stands for the id that is not known yet.
const SENT: &str = "?";

/// What is known of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// It was never sent.
    New,
    /// It was sent, and its answer was lost.
    Sent,
    /// The id of the record that it made or changed.
    Done(String),
}

/// One write, by the model of its record and its key.
#[derive(Debug, Clone)]
pub(crate) struct Once {
    entry: String,
}

impl Once {
    pub(crate) fn new(model: &str, key: &str) -> Result<Self, Error> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if key.is_empty() || KEY_BYTES_MAX < key.len() || !key.bytes().all(fits) {
            let text = "the idempotency key must be 1 to 128 letters, digits, `-` and `_`";
            return Err(Error::Invalid(vec![Problem::general(text)]));
        }
        Ok(Self { entry: format!("once/{model}/{key}") })
    }

    pub(crate) fn known(&self) -> Result<Known, Error> {
        let Some(value) = kv::get(&self.entry)? else { return Ok(Known::New) };
        let text = String::from_utf8(value).unwrap_or_default();
        Ok(if text == SENT { Known::Sent } else { Known::Done(text) })
    }

    /// Sends a write that is not known to be done, and keeps what became of it.
    pub(crate) fn write<T>(
        &self,
        known: &Known,
        write: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        if *known == Known::New {
            self.intend()?;
        }
        let written = write();
        // Of a write that was sent before, no refusal says that it did not arrive then.
        if *known == Known::New
            && written.as_ref().is_err_and(|error| !matches!(error, Error::UnknownOutcome(_)))
            && Batch::new().delete(&self.entry).commit().is_err()
        {
            log::debug("a refused write could not be forgotten; a repeat will look for it");
        }
        written
    }

    /// Keeps the id. The record is there: a store that fails now costs a repeat one look-up, and is no
    /// failure of the write.
    pub(crate) fn done(&self, id: u64) {
        if Batch::new().set(&self.entry, id.to_string()).commit().is_err() {
            log::warn("a write was made and could not be remembered; a repeat will look for it");
        }
    }

    /// Keeps that the write is about to be sent, and removes what is too old.
    fn intend(&self) -> Result<(), Error> {
        let today = clock::today();
        let (first, last) = (format!("day/{today:08}/"), today + KEPT_DAYS);
        let batch =
            Batch::new().set(&self.entry, SENT).set(format!("day/{last:08}/{}", self.entry), "");
        let old = kv::keys("day/", None, REMOVED_MAX)?;
        let batch = old.iter().filter(|key| **key < first).fold(batch, |batch, key| {
            let entry = key.splitn(3, '/').nth(2).unwrap_or_default();
            batch.delete(key).delete(entry)
        });
        Ok(batch.commit()?)
    }
}

/// The line by which a text is found again. `part` counts from 1.
pub(crate) fn mark(key: &str, part: usize) -> String {
    if part == 1 { format!("[patchbay:{key}]") } else { format!("[patchbay:{key}.{part}]") }
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::testing::Host;

    use super::*;

    fn lost() -> Result<(), Error> {
        Err(Error::UnknownOutcome(String::new()))
    }

    #[test]
    fn a_key_is_new_again_only_where_nothing_was_written() {
        Host::new().run(|| {
            let once = Once::new("m", "k").unwrap();
            once.write(&Known::New, || Err::<(), _>(Error::Unavailable(String::new())))
                .unwrap_err();
            assert_eq!(once.known(), Ok(Known::New));
            once.write(&Known::New, lost).unwrap_err();
            assert_eq!(once.known(), Ok(Known::Sent));
            once.write(&Known::Sent, || Err::<(), _>(Error::RateLimited(None))).unwrap_err();
            assert_eq!(once.known(), Ok(Known::Sent));
            once.done(7);
            assert_eq!(once.known(), Ok(Known::Done("7".to_owned())));
            assert_eq!(Once::new("other", "k").unwrap().known(), Ok(Known::New));
        });
    }

    #[test]
    fn what_is_old_is_forgotten_with_the_next_write() {
        let host = Host::new();
        host.put("once/m/old", "7");
        host.put("day/00000001/once/m/old", "");
        host.put("once/m/young", "8");
        host.put("day/99999999/once/m/young", "");
        host.run(|| Once::new("m", "k").unwrap().write(&Known::New, lost).unwrap_err());
        let store = host.store();
        assert!(
            !store.contains_key("once/m/old") && !store.contains_key("day/00000001/once/m/old")
        );
        assert!(store.contains_key("once/m/young") && store.contains_key("once/m/k"));
    }

    #[test]
    fn a_key_has_at_most_128_bytes_of_its_letters() {
        assert!(Once::new("m", &"k".repeat(128)).is_ok());
        for key in ["", "a.b", "a b", "é", &"k".repeat(129)] {
            assert!(matches!(Once::new("m", key), Err(Error::Invalid(_))), "{key}");
        }
    }
}
