//! The operator's consent, and how an account stands with its tokens.

use super::Adapter;
use crate::{
    plugin::egress::{Begun, Connection, ConsentError, Oauth},
    secret::Secret,
    storage::Flow,
};

impl Adapter {
    /// Begins a consent; whoever gives it is sent back to `redirect`.
    pub async fn begin_consent(&self, redirect: &str) -> Result<Begun, ConsentError> {
        self.oauth()?.begin_consent(redirect, self.bound.clock.now()).await
    }

    /// Ends a consent with the code that it brought: from now on the account has tokens.
    pub async fn end_consent(
        &self,
        flow: &Flow,
        code: &Secret<String>,
    ) -> Result<(), ConsentError> {
        let now = self.bound.clock.now();
        self.oauth()?.end_consent(&self.bound.door, flow, code, now).await
    }

    /// How the account stands with its tokens.
    pub async fn connection(&self) -> Result<Connection, ConsentError> {
        self.oauth()?.connection().await
    }

    /// Why the host obtained no token since the last time this was asked, where the operator has
    /// to act.
    pub fn take_refusal(&self) -> Option<String> {
        self.bound.take_refusal()
    }

    fn oauth(&self) -> Result<&Oauth, ConsentError> {
        let text =
            "the host obtains no tokens for this account: its plugin has credentials of its own";
        self.bound.door.oauth().ok_or_else(|| ConsentError::NotOffered(text.to_owned()))
    }
}
