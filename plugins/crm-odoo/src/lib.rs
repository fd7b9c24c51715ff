//! Odoo 19 and newer: contacts over the JSON-2 API.

mod card;
mod client;
mod errors;
mod fields;
mod html;
mod lookup;
mod manifest;
mod map;
mod server;
mod upsert;
mod utc;

use patchbay_sdk::about::Manifest;
use patchbay_sdk::types::{Card, Error, Field, FieldSpec, Identifier, Native, Problem};
use patchbay_sdk::{Adapter, Contacts, settings};

use crate::server::Server;

/// The adapter.
#[derive(Debug)]
pub struct Odoo;

impl Adapter for Odoo {
    fn describe() -> Manifest {
        manifest::manifest()
    }
}

impl Contacts for Odoo {
    fn describe_fields() -> Result<Vec<FieldSpec>, Error> {
        fields::describe(&Server::read(settings::get)?)
    }

    fn lookup_client(any_of: Vec<Identifier>) -> Result<Vec<Card>, Error> {
        lookup::lookup(&Server::read(settings::get)?, &any_of)
    }

    fn map_fields(client: Vec<Identifier>, fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        map::map(&client, &fields)
    }

    fn upsert_contact(
        id: Option<String>,
        contact: Native,
        idempotency_key: String,
    ) -> Result<Card, Error> {
        upsert::upsert(&Server::read(settings::get)?, id.as_deref(), &contact, &idempotency_key)
    }
}

patchbay_sdk::export_crm!(Odoo);

#[cfg(test)]
mod tests;
