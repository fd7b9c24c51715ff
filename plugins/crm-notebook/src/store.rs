//! The notebook's records in the host's store: their keys, ids in sequence, and writes that happen once.

use patchbay_sdk::kv::{self, Batch};
use patchbay_sdk::types::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How often a write is tried while other calls change the same records.
const ATTEMPTS_MAX: u32 = 8;

/// Longest idempotency key, in bytes.
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 128;

/// What a record is; each kind counts its ids on its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Card,
    Deal,
    Task,
    Note,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Deal => "deal",
            Self::Task => "task",
            Self::Note => "note",
        }
    }

    /// The key of a card or a deal. Ids are padded, so that the order of keys is the order of ids.
    pub(crate) fn key(self, id: u64) -> String {
        format!("{}/{id:020}", self.name())
    }
}

/// Why an attempt to write came to nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Another call changed one of the records first.
    Changed,
    Final(Error),
}

impl From<kv::Error> for Failure {
    fn from(error: kv::Error) -> Self {
        match error {
            kv::Error::Conflict => Self::Changed,
            other => Self::Final(other.into()),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// Makes a write that this key has not made yet, and answers the id of the record written.
///
/// `attempt` reads what it needs and answers the id and the changes, with an expectation for
/// everything it relied on; it runs again where one of them did not hold. The key is recorded in
/// the same commit, so that a repeat answers the id and writes nothing.
pub(crate) fn write_once(
    kind: Kind,
    key: &str,
    mut attempt: impl FnMut() -> Result<(u64, Batch), Failure>,
) -> Result<u64, Error> {
    check_idempotency_key(key)?;
    let record = format!("idem/{}/{key}", kind.name());
    let mut once = || -> Result<u64, Failure> {
        if let Some(id) = number(&record)? {
            return Ok(id);
        }
        let (id, batch) = attempt()?;
        batch.expect_absent(&record).set(&record, id.to_string()).commit()?;
        Ok(id)
    };
    for _ in 0..ATTEMPTS_MAX {
        match once() {
            Ok(id) => return Ok(id),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Changed) => {}
        }
    }
    Err(Error::Unavailable(format!(
        "other calls changed the same records {ATTEMPTS_MAX} times in a row"
    )))
}

fn check_idempotency_key(key: &str) -> Result<(), Error> {
    let is_plain =
        key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if is_plain && !key.is_empty() && key.len() <= IDEMPOTENCY_KEY_BYTES_MAX {
        return Ok(());
    }
    let message =
        format!("should be 1 to {IDEMPOTENCY_KEY_BYTES_MAX} letters, digits, `-` and `_`");
    Err(Error::invalid("idempotency-key", message))
}

/// The next id of a kind, and a batch that takes it.
pub(crate) fn next_id(kind: Kind) -> Result<(u64, Batch), Error> {
    let key = format!("seq/{}", kind.name());
    let last = number(&key)?;
    let id = last.unwrap_or(0) + 1;
    let batch = match last {
        Some(last) => Batch::new().expect(&key, last.to_string()),
        None => Batch::new().expect_absent(&key),
    };
    Ok((id, batch.set(&key, id.to_string())))
}

/// The number under a key.
pub(crate) fn number(key: &str) -> Result<Option<u64>, Error> {
    let Some(bytes) = kv::get(key)? else { return Ok(None) };
    let number = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| damaged(key))
}

/// A record together with its bytes, which an update expects to find unchanged.
#[derive(Debug)]
pub(crate) struct Read<T> {
    pub(crate) record: T,
    pub(crate) bytes: Vec<u8>,
}

/// The card or deal with this id.
pub(crate) fn read<T: DeserializeOwned>(kind: Kind, id: u64) -> Result<Option<Read<T>>, Error> {
    let key = kind.key(id);
    let Some(bytes) = kv::get(&key)? else { return Ok(None) };
    let record = serde_json::from_slice(&bytes).map_err(|_error| damaged(&key))?;
    Ok(Some(Read { record, bytes }))
}

/// The card or deal that an id in text form names, or [`Error::NotFound`].
pub(crate) fn find<T: DeserializeOwned>(kind: Kind, id: &str) -> Result<Read<T>, Error> {
    let found = match parse_id(id) {
        Some(number) => read(kind, number)?,
        None => None,
    };
    found.ok_or_else(|| Error::NotFound(format!("no {} has the id `{}`", kind.name(), shorten(id))))
}

/// An id in the one spelling that the notebook gives.
pub(crate) fn parse_id(id: &str) -> Option<u64> {
    id.parse::<u64>().ok().filter(|number| number.to_string() == id)
}

/// The record as it is stored.
pub(crate) fn to_bytes(record: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(record).expect("texts, numbers and lists always have a JSON form")
}

fn damaged(key: &str) -> Error {
    Error::Unavailable(format!("the record `{key}` in the store is damaged"))
}

/// Enough of an id to recognise it.
fn shorten(id: &str) -> &str {
    id.get(..id.floor_char_boundary(64)).unwrap_or_default()
}
