//! Calls of the REST protocol: pure builders of requests, and the one function that sends.

use patchbay_sdk::http::{self, Request};
use patchbay_sdk::types::Error;
use serde_json::{Value, json};

use crate::domain;
use crate::errors::{self, Effect};
use crate::server::Server;

pub(crate) const PARTY: &str = "party.party";
pub(crate) const OPPORTUNITY: &str = "sale.opportunity";
pub(crate) const NOTE: &str = "ir.note";
pub(crate) const EMPLOYEE: &str = "company.employee";

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub model: &'static str,
    pub effect: Effect,
    /// Whether the URL names one record, so that a 404 is about that.
    pub is_of_record: bool,
    pub body: Option<Value>,
    method: &'static str,
    path: String,
    query: Vec<(&'static str, String)>,
    with_inactive: bool,
}

impl Call {
    fn new(
        method: &'static str,
        model: &'static str,
        path: String,
        body: Option<Value>,
        fields: &[&str],
    ) -> Self {
        let query = fields.iter().map(|field| ("f", (*field).to_owned())).collect();
        let effect = Effect::Write;
        let is_of_record = !path.is_empty();
        Self { model, effect, is_of_record, body, method, path, query, with_inactive: false }
    }

    /// The records that the domain describes, at most `limit`, the newest first or last.
    pub(crate) fn search(
        model: &'static str,
        domain: &Value,
        fields: &[&str],
        order: Order,
        limit: u32,
    ) -> Self {
        let mut call = Self::new("GET", model, String::new(), None, fields);
        let order = match order {
            Order::OldestFirst => json!([["id", "ASC"]]),
            Order::NewestFirst => json!([["id", "DESC"]]),
        };
        call.query.push(("d", domain::encoded(domain)));
        call.query.push(("o", domain::encoded(&order)));
        call.query.push(("s", limit.to_string()));
        Self { effect: Effect::Read, ..call }
    }

    /// Among them also those that are switched off.
    pub(crate) fn with_inactive(self) -> Self {
        Self { with_inactive: true, ..self }
    }

    /// Creates a record, and answers these fields of it.
    pub(crate) fn create(model: &'static str, values: Value, fields: &[&str]) -> Self {
        Self::new("POST", model, String::new(), Some(values), fields)
    }

    /// Changes a record, and answers these fields of it.
    pub(crate) fn write(model: &'static str, id: u64, values: Value, fields: &[&str]) -> Self {
        Self::new("PUT", model, format!("/{id}"), Some(values), fields)
    }

    /// Presses a button on a record, and answers these fields of it.
    pub(crate) fn press(model: &'static str, id: u64, button: &str, fields: &[&str]) -> Self {
        Self::new("POST", model, format!("/{id}/{button}"), Some(json!({})), fields)
    }

    /// What fields a model has.
    pub(crate) fn fields_get(model: &'static str) -> Self {
        let call = Self::new("POST", model, "/fields_get".to_owned(), Some(json!({})), &[]);
        Self { effect: Effect::Read, is_of_record: false, ..call }
    }

    fn request(&self, server: &Server) -> Request {
        let Server { base_url, database, key, company } = server;
        let mut url = format!("{base_url}/{database}/rest/model/{}{}", self.model, self.path);
        for (index, (name, value)) in self.query.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.push_str(value);
        }
        let context = if self.with_inactive {
            json!({ "active_test": false, "company": company })
        } else {
            json!({ "company": company })
        };
        // Python's decoder wants the padding as it is: a header is not unescaped.
        let context = domain::encoded(&context).replace("%3D", "=");
        let request = Request::new(self.method, url)
            .header("accept", "application/json")
            .header("authorization", format!("Bearer {key}"))
            .header("x-tryton-context", context);
        match &self.body {
            Some(body) => request.json(serde_json::to_vec(body).expect("a value is always JSON")),
            None => request,
        }
    }

    /// Sends the call and reads the answer; `read` answers `None` for a shape that Tryton does not send.
    pub(crate) fn send<T>(
        self,
        server: &Server,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, Error> {
        let response = self.request(server).send().map_err(|error| match self.effect {
            Effect::Read => error.into(),
            Effect::Write => http::after_write(error),
        })?;
        if !response.is_success() {
            return Err(errors::classify(&response, &self));
        }
        let value: Option<Value> = serde_json::from_slice(&response.body).ok();
        value.as_ref().and_then(read).ok_or_else(|| errors::unreadable(self.effect))
    }
}

/// In which order records are answered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    OldestFirst,
    NewestFirst,
}

/// Every record of a list, or `None` where it is no list or one of them cannot be read.
pub(crate) fn each<T>(answer: &Value, read: impl FnMut(&Value) -> Option<T>) -> Option<Vec<T>> {
    answer.as_array()?.iter().map(read).collect()
}

/// A text without the blanks around it; `None` for `null` and for an empty one.
pub(crate) fn text<'a>(record: &'a Value, field: &str) -> Option<&'a str> {
    record.get(field)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

pub(crate) fn id_of(record: &Value) -> Option<u64> {
    record.get("id")?.as_u64()
}
