//! Typed ids, and the random texts that nobody can guess.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

macro_rules! row_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

row_ids! {
    /// One webhook in the journal.
    RequestId,
    /// One event in the journal.
    EventId,
    /// One job: one event's work for one integration.
    JobId,
    /// The jobs of one conversation in one integration.
    LaneId,
    /// What a client is locked by: a hash of one identifier. Two that are equal by chance cost a
    /// wait, and nothing else.
    ClientKey,
}

macro_rules! slugs {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        ///
        /// 1 to 64 bytes of lower case letters, digits and `-`, chosen by the operator. Cheap to
        /// clone.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidSlug;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                check_slug(text).map(|()| Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidSlug;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                check_slug(&text).map(|()| Self(text.into()))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.as_str().to_owned()
            }
        }
    )+};
}

slugs! {
    /// One configured plugin: `jivo-shop`.
    AccountId,
    /// One channel account joined to one CRM account: `jivo-to-notebook`.
    IntegrationId,
    /// A named collection of managers: `sales-a`.
    PoolId,
    /// A plugin's own name: `crm-odoo`.
    PluginName,
    /// A token of the API: `console`, `deploy-2026`.
    TokenName,
}

/// The text is no name of an account, an integration, a plugin or a token.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not a name: use 1 to 64 lower case letters, digits and `-`, starting with a letter or digit"
)]
pub struct InvalidSlug(String);

const SLUG_BYTES_MAX: usize = 64;

fn check_slug(text: &str) -> Result<(), InvalidSlug> {
    let is_char = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_good = text.len() <= SLUG_BYTES_MAX
        && text.bytes().all(is_char)
        && text.as_bytes().first().is_some_and(|b| *b != b'-');
    if is_good { Ok(()) } else { Err(InvalidSlug(text.chars().take(SLUG_BYTES_MAX).collect())) }
}

/// SHA-256 of a plugin's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub [u8; 32]);

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("a digest is 64 hexadecimal digits")]
pub struct InvalidDigest;

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(InvalidDigest);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_not_ascii| InvalidDigest)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_not_hex| InvalidDigest)?;
        }
        Ok(Self(bytes))
    }
}

/// 160 random bits as 32 letters and digits, for URLs and bearer tokens.
///
/// # Panics
/// When the operating system has no random numbers to give.
pub fn random_token() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnopqrstuvwxyz2345678";
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
    let letter =
        |byte: &u8| char::from(ALPHABET.get(usize::from(*byte % 32)).copied().unwrap_or(b'a'));
    bytes.iter().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_at_their_edges() {
        for good in ["a", "jivo-shop-1", &"a".repeat(64)] {
            assert!(good.parse::<AccountId>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "Jivo", "a b", "a_b", "ж", &"a".repeat(65)] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_digest_survives_its_text() {
        let digest = Digest::of(b"plugin");
        assert_eq!(Digest::try_from(digest.to_string()).unwrap(), digest);
        assert!(Digest::try_from("ab".to_owned()).is_err());
    }

    #[test]
    fn tokens_differ_and_fit_a_url() {
        let (one, two) = (random_token(), random_token());
        assert_ne!(one, two);
        assert!(one.len() == 32 && one.bytes().all(|b| b.is_ascii_alphanumeric()));
    }
}
