//! The faulty adapter's deals, tasks, notes and managers.

use serde_json::{Value as Json, json};

use super::crm::{all, has, id, send, write};
use super::faulty::{Faulty, spec};
use crate::notes::Note;
use crate::tasks::Task;
use crate::types::{Assignment, Deal, Error, Field, FieldSpec, Native, Person, Problem, Subject};
use crate::{Deals, Managers, Notes, Tasks};

fn deal(record: &Json) -> Deal {
    Deal {
        id: id(record),
        url: None,
        title: if has("untitled") {
            String::new()
        } else {
            record["title"].as_str().unwrap().to_owned()
        },
        stage: None,
        manager: None,
        fields: Vec::new(),
    }
}

impl Deals for Faulty {
    fn describe_deal_fields() -> Result<Vec<FieldSpec>, Error> {
        if has("half-deals") {
            return Err(Error::Unsupported("some day".to_owned()));
        }
        Ok(vec![spec("title")])
    }

    fn open_deals(card: String) -> Result<Vec<Deal>, Error> {
        let mut deals = all("deal")?;
        deals.retain(|deal| deal["of"] == card.as_str() && !has("closed"));
        if !has("oldest-first") {
            deals.reverse();
        }
        if has("haunted") {
            deals.push(json!({ "id": "7", "title": "Old" }));
        }
        Ok(deals.iter().map(deal).collect())
    }

    fn map_deal_fields(fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        let title = fields.iter().find(|field| field.key == "title");
        let title = title.and_then(|field| field.value.as_text()).unwrap_or_default();
        Ok(json!(title).to_string())
    }

    fn upsert_deal(
        id: Option<String>,
        card: String,
        deal: Native,
        _manager: Option<String>,
        idempotency_key: String,
    ) -> Result<Deal, Error> {
        let title: Json = serde_json::from_str(&deal).unwrap();
        let record = match id {
            None => write("deal", Some(&card), &title, &idempotency_key)?,
            Some(id) if has("stubborn") => {
                let deals = all("deal")?;
                let missing = || Error::NotFound("no such deal".to_owned());
                deals.into_iter().find(|deal| deal["id"] == id.as_str()).ok_or_else(missing)?
            }
            Some(id) => send("POST", &json!({ "kind": "deal", "id": id, "title": title }), true)?,
        };
        Ok(self::deal(&record))
    }
}

fn card_of(subject: &Subject) -> &str {
    match subject {
        Subject::Card(id) | Subject::Deal(id) => id,
    }
}

impl Tasks for Faulty {
    fn create_task(task: Task, idempotency_key: String) -> Result<String, Error> {
        if has("half-tasks") {
            return Err(Error::Unsupported("some day".to_owned()));
        }
        Ok(id(&write("task", Some(card_of(&task.subject)), &json!(task.title), &idempotency_key)?))
    }
}

impl Notes for Faulty {
    fn add_note(subject: Subject, note: Note, idempotency_key: String) -> Result<String, Error> {
        let text = match note {
            Note::Call(_) if has("half-notes") => {
                return Err(Error::Unsupported("some day".to_owned()));
            }
            Note::Transcript(talk) => {
                let texts: Vec<_> = talk.messages.iter().map(|it| it.text.as_str()).collect();
                texts.join("\n")
            }
            Note::Text(text) => text,
            Note::Call(call) => call.id,
        };
        let cut =
            if has("endless-notes") { text.as_str() } else { text.get(..1_000).unwrap_or(&text) };
        Ok(id(&write("note", Some(card_of(&subject)), &json!(cut), &idempotency_key)?))
    }
}

fn person(id: Option<&str>) -> Person {
    Person { id: id.map(str::to_owned), name: None, email: None, phone: None, active: true }
}

impl Managers for Faulty {
    fn list_managers() -> Result<Vec<Person>, Error> {
        Ok(match () {
            () if has("nobody") => Vec::new(),
            () if has("nameless") => vec![person(None)],
            () if has("twins") => vec![person(Some("7")), person(Some("7"))],
            () => vec![person(Some("7"))],
        })
    }

    fn list_assignments(page: Option<String>) -> Result<(Vec<Assignment>, Option<String>), Error> {
        let of = |manager: Option<&str>, card: &str| Assignment {
            manager: person(manager),
            cards: vec![card.to_owned()],
        };
        Ok(match page.as_deref() {
            _ if has("endless") => (Vec::new(), Some("2".to_owned())),
            None if has("unmanaged") => (vec![of(None, "1")], None),
            None => (vec![of(Some("7"), "1")], Some("2".to_owned())),
            Some("2") if has("shared") => (vec![of(Some("8"), "1")], None),
            Some("2") => (vec![of(Some("8"), "2")], None),
            Some(_) if has("any-page") => (Vec::new(), None),
            Some(_) => return Err(Error::invalid("page", "is no token that this adapter gave")),
        })
    }
}
