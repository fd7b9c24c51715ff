//! Work with secrets that never enter the sandbox: `secret` is the key of a secret setting.
//!
//! Every answer is `None` where the account has no value for the setting.

pub use crate::bindings::imports::patchbay::adapter::vault::Digest;

use crate::imports;

/// The HMAC of the message under the secret.
pub fn hmac(secret: &str, digest: Digest, message: &[u8]) -> Option<Vec<u8>> {
    imports::hmac(secret, digest, message)
}

/// The digest of `before`, the secret and `after` in a row.
pub fn hash(secret: &str, digest: Digest, before: &[u8], after: &[u8]) -> Option<Vec<u8>> {
    imports::hash(secret, digest, before, after)
}

/// Whether two texts or signatures are the same, in a time that does not tell where they differ.
/// That their lengths differ is no secret.
///
/// ```
/// use patchbay_sdk::vault::are_equal;
///
/// assert!(are_equal(b"word", b"word"));
/// assert!(!are_equal(b"word", b"ward") && !are_equal(b"word", b"words"));
/// ```
pub fn are_equal(one: &[u8], other: &[u8]) -> bool {
    let differing =
        one.iter().zip(other).fold(0, |differing, (one, other)| differing | (one ^ other));
    one.len() == other.len() && std::hint::black_box(differing) == 0
}

/// Compares the secret with the candidate in constant time.
pub fn equals(secret: &str, candidate: &[u8]) -> Option<bool> {
    imports::equals(secret, candidate)
}
