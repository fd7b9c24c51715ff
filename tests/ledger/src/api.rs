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
    /// `GET /assignments/{from}`: a page.
    Assignments,
    /// `GET /fields/{kind}`: what a `contact` or a `deal` can hold.
    Fields,
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
#[derive(Debug)]
pub(crate) struct Manners {
    pub(crate) honours_keys: bool,
    pub(crate) is_unique: bool,
    pub(crate) managers: Vec<Value>,
    /// Entries of one page of assignments.
    pub(crate) page: usize,
    /// What a contact can hold, as the adapter hands it on.
    pub(crate) contact_fields: Vec<Value>,
    pub(crate) deal_fields: Vec<Value>,
}

/// Two managers, one of whom has left.
impl Default for Manners {
    fn default() -> Self {
        let managers = json!([
            { "id": "m1", "name": "Vera Example", "email": "vera@example.com", "active": true },
            { "id": "m2", "name": "Oleg Example", "email": "oleg@example.com", "active": false },
        ]);
        Self {
            honours_keys: false,
            is_unique: false,
            managers: managers.as_array().cloned().unwrap_or_default(),
            page: usize::MAX,
            contact_fields: Vec::new(),
            deal_fields: Vec::new(),
        }
    }
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
        ("GET", ["assignments", from]) => (Endpoint::Assignments, *from),
        ("GET", ["fields", kind]) => (Endpoint::Fields, *kind),
        _ => return None,
    };
    Some((endpoint, name.to_owned()))
}

/// Does what is asked, and answers records as a person sees them.
pub(crate) fn apply(books: &mut Books, manners: &Manners, call: &Call, arrival: Arrival) -> Answer {
    let mut answer = answer(books, manners, call, arrival);
    match call.endpoint {
        Endpoint::Managers | Endpoint::Assignments | Endpoint::Fields => {}
        Endpoint::Lookup => show_all(books, manners, &mut answer.body["cards"]),
        Endpoint::OpenDeals => show_all(books, manners, &mut answer.body),
        _ if answer.status < 300 => show(books, manners, &mut answer.body),
        _ => {}
    }
    answer
}

fn show_all(books: &Books, manners: &Manners, records: &mut Value) {
    for record in records.as_array_mut().into_iter().flatten() {
        show(books, manners, record);
    }
}

/// Adds the URL of a contact, and who looks after a contact or a deal.
fn show(books: &Books, manners: &Manners, record: &mut Value) {
    let is_contact = record["identifiers"].is_array();
    let url = books.naming.url.as_ref().filter(|_| is_contact);
    let url = url.zip(record["id"].as_str()).map(|(url, id)| json!(format!("{url}{id}")));
    let id = if is_contact { &record["fields"]["manager"] } else { &record["manager"] };
    let person = id.as_str().map(|id| {
        let known = manners.managers.iter().find(|manager| manager["id"] == id);
        known.cloned().unwrap_or_else(|| json!({ "id": id, "active": true }))
    });
    if let Some(record) = record.as_object_mut() {
        record.extend(url.map(|url| ("url".to_owned(), url)));
        record.extend(person.map(|person| ("person".to_owned(), person)));
    }
}

fn answer(books: &mut Books, manners: &Manners, call: &Call, arrival: Arrival) -> Answer {
    let Call { endpoint, name, key, body } = call;
    match endpoint {
        Endpoint::Lookup => ok(json!({ "cards": books.lookup(&texts(&body["identifiers"])) })),
        Endpoint::OpenDeals => books.open_deals(name).map_or_else(unknown, ok),
        Endpoint::FindWrite => books.written(name).map_or_else(unknown, ok),
        Endpoint::Managers => ok(json!(manners.managers)),
        Endpoint::Assignments => ok(page(&books.assignments(), name, manners.page)),
        Endpoint::Fields if name == "deal" => ok(json!(manners.deal_fields)),
        Endpoint::Fields => ok(json!(manners.contact_fields)),
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

/// The entries from there, and where the next page begins.
fn page(entries: &[Value], from: &str, length: usize) -> Value {
    let from = from.parse::<usize>().unwrap_or_default().min(entries.len());
    let to = from.saturating_add(length).min(entries.len());
    let next = (to < entries.len()).then(|| to.to_string());
    json!({ "items": entries.get(from..to).unwrap_or_default(), "next": next })
}

/// The first field without which there is no such record, and that the body leaves out.
fn lacking<'a>(fields: &'a [Value], body: &Value) -> Option<&'a str> {
    let required = fields.iter().filter(|field| field["required"] == true);
    let mut keys = required.filter_map(|field| field["key"].as_str());
    keys.find(|key| {
        let value = &body["fields"][*key];
        let identifiers = texts(&body["identifiers"]);
        let is_held = || identifiers.iter().any(|held| held.starts_with(&format!("{key}:")));
        (value.is_null() || value == "") && !is_held()
    })
}

fn create(books: &mut Books, manners: &Manners, call: &Call, arrival: Arrival) -> Answer {
    let Call { endpoint, body, .. } = call;
    let lacking = match endpoint {
        Endpoint::CreateContact => lacking(&manners.contact_fields, body),
        Endpoint::CreateDeal => lacking(&manners.deal_fields, body),
        _ => None,
    };
    if let Some(field) = lacking {
        return invalid(field, "is required");
    }
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
        Endpoint::FindWrite | Endpoint::Managers | Endpoint::Assignments | Endpoint::Fields => None,
    };
    card.map(|card| books.identifiers(card)).unwrap_or_default()
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
