//! Calls of the JSON-2 API: pure builders of requests, and the one function that sends.

use patchbay_sdk::http::{self, Request, Response};
use patchbay_sdk::types::Error;
use serde_json::{Value, json};

use crate::errors::{self, Effect, Refusal};
use crate::server::Server;

/// Hits asked for in one search; what is left after comparing them again is cut to the contract's 20.
pub(crate) const SEARCH_LIMIT: u32 = 100;

/// One call of a method of `res.partner`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    method: &'static str,
    arguments: Value,
    effect: Effect,
}

pub(crate) fn search_read(domain: &Value, fields: &[&str]) -> Call {
    let arguments =
        json!({ "domain": domain, "fields": fields, "limit": SEARCH_LIMIT, "order": "id" });
    Call { method: "search_read", arguments, effect: Effect::Read }
}

pub(crate) fn read(id: u64, fields: &[&str]) -> Call {
    Call {
        method: "read",
        arguments: json!({ "ids": [id], "fields": fields }),
        effect: Effect::Read,
    }
}

pub(crate) fn fields_get() -> Call {
    let arguments =
        json!({ "attributes": ["string", "type", "required", "readonly", "selection"] });
    Call { method: "fields_get", arguments, effect: Effect::Read }
}

pub(crate) fn write(id: u64, vals: &Value) -> Call {
    Call { method: "write", arguments: json!({ "ids": [id], "vals": vals }), effect: Effect::Write }
}

/// One row. Moments in it are UTC, which Odoo would else take for the user's own time.
pub(crate) fn load(fields: &[String], row: &[String]) -> Call {
    let arguments = json!({ "fields": fields, "data": [row], "context": { "tz": "UTC" } });
    Call { method: "load", arguments, effect: Effect::Write }
}

/// Sends the call and reads the answer; `read` answers `None` for a shape that Odoo does not send.
pub(crate) fn send<T>(
    server: &Server,
    call: &Call,
    read: impl FnOnce(Value) -> Option<T>,
) -> Result<T, Error> {
    let effect = call.effect;
    let response = request(server, call).send().map_err(|error| match effect {
        Effect::Read => error.into(),
        Effect::Write => http::after_write(error),
    })?;
    let value = answer(&response, effect)?;
    read(value).ok_or_else(|| errors::unreadable(effect))
}

fn request(server: &Server, call: &Call) -> Request {
    let request = Request::post(format!("{}/json/2/res.partner/{}", server.base_url, call.method))
        .header("accept", "application/json")
        .header("authorization", format!("bearer {}", server.api_key))
        .json(call.arguments.to_string());
    match &server.database {
        Some(database) => request.header("x-odoo-database", database),
        None => request,
    }
}

fn answer(response: &Response, effect: Effect) -> Result<Value, Error> {
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
        let request = request(&server::example(), &read(6, &["id"]));
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
        assert!(
            request(&server, &fields_get()).headers.iter().all(|(key, _)| key != "x-odoo-database")
        );
    }

    #[test]
    fn a_page_instead_of_json_is_a_wrong_address_for_a_read_and_an_open_question_for_a_write() {
        let page = Response { body: b"<!doctype html>".to_vec(), ..Response::empty(200) };
        assert!(matches!(answer(&page, Effect::Read), Err(Error::Invalid(_))));
        assert!(matches!(answer(&page, Effect::Write), Err(Error::UnknownOutcome(_))));
    }
}
