//! The optional exports of a CRM adapter: deals, tasks, notes and managers.
//!
//! Each answers [`Error::Unsupported`] where the plugin does not export the interface.

use super::{Adapter, contacts::mapped};
use crate::{
    account::Role,
    card::{Assignment, Deal, Field, FieldSpec, Note, Person, Subject, Task},
    plugin::{
        bindings::{exports::patchbay::adapter::notes, patchbay::adapter::types as wit},
        convert::{self, Fallible, contacts, deals},
        error::Error,
        exports::Function,
        state::Export,
    },
};

pub(super) const DESCRIBE_DEAL_FIELDS: Function =
    Function::of(Role::Deals, Export::reaching_out("describe-deal-fields"));
pub(super) const OPEN_DEALS: Function =
    Function::of(Role::Deals, Export::reaching_out("open-deals"));
pub(super) const MAP_DEAL_FIELDS: Function =
    Function::of(Role::Deals, Export::pure("map-deal-fields"));
pub(super) const UPSERT_DEAL: Function =
    Function::of(Role::Deals, Export::reaching_out("upsert-deal"));
pub(super) const CREATE_TASK: Function =
    Function::of(Role::Tasks, Export::reaching_out("create-task"));
pub(super) const ADD_NOTE: Function = Function::of(Role::Notes, Export::reaching_out("add-note"));
pub(super) const LIST_MANAGERS: Function =
    Function::of(Role::Managers, Export::reaching_out("list-managers"));
pub(super) const LIST_ASSIGNMENTS: Function =
    Function::of(Role::Managers, Export::reaching_out("list-assignments"));

impl Adapter {
    /// The fields of a deal that can be written.
    pub async fn describe_deal_fields(&self) -> Result<Vec<FieldSpec>, Error> {
        let name = DESCRIBE_DEAL_FIELDS.export.name;
        let read = |answer: Fallible<_>| Ok(contacts::field_specs(name, answer?));
        self.call(DESCRIBE_DEAL_FIELDS, (), read).await
    }

    /// Deals of a card that are neither won nor lost, the newest first.
    pub async fn open_deals(&self, card: &str) -> Result<Vec<Deal>, Error> {
        let read = |answer: Fallible<_>| Ok(deals::deals(answer?));
        self.call(OPEN_DEALS, (card.to_owned(),), read).await
    }

    /// Canonical fields to the CRM's own record of a deal, as JSON.
    pub async fn map_deal_fields(&self, fields: &[Field]) -> Result<String, Error> {
        let fields: Vec<wit::Field> = convert::all(fields.iter().cloned());
        self.call(MAP_DEAL_FIELDS, (fields,), mapped).await
    }

    /// Creates a deal on the card, or changes the one with this id. `manager` is a manager's id.
    pub async fn upsert_deal(
        &self,
        id: Option<&str>,
        card: &str,
        native: &str,
        manager: Option<&str>,
        idempotency_key: &str,
    ) -> Result<Deal, Error> {
        let (id, card, native) = (id.map(str::to_owned), card.to_owned(), native.to_owned());
        let (manager, key) = (manager.map(str::to_owned), idempotency_key.to_owned());
        let read = |answer: Fallible<_>| Ok(deals::deal(answer?));
        self.call(UPSERT_DEAL, (id, card, native, manager, key), read).await
    }

    /// Answers the id of the task.
    pub async fn create_task(&self, task: &Task, idempotency_key: &str) -> Result<String, Error> {
        let read = |answer: Fallible<_>| Ok(deals::id("task", answer?));
        let params = (deals::task(task.clone()), idempotency_key.to_owned());
        self.call(CREATE_TASK, params, read).await
    }

    /// Answers the id of the note.
    pub async fn add_note(
        &self,
        subject: &Subject,
        note: &Note,
        idempotency_key: &str,
    ) -> Result<String, Error> {
        let (subject, note) =
            (wit::Subject::from(subject.clone()), notes::Note::from(note.clone()));
        let read = |answer: Fallible<_>| Ok(deals::id("note", answer?));
        self.call(ADD_NOTE, (subject, note, idempotency_key.to_owned()), read).await
    }

    /// Every manager, also those who are not active.
    pub async fn list_managers(&self) -> Result<Vec<Person>, Error> {
        let read = |answer: Fallible<_>| Ok(deals::managers(answer?));
        self.call(LIST_MANAGERS, (), read).await
    }

    /// One page of who looks after whom, and the token of the next one.
    pub async fn list_assignments(
        &self,
        page: Option<&str>,
    ) -> Result<(Vec<Assignment>, Option<String>), Error> {
        let read = |answer: Fallible<_>| Ok(deals::assignments(answer?));
        self.call(LIST_ASSIGNMENTS, (page.map(str::to_owned),), read).await
    }
}
