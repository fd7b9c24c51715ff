//! Requests to the CRM API: pure builders, and the one function that sends.

use patchbay_sdk::http::{self, Request, Response};
use patchbay_sdk::types::Error;
use serde_json::{Value, json};

use crate::account;
use crate::errors::{self, Effect};
use crate::object::Object;
use crate::server::Server;

/// Most records in one request of a batch.
pub(crate) const BATCH_MAX: usize = 100;

/// One request, and what it does to the CRM.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    method: &'static str,
    path: String,
    body: Option<Value>,
    effect: Effect,
}

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), body: None, effect: Effect::Read }
    }

    pub(crate) fn search(kind: &str, body: Value) -> Self {
        let path = format!("/crm/v3/objects/{kind}/search");
        Self { method: "POST", path, body: Some(body), effect: Effect::Read }
    }

    /// Reads records by their ids past the search, which is behind.
    pub(crate) fn read_batch(kind: &str, ids: &[String], properties: &[&str]) -> Self {
        let inputs: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        let body =
            json!({ "propertiesWithHistory": [], "properties": properties, "inputs": inputs });
        let path = format!("/crm/v3/objects/{kind}/batch/read");
        Self { method: "POST", path, body: Some(body), effect: Effect::Read }
    }

    /// Reads one record, by its id or by the value of a unique property.
    pub(crate) fn read(kind: &str, id: &str, by: Option<&str>, properties: &[&str]) -> Self {
        let by = by.map(|property| format!("&idProperty={property}")).unwrap_or_default();
        Self::get(format!("/crm/v3/objects/{kind}/{id}?properties={}{by}", properties.join(",")))
    }

    pub(crate) fn create(kind: &str, properties: &Value, associations: &Value) -> Self {
        let body = json!({ "properties": properties, "associations": associations });
        let path = format!("/crm/v3/objects/{kind}");
        Self { method: "POST", path, body: Some(body), effect: Effect::Write }
    }

    pub(crate) fn create_batch(kind: &str, inputs: &[Value]) -> Self {
        let path = format!("/crm/v3/objects/{kind}/batch/create");
        let body = Some(json!({ "inputs": inputs }));
        Self { method: "POST", path, body, effect: Effect::Write }
    }

    pub(crate) fn update(kind: &str, id: &str, properties: &Value) -> Self {
        let path = format!("/crm/v3/objects/{kind}/{id}");
        let body = Some(json!({ "properties": properties }));
        Self { method: "PATCH", path, body, effect: Effect::Write }
    }

    /// Sends it and reads the answer; `read` answers `None` for a shape that HubSpot does not send.
    pub(crate) fn send<T>(
        &self,
        server: &Server,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, Error> {
        let answer = self.ask(server)?;
        read(&answer).ok_or_else(|| errors::unreadable(self.effect))
    }

    /// The records of an answer that may be a `207`: those that do not exist are left out, any other
    /// fault among them is the fault of the whole.
    pub(crate) fn send_batch(&self, server: &Server) -> Result<Vec<Object>, Error> {
        let answer = self.ask(server)?;
        let faults = answer.get("errors").and_then(Value::as_array).into_iter().flatten();
        let fault = faults
            .map(|fault| errors::of_item(fault, self.effect))
            .find(|fault| !(self.effect == Effect::Read && matches!(fault, Error::NotFound(_))));
        let results = Object::list(&answer).ok_or_else(|| errors::unreadable(self.effect))?;
        match (fault, self.effect) {
            (None, _) => Ok(results),
            (Some(_), Effect::Write) if !results.is_empty() => Err(errors::written_in_part()),
            (Some(fault), _) => Err(fault),
        }
    }

    fn ask(&self, server: &Server) -> Result<Value, Error> {
        let response = self.request(server).send().map_err(|error| match self.effect {
            Effect::Read => error.into(),
            Effect::Write => http::after_write(error),
        })?;
        self.answer(&response)
    }

    fn request(&self, server: &Server) -> Request {
        let request = Request::new(self.method, format!("{}{}", server.api_url, self.path))
            .header("accept", "application/json");
        let request = match &server.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        match &self.body {
            Some(body) => request.json(serde_json::to_vec(body).expect("a value is always JSON")),
            None => request,
        }
    }

    fn answer(&self, response: &Response) -> Result<Value, Error> {
        if !response.is_success() {
            return Err(errors::classify(response, self.effect, account::ms_to_midnight));
        }
        serde_json::from_slice(&response.body).map_err(|_not_json| errors::unreadable(self.effect))
    }
}

/// Reads records of one kind by their ids, as many requests as it takes.
pub(crate) fn read_all(
    server: &Server,
    kind: &str,
    ids: &[String],
    properties: &[&str],
) -> Result<Vec<Object>, Error> {
    let mut objects = Vec::new();
    for ids in ids.chunks(BATCH_MAX) {
        objects.extend(Call::read_batch(kind, ids, properties).send_batch(server)?);
    }
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        Server { api_url: "https://api.hubapi.com".to_owned(), ..Server::default() }
    }

    #[test]
    fn the_token_is_the_settings_or_is_left_to_the_host() {
        let call = Call::get("/crm/v3/owners/");
        assert_eq!(call.request(&server()).value_of("authorization"), None);
        let own = Server { token: Some("{{secret:token}}".to_owned()), ..server() };
        let request = call.request(&own);
        assert_eq!(request.value_of("authorization"), Some("Bearer {{secret:token}}"));
        assert_eq!((request.method.as_str(), request.body.len()), ("GET", 0));
        assert_eq!(request.url, "https://api.hubapi.com/crm/v3/owners/");
    }

    #[test]
    fn a_page_instead_of_json_is_an_open_question_for_a_write_only() {
        let page = Response { body: b"<!doctype html>".to_vec(), ..Response::empty(200) };
        let read = Call::get("/").answer(&page);
        assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
        let write = Call::update("contacts", "1", &json!({})).answer(&page);
        assert!(matches!(write, Err(Error::UnknownOutcome(_))), "{write:?}");
    }
}
