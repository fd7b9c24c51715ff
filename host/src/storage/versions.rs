//! The versions of plugins, and which of them are active.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::Result;
use crate::{
    account::{Activation, Version},
    id::{AccountId, Digest, PluginName},
};

#[async_trait]
pub trait Versions: fmt::Debug + Send + Sync {
    /// Keeps a version. One that is kept already gets its new record, and stays approved if it was.
    async fn put_version(&self, version: Version, bytes: Vec<u8>) -> Result<()>;

    /// Every version that is kept, by name, those used last first.
    async fn versions(&self) -> Result<Vec<Version>>;

    /// Whether the version was ever kept, also when it was removed since.
    async fn is_known(&self, digest: Digest) -> Result<bool>;

    async fn version_bytes(&self, digest: Digest) -> Result<Option<Vec<u8>>>;

    /// Lets a version be made active. Returns whether it is kept.
    async fn approve(&self, digest: Digest) -> Result<bool>;

    async fn activations(&self) -> Result<Vec<Activation>>;

    /// Stores an activation over the one with the generation before.
    ///
    /// Fails with [`Error::Changed`](super::Error::Changed) when another one is stored by now, or
    /// its version is not kept any more.
    async fn put_activation(&self, activation: Activation) -> Result<()>;

    /// Removes the versions of a plugin that are active nowhere, but for so many used last.
    async fn remove_old_versions(&self, name: &PluginName, kept: u32) -> Result<Vec<Digest>>;

    /// Makes webhooks unread that this version has refused since then, so that another one reads
    /// them. Returns how many.
    async fn read_again(
        &self,
        account: Option<&AccountId>,
        refused_by: Digest,
        since: Timestamp,
    ) -> Result<u64>;
}
