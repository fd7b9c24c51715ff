//! HubSpot: contacts, deals, tasks, notes, calls and owners over the CRM API.

mod account;
mod activity;
mod association;
mod clock;
mod contact;
mod deal;
mod describe;
mod errors;
mod exports;
mod lookup;
mod manifest;
mod map;
mod names;
mod object;
mod once;
mod owner;
mod pipeline;
mod recent;
mod request;
mod search;
mod server;
mod text;
mod upsert;
mod value;

use patchbay_sdk::Adapter;
use patchbay_sdk::about::Manifest;

/// The adapter.
#[derive(Debug)]
pub struct HubSpot;

patchbay_sdk::export_crm!(HubSpot: deals, tasks, notes, managers);

impl Adapter for HubSpot {
    fn describe() -> Manifest {
        manifest::manifest()
    }
}

#[cfg(test)]
mod tests;
