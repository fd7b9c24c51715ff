//! A CRM of plain records, and how the adapter with a fault asks it.

use serde_json::{Value as Json, json};

use crate::types::Error;
use crate::{http, kv, settings};

/// A CRM of plain records, with the keys that they were written under.
#[derive(Default)]
pub(super) struct Crm(Vec<Json>);

impl Crm {
    pub(super) fn of(&self, kind: &str) -> usize {
        self.0.iter().filter(|record| record["kind"] == kind).count()
    }

    fn exists(&self, kind: &str, id: &Json) -> bool {
        self.0.iter().any(|record| record["kind"] == kind && record["id"] == *id)
    }

    pub(super) fn answer(&mut self, request: &http::Request) -> http::Response {
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

pub(super) fn has(fault: &str) -> bool {
    settings::get("fault").as_deref() == Some(fault)
}

pub(super) fn send(method: &str, body: &Json, is_write: bool) -> Result<Json, Error> {
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
pub(super) fn write(kind: &str, of: Option<&str>, title: &Json, key: &str) -> Result<Json, Error> {
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

pub(super) fn all(kind: &str) -> Result<Vec<Json>, Error> {
    let list = send("GET", &json!({ "kind": kind }), false)?;
    Ok(list.as_array().unwrap().clone())
}

pub(super) fn id(record: &Json) -> String {
    record["id"].as_str().unwrap().to_owned()
}
