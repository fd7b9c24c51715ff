//! Work: leases of jobs, their steps, and how an attempt ends.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    card::Identifier,
    event::{Event, EventOutcome},
    id::{AccountId, EventId, IntegrationId, JobId},
    outcome::{Blame, Next},
};

/// The right to run the head of one lane until `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub job: JobId,
    /// Grows with every lease of the lane; a settle with an old one changes nothing.
    pub fence: i64,
}

/// How many jobs of which integrations may start.
#[derive(Debug, Clone)]
pub struct Claim {
    pub shares: Vec<Share>,
    /// Of all of them together.
    pub limit: u32,
    pub now: Timestamp,
    /// When the leases end.
    pub until: Timestamp,
}

/// One integration's share of a [`Claim`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    pub integration: IntegrationId,
    /// Heads that were never attempted.
    pub first: u32,
    /// Heads that were attempted before, or replayed.
    pub again: u32,
    /// Of both together.
    pub room: u32,
}

#[derive(Debug, Clone)]
pub struct LeasedJob {
    pub lease: Lease,
    /// Counted from 1.
    pub attempt: u32,
    /// Whether it was attempted before, counted or not, or replayed.
    pub is_again: bool,
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
    /// Whether a dead letter stops its lane until an operator lets it go on.
    pub stops_lane: bool,
    /// Which card the client was seen on.
    pub links: Vec<IdentityLink>,
    /// Whether the attempt counts against the policy.
    pub counts: bool,
    /// `done`, `transient`, `rate-limited`, `unauthorized`, `permanent`, `given-back`.
    pub outcome: &'static str,
    pub blame: Option<Blame>,
    /// For the operator; neither secrets nor personal data.
    pub reason: Option<String>,
    /// What `reply` renders, kept with the job once it is done.
    pub result: Option<EventOutcome>,
    pub started_at: Timestamp,
    pub took_ms: u64,
}

/// An identifier that was seen on a card of a CRM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityLink {
    pub crm: AccountId,
    pub identifier: Identifier,
    /// The card's id in the CRM.
    pub card: String,
}
