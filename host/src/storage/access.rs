//! The tokens of the API, and the record of every change.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Page, PageQuery, Result};
use crate::{
    access::{ApiToken, ChangeRecord, NewChange},
    id::{Digest, TokenName},
};

/// Who may do what, and who did.
#[async_trait]
pub trait Access: fmt::Debug + Send + Sync {
    /// Stores a token if none was ever stored; one that is revoked counts. Returns whether it was
    /// stored.
    async fn put_first_token(&self, token: ApiToken) -> Result<bool>;

    /// Stores a token. Returns false, and stores nothing, when there is or was one of this name.
    async fn put_token(&self, token: ApiToken) -> Result<bool>;

    async fn token(&self, digest: Digest) -> Result<Option<ApiToken>>;

    /// All of them, by name.
    async fn tokens(&self) -> Result<Vec<ApiToken>>;

    /// From now on, on every host, the token opens nothing. Returns false when there is none of
    /// this name that is not revoked.
    async fn revoke_token(&self, name: &TokenName, now: Timestamp) -> Result<bool>;

    /// Writes down what somebody is about to change. Returns the number of the line.
    async fn begin_change(&self, change: NewChange) -> Result<i64>;

    /// Writes down how the change ended.
    async fn end_change(&self, id: i64, status: u16, detail: Option<String>) -> Result<()>;

    /// Writes down what the host itself has done.
    async fn tell_own(
        &self,
        at: Timestamp,
        action: &str,
        subject: &str,
        detail: &str,
    ) -> Result<()> {
        let change = NewChange {
            at,
            who: ChangeRecord::HOST.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            address: String::new(),
        };
        let id = self.begin_change(change).await?;
        self.end_change(id, 200, Some(detail.to_owned())).await
    }

    async fn changes(&self, page: PageQuery) -> Result<Page<ChangeRecord>>;

    /// Removes lines from before `since`, and the oldest beyond `lines_max`: at most `rows_max` at
    /// once. Returns how many.
    async fn expire_changes(&self, since: Timestamp, lines_max: u32, rows_max: u32) -> Result<u64>;
}
