//! The interfaces of the contract, all of which Odoo has. Glue only.

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{
    Assignment, Card, Deal, Error, Field, FieldSpec, Identifier, Native, Person, Problem, Subject,
};
use patchbay_sdk::{Contacts, Deals, Managers, Notes, Tasks, settings};

use crate::server::{self, Server};
use crate::{Odoo, chatter, deal, fields, lookup, map, people, upsert};

impl Contacts for Odoo {
    fn describe_fields() -> Result<Vec<FieldSpec>, Error> {
        fields::contact(&Server::read(settings::get)?)
    }

    fn lookup_client(any_of: Vec<Identifier>) -> Result<Vec<Card>, Error> {
        lookup::lookup(&Server::read(settings::get)?, &any_of)
    }

    fn map_fields(client: Vec<Identifier>, fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        let phone_fields = server::phone_fields(settings::get).map_err(|problem| vec![problem])?;
        map::contact(&client, &fields, &phone_fields)
    }

    fn upsert_contact(
        id: Option<String>,
        contact: Native,
        idempotency_key: String,
    ) -> Result<Card, Error> {
        let server = Server::read(settings::get)?;
        upsert::upsert(&server, id.as_deref(), &contact, &idempotency_key)
    }
}

impl Deals for Odoo {
    fn describe_deal_fields() -> Result<Vec<FieldSpec>, Error> {
        fields::deal(&Server::read(settings::get)?)
    }

    fn open_deals(card: String) -> Result<Vec<Deal>, Error> {
        deal::open(&Server::read(settings::get)?, &card)
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
        let server = Server::read(settings::get)?;
        deal::upsert(&server, id.as_deref(), &card, &deal, manager.as_deref(), &idempotency_key)
    }
}

impl Tasks for Odoo {
    fn create_task(task: Task, idempotency_key: String) -> Result<String, Error> {
        chatter::create_task(&Server::read(settings::get)?, &task, &idempotency_key)
    }
}

impl Notes for Odoo {
    fn add_note(subject: Subject, note: Note, idempotency_key: String) -> Result<String, Error> {
        chatter::add_note(&Server::read(settings::get)?, &subject, &note, &idempotency_key)
    }
}

impl Managers for Odoo {
    fn list_managers() -> Result<Vec<Person>, Error> {
        people::list(&Server::read(settings::get)?)
    }

    fn list_assignments(page: Option<String>) -> Result<(Vec<Assignment>, Option<String>), Error> {
        people::assignments(&Server::read(settings::get)?, page.as_deref())
    }
}
