//! The address book behind the test host's HTTP.

use std::cell::RefCell;
use std::rc::Rc;

use patchbay_sdk::http::{Request, Response};
use patchbay_sdk::testing::host::placeholder;
use serde_json::Value;

use super::book::{self, Book};

/// One book, held by the test and by the host's closure.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared(Rc<RefCell<Book>>);

impl Shared {
    pub(crate) fn partners(&self) -> Vec<Value> {
        self.0.borrow().partners()
    }

    pub(crate) fn add(&self, values: Value) -> u64 {
        self.0.borrow_mut().add(serde_json::from_value(values).unwrap())
    }

    pub(crate) fn answer(&self, request: &Request) -> Response {
        let key = format!("bearer {}", placeholder("api-key"));
        let is_allowed =
            request.headers.iter().any(|(name, value)| name == "authorization" && *value == key);
        let (status, body) =
            match request.url.strip_prefix("https://odoo.example.test/json/2/res.partner/") {
                _ if !is_allowed => {
                    book::error(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey")
                }
                None => book::error(404, "werkzeug.exceptions.NotFound", "no such model"),
                Some(method) => self
                    .0
                    .borrow_mut()
                    .call(method, &serde_json::from_slice(&request.body).unwrap()),
            };
        Response::json(status, body.to_string())
    }
}
