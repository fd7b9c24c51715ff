//! amoCRM and Kommo, API v4, as the vendor documents it and as users report it.
//!
//! - Lists are HAL, 250 records a page at most; an empty one is a 204 without a body.
//! - `query` finds whatever is part of a value, in the notation it was typed in.
//! - `filter` on contacts and deals does nothing without a word, unless the account has filters.
//! - The values of a field replace the old ones. An array is written whole or not at all.
//! - A `PATCH` of an array makes a record of what has no id that it knows.
//! - Seven requests a second: then 429 in plain words, and whoever goes on is blocked with 403.

#![expect(
    clippy::indexing_slicing,
    reason = "a member that a JSON value lacks reads as null, and a faulty simulator fails its test"
)]

mod activities;
mod catalog;
mod entities;
mod hal;
mod limits;
mod oauth;
mod validate;

use std::{collections::BTreeMap, time::Duration};

use patchbay_sdk::http::{Request, Response};
use serde_json::{Value, json};

use crate::Simulator;
use hal::Query;
pub use limits::Limits;
pub use oauth::Oauth;

/// When the simulated account was set up, in seconds since 1970.
const EPOCH: u64 = 1_796_119_200;

/// Records by their ids.
type Table = BTreeMap<u64, Value>;

/// One account.
#[derive(Debug)]
pub struct Amocrm {
    /// The long-lived token.
    pub token: String,
    /// Whether the account takes part in the vendor's trial of filters.
    pub filters: bool,
    /// The newest record that a search finds: its index lags behind. `None` where it does not.
    pub searched_until: Option<u64>,
    pub limits: Limits,
    pub oauth: Oauth,
    contacts: Table,
    leads: Table,
    tasks: Table,
    notes: Table,
    /// Deal, contact, and whether it is the main one.
    links: Vec<(u64, u64, bool)>,
    users: Vec<Value>,
    contact_fields: Vec<Value>,
    lead_fields: Vec<Value>,
    pipelines: Vec<Value>,
    last_id: u64,
    now: u64,
}

/// What a request asks for: the parts of its path below `/api/v4`, its query and its body.
struct Asked<'a> {
    method: &'a str,
    path: Vec<&'a str>,
    query: Query,
    body: Value,
}

impl Amocrm {
    /// An account with a few users, fields and pipelines, that bears seven requests a second.
    pub fn new(token: &str) -> Self {
        Self {
            token: token.to_owned(),
            filters: false,
            searched_until: None,
            limits: Limits::default(),
            oauth: Oauth::default(),
            contacts: Table::new(),
            leads: Table::new(),
            tasks: Table::new(),
            notes: Table::new(),
            links: Vec::new(),
            users: catalog::users(),
            contact_fields: catalog::contact_fields(),
            lead_fields: catalog::lead_fields(),
            pipelines: catalog::pipelines(),
            last_id: 1_000,
            now: EPOCH,
        }
    }

    /// The account without a limit, for tests that do not wait.
    #[must_use]
    pub fn without_limits(mut self) -> Self {
        self.limits.per_second = None;
        self
    }

    /// Takes the fields for campaigns away, as old accounts lack them.
    #[must_use]
    pub fn without_tracking(mut self) -> Self {
        self.lead_fields.retain(|field| field["type"] != "tracking_data");
        self
    }

    /// Every contact, the oldest first.
    pub fn contacts(&self) -> Vec<&Value> {
        self.contacts.values().collect()
    }

    /// Every deal, the oldest first.
    pub fn leads(&self) -> Vec<&Value> {
        self.leads.values().collect()
    }

    /// Every task, the oldest first.
    pub fn tasks(&self) -> Vec<&Value> {
        self.tasks.values().collect()
    }

    /// Every note, the oldest first.
    pub fn notes(&self) -> Vec<&Value> {
        self.notes.values().collect()
    }

    /// The contacts of a deal, the main one first.
    pub fn contacts_of(&self, lead: u64) -> Vec<u64> {
        let mut links: Vec<_> = self.links.iter().filter(|link| link.0 == lead).collect();
        links.sort_by_key(|link| !link.2);
        links.into_iter().map(|link| link.1).collect()
    }

    /// Makes a contact as a person does in the browser, and answers its id.
    pub fn add_contact(&mut self, contact: &Value) -> u64 {
        let id = self.next_id();
        let record = entities::new_record(id, contact, &self.contact_fields, self.now);
        self.contacts.insert(id, record);
        id
    }

    /// Makes a deal of a contact as a person does, and answers its id.
    pub fn add_lead(&mut self, lead: &Value, contact: u64) -> u64 {
        let id = self.next_id();
        self.leads.insert(id, entities::new_record(id, lead, &self.lead_fields, self.now));
        self.links.push((id, contact, true));
        id
    }

    /// Removes a contact for good.
    pub fn remove_contact(&mut self, id: u64) {
        self.contacts.remove(&id);
        self.links.retain(|link| link.1 != id);
    }

    /// Adds a user.
    pub fn add_user(&mut self, id: u64, name: &str, email: &str, is_active: bool) {
        self.users.push(catalog::user(id, name, email, is_active));
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn is_allowed(&self, request: &Request) -> bool {
        let bearer =
            request.value_of("authorization").and_then(|value| value.strip_prefix("Bearer "));
        bearer.is_some_and(|token| token == self.token || self.oauth.is_good(token))
    }

    fn route(&mut self, asked: &Asked<'_>) -> Response {
        match (asked.method, asked.path.as_slice()) {
            ("GET", ["account"]) => hal::ok(&catalog::account()),
            ("GET", ["users"]) => hal::list("users", self.users.iter().cloned(), &asked.query),
            ("GET", ["leads", "pipelines"]) => hal::whole("pipelines", &self.pipelines),
            ("GET", [kind @ ("contacts" | "leads"), "custom_fields"]) => {
                let fields = self.fields(kind).iter().cloned();
                hal::list("custom_fields", fields, &asked.query)
            }
            ("POST", ["leads", "complex"]) => self.add_complex(&asked.body),
            (_, ["tasks"] | ["tasks", _]) => self.answer_tasks(asked),
            (_, ["calls"]) => self.answer_calls(asked),
            (_, ["contacts" | "leads", "notes"] | ["contacts" | "leads", _, "notes"]) => {
                self.answer_notes(asked)
            }
            (_, ["contacts" | "leads", ..]) => self.answer_entities(asked),
            _ => hal::problem(404, "Not Found", &json!({})),
        }
    }

    fn fields(&self, kind: &str) -> &[Value] {
        if kind == "leads" { &self.lead_fields } else { &self.contact_fields }
    }

    fn table(&self, kind: &str) -> &Table {
        if kind == "leads" { &self.leads } else { &self.contacts }
    }

    fn table_mut(&mut self, kind: &str) -> &mut Table {
        if kind == "leads" { &mut self.leads } else { &mut self.contacts }
    }
}

impl Simulator for Amocrm {
    fn answer(&mut self, request: &Request, now: Duration) -> Response {
        self.now = EPOCH + now.as_secs();
        if let Some(refusal) = self.limits.refuse(now) {
            return refusal;
        }
        let path = crate::path(&request.url);
        let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        if path == "/oauth2/access_token" {
            return self.oauth.answer(&body);
        }
        if !self.is_allowed(request) {
            return hal::problem(
                401,
                "Unauthorized",
                &json!({ "detail": "Invalid username or password." }),
            );
        }
        let Some(path) = path.strip_prefix("/api/v4/") else {
            return hal::page(404, "<html>404 Not Found</html>");
        };
        let query = Query::read(crate::query(&request.url));
        let path = path.split('/').collect();
        self.route(&Asked { method: &request.method, path, query, body })
    }
}

#[cfg(test)]
mod tests;
