//! What accounts were denied on their way out, for their operators.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::Result;
use crate::{account::Grant, id::AccountId};

/// One thing that was denied, however often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    pub account: AccountId,
    /// `https://crm.example.com`, without a path.
    pub origin: String,
    pub method: String,
    /// What was missing: one of few words.
    pub reason: String,
    /// The whole sentence.
    pub message: String,
    /// What the operator may add to the account's grants to allow it; `None` where no grant does.
    pub grant: Option<Grant>,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub count: u64,
}

/// The denials of the accounts, a bounded number of each.
#[async_trait]
pub trait Denials: fmt::Debug + Send + Sync {
    /// Adds denials to what is known of the same account, origin, method and reason. Of each
    /// account the `max` newest are kept.
    async fn add_denials(&self, denials: Vec<Denial>, max: u32) -> Result<()>;

    /// Those of an account, the newest first.
    async fn denials_of(&self, account: &AccountId) -> Result<Vec<Denial>>;
}
