//! One adapter with a fault that the test chooses: each check has one that fails it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde_json::{Value as Json, json};

use super::*;
use crate::about::{Auth, Manifest};
use crate::notes::Note;
use crate::tasks::Task;
use crate::types::{
    Assignment, Deal, FieldSpec, FieldType, Native, Person, Problem, Subject, Value,
};
use crate::{Adapter, Deals, Managers, Notes, Tasks, http, kv, phone, settings};

/// A CRM of plain records, with the keys that they were written under.
#[derive(Default)]
struct Crm(Vec<Json>);

impl Crm {
    fn of(&self, kind: &str) -> usize {
        self.0.iter().filter(|record| record["kind"] == kind).count()
    }

    fn exists(&self, kind: &str, id: &Json) -> bool {
        self.0.iter().any(|record| record["kind"] == kind && record["id"] == *id)
    }

    fn answer(&mut self, request: &http::Request) -> http::Response {
        let asked: Json = serde_json::from_slice(&request.body).unwrap();
        let kind = asked["kind"].as_str().unwrap();
        let ok = |json: &Json| http::Response::json(200, json.to_string());
        if request.method == "GET" {
            let mine: Vec<&Json> = self.0.iter().filter(|record| record["kind"] == kind).collect();
            return ok(&json!(mine));
        }
        if !asked["id"].is_null() {
            let same = |record: &&mut Json| record["kind"] == kind && record["id"] == asked["id"];
            let Some(record) = self.0.iter_mut().find(same) else {
                return http::Response::empty(404);
            };
            record["title"] = asked["title"].clone();
            return ok(record);
        }
        let known = |record: &&Json| record["kind"] == kind && record["key"] == asked["key"];
        if let Some(record) = self.0.iter().find(known).filter(|_| !asked["key"].is_null()) {
            return ok(record);
        }
        let is_known = |of: &Json| self.exists("card", of) || self.exists("deal", of);
        if !asked["of"].is_null() && !is_known(&asked["of"]) {
            return http::Response::empty(404);
        }
        let mut record = asked.clone();
        record["id"] = json!((self.0.len() + 1).to_string());
        self.0.push(record.clone());
        ok(&record)
    }
}

struct Faulty;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

fn has(fault: &str) -> bool {
    settings::get("fault").as_deref() == Some(fault)
}

fn send(method: &str, body: &Json, is_write: bool) -> Result<Json, Error> {
    let request = http::Request::new(method, "https://crm.example.com/").json(body.to_string());
    let response = request.send().map_err(|error| match error {
        error if is_write && !has("optimist") => http::after_write(error),
        error => error.into(),
    })?;
    match response.status {
        404 => Err(Error::NotFound("no such record".to_owned())),
        _ => Ok(serde_json::from_slice(&response.body).unwrap()),
    }
}

/// What another record has to exist for is `of`.
fn write(kind: &str, of: Option<&str>, title: &Json, key: &str) -> Result<Json, Error> {
    if has("short-key") && 64 < key.len() {
        return Err(Error::invalid("key", "is too long"));
    }
    let of = of.filter(|_| !has("of-anybody"));
    let mut record = json!({ "kind": kind, "of": of, "title": title, "key": key });
    if has(&format!("forgetful-{kind}")) {
        record["key"] = Json::Null;
    }
    if has("careless") {
        // It looks at what it knows to be done, and never whether the CRM has it.
        record["key"] = Json::Null;
        let entry = format!("{kind}/{key}");
        if let Some(done) = kv::get(&entry)? {
            return Ok(serde_json::from_slice(&done).unwrap());
        }
        let made = send("POST", &record, true)?;
        kv::Batch::new().set(&entry, made.to_string()).commit()?;
        return Ok(made);
    }
    send("POST", &record, true)
}

fn all(kind: &str) -> Result<Vec<Json>, Error> {
    let list = send("GET", &json!({ "kind": kind }), false)?;
    Ok(list.as_array().unwrap().clone())
}

fn id(record: &Json) -> String {
    record["id"].as_str().unwrap().to_owned()
}

fn text(identifier: &Identifier) -> String {
    match identifier {
        Identifier::Phone(text) | Identifier::Email(text) | Identifier::Card(text) => text.clone(),
        Identifier::External(external) => format!("{}:{}", external.system, external.id),
    }
}

fn is_of(record: &Json, identifier: &Identifier) -> bool {
    let held = record["title"].as_array().unwrap().iter().filter_map(Json::as_str);
    let asked = text(identifier);
    match identifier {
        Identifier::Card(asked) => id(record) == *asked,
        Identifier::Phone(_) if !has("literal") => {
            held.into_iter().any(|held| phone::matches(&asked, held, None))
        }
        Identifier::Email(_) if has("one-eyed") => false,
        _ => held.into_iter().any(|held| held.eq_ignore_ascii_case(&asked)),
    }
}

fn spec(key: &str) -> FieldSpec {
    FieldSpec {
        key: key.to_owned(),
        title: key.to_owned(),
        type_: FieldType::Text,
        required: false,
        repeated: false,
        choices: Vec::new(),
    }
}

impl Adapter for Faulty {
    fn describe() -> Manifest {
        Manifest {
            name: "crm-faulty".to_owned(),
            version: "0.1.0".to_owned(),
            title: "Faulty".to_owned(),
            vendor: "Example".to_owned(),
            settings: Vec::new(),
            egress: Vec::new(),
            auth: Auth::None,
            rate_limit: None,
        }
    }
}

impl Contacts for Faulty {
    fn describe_fields() -> Result<Vec<FieldSpec>, Error> {
        let choices = vec![("a".to_owned(), "A".to_owned())];
        Ok(match () {
            () if has("undescribed") => Vec::new(),
            () if has("untitled-field") => vec![FieldSpec { title: String::new(), ..spec("name") }],
            () if has("twice-described") => vec![spec("name"), spec("name")],
            () if has("choices") => vec![FieldSpec { choices, ..spec("name") }],
            () => vec![spec("name")],
        })
    }

    fn lookup_client(any_of: Vec<Identifier>) -> Result<Vec<Card>, Error> {
        if has("talkative") {
            all("card")?;
        }
        if has("chatty") {
            for _ in 0..17 {
                all("card")?;
            }
        }
        let mut cards = Vec::new();
        if has("stranger") {
            cards.push(Card::new("7"));
        }
        for record in all("card")? {
            let matched: Vec<_> = any_of.iter().filter(|it| is_of(&record, it)).cloned().collect();
            if !matched.is_empty() && !has("blind") {
                let matched = if has("silent") { Vec::new() } else { matched };
                cards.push(Card { matched, ..Card::new(id(&record)) });
            }
        }
        Ok(cards)
    }

    fn map_fields(client: Vec<Identifier>, fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        if has("impure") {
            CALLS.set(CALLS.get() + 1);
        }
        let value = fields.first().map(|field| &field.value);
        match value {
            Some(Value::Flag(_)) if has("no-problems") => return Err(Vec::new()),
            Some(Value::Text(text)) if has("tells") => return Err(vec![Problem::general(text)]),
            _ => {}
        }
        let client: Vec<String> = client.iter().map(text).collect();
        Ok(json!({ "client": client, "calls": CALLS.get() }).to_string())
    }

    fn upsert_contact(
        id: Option<String>,
        contact: Native,
        idempotency_key: String,
    ) -> Result<Card, Error> {
        let native: Json = serde_json::from_str(&contact).unwrap();
        let client = &native["client"];
        let record = match id.filter(|_| !has("credulous")) {
            None if has("fat") => {
                write("card", None, &json!("x".repeat(REQUEST_BYTES_MAX)), &idempotency_key)?
            }
            None => write("card", None, client, &idempotency_key)?,
            Some(id) => {
                let body = json!({ "kind": "card", "id": id, "title": client });
                send("POST", &body, true)?
            }
        };
        let id = self::id(&record);
        let is_moved = has("moving") && idempotency_key.starts_with("change");
        Ok(Card::new(if is_moved { format!("{id}0") } else { id }))
    }
}

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

fn client(number: usize) -> Client {
    let identifiers = vec![
        Identifier::Phone(format!("+7900000{number:04}")),
        Identifier::Email(format!("alina{number}@example.com")),
        Identifier::external("jivo", format!("visitor-{number}")),
    ];
    Client { identifiers, fields: vec![Field::text("name", "Alina Testova")] }
}

/// What a run of the suite tells of the fault.
fn told(fault: &str, run: fn(&Suite<'_>) -> Result<(), String>) -> Result<(), String> {
    let crm = Rc::new(RefCell::new(Crm::default()));
    let server = Rc::clone(&crm);
    let host = Host::new()
        .setting("fault", fault)
        .http(move |request| Ok(server.borrow_mut().answer(request)));
    let count = |record: Record| match record {
        Record::Task => crm.borrow().of("task"),
        Record::Note => crm.borrow().of("note"),
    };
    run(&Suite { host: &host, client: &client, unknown_id: "404", count: &count, wait: &|_| {} })
}

#[track_caller]
fn check(run: fn(&Suite<'_>) -> Result<(), String>, faults: &[(&str, &str)]) {
    assert_eq!(told("none", run), Ok(()));
    for (fault, words) in faults {
        let told = told(fault, run);
        assert!(told.as_ref().is_err_and(|told| told.contains(words)), "{fault}: {told:?}");
    }
}

#[test]
fn each_fault_of_contacts_is_found() {
    check(
        |suite| suite.contacts::<Faulty>().map(drop),
        &[
            ("no-problems", "has no answer"),
            ("tells", "tells the value"),
            ("impure", "answers differently"),
            ("undescribed", "describes nothing"),
            ("untitled-field", "without a key or a title"),
            ("twice-described", "describes `name` twice"),
            ("choices", "has choices for `name`"),
            ("stranger", "a look-up of nobody"),
            ("chatty", "sends 18 requests"),
            ("credulous", "should be not-found"),
            ("forgetful-card", "made two cards"),
            ("blind", "finds 0"),
            ("one-eyed", "is not found by Identifier::Email"),
            ("silent", "does not tell"),
            ("literal", "by the notation"),
            ("moving", "a change of card"),
            ("short-key", "is too long"),
            ("fat", "a request of"),
            ("careless", "made 2 records"),
            ("optimist", "has written 1 and lost an answer"),
        ],
    );
}

#[test]
fn each_fault_of_deals_is_found() {
    check(
        |suite| suite.deals::<Faulty>().map(drop),
        &[
            ("half-deals", "is exported, and says that it is unsupported"),
            ("haunted", "has open deals already"),
            ("forgetful-deal", "made two deals"),
            ("untitled", "which nobody gave it"),
            ("closed", "should be open alone"),
            ("stubborn", "should be changed"),
            ("of-anybody", "should be open alone"),
            ("oldest-first", "open deals should be"),
            ("short-key", "is too long"),
            ("careless", "made 2 records"),
            ("optimist", "has written 1 and lost an answer"),
        ],
    );
}

#[test]
fn each_fault_of_tasks_and_notes_is_found() {
    let common = [
        ("of-anybody", "should be not-found"),
        ("short-key", "is too long"),
        ("careless", "made 2 records"),
        ("optimist", "has written 1 and lost an answer"),
    ];
    check(|suite| suite.tasks::<Faulty>().map(drop), &common);
    check(|suite| suite.notes::<Faulty>().map(drop), &common);
    let twice = "twice under one key made 2 records";
    check(
        |suite| suite.tasks::<Faulty>().map(drop),
        &[("half-tasks", "is unsupported"), ("forgetful-task", twice)],
    );
    check(
        |suite| suite.notes::<Faulty>().map(drop),
        &[
            ("half-notes", "is unsupported"),
            ("forgetful-note", twice),
            ("endless-notes", "a request of"),
        ],
    );
}

#[test]
fn each_fault_of_managers_is_found() {
    check(
        |suite| suite.managers::<Faulty>().map(drop),
        &[
            ("nobody", "names nobody"),
            ("nameless", "one without an id"),
            ("twins", "names `7` twice"),
            ("unmanaged", "a manager without an id"),
            ("shared", "names card `1` twice"),
            ("endless", "more than 1000 pages"),
            ("any-page", "of a strange page"),
        ],
    );
}

#[test]
fn each_request_of_a_flow_is_counted() {
    let is_cheap = |suite: &Suite<'_>| {
        suite.costs::<Faulty>(Costs { new_client: 5, changed_client: 5, known_client: 3 })
    };
    check(is_cheap, &[("chatty", "sends 18 requests"), ("talkative", "new_client: 6,")]);
}
