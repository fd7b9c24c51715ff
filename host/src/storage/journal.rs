//! The journal of webhooks, and the queue of jobs, which is a view of it.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::{
    Claim, DeadLetter, EventDetail, IdentityLink, JobView, LaneView, Lease, LeasedJob, Page,
    PageQuery, Result, Settlement, Step, WebhookView,
};
use crate::{
    card::Identifier,
    event::{Event, Request},
    id::{AccountId, ClientKey, Digest, EventId, IntegrationId, JobId, LaneId, RequestId},
};

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
    /// Unique within the account, within the window.
    pub dedup_key: Vec<u8>,
    /// The start of the window: an event of the same key that was received before is another one,
    /// and gives up its key.
    pub dedup_since: Timestamp,
    /// What its jobs hold while they run, sorted and without repeats: no two jobs of one CRM
    /// account with a key in common run at the same time.
    pub client_keys: Vec<ClientKey>,
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

/// How much work waits. Every count ends at [`Depth::COUNT_MAX`]: counting must not cost more the
/// more there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Jobs that wait or run.
    pub pending_jobs: u64,
    pub dead_jobs: u64,
    pub unread_requests: u64,
    /// When the oldest pending job was accepted.
    pub oldest_pending: Option<Timestamp>,
}

impl Depth {
    /// A count of this means: so many or more.
    pub const COUNT_MAX: u64 = 100_000;
}

/// Which dead letters are put back. Every condition that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayFilter {
    pub integration: Option<IntegrationId>,
    /// Dead since this time or later.
    pub died_since: Option<Timestamp>,
    /// Dead before this time.
    pub died_before: Option<Timestamp>,
    /// The name of the event's kind: `conversation-finished`.
    pub kind: Option<String>,
    /// A part of the reason, letter by letter.
    pub reason: Option<String>,
}

/// What is to be kept; the rest may go.
///
/// Work that has not ended is always kept, and so is a dead letter that stops its lane. An event
/// that goes takes its dedup key along: keep the journal for longer than the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Webhooks received before, with all that came of them.
    pub journal_since: Timestamp,
    /// The attempts of jobs that have ended, started before.
    pub traces_since: Timestamp,
    /// Size of the database in bytes, beyond which the oldest webhooks go too.
    pub bytes_max: Option<u64>,
    /// Rows that one call removes at most, so that no other write waits long.
    pub rows_max: u32,
}

/// What one call of [`Journal::expire`] has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expired {
    pub requests: u64,
    pub attempts: u64,
    /// Lanes without a job left.
    pub lanes: u64,
    /// Whether another call would find more.
    pub is_more: bool,
}

/// What one call of [`Journal::forget`] has erased.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Erased {
    /// Webhooks whose headers and body are empty now.
    pub requests: u64,
    pub events: u64,
    /// Jobs that had not ended, and are dead letters without a payload now.
    pub jobs: u64,
    /// Cards that the identifier led to, which only their CRMs can erase.
    pub cards: Vec<(AccountId, String)>,
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

    /// Takes heads of lanes that are due, one job for each lane, and what their clients are known
    /// by: a head whose client another job of the same CRM account works on stays where it is, and
    /// is due again when that job has ended. Paused accounts and disabled integrations give none.
    ///
    /// Of several integrations none waits for the others: they take turns, the oldest first within
    /// each.
    async fn lease(&self, claim: Claim) -> Result<Vec<LeasedJob>>;

    /// When the next lane of these integrations is due, if none is leased before.
    async fn next_due(&self, integrations: &[IntegrationId]) -> Result<Option<Timestamp>>;

    /// Takes one more key of the client for a leased job, for as long as the lease. False when
    /// another lane of the CRM account has it: whoever has keys never waits for more.
    async fn lock_client(&self, lease: Lease, crm: &AccountId, key: ClientKey) -> Result<bool>;

    /// Makes a lease end later, or fails with [`Error::LeaseLost`](super::Error::LeaseLost).
    async fn extend(&self, lease: Lease, until: Timestamp) -> Result<()>;

    /// Records a step of a leased job, over an earlier record of the same name.
    async fn record_step(&self, lease: Lease, step: Step) -> Result<()>;

    /// Ends an attempt, keeps its identity links, gives the client back and lets the lane go on,
    /// or fails with [`Error::LeaseLost`](super::Error::LeaseLost).
    async fn settle(&self, lease: Lease, settlement: Settlement, now: Timestamp) -> Result<()>;

    /// Gives back leases that ended before `now`, as attempts that were lost. Returns how many.
    async fn reap(&self, now: Timestamp) -> Result<u64>;

    /// Sets right what must never be wrong: an idle lane with a pending job, a lane that waits for a
    /// client whom nobody works on. Returns how many; anything but 0 is a bug.
    async fn reconcile(&self, now: Timestamp) -> Result<u64>;

    /// The cards of a CRM account that these identifiers were seen on.
    async fn linked_cards(
        &self,
        crm: &AccountId,
        identifiers: &[Identifier],
    ) -> Result<Vec<IdentityLink>>;

    /// Lanes that do not flow: stopped, held by a client, or waiting for a retry; the newest first.
    async fn stuck_lanes(
        &self,
        integration: Option<IntegrationId>,
        page: PageQuery,
    ) -> Result<Page<LaneView>>;

    /// Lets a stopped lane go on after its dead letter. False when it is not stopped.
    async fn resume_lane(&self, lane: LaneId, now: Timestamp) -> Result<bool>;

    /// Where the work for one event stands; empty for an event without jobs.
    async fn jobs_of(&self, event: EventId) -> Result<Vec<JobView>>;

    /// The journal, newest first.
    async fn webhooks(
        &self,
        account: Option<AccountId>,
        page: PageQuery,
    ) -> Result<Page<WebhookView>>;

    async fn event(&self, event: EventId) -> Result<Option<EventDetail>>;

    /// The body of the webhook that told the event, byte for byte; empty where it was erased.
    async fn body_of(&self, event: EventId) -> Result<Option<Bytes>>;

    async fn dead_letters(
        &self,
        integration: Option<IntegrationId>,
        page: PageQuery,
    ) -> Result<Page<DeadLetter>>;

    /// Puts a dead job back, with its attempts counted anew: at the end of its lane, or, where it
    /// has stopped the lane, at its head. False when it is not dead.
    async fn replay(&self, job: JobId, now: Timestamp) -> Result<bool>;

    /// Puts back the oldest `limit` dead jobs that pass the filter. Returns how many.
    async fn replay_all(&self, filter: &ReplayFilter, limit: u32, now: Timestamp) -> Result<u64>;

    /// Unread webhooks that this reader has not failed on yet, oldest first. It is kept in the place
    /// of the plugin that has read others.
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

    /// Removes what is not to be kept, a bounded piece of it; see [`Expired::is_more`].
    async fn expire(&self, keep: Keep) -> Result<Expired>;

    /// Erases what was received of a client and what is known by this identifier: bodies, headers,
    /// payloads, results, links. The rows stay, so that counts and order do.
    ///
    /// Events are found by their client; webhooks without events by the identifier's text in their
    /// path, query or body, for ids of at least seven letters. Work that has not ended becomes a
    /// dead letter, a webhook that was not read yet counts as answered. The stores of the accounts
    /// are their adapters' own, and are not touched.
    ///
    /// Unlike the others this is not one transaction. A call that was cut short has erased a part,
    /// and is to be made again: only what is left is counted then.
    async fn forget(&self, identifier: &Identifier, now: Timestamp) -> Result<Erased>;
}
