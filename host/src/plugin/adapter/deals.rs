//! The optional exports of a CRM adapter: deals, tasks, notes and managers.
//!
//! Each answers [`Error::Unsupported`] where the plugin does not export the interface.

use super::Adapter;
use crate::{
    account::Role,
    card::{AdapterError, Assignment, Deal, Field, FieldSpec, Note, Person, Subject, Task},
    plugin::{
        convert::{self, contacts, deals},
        error::Error,
        state::Export,
    },
};

const DESCRIBE_DEAL_FIELDS: Export = Export::reaching_out("describe-deal-fields");
const OPEN_DEALS: Export = Export::reaching_out("open-deals");
const MAP_DEAL_FIELDS: Export = Export::pure("map-deal-fields");
const UPSERT_DEAL: Export = Export::reaching_out("upsert-deal");
const CREATE_TASK: Export = Export::reaching_out("create-task");
const ADD_NOTE: Export = Export::reaching_out("add-note");
const LIST_MANAGERS: Export = Export::reaching_out("list-managers");
const LIST_ASSIGNMENTS: Export = Export::reaching_out("list-assignments");

impl Adapter {
    /// The fields of a deal that can be written.
    pub async fn describe_deal_fields(&self) -> Result<Vec<FieldSpec>, Error> {
        let guest = self.plugin.exports.deals.clone().ok_or(Error::Unsupported(Role::Deals))?;
        self.call(
            DESCRIBE_DEAL_FIELDS,
            move |store, instance| {
                Box::pin(async move {
                    guest.load(&mut *store, instance)?.call_describe_deal_fields(store).await
                })
            },
            |answer| {
                let specs = answer.map_err(AdapterError::from)?;
                Ok(contacts::field_specs(DESCRIBE_DEAL_FIELDS.name, specs))
            },
        )
        .await
    }

    /// Deals of a card that are neither won nor lost, the newest first.
    pub async fn open_deals(&self, card: &str) -> Result<Vec<Deal>, Error> {
        let guest = self.plugin.exports.deals.clone().ok_or(Error::Unsupported(Role::Deals))?;
        let card = card.to_owned();
        self.call(
            OPEN_DEALS,
            move |store, instance| {
                Box::pin(async move {
                    guest.load(&mut *store, instance)?.call_open_deals(store, &card).await
                })
            },
            |answer| answer.map(deals::deals).map_err(AdapterError::from),
        )
        .await
    }

    /// Canonical fields to the CRM's own record of a deal, as JSON.
    pub async fn map_deal_fields(&self, fields: &[Field]) -> Result<String, Error> {
        let guest = self.plugin.exports.deals.clone().ok_or(Error::Unsupported(Role::Deals))?;
        let fields: Vec<_> = convert::all(fields.iter().cloned());
        self.call(
            MAP_DEAL_FIELDS,
            move |store, instance| {
                Box::pin(async move {
                    guest.load(&mut *store, instance)?.call_map_deal_fields(store, &fields).await
                })
            },
            |answer| match answer {
                Ok(native) => Ok(convert::json("native", &native).map(|()| native)),
                Err(problems) => Err(AdapterError::Invalid(convert::all(problems))),
            },
        )
        .await
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
        let guest = self.plugin.exports.deals.clone().ok_or(Error::Unsupported(Role::Deals))?;
        let (id, card, native) = (id.map(str::to_owned), card.to_owned(), native.to_owned());
        let (manager, key) = (manager.map(str::to_owned), idempotency_key.to_owned());
        self.call(
            UPSERT_DEAL,
            move |store, instance| {
                Box::pin(async move {
                    let guest = guest.load(&mut *store, instance)?;
                    let (id, manager) = (id.as_deref(), manager.as_deref());
                    guest.call_upsert_deal(store, id, &card, &native, manager, &key).await
                })
            },
            |answer| answer.map(deals::deal).map_err(AdapterError::from),
        )
        .await
    }

    /// Answers the id of the task.
    pub async fn create_task(&self, task: &Task, idempotency_key: &str) -> Result<String, Error> {
        let guest = self.plugin.exports.tasks.clone().ok_or(Error::Unsupported(Role::Tasks))?;
        let (task, key) = (deals::task(task.clone()), idempotency_key.to_owned());
        self.call(
            CREATE_TASK,
            move |store, instance| {
                Box::pin(async move {
                    guest.load(&mut *store, instance)?.call_create_task(store, &task, &key).await
                })
            },
            |answer| answer.map(|id| deals::id("task", id)).map_err(AdapterError::from),
        )
        .await
    }

    /// Answers the id of the note.
    pub async fn add_note(
        &self,
        subject: &Subject,
        note: &Note,
        idempotency_key: &str,
    ) -> Result<String, Error> {
        let guest = self.plugin.exports.notes.clone().ok_or(Error::Unsupported(Role::Notes))?;
        let (subject, note) = (subject.clone().into(), note.clone().into());
        let key = idempotency_key.to_owned();
        self.call(
            ADD_NOTE,
            move |store, instance| {
                Box::pin(async move {
                    let guest = guest.load(&mut *store, instance)?;
                    guest.call_add_note(store, &subject, &note, &key).await
                })
            },
            |answer| answer.map(|id| deals::id("note", id)).map_err(AdapterError::from),
        )
        .await
    }

    /// Every manager, also those who are not active.
    pub async fn list_managers(&self) -> Result<Vec<Person>, Error> {
        let guest =
            self.plugin.exports.managers.clone().ok_or(Error::Unsupported(Role::Managers))?;
        self.call(
            LIST_MANAGERS,
            move |store, instance| {
                Box::pin(async move {
                    guest.load(&mut *store, instance)?.call_list_managers(store).await
                })
            },
            |answer| answer.map(deals::managers).map_err(AdapterError::from),
        )
        .await
    }

    /// One page of who looks after whom, and the token of the next one.
    pub async fn list_assignments(
        &self,
        page: Option<&str>,
    ) -> Result<(Vec<Assignment>, Option<String>), Error> {
        let guest =
            self.plugin.exports.managers.clone().ok_or(Error::Unsupported(Role::Managers))?;
        let page = page.map(str::to_owned);
        self.call(
            LIST_ASSIGNMENTS,
            move |store, instance| {
                Box::pin(async move {
                    let guest = guest.load(&mut *store, instance)?;
                    guest.call_list_assignments(store, page.as_deref()).await
                })
            },
            |answer| answer.map(deals::assignments).map_err(AdapterError::from),
        )
        .await
    }
}
