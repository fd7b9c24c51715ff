//! The notebook: a CRM of cards, deals, tasks and notes in the host's own store.
//!
//! It is what a first run works with, and the reference of the contract for other adapters.

use patchbay_sdk::about::Manifest;
use patchbay_sdk::types::{Card, Error, Field, FieldSpec, Identifier, Native, Problem};
use patchbay_sdk::{Adapter, Contacts};

mod activity;
mod card;
mod contact;
mod deal;
mod describe;
mod identifier;
mod optional;
mod roster;
mod store;

/// The adapter.
#[derive(Debug)]
pub struct Notebook;

patchbay_sdk::export_crm!(Notebook: deals, tasks, notes, managers);

impl Adapter for Notebook {
    fn describe() -> Manifest {
        describe::manifest()
    }
}

impl Contacts for Notebook {
    fn describe_fields() -> Result<Vec<FieldSpec>, Error> {
        Ok(describe::contact_fields())
    }

    fn lookup_client(any_of: Vec<Identifier>) -> Result<Vec<Card>, Error> {
        card::lookup(&any_of)
    }

    fn map_fields(client: Vec<Identifier>, fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        contact::map(client, fields)
    }

    fn upsert_contact(
        id: Option<String>,
        contact: Native,
        idempotency_key: String,
    ) -> Result<Card, Error> {
        card::upsert(id.as_deref(), &contact, &idempotency_key)
    }
}

#[cfg(test)]
mod tests;
