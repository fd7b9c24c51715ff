//! The Patchbay host: webhooks in, CRM cards up to date, vendor answers out.
//!
//! The modules stand in floors; each imports lower floors only, lowest first in this list.
//! `tests/it/tidy.rs` holds it.

pub mod base64;
pub mod clock;
pub mod id;
pub mod network;
pub mod secret;

pub mod access;
pub mod account;
pub mod capability;
pub mod card;
pub mod event;
pub mod outcome;
pub mod rules;
pub mod seal;
pub mod signature;

pub mod config;
pub mod tasks;
pub mod telemetry;

pub mod shares;
pub mod storage;

pub mod plugin;

pub mod directory;
pub mod waiters;

pub mod attempt;

pub mod intake;
pub mod upkeep;
pub mod worker;

pub mod http;

pub mod host;

pub mod cli;
