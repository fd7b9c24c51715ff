//! HubSpot: CRM objects v3, associations v4, owners, properties, pipelines, and the limits by time.
//!
//! It behaves as HubSpot's documents and its OpenAPI collection say: creates answer 201, conflicts tell
//! the id in words, batches answer 207, and the search shows what was true [`HubSpot::search_lag`] ago.

mod answer;
mod associations;
mod batch;
mod directory;
mod limits;
mod objects;
mod schema;
mod search;
mod store;

use std::time::Duration;

use patchbay_sdk::http::{Request, Response};
use serde_json::Value;

use self::answer::{Answer, refusal};
pub use self::directory::Owner;
pub use self::limits::Limits;
use self::schema::Schema;
use self::store::Store;
use crate::{Simulator, path, query};

/// Kinds of objects that are served.
const KINDS: [&str; 5] = ["contacts", "deals", "notes", "tasks", "calls"];

/// One HubSpot account.
#[derive(Debug)]
pub struct HubSpot {
    /// What the `authorization` header has to be, after `Bearer `.
    pub token: String,
    /// Whether the token has expired.
    pub token_expired: bool,
    /// Scopes that the token lacks: requests that need them are refused.
    pub missing_scopes: Vec<String>,
    /// How far the search is behind.
    pub search_lag: Duration,
    /// Added to the time that the stage tells.
    pub ahead: Duration,
    /// How fast it may be asked.
    pub limits: Limits,
    /// Owners, those who have left as well.
    pub owners: Vec<Owner>,
    /// Most records on a page, whatever is asked for; small ones make paging visible.
    pub page_max: usize,
    schema: Schema,
    store: Store,
}

impl Default for HubSpot {
    fn default() -> Self {
        Self {
            token: "{{secret:token}}".to_owned(),
            token_expired: false,
            missing_scopes: Vec::new(),
            search_lag: Duration::ZERO,
            ahead: Duration::ZERO,
            limits: Limits::default(),
            owners: directory::owners(),
            page_max: 500,
            schema: Schema::default(),
            store: Store::default(),
        }
    }
}

impl HubSpot {
    /// Makes a text property, with unique values if wanted, as a person does in the settings.
    pub fn define(&mut self, kind: &str, name: &str, is_unique: bool) {
        self.schema.define(kind, name, is_unique);
    }

    /// Takes the right to write a property away.
    pub fn make_read_only(&mut self, kind: &str, name: &str) {
        self.schema.make_read_only(kind, name);
    }

    /// Makes an object as a person would, long ago, so that the search shows it.
    pub fn add(&mut self, kind: &str, properties: &[(&str, &str)]) -> String {
        let properties =
            properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.store.insert_old(&self.schema, kind, properties.collect())
    }

    /// Changes an object as a person would, now.
    pub fn set(&mut self, kind: &str, id: &str, name: &str, value: &str) {
        let now = self.ahead;
        self.store.change(
            &self.schema,
            kind,
            id,
            [(name.to_owned(), value.to_owned())].into(),
            now,
        );
    }

    /// Joins two objects.
    pub fn associate(&mut self, one: (&str, &str), other: (&str, &str)) {
        self.store.associate(one, other);
    }

    /// Merges a contact into another one, whose number stays.
    pub fn merge(&mut self, from: &str, into: &str) {
        self.store.merge(from, into);
    }

    /// Archives an object.
    pub fn archive(&mut self, kind: &str, id: &str) {
        self.store.archive(kind, id);
    }

    /// All objects of a kind as they are now: their properties with `id`.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        self.store.all(kind)
    }

    /// The ids of the objects of a kind that belong to this one.
    pub fn associated(&self, from: (&str, &str), to: &str) -> Vec<String> {
        self.store.associated(from, to)
    }

    fn route(&mut self, request: &Request, now: Duration) -> Answer {
        let url = request.url.as_str();
        let parts: Vec<&str> = path(url).split('/').filter(|part| !part.is_empty()).collect();
        let query = answer::query(query(url));
        let body = match request.body.as_slice() {
            [] => Value::Null,
            bytes => match serde_json::from_slice(bytes) {
                Ok(body) => body,
                Err(error) => {
                    let text = format!(
                        "Invalid input JSON on line {}, column {}",
                        error.line(),
                        error.column()
                    );
                    return refusal(400, "VALIDATION_ERROR", &text);
                }
            },
        };
        if let Some(refused) = self.refuse_scope(&request.method, &parts) {
            return refused;
        }
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["account-info", "v3", "details"]) => directory::account(),
            ("GET", ["crm", "v3", "owners"]) => self.owners_page(&query),
            ("GET", ["crm", "v3", "owners", id]) => self.owner(id),
            ("GET", ["crm", "v3", "pipelines", "deals"]) => directory::pipelines(),
            ("GET", ["crm", "v3", "properties", kind]) if KINDS.contains(kind) => {
                self.schema.describe(kind)
            }
            ("POST", ["crm", "v3", "objects", kind, "search"]) if KINDS.contains(kind) => {
                self.search(kind, &body, now)
            }
            ("POST", ["crm", "v3", "objects", kind, "batch", action]) if KINDS.contains(kind) => {
                self.batch(kind, action, &body, now)
            }
            (method, ["crm", "v3", "objects", kind]) if KINDS.contains(kind) => match method {
                "POST" => self.create(kind, &body, now),
                "GET" => self.list(kind, &query),
                _ => refusal(405, "", "Method Not Allowed"),
            },
            (method, ["crm", "v3", "objects", kind, id]) if KINDS.contains(kind) => {
                self.one(method, kind, id, &query, &body, now)
            }
            ("GET", ["crm", "v4", "objects", from, id, "associations", to]) => {
                self.associations(from, id, to, &query)
            }
            ("PUT", ["crm", "v4", "objects", from, id, "associations", "default", to, other]) => {
                self.associate_by_default((from, id), (to, other))
            }
            _ => refusal(404, "", "resource not found"),
        }
    }

    fn refuse_scope(&self, method: &str, parts: &[&str]) -> Option<Answer> {
        let is_read = method == "GET"
            || parts.last() == Some(&"search")
            || parts.ends_with(&["batch", "read"]);
        let right = if is_read { "read" } else { "write" };
        let needed = match parts {
            ["crm", "v3", "owners", ..] => "crm.objects.owners.read".to_owned(),
            ["crm", "v3", "objects", "deals", ..] | ["crm", "v3", "pipelines", ..] => {
                format!("crm.objects.deals.{right}")
            }
            ["crm", ..] => format!("crm.objects.contacts.{right}"),
            _ => "oauth".to_owned(),
        };
        self.missing_scopes.contains(&needed).then(|| answer::missing_scope(&needed))
    }
}

impl Simulator for HubSpot {
    fn answer(&mut self, request: &Request, now: Duration) -> Response {
        let now = now + self.ahead;
        if self.token_expired {
            let text = "The OAuth token used to make this call expired 7 second(s) ago.";
            return refusal(401, "EXPIRED_AUTHENTICATION", text).response();
        }
        if request.value_of("authorization") != Some(format!("Bearer {}", self.token).as_str()) {
            let text =
                "Authentication credentials not found. This API supports OAuth 2.0 authentication";
            return refusal(401, "INVALID_AUTHENTICATION", text).response();
        }
        let is_search = path(&request.url).ends_with("/search");
        if let Some(refused) = self.limits.take(is_search, now) {
            return refused;
        }
        let response = self.route(request, now).response();
        if is_search { response } else { self.limits.told(response, now) }
    }
}

#[cfg(test)]
mod tests;
