//! What the host keeps: the journal with its jobs, the registry, the stores of the accounts, and
//! what the hosts on one database share.
//!
//! Traits, named by intention; every method is one transaction and happens whole or not at all.
//! Time comes in as `now`. A backend implements them all; [`Stores`] joins them.

use std::sync::Arc;

mod access;
mod codec;
mod denials;
mod erase;
mod journal;
mod keys;
mod oauth;
pub mod postgres;
mod registry;
mod rows;
mod sealed;
mod shared;
pub mod sqlite;
#[cfg(test)]
mod suite;
mod versions;
mod views;
mod work;

pub use self::{
    access::Access,
    denials::{Denial, Denials},
    journal::{
        Accepted, AcceptedEvent, Depth, Erased, Expired, Journal, Keep, NewEvent, NewReading,
        NewWebhook, ReplayFilter, UnreadRequest,
    },
    keys::{Keys, Resealed},
    oauth::{Flow, KeptTokens, Tokens},
    registry::{Change, Committed, Kv, Registry},
    shared::{Draws, News, Peers, Turns, interval, turn},
    versions::Versions,
    views::{
        AttemptView, DeadLetter, EventDetail, EventView, JobState, JobView, LaneState, LaneView,
        Page, PageQuery, WebhookView,
    },
    work::{Claim, IdentityLink, Lease, LeasedJob, Settlement, Share, Step, StepState},
};

/// The faces of one backend.
#[derive(Debug, Clone)]
pub struct Stores {
    pub journal: Arc<dyn Journal>,
    pub registry: Arc<dyn Registry>,
    pub versions: Arc<dyn Versions>,
    pub kv: Arc<dyn Kv>,
    pub turns: Arc<dyn Turns>,
    pub draws: Arc<dyn Draws>,
    pub peers: Arc<dyn Peers>,
    pub access: Arc<dyn Access>,
    pub tokens: Arc<dyn Tokens>,
    pub denials: Arc<dyn Denials>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another worker has taken the job since; the result must be dropped.
    #[error("the lease on the job has expired")]
    LeaseLost,
    /// The record was changed by somebody else since it was read: nothing was stored.
    #[error("`{0}` was changed meanwhile: read it again")]
    Changed(String),
    /// The journal's queue of writes is full: nothing was stored.
    #[error("the journal's queue is full")]
    Overloaded,
    /// The database was written by a newer release.
    #[error("the database has schema {found}, this release knows {known}: start a newer release")]
    NewerSchema { found: i64, known: i64 },
    /// The secrets cannot be opened or sealed; the text tells the remedy.
    #[error("{0}")]
    Sealed(String),
    /// What is stored cannot be read back.
    #[error("`{table}` holds a row that cannot be read")]
    Corrupt { table: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    /// The database cannot be written or read now; nothing was stored.
    #[error("the database is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;
