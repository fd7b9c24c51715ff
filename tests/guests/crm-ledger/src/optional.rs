//! Deals, tasks and managers. Every create is looked for by its key before it is sent.

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{
    Assignment, Deal, Error, Field, FieldSpec, Native, Person, Problem, Subject,
};
use patchbay_sdk::{Deals, Managers, Notes, Tasks};
use serde_json::{Value as Json, json};

use crate::client::{Effect, call, create_once, segment};
use crate::notes::{create_note, subject_json};
use crate::{Ledger, asks_for_fields, fields_of, record, text};

impl Deals for Ledger {
    fn describe_deal_fields() -> Result<Vec<FieldSpec>, Error> {
        if asks_for_fields() {
            return fields_of("deal");
        }
        Ok(["title", "pipeline", "stage", "comment", "source"].map(text).into())
    }

    fn open_deals(card: String) -> Result<Vec<Deal>, Error> {
        let path = format!("/contacts/{}/deals", segment(&card)?);
        let deals = call(Effect::Read, "GET", &path, None, &Json::Null)?;
        Ok(deals.as_array().into_iter().flatten().map(record::deal).collect())
    }

    fn map_deal_fields(fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        Ok(record::deal_fields(&fields))
    }

    fn upsert_deal(
        id: Option<String>,
        card: String,
        deal: Native,
        manager: Option<String>,
        idempotency_key: String,
    ) -> Result<Deal, Error> {
        let mut body = record::native(&deal)?;
        body["card"] = json!(card);
        body["manager"] = json!(manager);
        let deal = match id {
            None => create_once("/deals", &idempotency_key, &body)?,
            Some(id) => {
                let path = format!("/deals/{}", segment(&id)?);
                call(Effect::Write, "PUT", &path, Some(&idempotency_key), &body)?
            }
        };
        Ok(record::deal(&deal))
    }
}

impl Tasks for Ledger {
    fn create_task(task: Task, idempotency_key: String) -> Result<String, Error> {
        let body = json!({
            "subject": subject_json(&task.subject),
            "title": task.title,
            "text": task.text,
            "manager": task.manager,
            "due": task.due,
        });
        Ok(record::text(&create_once("/tasks", &idempotency_key, &body)?, "id"))
    }
}

impl Notes for Ledger {
    fn add_note(subject: Subject, note: Note, idempotency_key: String) -> Result<String, Error> {
        create_note(&subject, &note, &idempotency_key)
    }
}

impl Managers for Ledger {
    fn list_managers() -> Result<Vec<Person>, Error> {
        let managers = call(Effect::Read, "GET", "/managers", None, &Json::Null)?;
        Ok(managers.as_array().into_iter().flatten().map(record::person).collect())
    }

    fn list_assignments(page: Option<String>) -> Result<(Vec<Assignment>, Option<String>), Error> {
        let managers = Self::list_managers()?;
        let path = format!("/assignments/{}", segment(page.as_deref().unwrap_or("0"))?);
        let answer = call(Effect::Read, "GET", &path, None, &Json::Null)?;
        let assignment = |entry: &Json| {
            let id = record::text(entry, "manager");
            let known = managers.iter().find(|manager| manager.id.as_ref() == Some(&id)).cloned();
            let cards = entry["cards"].as_array().into_iter().flatten();
            Assignment {
                manager: known.unwrap_or(Person { id: Some(id), ..record::nobody() }),
                cards: cards.filter_map(|card| card.as_str().map(str::to_owned)).collect(),
            }
        };
        let items = answer["items"].as_array().into_iter().flatten();
        Ok((items.map(assignment).collect(), answer["next"].as_str().map(str::to_owned)))
    }
}
