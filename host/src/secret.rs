//! Values that must not be printed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A value without a readable `Debug` or `Display`; `expose` is the only way to it.
///
/// `Serialize` writes the value: only storage serialises a secret, after it has sealed it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    pub fn new(value: T) -> Self {
        Self(value)
    }

    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
