//! Tryton 8: parties, sale opportunities, notes and employees over the REST protocol.

use patchbay_sdk::about::Manifest;
use patchbay_sdk::types::{Card, Error, Field, FieldSpec, Identifier, Native, Problem};
use patchbay_sdk::{Adapter, Contacts};

mod client;
mod deal;
mod domain;
mod errors;
mod fields;
mod lookup;
mod manifest;
mod map;
mod note;
mod optional;
mod party;
mod people;
mod server;
mod upsert;

use server::Server;

/// The adapter.
#[derive(Debug)]
pub struct Tryton;

patchbay_sdk::export_crm!(Tryton: deals, notes, managers);

impl Adapter for Tryton {
    fn describe() -> Manifest {
        manifest::manifest()
    }
}

impl Contacts for Tryton {
    fn describe_fields() -> Result<Vec<FieldSpec>, Error> {
        fields::of_contacts(&Server::read()?)
    }

    fn lookup_client(any_of: Vec<Identifier>) -> Result<Vec<Card>, Error> {
        lookup::lookup(&Server::read()?, &any_of)
    }

    fn map_fields(client: Vec<Identifier>, fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        map::contact(&client, &fields)
    }

    fn upsert_contact(
        id: Option<String>,
        contact: Native,
        idempotency_key: String,
    ) -> Result<Card, Error> {
        upsert::upsert(&Server::read()?, id.as_deref(), &contact, &idempotency_key)
    }
}

#[cfg(test)]
mod tests;
