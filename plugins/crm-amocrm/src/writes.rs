//! What was sent and not answered yet. The CRM knows no idempotency keys, so the account's own
//! store remembers them: a first write needs no look-up, and a repeat after a lost answer has one.
//!
//! Keys are kept in slots by their hash, the newest of a slot alone, so that the store does not grow.

use patchbay_sdk::kv::{self, Batch};
use patchbay_sdk::log;
use patchbay_sdk::types::{Error, Problem};

use crate::client::Failure;

/// Together with [`ENTRIES_MAX`] entries of at most 160 bytes each: 84 MB of the host's 256 MiB.
const SLOTS: u64 = 65_536;

/// Writes that one slot remembers.
const ENTRIES_MAX: usize = 8;

const KEY_BYTES_MAX: usize = 128;

/// Another call may change the same slot in between.
const ATTEMPTS_MAX: usize = 4;

/// Stands for the id of a write that was sent and not answered.
const OPEN: &str = "-";

/// What a write makes. The same key may stand for one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Contact,
    Lead,
    Task,
    Note,
}

/// Whether this call has made the record, or an earlier one with the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    Now(u64),
    Before(u64),
}

impl Made {
    pub(crate) fn id(self) -> u64 {
        match self {
            Self::Now(id) | Self::Before(id) => id,
        }
    }
}

/// Writes once for each key. `find` looks for what an earlier call with this key may have written.
pub(crate) fn once(
    kind: Kind,
    key: &str,
    find: impl FnOnce() -> Result<Option<u64>, Error>,
    write: impl FnOnce() -> Result<u64, Failure>,
) -> Result<Made, Error> {
    let name = name(kind, key)?;
    match remembered(&name)? {
        Known::Answered(id) => return Ok(Made::Before(id)),
        Known::Sent => {
            if let Some(id) = find()? {
                answered(&name, id);
                return Ok(Made::Before(id));
            }
        }
        Known::Nothing => change(&name, Some(OPEN))?,
    }
    match write() {
        Ok(id) => {
            answered(&name, id);
            Ok(Made::Now(id))
        }
        Err(failure) => {
            if !failure.is_open {
                keep(change(&name, None));
            }
            Err(failure.error)
        }
    }
}

/// The line that a text carries for its key.
pub(crate) fn mark(key: &str) -> String {
    format!("[patchbay:{key}]")
}

/// Whether a text carries the mark of this key.
pub(crate) fn is_marked(text: &str, key: &str) -> bool {
    text.contains(&mark(key))
}

fn name(kind: Kind, key: &str) -> Result<String, Error> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if key.is_empty() || KEY_BYTES_MAX < key.len() || !key.bytes().all(fits) {
        let text = "the idempotency key must be 1 to 128 letters, digits, `-` and `_`";
        return Err(Error::Invalid(vec![Problem::general(text)]));
    }
    let kind = match kind {
        Kind::Contact => 'c',
        Kind::Lead => 'l',
        Kind::Task => 't',
        Kind::Note => 'n',
    };
    Ok(format!("{kind}:{key}"))
}

/// The record was made: a store that fails now costs no more than a look-up at the repeat.
fn answered(name: &str, id: u64) {
    keep(change(name, Some(&id.to_string())));
}

fn keep(changed: Result<(), Error>) {
    if let Err(_failed) = changed {
        log::warn("what became of a write could not be kept: its repeat will look for it");
    }
}

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    /// And not answered.
    Sent,
    Answered(u64),
}

fn remembered(name: &str) -> Result<Known, Error> {
    let held = kv::get(&slot(name))?.unwrap_or_default();
    let held = String::from_utf8_lossy(&held);
    let mut entries = held.lines().filter_map(|line| line.split_once(' '));
    let id = entries.find(|(own, _)| *own == name).map(|(_, id)| id);
    Ok(id.map_or(Known::Nothing, |id| id.parse().map_or(Known::Sent, Known::Answered)))
}

/// Sets what is known of the key, or forgets it.
fn change(name: &str, id: Option<&str>) -> Result<(), Error> {
    let slot = slot(name);
    for _ in 1..ATTEMPTS_MAX {
        match try_change(&slot, name, id) {
            Err(kv::Error::Conflict) => {}
            other => return other.map_err(Into::into),
        }
    }
    try_change(&slot, name, id).map_err(Into::into)
}

fn try_change(slot: &str, name: &str, id: Option<&str>) -> Result<(), kv::Error> {
    let held = kv::get(slot)?;
    let text = String::from_utf8_lossy(held.as_deref().unwrap_or_default()).into_owned();
    let others =
        text.lines().filter(|line| line.split_once(' ').is_some_and(|(own, _)| own != name));
    let mut lines: Vec<String> = others.map(str::to_owned).collect();
    if let Some(id) = id {
        lines.insert(0, format!("{name} {id}"));
    }
    lines.truncate(ENTRIES_MAX);
    let batch = match held {
        Some(held) => Batch::new().expect(slot, held),
        None => Batch::new().expect_absent(slot),
    };
    let batch =
        if lines.is_empty() { batch.delete(slot) } else { batch.set(slot, lines.join("\n")) };
    batch.commit()
}

/// FNV-1a: spread is all that is asked of it.
fn slot(name: &str) -> String {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("sent/{:04x}", hash % SLOTS)
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::testing::Host;

    use super::*;

    fn lost() -> Result<u64, Failure> {
        Err(Error::UnknownOutcome("lost".to_owned()).into())
    }

    #[track_caller]
    fn never<T>() -> T {
        panic!("must not be asked")
    }

    #[test]
    fn a_first_write_is_not_looked_for_and_a_repeat_writes_nothing() {
        Host::new().run(|| {
            assert_eq!(once(Kind::Task, "k", never, || Ok(7)), Ok(Made::Now(7)));
            assert_eq!(once(Kind::Task, "k", never, never), Ok(Made::Before(7)));
            assert_eq!(once(Kind::Note, "k", never, || Ok(8)), Ok(Made::Now(8)));
        });
    }

    #[test]
    fn a_lost_answer_is_looked_for_before_the_repeat() {
        Host::new().run(|| {
            once(Kind::Task, "found", never, lost).unwrap_err();
            assert_eq!(once(Kind::Task, "found", || Ok(Some(3)), never), Ok(Made::Before(3)));
            assert_eq!(once(Kind::Task, "found", never, never), Ok(Made::Before(3)));
            once(Kind::Task, "gone", never, lost).unwrap_err();
            assert_eq!(once(Kind::Task, "gone", || Ok(None), || Ok(4)), Ok(Made::Now(4)));
        });
    }

    #[test]
    fn a_write_that_was_refused_is_forgotten_and_one_that_may_have_happened_is_not() {
        let host = Host::new();
        host.run(|| {
            once(Kind::Task, "k", never, || Err(Error::invalid("x", "y").into())).unwrap_err();
            assert_eq!(once(Kind::Task, "k", never, || Ok(1)), Ok(Made::Now(1)));
            let too_fast = Failure { error: Error::RateLimited(None), is_open: true };
            once(Kind::Task, "f", never, || Err(too_fast)).unwrap_err();
            assert_eq!(once(Kind::Task, "f", || Ok(Some(2)), never), Ok(Made::Before(2)));
        });
    }

    #[test]
    fn a_slot_remembers_its_newest_eight() {
        let host = Host::new();
        let same: Vec<String> = (0..)
            .map(|number: u32| format!("n:{number}"))
            .filter(|name| slot(name) == slot("n:0"))
            .take(ENTRIES_MAX + 1)
            .collect();
        host.run(|| {
            for name in &same {
                change(name, Some("1")).unwrap();
            }
            assert_eq!(remembered(&same[0]), Ok(Known::Nothing));
            for name in &same[1..] {
                assert_eq!(remembered(name), Ok(Known::Answered(1)));
            }
            for name in &same {
                change(name, None).unwrap();
            }
        });
        assert!(host.store().is_empty());
    }

    #[test]
    fn another_call_that_uses_the_same_slot_is_no_obstacle() {
        let host = Host::new();
        host.before_next_commit(|host| host.put(&slot("t:k"), "n:other 5"));
        host.run(|| {
            assert_eq!(once(Kind::Task, "k", never, || Ok(7)), Ok(Made::Now(7)));
            assert_eq!(remembered("t:k"), Ok(Known::Answered(7)));
        });
        assert_eq!(host.store()[&slot("t:k")], b"t:k 7\nn:other 5");
    }

    #[test]
    fn a_key_has_1_to_128_plain_bytes() {
        Host::new().run(|| {
            assert!(once(Kind::Task, &"k".repeat(128), never, || Ok(1)).is_ok());
            for key in ["", "a b", "a\n", &"k".repeat(129)] {
                assert!(matches!(once(Kind::Task, key, never, never), Err(Error::Invalid(_))));
            }
        });
    }
}
