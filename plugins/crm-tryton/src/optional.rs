//! The optional interfaces of the contract that Tryton has: deals, notes and managers. Glue only.

use patchbay_sdk::notes::Note;
use patchbay_sdk::types::{
    Assignment, Deal, Error, Field, FieldSpec, Native, Person, Problem, Subject,
};
use patchbay_sdk::{Deals, Managers, Notes};

use crate::server::Server;
use crate::{Tryton, deal, fields, map, note, people};

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
