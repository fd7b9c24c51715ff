//! What is kept of an account's tokens, and for which credentials it holds.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Token, answer};
use crate::{id::Digest, secret::Secret};

/// The tokens of an account, as they are sealed in the database.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The client that they were obtained for.
    pub(super) client: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) access: Option<Secret<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) good_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refresh: Option<Secret<String>>,
    /// Where the operator's consent was sent to: some ask for it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) redirect: Option<String>,
    /// With which credentials, and why, no more tokens are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<(String, String)>,
}

impl Kept {
    /// A new token, and what is left of those before it.
    pub(super) fn after(before: Option<&Self>, client: &str, token: &Token) -> Self {
        let before = before.filter(|before| before.client == client);
        let refresh = token.refresh.clone();
        Self {
            client: client.to_owned(),
            access: Some(token.value.clone()),
            good_until: token.good_until,
            // An endpoint that does not rotate gives no other one.
            refresh: refresh.or_else(|| before.and_then(|before| before.refresh.clone())),
            redirect: before.and_then(|before| before.redirect.clone()),
            refused: None,
        }
    }

    pub(super) fn read(text: &Secret<String>) -> Self {
        // What cannot be read is obtained anew.
        serde_json::from_str(text.expose()).unwrap_or_default()
    }

    pub(super) fn to_text(&self) -> Secret<String> {
        let text = serde_json::to_string(self).expect("texts and times become JSON");
        Secret::new(text)
    }

    /// The token, unless it is over or was refused.
    pub(super) fn token(&self, refused: Option<&Secret<String>>, now: Timestamp) -> Option<Token> {
        let value = self.access.as_ref().filter(|value| Some(*value) != refused)?;
        let token = answer::bearer(value, self.good_until)?;
        token.is_good(now).then_some(token)
    }

    /// When the token that is kept ends.
    pub(super) fn ends_at(&self) -> Option<Timestamp> {
        self.access.as_ref().and(self.good_until)
    }
}

/// A name for credentials that tells nothing of them.
pub(super) fn fingerprint(parts: &[&str]) -> String {
    let joined: Vec<u8> = parts
        .iter()
        .flat_map(|part| [part.len().to_string().as_bytes(), b":", part.as_bytes()].concat())
        .collect();
    Digest::of(&joined).to_string()
}
