//! Bitrix24: contacts, deals, tasks, notes and managers over an incoming webhook.

mod answer;
mod bb;
mod budget;
mod call;
mod card;
mod clock;
mod comment;
mod deal;
mod errors;
mod fields;
mod fm;
mod lookup;
mod manifest;
mod map;
mod marks;
mod notation;
mod optional;
mod own;
mod params;
mod people;
mod phone_call;
mod portal;
mod record;
mod task;
mod transcript;
mod upsert;

use patchbay_sdk::about::Manifest;
use patchbay_sdk::types::{Card, Error, Field, FieldSpec, Identifier, Native, Problem};
use patchbay_sdk::{Adapter, Contacts, settings};

use crate::portal::Portal;

/// The adapter.
#[derive(Debug)]
pub struct Bitrix24;

patchbay_sdk::export_crm!(Bitrix24: deals, tasks, notes, managers);

impl Adapter for Bitrix24 {
    fn describe() -> Manifest {
        manifest::manifest()
    }
}

impl Contacts for Bitrix24 {
    fn describe_fields() -> Result<Vec<FieldSpec>, Error> {
        fields::of_contacts(&Portal::read(settings::get)?)
    }

    fn lookup_client(any_of: Vec<Identifier>) -> Result<Vec<Card>, Error> {
        lookup::lookup(&Portal::read(settings::get)?, &any_of)
    }

    fn map_fields(client: Vec<Identifier>, fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        map::contact(&client, &fields)
    }

    fn upsert_contact(
        id: Option<String>,
        contact: Native,
        idempotency_key: String,
    ) -> Result<Card, Error> {
        upsert::upsert(&Portal::read(settings::get)?, id.as_deref(), &contact, &idempotency_key)
    }
}

#[cfg(test)]
mod tests;
