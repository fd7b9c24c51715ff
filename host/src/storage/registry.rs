//! The registry of what is configured, and the small stores of the accounts.

use std::fmt;

use async_trait::async_trait;

use super::Result;
use crate::{
    account::{Account, Integration, Pool},
    id::{AccountId, PoolId},
};

/// Accounts, integrations and pools.
#[async_trait]
pub trait Registry: fmt::Debug + Send + Sync {
    /// Stores an account over the one that was read, `None` for none.
    ///
    /// Fails with [`Error::Changed`](super::Error::Changed) when another one is stored by now.
    async fn put_account(&self, before: Option<&Account>, account: Account) -> Result<()>;

    async fn accounts(&self) -> Result<Vec<Account>>;

    async fn put_integration(&self, integration: Integration) -> Result<()>;

    async fn integrations(&self) -> Result<Vec<Integration>>;

    async fn put_pool(&self, pool: Pool) -> Result<()>;

    /// Removes a pool, and whose turn it was. Returns whether there was one.
    async fn delete_pool(&self, pool: &PoolId) -> Result<bool>;

    async fn pools(&self) -> Result<Vec<Pool>>;
}

/// A change to an account's store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Set(String, Vec<u8>),
    Delete(String),
    /// Nothing is changed unless the key has this value.
    Expect(String, Option<Vec<u8>>),
}

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    Yes,
    /// An expected key had another value: nothing was changed.
    Conflict,
    /// The account's share of `bytes_max` would be passed: nothing was changed.
    Full,
}

/// The small stores of the accounts.
#[async_trait]
pub trait Kv: fmt::Debug + Send + Sync {
    async fn get(&self, account: &AccountId, key: &str) -> Result<Option<Vec<u8>>>;

    /// All changes or none, durable.
    async fn commit(
        &self,
        account: &AccountId,
        changes: Vec<Change>,
        bytes_max: u64,
    ) -> Result<Committed>;

    /// Keys with the prefix in byte order, after the one given.
    async fn keys(
        &self,
        account: &AccountId,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>>;
}
