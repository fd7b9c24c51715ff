//! Whose plugins are let in, and what a host is for.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::Config;
use crate::signature::PublicKey;

/// Longest name of a trusted key, in bytes.
const NAME_MAX: usize = 64;

/// What a host is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    #[default]
    Production,
    Dev,
}

/// Whose plugins are let in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trust {
    /// Public keys of minisign, each with a name of yours: `[{ name = "vendor", key = "RW…" }]`.
    /// Default: none.
    pub keys: TrustedKeys,
    /// What becomes of a plugin that none of them signed: `refuse` or `warn`. It is asked again at
    /// each start. Default: `refuse`, and `warn` with the profile `dev`.
    pub unsigned: Option<Unsigned>,
}

/// Keys, none of them by default.
pub type TrustedKeys = Vec<TrustedKey>;

/// A key whose owner is trusted with what runs in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with `name` and `key`")]
pub struct TrustedKey {
    /// How it is shown.
    pub name: String,
    pub key: PublicKey,
}

/// What becomes of a plugin that nobody who is trusted signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unsigned {
    Refuse,
    Warn,
}

impl Config {
    /// What becomes of a plugin that no trusted key signed.
    pub fn unsigned(&self) -> Unsigned {
        self.trust.unsigned.unwrap_or(match self.profile {
            Profile::Production => Unsigned::Refuse,
            Profile::Dev => Unsigned::Warn,
        })
    }
}

impl Trust {
    /// Names and ids of keys that do not tell them apart.
    pub(super) fn wrong_keys(&self, say: &mut impl FnMut(&str, String)) {
        let mut seen = BTreeSet::new();
        for trusted in &self.keys {
            let (name, id) = (trusted.name.trim().to_owned(), trusted.key.id().to_string());
            if name.is_empty() || NAME_MAX < name.len() || name.contains(char::is_control) {
                let message = format!("needs 1 to {NAME_MAX} letters that can be shown");
                say("trust.keys.name", message);
            }
            for (key, what) in [("trust.keys.name", name), ("trust.keys.key", id)] {
                let message = format!("`{what}` is given twice");
                if !seen.insert((key, what)) {
                    say(key, message);
                }
            }
        }
    }
}
