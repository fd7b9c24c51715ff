//! What makes a repeated write harmless in a CRM that knows no idempotency keys.
//!
//! The key stands in the record that was written, so that a repeat finds it. Looking for it costs a
//! request, and two a second are all there are: so the adapter's own store remembers which keys were
//! ever sent, and only those are looked for. The store is written before the request leaves.

use patchbay_sdk::kv;
use patchbay_sdk::types::Error;

const KEY_BYTES_MAX: usize = 128;

/// Keys are remembered in this many places, each of which is read and written whole.
const SLOTS: u64 = 4_096;

/// How much of a key is remembered. Two keys that agree in it cost one look-up that finds nothing.
const DIGEST_BYTES: usize = 8;

/// Keys in one place: 200 MiB in all. From then on each new key there is looked for.
const DIGESTS_MAX: usize = 6_144;

/// The right to write once under a key.
#[derive(Debug)]
#[must_use = "tell it how the write ended"]
pub(crate) struct Ticket {
    slot: String,
    digest: [u8; DIGEST_BYTES],
    is_new: bool,
}

/// The last line of a text, which tells that it was written under the key.
pub(crate) fn mark(key: &str) -> String {
    format!("[patchbay:{key}]")
}

impl Ticket {
    /// Remembers that a write under this key is about to be sent. `what` keeps apart what several
    /// functions write under equal keys.
    pub(crate) fn take(what: &str, key: &str) -> Result<Self, Error> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if key.is_empty() || KEY_BYTES_MAX < key.len() || !key.bytes().all(fits) {
            let message = "the idempotency key must be 1 to 128 letters, digits, `-` and `_`";
            return Err(Error::Invalid(vec![patchbay_sdk::types::Problem::general(message)]));
        }
        let hash = fnv1a(what.bytes().chain([b'/']).chain(key.bytes()));
        let (slot, digest) = (format!("sent/{:03x}", hash % SLOTS), hash.to_be_bytes());
        let mut ticket = Self { slot, digest, is_new: false };
        // A store that fails makes the write dearer, not wrong: the key is looked for.
        ticket.is_new = ticket.remember().unwrap_or_default();
        Ok(ticket)
    }

    /// Whether an earlier call may have written: then look for the key first.
    pub(crate) fn may_be_written(&self) -> bool {
        !self.is_new
    }

    /// Passes the end of the write on. Where nothing was written for sure, the key is new again.
    pub(crate) fn settle<T>(self, result: Result<T, Error>) -> Result<T, Error> {
        let is_open = matches!(result, Ok(_) | Err(Error::UnknownOutcome(_) | Error::Conflict(_)));
        if self.is_new && !is_open {
            // Kept, it only costs the repeat a look-up.
            self.forget().unwrap_or_default();
        }
        result
    }

    /// Whether the key was not there.
    fn remember(&self) -> Result<bool, kv::Error> {
        let held = kv::get(&self.slot)?;
        let digests = held.as_deref().unwrap_or_default();
        let is_known = digests.chunks_exact(DIGEST_BYTES).any(|known| known == self.digest);
        if is_known || DIGESTS_MAX <= digests.len() / DIGEST_BYTES {
            return Ok(false);
        }
        let more = [digests, self.digest.as_slice()].concat();
        self.expecting(held.as_deref()).set(&self.slot, more).commit()?;
        Ok(true)
    }

    fn forget(&self) -> Result<(), kv::Error> {
        let held = kv::get(&self.slot)?;
        let digests = held.as_deref().unwrap_or_default().chunks_exact(DIGEST_BYTES);
        let others: Vec<&[u8]> = digests.filter(|known| **known != self.digest).collect();
        self.expecting(held.as_deref()).set(&self.slot, others.concat()).commit()
    }

    fn expecting(&self, held: Option<&[u8]>) -> kv::Batch {
        match held {
            Some(held) => kv::Batch::new().expect(&self.slot, held),
            None => kv::Batch::new().expect_absent(&self.slot),
        }
    }
}

/// Spreads keys evenly, and stays the same for ever: what it made lies in the store.
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::testing::Host;

    use super::*;

    #[test]
    fn a_key_is_new_once() {
        Host::new().run(|| {
            assert!(!Ticket::take("note", "k1").unwrap().may_be_written());
            assert!(Ticket::take("note", "k1").unwrap().may_be_written());
            assert!(!Ticket::take("task", "k1").unwrap().may_be_written());
            assert!(!Ticket::take("note", "k2").unwrap().may_be_written());
        });
    }

    #[test]
    fn a_key_is_new_again_only_where_nothing_was_written() {
        let ends = [
            (Ok(()), true),
            (Err(Error::UnknownOutcome(String::new())), true),
            (Err(Error::Conflict(None)), true),
            (Err(Error::RateLimited(None)), false),
            (Err(Error::Unavailable(String::new())), false),
            (Err(Error::Unauthorized(String::new())), false),
            (Err(Error::Invalid(Vec::new())), false),
        ];
        for (end, may_be_written) in ends {
            Host::new().run(|| {
                let told = Ticket::take("note", "k").unwrap().settle(end.clone());
                assert_eq!(told, end);
                assert_eq!(Ticket::take("note", "k").unwrap().may_be_written(), may_be_written);
            });
        }
    }

    #[test]
    fn a_repeat_that_failed_leaves_the_first_attempt_open() {
        Host::new().run(|| {
            let lost = Ticket::take("note", "k").unwrap();
            assert!(lost.settle::<()>(Err(Error::UnknownOutcome(String::new()))).is_err());
            let repeat = Ticket::take("note", "k").unwrap();
            assert!(repeat.settle::<()>(Err(Error::RateLimited(None))).is_err());
            assert!(Ticket::take("note", "k").unwrap().may_be_written());
        });
    }

    #[test]
    fn a_full_place_and_a_lost_race_make_the_write_dearer_and_not_wrong() {
        let host = Host::new();
        let slot = host.run(|| Ticket::take("note", "k").unwrap().slot);
        host.put(&slot, vec![0; (DIGESTS_MAX - 1) * DIGEST_BYTES]);
        host.run(|| assert!(!Ticket::take("note", "k").unwrap().may_be_written()));
        host.put(&slot, vec![0; DIGESTS_MAX * DIGEST_BYTES]);
        host.run(|| assert!(Ticket::take("note", "k").unwrap().may_be_written()));
        const { assert!(DIGESTS_MAX * DIGEST_BYTES <= kv::VALUE_BYTES_MAX) };

        let host = Host::new();
        let other = slot.clone();
        host.before_next_commit(move |host| host.put(&other, vec![7; DIGEST_BYTES]));
        host.run(|| assert!(Ticket::take("note", "k").unwrap().may_be_written()));
    }

    #[test]
    fn keys_are_letters_digits_and_two_signs_up_to_128() {
        Host::new().run(|| {
            assert!(Ticket::take("note", &"k".repeat(128)).is_ok());
            for wrong in ["", "a b", "a]", "ж", &"k".repeat(129)] {
                assert!(matches!(Ticket::take("note", wrong), Err(Error::Invalid(_))), "{wrong}");
            }
        });
    }
}
