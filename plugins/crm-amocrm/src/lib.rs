//! amoCRM and Kommo: contacts, deals, tasks, notes and managers over the API v4.

mod account;
mod client;
mod contact;
mod deals;
mod errors;
mod fields;
mod lookup;
mod managers;
mod manifest;
mod map;
mod moment;
mod notes;
mod optional;
mod record;
mod tasks;
mod values;
mod writes;

use patchbay_sdk::about::Manifest;
use patchbay_sdk::types::{Card, Error, Field, FieldSpec, Identifier, Native, Problem};
use patchbay_sdk::{Adapter, Contacts};

use crate::account::Account;

/// The adapter.
#[derive(Debug)]
pub struct AmoCrm;

patchbay_sdk::export_crm!(AmoCrm: deals, tasks, notes, managers);

impl Adapter for AmoCrm {
    fn describe() -> Manifest {
        manifest::manifest()
    }
}

impl Contacts for AmoCrm {
    fn describe_fields() -> Result<Vec<FieldSpec>, Error> {
        fields::contacts(&Account::read()?)
    }

    fn lookup_client(any_of: Vec<Identifier>) -> Result<Vec<Card>, Error> {
        lookup::lookup(&Account::read()?, &any_of)
    }

    fn map_fields(client: Vec<Identifier>, fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        map::contact(&client, &fields)
    }

    fn upsert_contact(
        id: Option<String>,
        contact: Native,
        idempotency_key: String,
    ) -> Result<Card, Error> {
        contact::upsert(&Account::read()?, id.as_deref(), &contact, &idempotency_key)
    }
}

#[cfg(test)]
mod tests;
