//! What the host keeps: the journal with its jobs, the registry, and the stores of the accounts.
//!
//! Three traits, named by intention; every method is one transaction and happens whole or not
//! at all. Time comes in as `now`. A backend implements all three; [`Stores`] joins them.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    account::{Account, Integration, PluginRecord},
    event::{Event, EventOutcome, Request},
    id::{AccountId, Digest, EventId, IntegrationId, JobId, RequestId},
    outcome::{Blame, Next},
};

pub mod sqlite;
#[cfg(test)]
mod suite;
mod views;

pub use self::views::{
    AttemptView, DeadLetter, EventDetail, EventView, JobState, JobView, Page, PageQuery,
    WebhookView,
};

/// The three faces of one backend.
#[derive(Debug, Clone)]
pub struct Stores {
    pub journal: Arc<dyn Journal>,
    pub registry: Arc<dyn Registry>,
    pub kv: Arc<dyn Kv>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another worker has taken the job since; the result must be dropped.
    #[error("the lease on the job has expired")]
    LeaseLost,
    /// The journal's queue of writes is full: nothing was stored.
    #[error("the journal's queue is full")]
    Overloaded,
    /// The database was written by a newer release.
    #[error("the database has schema {found}, this release knows {known}: start a newer release")]
    NewerSchema { found: i64, known: i64 },
    /// What is stored cannot be read back.
    #[error("`{table}` holds a row that cannot be read")]
    Corrupt { table: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    /// The database cannot be written or read now; nothing was stored.
    #[error("the database is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A webhook with what `receive` made of it, ready for the journal.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    pub account: AccountId,
    /// The plugin that read it.
    pub plugin: Digest,
    pub request: Request,
    pub reading: NewReading,
}

#[derive(Debug, Clone)]
pub enum NewReading {
    Events(Vec<NewEvent>),
    /// Answered by the adapter; no event came of it.
    Answered,
    /// Refused by the adapter. Kept within a cap for each account.
    Rejected {
        status: u16,
        reason: String,
    },
    /// `receive` failed: read again later.
    Unread {
        reason: String,
    },
}

#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Unique within the account, as long as the event is kept.
    pub dedup_key: Vec<u8>,
    pub event: Event,
    /// The integrations that get a job each.
    pub integrations: Vec<IntegrationId>,
}

/// What the journal holds after an accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub request: RequestId,
    /// One entry for each event given, in its order.
    pub events: Vec<AcceptedEvent>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptedEvent {
    /// The event stored, or the one that it repeats.
    pub id: EventId,
    pub is_duplicate: bool,
}

/// The right to run the head of one lane until `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub job: JobId,
    /// Grows with every lease of the lane; a settle with an old one changes nothing.
    pub fence: i64,
}

#[derive(Debug, Clone)]
pub struct LeasedJob {
    pub lease: Lease,
    /// Counted from 1.
    pub attempt: u32,
    pub event_id: EventId,
    pub account: AccountId,
    pub integration: IntegrationId,
    pub event: Event,
    pub steps: Vec<Step>,
    pub accepted_at: Timestamp,
}

/// One effect of a job on a CRM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub name: String,
    pub idempotency_key: String,
    pub state: StepState,
    /// What it answered, as JSON, once it is done.
    pub result: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// About to be sent: after a crash its outcome is unknown.
    Intended,
    Done,
    /// Sent, and the answer lost.
    Unknown,
}

/// How an attempt ends.
#[derive(Debug, Clone)]
pub struct Settlement {
    pub next: Next,
    /// Whether the attempt counts against the policy.
    pub counts: bool,
    /// `done`, `transient`, `rate-limited`, `unauthorized`, `permanent`.
    pub outcome: &'static str,
    pub blame: Option<Blame>,
    /// For the operator; neither secrets nor personal data.
    pub reason: Option<String>,
    /// What `reply` renders, kept with the job once it is done.
    pub result: Option<EventOutcome>,
    pub started_at: Timestamp,
    pub took_ms: u64,
}

/// How much work waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Jobs that wait or run.
    pub pending_jobs: u64,
    pub dead_jobs: u64,
    pub unread_requests: u64,
    /// When the oldest pending job was accepted.
    pub oldest_pending: Option<Timestamp>,
}

/// A webhook that `receive` could not read.
#[derive(Debug, Clone)]
pub struct UnreadRequest {
    pub id: RequestId,
    pub account: AccountId,
    pub request: Request,
    /// The plugin that failed on it last.
    pub plugin: Digest,
}

/// The journal of webhooks and the queue of jobs, which is a view of it.
#[async_trait]
pub trait Journal: fmt::Debug + Send + Sync {
    /// Stores the webhook, its events, jobs and lanes, and returns once they are durable.
    async fn accept(&self, webhook: NewWebhook) -> Result<Accepted>;

    /// Takes the heads of at most `limit` lanes that are due, one job for each lane.
    async fn lease(&self, limit: u32, now: Timestamp, until: Timestamp) -> Result<Vec<LeasedJob>>;

    /// When the next lane is due, if none is leased before.
    async fn next_due(&self) -> Result<Option<Timestamp>>;

    /// Records a step of a leased job, over an earlier record of the same name.
    async fn record_step(&self, lease: Lease, step: Step) -> Result<()>;

    /// Ends an attempt and lets the lane go on, or fails with [`Error::LeaseLost`].
    async fn settle(&self, lease: Lease, settlement: Settlement, now: Timestamp) -> Result<()>;

    /// Gives back leases that ended before `now`, as attempts that were lost. Returns how many.
    async fn reap(&self, now: Timestamp) -> Result<u64>;

    /// Where the work for one event stands; empty for an event without jobs.
    async fn jobs_of(&self, event: EventId) -> Result<Vec<JobView>>;

    /// The journal, newest first.
    async fn webhooks(
        &self,
        account: Option<AccountId>,
        page: PageQuery,
    ) -> Result<Page<WebhookView>>;

    async fn event(&self, event: EventId) -> Result<Option<EventDetail>>;

    async fn dead_letters(
        &self,
        integration: Option<IntegrationId>,
        page: PageQuery,
    ) -> Result<Page<DeadLetter>>;

    /// Puts a dead job back, with its attempts counted anew. False when it is not dead.
    async fn replay(&self, job: JobId, now: Timestamp) -> Result<bool>;

    /// Unread webhooks that `plugin` has not failed on yet, oldest first.
    async fn unread(
        &self,
        account: &AccountId,
        plugin: Digest,
        limit: u32,
    ) -> Result<Vec<UnreadRequest>>;

    /// Replaces the reading of an unread webhook.
    async fn reread(
        &self,
        request: RequestId,
        plugin: Digest,
        reading: NewReading,
        now: Timestamp,
    ) -> Result<Accepted>;

    async fn depth(&self) -> Result<Depth>;
}

/// Plugins, accounts, integrations and the API token.
#[async_trait]
pub trait Registry: fmt::Debug + Send + Sync {
    /// Installs a plugin and makes it the active version of its name.
    async fn put_plugin(&self, plugin: PluginRecord, bytes: Vec<u8>) -> Result<()>;

    /// The active version of every plugin.
    async fn plugins(&self) -> Result<Vec<PluginRecord>>;

    async fn plugin_bytes(&self, digest: Digest) -> Result<Option<Vec<u8>>>;

    async fn put_account(&self, account: Account) -> Result<()>;

    async fn accounts(&self) -> Result<Vec<Account>>;

    async fn put_integration(&self, integration: Integration) -> Result<()>;

    async fn integrations(&self) -> Result<Vec<Integration>>;

    /// Stores the digest of the API token if none is stored. Returns whether it was stored.
    async fn put_first_token(&self, token: Digest) -> Result<bool>;

    async fn tokens(&self) -> Result<Vec<Digest>>;
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
