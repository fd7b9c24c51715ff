//! Odoo 17 and newer: contacts, deals, tasks, notes and managers, over JSON-2 or JSON-RPC.

mod card;
mod chatter;
mod client;
mod clock;
mod deal;
mod errors;
mod exports;
mod fields;
mod html;
mod load;
mod lookup;
mod manifest;
mod map;
mod once;
mod people;
mod record;
mod rpc;
mod server;
mod text;
mod upsert;
mod utc;

use patchbay_sdk::Adapter;
use patchbay_sdk::about::Manifest;

/// The adapter.
#[derive(Debug)]
pub struct Odoo;

impl Adapter for Odoo {
    fn describe() -> Manifest {
        manifest::manifest()
    }
}

patchbay_sdk::export_crm!(Odoo: deals, tasks, notes, managers);

#[cfg(test)]
mod tests;
