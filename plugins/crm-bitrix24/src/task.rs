//! Tasks: to-dos in the timeline of a contact or a deal.

use patchbay_sdk::instant;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{Error, Subject};
use serde_json::{Value, json};

use crate::bb;
use crate::call::{self, CONTACT, Command, DEAL, OnError, PAGE};
use crate::deal;
use crate::errors::{self, Effect};
use crate::marks::{self, Ticket};
use crate::portal::Portal;
use crate::record::{self, Record};

/// Pages of a timeline that are searched for a key, newest first. A repeat follows soon.
const PAGES_MAX: usize = 10;

pub(crate) fn create(portal: &Portal, task: &Task, key: &str) -> Result<String, Error> {
    let owner = Owner::of(&task.subject)?;
    // To the second, in the offset that was told.
    let whole = |due: String| match due.split_once('.') {
        Some((clock, rest)) => {
            format!("{clock}{}", rest.trim_start_matches(|it: char| it.is_ascii_digit()))
        }
        None => due,
    };
    let due = instant::read(&task.due).map(whole).ok_or_else(|| {
        Error::invalid("due", "must be a moment with an offset, as 2025-10-09T12:01:00+03:00")
    })?;
    let mark = marks::mark(key);
    let mut params = json!({
        "ownerTypeId": owner.entity_type,
        "ownerId": owner.id,
        "deadline": due,
        "title": task.title,
        "description": format!("{}\n{mark}", bb::plain(&task.text)),
    });
    if let (Some(manager), Some(params)) = (&task.manager, params.as_object_mut()) {
        params.insert("responsibleId".to_owned(), json!(deal::manager_id(manager)?));
    }
    let ticket = Ticket::take("task", key)?;
    let is_made =
        |activity: &Record| activity.text("DESCRIPTION").is_some_and(|text| text.contains(&mark));
    let made = if ticket.may_be_written() { owner.activity(portal, is_made) } else { Ok(None) };
    let result = match made {
        Ok(Some(id)) => Ok(id),
        Ok(None) => {
            let command = Command::write("task", "crm.activity.todo.add", params);
            call::call(portal, &command).and_then(|answer| {
                let id = answer.get("id").and_then(record::number);
                id.map(|id| id.to_string()).ok_or_else(|| errors::unreadable(Effect::Write))
            })
        }
        Err(error) => Err(error),
    };
    ticket.settle(result)
}

/// The record in whose timeline something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub entity_type: u32,
    pub id: u64,
}

impl Owner {
    pub(crate) fn of(subject: &Subject) -> Result<Self, Error> {
        let (entity_type, id) = match subject {
            Subject::Card(id) => (CONTACT, id),
            Subject::Deal(id) => (DEAL, id),
        };
        let id = record::id_of(id)
            .ok_or_else(|| Error::NotFound("no record of Bitrix24 has such an id".to_owned()))?;
        Ok(Self { entity_type, id })
    }

    /// The type's name in comments.
    pub(crate) fn name(self) -> &'static str {
        if self.entity_type == DEAL { "deal" } else { "contact" }
    }

    /// The activity in this timeline that an earlier call has made.
    pub(crate) fn activity(
        self,
        portal: &Portal,
        is_made: impl Fn(&Record) -> bool,
    ) -> Result<Option<String>, Error> {
        find(portal, "crm.activity.list", is_made, |start| {
            json!({
                "filter": { "OWNER_TYPE_ID": self.entity_type, "OWNER_ID": self.id },
                "select": ["ID", "DESCRIPTION", "ORIGINATOR_ID", "ORIGIN_ID"],
                "order": { "ID": "DESC" },
                "start": start,
            })
        })
    }
}

/// The id of a record in a list of old style, newest first, page by page.
pub(crate) fn find(
    portal: &Portal,
    method: &'static str,
    is_made: impl Fn(&Record) -> bool,
    params: impl Fn(usize) -> Value,
) -> Result<Option<String>, Error> {
    for page in 0..PAGES_MAX {
        let command = Command::read("page", method, params(page * PAGE));
        let mut answers = call::batch(portal, &[command], OnError::Halt)?;
        let records = Record::list(answers.take("page")?);
        let made = records.iter().find(|record| is_made(record)).and_then(Record::id);
        if let Some(id) = made {
            return Ok(Some(id.to_string()));
        }
        if records.len() < PAGE {
            break;
        }
    }
    Ok(None)
}
