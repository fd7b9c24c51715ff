//! Answers in the form of the recordings.

use patchbay_sdk::http::Response;
use serde_json::{Value, json};

/// A status and a body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn of(body: Value) -> Self {
        Self { status: 200, body }
    }

    pub(crate) fn response(&self) -> Response {
        Response::json(self.status, self.body.to_string())
    }
}

/// An exception of Python.
pub(crate) fn refusal(status: u16, name: &str, message: &str) -> Answer {
    let body = json!({
        "name": name,
        "message": message,
        "arguments": [message],
        "context": {},
        "debug": "Traceback (most recent call last)",
    });
    Answer { status, body }
}

/// What stands where Odoo has no such address.
pub(crate) fn page(status: u16) -> Response {
    let body = b"<!doctype html><title>404 Not Found</title>".to_vec();
    Response { body, ..Response::empty(status) }
        .with_header("content-type", "text/html; charset=utf-8")
}

pub(crate) fn value_error(message: &str) -> Answer {
    refusal(500, "builtins.ValueError", message)
}

pub(crate) fn type_error(message: &str) -> Answer {
    refusal(500, "builtins.TypeError", message)
}

pub(crate) fn user_error(message: &str) -> Answer {
    refusal(422, "odoo.exceptions.UserError", message)
}

pub(crate) fn validation_error(message: &str) -> Answer {
    refusal(422, "odoo.exceptions.ValidationError", message)
}

pub(crate) fn missing(model: &str, id: u64) -> Answer {
    let text =
        format!("Record does not exist or has been deleted.\n(Record: {model}({id},), User: 2)");
    refusal(404, "odoo.exceptions.MissingError", &text)
}

pub(crate) fn no_model(model: &str) -> Answer {
    let text = format!("the model '{model}' does not exist");
    refusal(404, "werkzeug.exceptions.NotFound", &text)
}

pub(crate) fn no_method(model: &str, method: &str) -> Answer {
    let text = format!("The method '{model}.{method}' does not exist");
    refusal(404, "werkzeug.exceptions.NotFound", &text)
}

pub(crate) fn private(model: &str, method: &str) -> Answer {
    let text = format!("Private methods (such as '{model}.{method}') cannot be called remotely.");
    refusal(403, "odoo.exceptions.AccessError", &text)
}
