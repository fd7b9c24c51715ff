//! What accounts were denied on their way out: kept for their operators.

use super::Directory;
use crate::{
    id::AccountId,
    plugin::egress::DENIALS_MAX,
    storage::{self, Denial},
};

impl Directory {
    /// Waits until there are denials to keep.
    pub async fn denied(&self) {
        self.plugins.denials().noted().await;
    }

    /// Keeps what was denied since the last time. What cannot be kept now is lost: it is told
    /// again by the next denial.
    pub async fn keep_denials(&self) -> storage::Result<()> {
        let denials = self.plugins.denials().take();
        if denials.is_empty() {
            return Ok(());
        }
        self.stores.denials.add_denials(denials, DENIALS_MAX).await
    }

    /// What the account was denied, the newest first.
    pub async fn denials_of(&self, account: &AccountId) -> storage::Result<Vec<Denial>> {
        self.keep_denials().await?;
        self.stores.denials.denials_of(account).await
    }
}
