//! Bitrix24: contacts, deals, tasks, notes and managers over an incoming webhook.

mod answer;
mod bb;
mod budget;
mod call;
mod card;
mod clock;
mod comment;
mod deal;
mod envelope;
mod errors;
mod fields;
mod fm;
mod lookup;
mod manifest;
mod map;
mod marks;
mod notation;
mod own;
mod params;
mod people;
mod phone_call;
mod portal;
mod record;
mod roles;
mod task;
mod transcript;
mod upsert;

use patchbay_sdk::Adapter;
use patchbay_sdk::about::Manifest;

/// The adapter.
#[derive(Debug)]
pub struct Bitrix24;

patchbay_sdk::export_crm!(Bitrix24: deals, tasks, notes, managers);

impl Adapter for Bitrix24 {
    fn describe() -> Manifest {
        manifest::manifest()
    }
}

#[cfg(test)]
mod tests;
