//! The interfaces of the contract, all of which Bitrix24 has. Glue only.

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{
    Assignment, Card, Deal, Error, Field, FieldSpec, Identifier, Native, Person, Problem, Subject,
};
use patchbay_sdk::{Contacts, Deals, Managers, Notes, Tasks, settings};

use crate::portal::Portal;
use crate::{
    Bitrix24, comment, deal, fields, lookup, map, people, phone_call, task, transcript, upsert,
};

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

impl Deals for Bitrix24 {
    fn describe_deal_fields() -> Result<Vec<FieldSpec>, Error> {
        fields::of_deals(&Portal::read(settings::get)?)
    }

    fn open_deals(card: String) -> Result<Vec<Deal>, Error> {
        deal::open(&Portal::read(settings::get)?, &card)
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
        let portal = Portal::read(settings::get)?;
        deal::upsert(&portal, id.as_deref(), &card, &deal, manager.as_deref(), &idempotency_key)
    }
}

impl Tasks for Bitrix24 {
    fn create_task(task: Task, idempotency_key: String) -> Result<String, Error> {
        task::create(&Portal::read(settings::get)?, &task, &idempotency_key)
    }
}

impl Notes for Bitrix24 {
    fn add_note(subject: Subject, note: Note, idempotency_key: String) -> Result<String, Error> {
        let portal = Portal::read(settings::get)?;
        match note {
            Note::Text(text) => comment::add(&portal, &subject, &text, &idempotency_key),
            Note::Transcript(transcript) => {
                let text = transcript::text(&transcript);
                comment::add(&portal, &subject, &text, &idempotency_key)
            }
            Note::Call(call) => phone_call::add(&portal, &subject, &call, &idempotency_key),
        }
    }
}

impl Managers for Bitrix24 {
    fn list_managers() -> Result<Vec<Person>, Error> {
        people::list(&Portal::read(settings::get)?)
    }

    fn list_assignments(page: Option<String>) -> Result<(Vec<Assignment>, Option<String>), Error> {
        people::assignments(&Portal::read(settings::get)?, page.as_deref())
    }
}
