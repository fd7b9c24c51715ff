//! Tokens that the host has obtained for the accounts, and consents that are under way.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::Result;
use crate::{
    id::{AccountId, Digest},
    secret::Secret,
};

/// What is kept of an account's tokens. The text is for whoever obtains them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptTokens {
    /// Counted up by every change.
    pub generation: i64,
    pub text: Secret<String>,
}

/// A consent that an operator was sent to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    pub account: AccountId,
    /// What proves at its end that the same host has begun it.
    pub text: Secret<String>,
    pub until: Timestamp,
}

/// The tokens of the accounts: together all hosts obtain one at a time.
#[async_trait]
pub trait Tokens: fmt::Debug + Send + Sync {
    async fn tokens_of(&self, account: &AccountId) -> Result<Option<KeptTokens>>;

    /// Takes the right to obtain tokens for the account until then, and returns what is kept;
    /// `None` while another one has it.
    async fn take_turn(
        &self,
        account: &AccountId,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Option<KeptTokens>>>;

    /// Keeps new tokens, durably, and gives the right back.
    ///
    /// Fails with [`Error::LeaseLost`](super::Error::LeaseLost) where another one has it by now.
    async fn keep_tokens(
        &self,
        account: &AccountId,
        owner: &str,
        text: Secret<String>,
    ) -> Result<KeptTokens>;

    /// Gives the right back, if `owner` still has it.
    async fn end_turn(&self, account: &AccountId, owner: &str) -> Result<()>;

    /// Keeps tokens that nobody has asked the account's turn for: an operator has consented.
    async fn put_tokens(&self, account: &AccountId, text: Secret<String>) -> Result<KeptTokens>;

    /// Begins a consent, known by the digest of its state. Of one account so many are under way,
    /// the oldest goes; those that have ended go too.
    async fn begin_flow(&self, state: Digest, flow: Flow, now: Timestamp, max: u32) -> Result<()>;

    /// Ends a consent: its state counts once. `None` where there is none, or its time is over.
    async fn end_flow(&self, state: Digest, now: Timestamp) -> Result<Option<Flow>>;
}
