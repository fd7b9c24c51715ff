//! Tasks on contacts and deals.

use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{Error, Subject};
use serde_json::{Map, Value, json};

use crate::account::Account;
use crate::client;
use crate::map;
use crate::moment;
use crate::notes::text;
use crate::values;
use crate::writes::{self, Kind};

/// To get in touch: every account has this type.
const FOLLOW_UP: u64 = 1;

/// The kind of record that a task or a note is on, as the API's paths say it, and its id.
pub(crate) fn subject(subject: &Subject) -> Result<(&'static str, u64), Error> {
    let (kind, id, what) = match subject {
        Subject::Card(id) => ("contacts", id, "contact"),
        Subject::Deal(id) => ("leads", id, "deal"),
    };
    let id =
        map::number(id).ok_or_else(|| Error::NotFound(format!("amoCRM has no such {what}")))?;
    Ok((kind, id))
}

/// One request, or two where the answer to an earlier one was lost.
pub(crate) fn create(account: &Account, task: &Task, key: &str) -> Result<String, Error> {
    let (kind, id) = subject(&task.subject)?;
    let due = moment::unix(&task.due).ok_or_else(|| {
        Error::invalid("due", "must be a moment with an offset, as 2025-10-09T12:01:00+03:00")
    })?;
    let said = [values::cleaned(&task.title), values::cleaned(&task.text)];
    let said: Vec<String> = said.into_iter().flatten().collect();
    let mut record = Map::new();
    record.insert("text".to_owned(), json!(text::marked(&said.join("\n"), key)));
    record.insert("entity_id".to_owned(), json!(id));
    record.insert("entity_type".to_owned(), json!(kind));
    record.insert("task_type_id".to_owned(), json!(FOLLOW_UP));
    record.insert("complete_till".to_owned(), json!(due));
    if let Some(manager) = &task.manager {
        let wrong = || Error::invalid("manager", "must be the number that amoCRM gave a user");
        let manager = map::number(manager).ok_or_else(wrong)?;
        record.insert("responsible_user_id".to_owned(), json!(manager));
    }
    let call = client::post("/tasks", json!([Value::Object(record)]));
    let made = writes::once(
        Kind::Task,
        key,
        || written_before(account, kind, id, key),
        || call.write(account, "tasks", None),
    )?;
    Ok(made.id().to_string())
}

fn written_before(account: &Account, kind: &str, id: u64, key: &str) -> Result<Option<u64>, Error> {
    let newest =
        format!("/tasks?filter[entity_type]={kind}&filter[entity_id][0]={id}&order[id]=desc");
    let (newest, _) = client::page(account, &newest, 1, "tasks")?;
    let is_it = |task: &&Value| {
        let text = task.get("text").and_then(Value::as_str).unwrap_or_default();
        task.get("entity_id").and_then(Value::as_u64) == Some(id) && writes::is_marked(text, key)
    };
    Ok(newest.iter().find(is_it).and_then(|task| task.get("id")?.as_u64()))
}
