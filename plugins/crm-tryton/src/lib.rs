//! Tryton 8: parties, sale opportunities, notes and employees over the REST protocol.

use patchbay_sdk::about::Manifest;
use patchbay_sdk::notes::Note;
use patchbay_sdk::types::{
    Assignment, Card, Deal, Error, Field, FieldSpec, Identifier, Native, Person, Problem, Subject,
};
use patchbay_sdk::{Adapter, Contacts, Deals, Managers, Notes};

mod client;
mod deal;
mod domain;
mod errors;
mod fields;
mod lookup;
mod manifest;
mod map;
mod note;
mod party;
mod people;
mod server;
mod upsert;

use crate::server::Server;

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

impl Deals for Tryton {
    fn describe_deal_fields() -> Result<Vec<FieldSpec>, Error> {
        fields::of_deals(&Server::read()?)
    }

    fn open_deals(card: String) -> Result<Vec<Deal>, Error> {
        deal::open(&Server::read()?, &card)
    }

    fn map_deal_fields(fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        map::deal(&fields)
    }

    fn upsert_deal(
        id: Option<String>,
        card: String,
        deal: Native,
        manager: Option<String>,
        idempotency_key: String,
    ) -> Result<Deal, Error> {
        let wanted = deal::Wanted::read(&deal, manager.as_deref())?;
        match id {
            Some(id) => deal::update(&Server::read()?, &id, wanted),
            None => deal::create(&Server::read()?, &card, wanted, &idempotency_key),
        }
    }
}

impl Notes for Tryton {
    fn add_note(subject: Subject, note: Note, idempotency_key: String) -> Result<String, Error> {
        note::add(&Server::read()?, &subject, &note, &idempotency_key)
    }
}

impl Managers for Tryton {
    fn list_managers() -> Result<Vec<Person>, Error> {
        people::managers(&Server::read()?)
    }

    fn list_assignments(page: Option<String>) -> Result<(Vec<Assignment>, Option<String>), Error> {
        people::assignments(&Server::read()?, page.as_deref())
    }
}

#[cfg(test)]
mod tests;
