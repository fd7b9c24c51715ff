//! Odoo 19: the JSON-2 API and its older JSON-RPC, over a database in memory.
//!
//! It answers as a real Odoo 19.0 was recorded to: bare JSON, exceptions by name, 500 for a caller's
//! mistakes, `false` for whatever is empty, archived records out of sight. [`Odoo::version`] below 19
//! takes JSON-2 away and brings a second phone.

mod answer;
mod chatter;
mod domain;
mod load;
mod phone;
mod rpc;
mod schema;
mod store;

use std::time::Duration;

use patchbay_sdk::http::{Request, Response};
use serde_json::{Map, Value, json};

use self::answer::{Answer, refusal};
use self::store::Store;
use crate::{Simulator, path};

/// One Odoo with one database.
#[derive(Debug)]
pub struct Odoo {
    /// What the `authorization` header has to be, after `bearer `; with JSON-RPC the password.
    pub key: String,
    /// The database; `None` where the server has one, and needs no header.
    pub database: Option<String>,
    /// Whose key it is; the user has the id 2.
    pub login: String,
    /// 19 has both interfaces, an older one JSON-RPC and a `mobile`.
    pub version: u64,
    store: Store,
}

impl Default for Odoo {
    fn default() -> Self {
        Self {
            key: "{{secret:api-key}}".to_owned(),
            database: Some("odoo_e2e".to_owned()),
            login: "admin".to_owned(),
            version: 19,
            store: Store::default(),
        }
    }
}

/// One call of a method, by either interface.
pub(crate) struct Call<'c> {
    model: &'c str,
    method: &'c str,
    arguments: &'c Map<String, Value>,
}

impl Call<'_> {
    fn list(&self, name: &str) -> &[Value] {
        self.arguments.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.arguments.get(name)?.as_str()
    }

    fn number(&self, name: &str) -> Option<usize> {
        usize::try_from(self.arguments.get(name)?.as_u64()?).ok()
    }

    /// The one record that a method is called on.
    fn id(&self) -> u64 {
        self.list("ids").first().and_then(Value::as_u64).unwrap_or_default()
    }

    /// Python refuses an argument that the method does not have.
    fn only(&self, allowed: &[&str]) -> Result<(), Answer> {
        let mut names = self.arguments.keys();
        match names.find(|name| *name != "context" && !allowed.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let text = format!("{}() got an unexpected keyword argument '{name}'", self.method);
                Err(answer::type_error(&text))
            }
        }
    }
}

impl Odoo {
    /// Makes a record as a person would.
    ///
    /// # Panics
    ///
    /// Where Odoo would refuse it.
    #[expect(clippy::panic, reason = "a test that prepares nonsense is at fault")]
    pub fn add(&mut self, model: &str, values: &Value) -> u64 {
        let values = values.as_object().cloned().unwrap_or_default();
        self.store.create(model, values).unwrap_or_else(|refused| panic!("{refused:?}"))
    }

    /// Changes a record as a person would.
    pub fn set(&mut self, model: &str, id: u64, field: &str, value: Value) {
        self.store.put(model, id, field, value);
    }

    /// Makes a field of the operator's own.
    pub fn define(&mut self, model: &str, name: &str, kind: &str, is_required: bool) {
        self.store.define(model, name, kind, is_required);
    }

    /// All records of a model as they lie in the database, archived ones too.
    pub fn all(&self, model: &str) -> Vec<Value> {
        self.store.all(model)
    }

    fn call(&mut self, call: &Call<'_>) -> Result<Value, Answer> {
        if !self.store.has_model(call.model) {
            return Err(answer::no_model(call.model));
        }
        if call.method.starts_with('_') {
            return Err(answer::private(call.model, call.method));
        }
        let lang = call.arguments.get("context").and_then(|context| context.get("lang"));
        if let Some(lang) = lang.and_then(Value::as_str)
            && !["en_US", "uk_UA"].contains(&lang)
        {
            return Err(answer::user_error(&format!("Invalid language code: {lang}")));
        }
        match call.method {
            "search" => {
                call.only(&["domain", "limit", "offset", "order"])?;
                Ok(json!(self.searched(call)?))
            }
            "search_read" => self.search_read(call),
            "search_count" => {
                call.only(&["domain", "limit"])?;
                Ok(json!(
                    self.store.search(call.model, call.list("domain"), is_tested(call))?.len()
                ))
            }
            "read" => self.read(call),
            "create" => self.create(call),
            "write" => self.write(call),
            "load" => load::load(&mut self.store, call),
            "fields_get" => {
                call.only(&["allfields", "attributes"])?;
                Ok(self.store.fields_get(call.model, call.list("allfields")))
            }
            "default_get" => {
                call.only(&["fields", "fields_list"])?;
                Ok(json!({}))
            }
            "context_get" => Ok(json!({ "lang": "en_US", "tz": false, "uid": 2 })),
            "message_post" => chatter::message_post(&mut self.store, call),
            "activity_schedule" => chatter::activity_schedule(&mut self.store, call),
            _ => Err(answer::no_method(call.model, call.method)),
        }
    }

    fn search_read(&self, call: &Call<'_>) -> Result<Value, Answer> {
        call.only(&["domain", "fields", "limit", "offset", "order"])?;
        let fields = self.store.asked(call.model, call.list("fields"))?;
        let ids = self.searched(call)?.into_iter();
        Ok(ids.map(|id| self.store.shown(call.model, id, &fields)).collect())
    }

    fn searched(&self, call: &Call<'_>) -> Result<Vec<u64>, Answer> {
        let mut ids = self.store.search(call.model, call.list("domain"), is_tested(call))?;
        if call.text("order").is_some_and(|order| order.ends_with("desc")) {
            ids.reverse();
        }
        let ids = ids.into_iter().skip(call.number("offset").unwrap_or_default());
        Ok(ids.take(call.number("limit").unwrap_or(usize::MAX)).collect())
    }

    /// Records that do not exist are left out, without an error.
    fn read(&self, call: &Call<'_>) -> Result<Value, Answer> {
        call.only(&["ids", "fields", "load"])?;
        let fields = self.store.asked(call.model, call.list("fields"))?;
        let ids = call.list("ids").iter().filter_map(Value::as_u64);
        let ids = ids.filter(|id| self.store.exists(call.model, *id));
        let mut records: Value = ids.map(|id| self.store.shown(call.model, id, &fields)).collect();
        if call.text("load") == Some("_classic_write") {
            let records = records.as_array_mut().into_iter().flatten();
            records.filter_map(Value::as_object_mut).for_each(without_names);
        }
        Ok(records)
    }

    /// One record by JSON-RPC answers one id, a list of them a list.
    fn create(&mut self, call: &Call<'_>) -> Result<Value, Answer> {
        call.only(&["vals_list"])?;
        let records = call.arguments.get("vals_list").cloned().unwrap_or_default();
        let mut ids = Vec::new();
        let is_one = records.is_object();
        let records = if let Value::Array(records) = records { records } else { vec![records] };
        for record in records {
            let Value::Object(values) = record else {
                return Err(answer::type_error("values of a record are a dict"));
            };
            ids.push(self.store.create(call.model, values)?);
        }
        Ok(match ids.as_slice() {
            [id] if is_one => json!(id),
            ids => json!(ids),
        })
    }

    fn write(&mut self, call: &Call<'_>) -> Result<Value, Answer> {
        call.only(&["ids", "vals"])?;
        let values = call.arguments.get("vals").and_then(Value::as_object);
        let values = values.cloned().unwrap_or_default();
        for id in call.list("ids").iter().filter_map(Value::as_u64) {
            self.store.write(call.model, id, values.clone())?;
        }
        Ok(json!(true))
    }

    fn json2(&mut self, request: &Request, model: &str, method: &str) -> Answer {
        let key = format!("bearer {}", self.key);
        match request.value_of("authorization") {
            Some(told) if told.eq_ignore_ascii_case(&key) => {}
            None => {
                let text =
                    "User not authenticated, use an API Key with a Bearer Authorization header.";
                return refusal(401, "werkzeug.exceptions.Unauthorized", text);
            }
            Some(_) => return refusal(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey"),
        }
        let body: Map<String, Value> = match serde_json::from_slice(&request.body) {
            Ok(body) => body,
            Err(error) => {
                let text = format!("could not parse the body as json: {error}");
                return refusal(400, "werkzeug.exceptions.BadRequest", &text);
            }
        };
        match self.call(&Call { model, method, arguments: &body }) {
            Ok(value) => Answer::of(value),
            Err(refused) => refused,
        }
    }
}

/// References as they are written: the id alone.
fn without_names(record: &mut Map<String, Value>) {
    for value in record.values_mut() {
        if let Some([id, Value::String(_)]) = value.as_array().map(Vec::as_slice) {
            *value = id.clone();
        }
    }
}

/// Whether archived records are out of sight.
fn is_tested(call: &Call<'_>) -> bool {
    let context = call.arguments.get("context");
    context.and_then(|context| context.get("active_test")) != Some(&Value::Bool(false))
}

impl Simulator for Odoo {
    fn answer(&mut self, request: &Request, _now: Duration) -> Response {
        let parts: Vec<&str> =
            path(&request.url).split('/').filter(|part| !part.is_empty()).collect();
        let has_json2 = 19 <= self.version;
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["web", "version"]) if has_json2 => {
                let info = json!([self.version, 0, 0, "final", 0, ""]);
                let version = format!("{}.0", self.version);
                Answer::of(json!({ "version_info": info, "version": version })).response()
            }
            ("POST", ["jsonrpc"] | ["web", "webclient", "version_info"]) => self.envelope(request),
            (method, ["json", "2", model, name]) if has_json2 => {
                let told = request.value_of("x-odoo-database");
                if told.is_some() && self.database.as_deref() != told {
                    return answer::page(404);
                }
                if method == "POST" {
                    return self.json2(request, model, name).response();
                }
                let text = "Did you mean POST /json/2/<model>/<method>?";
                refusal(404, "werkzeug.exceptions.NotFound", text).response()
            }
            _ => answer::page(404),
        }
    }
}

#[cfg(test)]
mod tests;
