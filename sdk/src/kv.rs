//! A small store of the account's own, with atomic commits.
//!
//! ```no_run
//! use patchbay_sdk::kv;
//!
//! fn first_visit(client: &str) -> Result<(), kv::Error> {
//!     kv::Batch::new().expect_absent(client).set(client, "seen").commit()
//! }
//! ```

pub use crate::bindings::imports::patchbay::adapter::kv::{Change, Error};

use crate::imports;
use crate::types;

/// Longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 512;

/// Longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 256 * 1024;

/// Most changes in one commit, expectations included.
pub const CHANGES_MAX: usize = 64;

/// Most keys in one answer of [`keys`].
pub const KEYS_MAX: u32 = 1_000;

/// The value of a key, `None` where it is absent.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    imports::kv_get(key)
}

/// Makes all the changes or none, in one durable step; at most [`CHANGES_MAX`].
#[expect(clippy::needless_pass_by_value, reason = "changes are handed over: they are made once")]
pub fn commit(changes: Vec<Change>) -> Result<(), Error> {
    imports::commit(&changes)
}

/// Keys with the prefix in byte order, those after `after`, at most `limit` and [`KEYS_MAX`].
pub fn keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, Error> {
    imports::keys(prefix, after, limit)
}

/// Changes that take effect together.
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use = "nothing happens before `commit`"]
pub struct Batch {
    changes: Vec<Change>,
}

impl Batch {
    /// A batch without changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the key.
    pub fn set(mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.changes.push(Change::Set((key.into(), value.into())));
        self
    }

    /// Removes the key; an absent one stays absent.
    pub fn delete(mut self, key: impl Into<String>) -> Self {
        self.changes.push(Change::Delete(key.into()));
        self
    }

    /// Nothing is changed unless the key has this value.
    pub fn expect(mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.changes.push(Change::Expect((key.into(), Some(value.into()))));
        self
    }

    /// Nothing is changed unless the key is absent.
    pub fn expect_absent(mut self, key: impl Into<String>) -> Self {
        self.changes.push(Change::Expect((key.into(), None)));
        self
    }

    /// How many changes there are, expectations included.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there is nothing to change and nothing to expect.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Makes all the changes or none: [`commit`].
    pub fn commit(self) -> Result<(), Error> {
        commit(self.changes)
    }
}

impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied => Self::Unsupported("the store is closed in this function".to_owned()),
            Error::TooLarge(text) => Self::Invalid(vec![types::Problem::general(text)]),
            Error::Full => {
                Self::Unavailable("the account's share of the store is used up".to_owned())
            }
            Error::Conflict => {
                Self::Unavailable("another call changed the same record first".to_owned())
            }
            Error::Unavailable(text) => Self::Unavailable(text),
        }
    }
}
