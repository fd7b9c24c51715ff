//! The API: a request, and what it does to the books. No connections, no time but what comes in.

use std::time::Duration;

use serde_json::{Value, json};

use crate::books::{Books, Kind};

/// What can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// `POST /lookup {identifiers}`
    Lookup,
    /// `POST /contacts {identifiers, fields}`
    CreateContact,
    /// `PUT /contacts/{id} {identifiers, fields}`
    UpdateContact,
    /// `GET /contacts/{id}/deals`
    OpenDeals,
    /// `POST /deals {card, manager, fields}`
    CreateDeal,
    /// `PUT /deals/{id} {card, manager, fields}`
    UpdateDeal,
    /// `POST /tasks {subject: {card | deal}, …}`
    CreateTask,
    /// `POST /notes {subject: {card | deal}, …}`
    CreateNote,
    /// `GET /writes/{key}`: the record that was created with this key.
    FindWrite,
    /// `GET /managers`
    Managers,
    /// `GET /assignments`
    Assignments,
}

/// A request that was understood.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) endpoint: Endpoint,
    /// The id or key in the path.
    pub(crate) name: String,
    pub(crate) key: Option<String>,
    pub(crate) body: Value,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// How the server was told to be.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Manners {
    pub(crate) honours_keys: bool,
    pub(crate) is_unique: bool,
}

/// When a call came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) call: u64,
    pub(crate) at: Duration,
}

/// The endpoint of a method and a path, and what the path names.
pub(crate) fn route(method: &str, path: &str) -> Option<(Endpoint, String)> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (endpoint, name) = match (method, parts.as_slice()) {
        ("POST", ["lookup"]) => (Endpoint::Lookup, ""),
        ("POST", ["contacts"]) => (Endpoint::CreateContact, ""),
        ("PUT", ["contacts", id]) => (Endpoint::UpdateContact, *id),
        ("GET", ["contacts", id, "deals"]) => (Endpoint::OpenDeals, *id),
        ("POST", ["deals"]) => (Endpoint::CreateDeal, ""),
        ("PUT", ["deals", id]) => (Endpoint::UpdateDeal, *id),
        ("POST", ["tasks"]) => (Endpoint::CreateTask, ""),
        ("POST", ["notes"]) => (Endpoint::CreateNote, ""),
        ("GET", ["writes", key]) => (Endpoint::FindWrite, *key),
        ("GET", ["managers"]) => (Endpoint::Managers, ""),
        ("GET", ["assignments"]) => (Endpoint::Assignments, ""),
        _ => return None,
    };
    Some((endpoint, name.to_owned()))
}

/// Does what is asked.
pub(crate) fn apply(books: &mut Books, manners: Manners, call: &Call, arrival: Arrival) -> Answer {
    let Call { endpoint, name, key, body } = call;
    match endpoint {
        Endpoint::Lookup => ok(json!({ "cards": books.lookup(&texts(&body["identifiers"])) })),
        Endpoint::OpenDeals => books.open_deals(name).map_or_else(unknown, ok),
        Endpoint::FindWrite => books.written(name).map_or_else(unknown, ok),
        Endpoint::Managers => ok(managers()),
        Endpoint::Assignments => ok(books.assignments()),
        Endpoint::UpdateContact => {
            let written = books.update_contact(name, body);
            finished(books, Kind::Contact, written, false, call, arrival)
        }
        Endpoint::UpdateDeal => {
            let written = books.update_deal(name, body);
            finished(books, Kind::Deal, written, false, call, arrival)
        }
        Endpoint::CreateContact
        | Endpoint::CreateDeal
        | Endpoint::CreateTask
        | Endpoint::CreateNote => {
            let known = key.as_deref().and_then(|key| books.written(key));
            if let Some(known) = known.filter(|_| manners.honours_keys) {
                return ok(known);
            }
            create(books, manners, call, arrival)
        }
    }
}

fn create(books: &mut Books, manners: Manners, call: &Call, arrival: Arrival) -> Answer {
    let Call { endpoint, body, .. } = call;
    if *endpoint == Endpoint::CreateContact && manners.is_unique {
        let holder = books.holder(&texts(&body["identifiers"]));
        if let Some(id) = holder {
            return Answer { status: 409, body: json!({ "id": id }) };
        }
    }
    let is_text = |key: &str| body[key].as_str().is_some_and(|text| !text.is_empty());
    let (kind, written) = match endpoint {
        Endpoint::CreateContact => (Kind::Contact, Some(books.create_contact(body))),
        Endpoint::CreateDeal => (Kind::Deal, books.create_deal(body)),
        Endpoint::CreateTask if !is_text("title") => return invalid("title", "is required"),
        Endpoint::CreateTask => (Kind::Task, books.create_activity(Kind::Task, body)),
        _ => (Kind::Note, books.create_activity(Kind::Note, body)),
    };
    finished(books, kind, written, true, call, arrival)
}

/// Notes the write, and answers the record.
fn finished(
    books: &mut Books,
    kind: Kind,
    written: Option<Value>,
    is_new: bool,
    call: &Call,
    arrival: Arrival,
) -> Answer {
    let Some(record) = written else { return unknown() };
    let id = record["id"].as_str().unwrap_or_default().to_owned();
    books.note_write(kind, id, is_new, call, arrival);
    Answer { status: if is_new { 201 } else { 200 }, body: record }
}

/// Whom the call is about: what its client is recognised by.
pub(crate) fn clients(books: &Books, call: &Call) -> Vec<String> {
    let subject = &call.body["subject"];
    let card = match call.endpoint {
        Endpoint::Lookup | Endpoint::CreateContact => return texts(&call.body["identifiers"]),
        Endpoint::UpdateContact | Endpoint::OpenDeals => Some(call.name.as_str()),
        Endpoint::CreateDeal | Endpoint::UpdateDeal => call.body["card"].as_str(),
        Endpoint::CreateTask | Endpoint::CreateNote => {
            let of_deal = || books.card_of_deal(subject["deal"].as_str()?);
            subject["card"].as_str().or_else(of_deal)
        }
        Endpoint::FindWrite | Endpoint::Managers | Endpoint::Assignments => None,
    };
    card.map(|card| books.identifiers(card)).unwrap_or_default()
}

/// Two managers, one of whom has left.
fn managers() -> Value {
    json!([
        { "id": "m1", "name": "Vera Example", "email": "vera@example.com", "active": true },
        { "id": "m2", "name": "Oleg Example", "email": "oleg@example.com", "active": false },
    ])
}

pub(crate) fn texts(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn ok(body: Value) -> Answer {
    Answer { status: 200, body }
}

fn unknown() -> Answer {
    Answer { status: 404, body: json!({ "message": "there is no such record" }) }
}

fn invalid(field: &str, message: &str) -> Answer {
    Answer { status: 422, body: json!({ "field": field, "message": message }) }
}
