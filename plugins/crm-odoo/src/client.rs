//! Calls of Odoo's models: pure builders of requests, and the one function that sends.

use patchbay_sdk::http::{self, Request, Response};
use patchbay_sdk::types::Error;
use serde_json::{Map, Value, json};

use crate::errors::{self, Effect, Refusal};
use crate::rpc;
use crate::server::{Api, Server};

pub(crate) const PARTNER: &str = "res.partner";
pub(crate) const LEAD: &str = "crm.lead";

/// Hits asked for in one search; what is left after comparing them again is cut to the contract's 20.
pub(crate) const SEARCH_LIMIT: u32 = 100;

/// One call of a method of a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub model: &'static str,
    pub method: &'static str,
    /// By their names; `ids` are the records that the method is called on.
    pub arguments: Map<String, Value>,
    pub effect: Effect,
}

impl Call {
    pub(crate) fn new(
        model: &'static str,
        method: &'static str,
        effect: Effect,
        arguments: Value,
    ) -> Self {
        let arguments = match arguments {
            Value::Object(arguments) => arguments,
            _ => Map::new(),
        };
        Self { model, method, arguments, effect }
    }

    /// Adds to the context.
    pub(crate) fn context(mut self, key: &str, value: Value) -> Self {
        let context = self.arguments.entry("context").or_insert_with(|| json!({}));
        if let Some(context) = context.as_object_mut() {
            context.insert(key.to_owned(), value);
        }
        self
    }
}

pub(crate) fn search_read(model: &'static str, domain: &Value, fields: &[&str]) -> Call {
    page(model, domain, fields, "id", SEARCH_LIMIT)
}

/// A search in an order of its own.
pub(crate) fn page(
    model: &'static str,
    domain: &Value,
    fields: &[&str],
    order: &str,
    limit: u32,
) -> Call {
    let arguments = json!({ "domain": domain, "fields": fields, "limit": limit, "order": order });
    Call::new(model, "search_read", Effect::Read, arguments)
}

pub(crate) fn read(model: &'static str, id: u64, fields: &[&str]) -> Call {
    Call::new(model, "read", Effect::Read, json!({ "ids": [id], "fields": fields }))
}

pub(crate) fn fields_get(model: &'static str) -> Call {
    let attributes = ["string", "type", "required", "readonly", "selection", "relation"];
    Call::new(model, "fields_get", Effect::Read, json!({ "attributes": attributes }))
}

pub(crate) fn write(model: &'static str, id: u64, vals: &Value) -> Call {
    Call::new(model, "write", Effect::Write, json!({ "ids": [id], "vals": vals }))
}

/// One row. Moments in it are UTC, which Odoo would else take for the user's own time.
pub(crate) fn load(model: &'static str, fields: &[String], row: &[String]) -> Call {
    let arguments = json!({ "fields": fields, "data": [row] });
    Call::new(model, "load", Effect::Write, arguments).context("tz", json!("UTC"))
}

/// Sends the call and reads the answer; `read` answers `None` for a shape that Odoo does not send.
pub(crate) fn send<T>(
    server: &Server,
    call: &Call,
    read: impl FnOnce(Value) -> Option<T>,
) -> Result<T, Error> {
    let call = match &server.lang {
        Some(lang) => &call.clone().context("lang", json!(lang)),
        None => call,
    };
    let value = match rpc::api(server)? {
        Api::Json2 => answer(&sent(json2(server, call), call.effect)?, call.effect)
            .inspect_err(|error| rpc::forget_after(server, error))?,
        Api::JsonRpc => rpc::execute(server, call)?,
    };
    read(value).ok_or_else(|| errors::unreadable(call.effect))
}

pub(crate) fn sent(request: Request, effect: Effect) -> Result<Response, Error> {
    request.send().map_err(|error| match effect {
        Effect::Read => error.into(),
        Effect::Write => http::after_write(error),
    })
}

fn json2(server: &Server, call: &Call) -> Request {
    let Call { model, method, arguments, .. } = call;
    let body = serde_json::to_vec(arguments).expect("a value is always JSON");
    let request = Request::post(format!("{}/json/2/{model}/{method}", server.base_url))
        .header("accept", "application/json")
        .header("authorization", format!("bearer {}", server.api_key))
        .json(body);
    match &server.database {
        Some(database) => request.header("x-odoo-database", database),
        None => request,
    }
}

pub(crate) fn answer(response: &Response, effect: Effect) -> Result<Value, Error> {
    if !response.is_success() {
        let refusal = Refusal {
            status: response.status,
            retry_after: response.header("retry-after"),
            body: &response.body,
        };
        return Err(errors::classify(refusal, effect));
    }
    serde_json::from_slice(&response.body).ok().ok_or_else(|| errors::unreadable(effect))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server;

    #[test]
    fn a_request_names_the_method_the_key_and_the_database() {
        let request = json2(&server::example(), &read(PARTNER, 6, &["id"]));
        assert_eq!(request.method, "POST");
        assert_eq!(request.url, "https://odoo.example.test/json/2/res.partner/read");
        let headers: Vec<_> =
            request.headers.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        assert_eq!(
            headers,
            [
                "accept: application/json",
                "authorization: bearer {{secret:api-key}}",
                "content-type: application/json",
                "x-odoo-database: odoo_e2e",
            ]
        );
        assert_eq!(request.body, br#"{"fields":["id"],"ids":[6]}"#);
    }

    #[test]
    fn without_a_database_odoo_chooses_it_by_the_host_name() {
        let server = Server { database: None, ..server::example() };
        let request = json2(&server, &fields_get(PARTNER));
        assert!(request.headers.iter().all(|(key, _)| key != "x-odoo-database"));
    }

    #[test]
    fn a_page_instead_of_json_is_a_server_in_trouble_for_a_read_and_an_open_question_for_a_write() {
        let page = Response { body: b"<!doctype html>".to_vec(), ..Response::empty(200) };
        assert!(matches!(answer(&page, Effect::Read), Err(Error::Unavailable(_))));
        assert!(matches!(answer(&page, Effect::Write), Err(Error::UnknownOutcome(_))));
    }
}
