//! The optional interfaces of the contract, all of which the notebook offers. Glue only.

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{
    Assignment, Deal, Error, Field, FieldSpec, Native, Person, Problem, Subject,
};
use patchbay_sdk::{Deals, Managers, Notes, Tasks};

use crate::{Notebook, activity, deal, describe, roster};

impl Deals for Notebook {
    fn describe_deal_fields() -> Result<Vec<FieldSpec>, Error> {
        Ok(describe::deal_fields())
    }

    fn open_deals(card: String) -> Result<Vec<Deal>, Error> {
        deal::open(&card)
    }

    fn map_deal_fields(fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        deal::map(fields)
    }

    fn upsert_deal(
        id: Option<String>,
        card: String,
        deal: Native,
        manager: Option<String>,
        idempotency_key: String,
    ) -> Result<Deal, Error> {
        deal::upsert(id.as_deref(), &card, &deal, manager.as_deref(), &idempotency_key)
    }
}

impl Tasks for Notebook {
    fn create_task(task: Task, idempotency_key: String) -> Result<String, Error> {
        activity::create_task(&task, &idempotency_key)
    }
}

impl Notes for Notebook {
    fn add_note(subject: Subject, note: Note, idempotency_key: String) -> Result<String, Error> {
        activity::add_note(&subject, &note, &idempotency_key)
    }
}

impl Managers for Notebook {
    fn list_managers() -> Result<Vec<Person>, Error> {
        roster::list()
    }

    fn list_assignments(page: Option<String>) -> Result<(Vec<Assignment>, Option<String>), Error> {
        roster::assignments(page.as_deref())
    }
}
