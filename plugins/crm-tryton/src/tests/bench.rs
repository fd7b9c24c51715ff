//! The test host in front of a real Tryton, or of nothing but settings.

use std::cell::RefCell;
use std::rc::Rc;

use patchbay_sdk::Adapter;
use patchbay_sdk::http::{Error, Request, Response};
use patchbay_sdk::testing::Host;
use patchbay_sdk::testing::host::placeholder;
use patchbay_sdk::types::{Field, Identifier};
use patchbay_test_tryton::Address;
use serde_json::Value;

use crate::Tryton;

/// What went over the wire, in its order.
pub(super) type Exchanges = Rc<RefCell<Vec<(Request, Response)>>>;

/// A host with the settings of a server, that reaches nothing yet.
pub(super) fn host(url: &str, database: &str) -> Host {
    let manifest = <Tryton as Adapter>::describe();
    let host = Host::new().defaults(manifest).setting("base-url", url);
    host.setting("database", database).secret("key", "this value is never seen")
}

/// Puts the key in as the host does, and sends.
pub(super) fn send(at: &Address, request: &Request) -> Result<Response, Error> {
    let target = request.url.strip_prefix(&at.url).expect("another origin was asked for");
    let put = |(name, value): &(String, String)| {
        (name.clone(), value.replace(&placeholder("key"), at.key))
    };
    let headers: Vec<(String, String)> = request.headers.iter().map(put).collect();
    let answer = at
        .send(&request.method, target, &headers, &request.body)
        .map_err(|error| Error::Interrupted(error.to_string()))?;
    Ok(Response { status: answer.status, headers: answer.headers, body: answer.body })
}

/// The records of a model with these fields, past the adapter.
pub(super) fn all(at: &Address, model_and_fields: &str) -> Vec<Value> {
    let target = format!("/{}/rest/model/{model_and_fields}", at.database);
    let key = ("authorization".to_owned(), format!("Bearer {}", at.key));
    let answer = at.send("GET", &target, &[key], &[]).unwrap();
    serde_json::from_slice(&answer.body).unwrap()
}

/// A host in front of the server, and all that they said to each other.
pub(super) fn recording(at: &Address) -> (Host, Exchanges) {
    let exchanges = Exchanges::default();
    let (kept, at) = (Rc::clone(&exchanges), at.clone());
    let host = host(&at.url, at.database).http(move |request| {
        let response = send(&at, request)?;
        kept.borrow_mut().push((request.clone(), response.clone()));
        Ok(response)
    });
    (host, exchanges)
}

pub(super) fn phone(number: &str) -> Identifier {
    Identifier::Phone(number.to_owned())
}

pub(super) fn email(address: &str) -> Identifier {
    Identifier::Email(address.to_owned())
}

pub(super) fn named(name: &str) -> Vec<Field> {
    vec![Field::text("name", name)]
}
