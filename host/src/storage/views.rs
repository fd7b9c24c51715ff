//! What the journal shows of itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Step;
use crate::{
    event::{Event, EventOutcome, Request},
    id::{AccountId, EventId, IntegrationId, JobId, LaneId, RequestId},
};

/// Where the work for one event stands.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    pub job: JobId,
    pub integration: IntegrationId,
    pub state: JobState,
    pub attempts: u32,
    pub run_at: Option<Timestamp>,
    pub reason: Option<String>,
    pub result: Option<EventOutcome>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    Pending,
    Leased,
    Done,
    Dead,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookView {
    pub request: RequestId,
    pub account: AccountId,
    pub received_at: Timestamp,
    pub method: String,
    pub body_bytes: u64,
    /// `events`, `answered`, `rejected`, `unread`.
    pub verdict: String,
    pub reason: Option<String>,
    pub events: Vec<EventView>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct EventView {
    pub id: EventId,
    pub kind: String,
    pub conversation: String,
    /// The event is told in an earlier webhook; this one repeats it.
    pub is_duplicate: bool,
    pub jobs: Vec<JobView>,
}

/// One event, whole.
#[derive(Debug, Clone)]
pub struct EventDetail {
    pub request: Request,
    pub account: AccountId,
    pub event: Event,
    pub view: EventView,
    pub attempts: Vec<AttemptView>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AttemptView {
    pub job: JobId,
    pub number: u32,
    pub started_at: Timestamp,
    pub took_ms: u64,
    pub outcome: String,
    pub blame: Option<String>,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    pub job: JobId,
    pub event: EventId,
    pub integration: IntegrationId,
    pub kind: String,
    pub attempts: u32,
    pub died_at: Timestamp,
    pub reason: String,
}

/// One page, newest first; `next` is the cursor of the following page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<i64>,
}

/// Which part of a list is wanted: at most `limit` items before the cursor.
#[derive(Debug, Clone, Copy)]
pub struct PageQuery {
    pub before: Option<i64>,
    pub limit: u32,
}

/// Why a lane does not flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LaneState {
    /// Its head failed and is attempted again at its time.
    Waiting,
    /// Its head waits until another job of the same client has ended.
    Held,
    /// Its head is a dead letter, and it stops until an operator lets it go on.
    Stopped,
}

/// A lane that does not flow.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneView {
    pub lane: LaneId,
    pub integration: IntegrationId,
    pub conversation: String,
    pub state: LaneState,
    /// The job that it waits for.
    pub head: JobId,
    pub event: EventId,
    pub attempts: u32,
    pub run_at: Option<Timestamp>,
    pub reason: Option<String>,
}
