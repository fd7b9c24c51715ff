//! The optional interfaces of the contract, all of which are offered. Glue only.

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{
    Assignment, Deal, Error, Field, FieldSpec, Native, Person, Problem, Subject,
};
use patchbay_sdk::{Deals, Managers, Notes, Tasks};

use crate::account::Account;
use crate::{AmoCrm, deals, fields, managers, map, notes, tasks};

impl Deals for AmoCrm {
    fn describe_deal_fields() -> Result<Vec<FieldSpec>, Error> {
        fields::leads(&Account::read()?)
    }

    fn open_deals(card: String) -> Result<Vec<Deal>, Error> {
        deals::open(&Account::read()?, &card)
    }

    fn map_deal_fields(fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        map::lead(&fields)
    }

    fn upsert_deal(
        id: Option<String>,
        card: String,
        deal: Native,
        manager: Option<String>,
        idempotency_key: String,
    ) -> Result<Deal, Error> {
        let account = Account::read()?;
        deals::upsert(&account, id.as_deref(), &card, &deal, manager.as_deref(), &idempotency_key)
    }
}

impl Tasks for AmoCrm {
    fn create_task(task: Task, idempotency_key: String) -> Result<String, Error> {
        tasks::create(&Account::read()?, &task, &idempotency_key)
    }
}

impl Notes for AmoCrm {
    fn add_note(subject: Subject, note: Note, idempotency_key: String) -> Result<String, Error> {
        notes::add(&Account::read()?, &subject, &note, &idempotency_key)
    }
}

impl Managers for AmoCrm {
    fn list_managers() -> Result<Vec<Person>, Error> {
        managers::list(&Account::read()?)
    }

    fn list_assignments(page: Option<String>) -> Result<(Vec<Assignment>, Option<String>), Error> {
        managers::assignments(&Account::read()?, page.as_deref())
    }
}
