//! The adapter from outside: requests in, events and answers out, under the test kit's host.

mod events;
mod never_panics;
mod quirks;
mod replies;

use patchbay_sdk::Channel;
use patchbay_sdk::channel::{Event, Outcome, Received, Request, Response};
use patchbay_sdk::testing::{Host, webhooks};
use patchbay_sdk::types::{Identifier, Value};

use crate::Jivo;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");

fn fixture(name: &str) -> Request {
    webhooks::load_one(FIXTURES, name).request
}

fn request(body: impl AsRef<[u8]>) -> Request {
    Request { body: body.as_ref().to_vec(), ..fixture("chat_accepted.known_by_email") }
}

/// As the real host runs it: without `http` and `kv`, and with the defaults of the settings.
fn host() -> Host {
    let settings = crate::manifest::manifest().settings;
    settings.into_iter().fold(Host::new().pure(), |host, setting| match setting.default_value {
        Some(value) => host.setting(&setting.key, &value),
        None => host,
    })
}

fn receive_with(host: &Host, request: Request) -> Received {
    host.run(|| Jivo::receive(request)).expect("Jivo's webhooks are read or rejected")
}

fn receive(request: Request) -> Received {
    receive_with(&host(), request)
}

#[track_caller]
fn event_with(host: &Host, request: Request) -> Event {
    let Received::Events(mut intake) = receive_with(host, request) else {
        panic!("the request is not read")
    };
    assert_eq!(intake.fallback.status, 200);
    assert_eq!(intake.fallback.body, br#"{"result":"ok"}"#);
    assert_eq!(intake.events.len(), 1);
    intake.events.remove(0)
}

#[track_caller]
fn event(request: Request) -> Event {
    event_with(&host(), request)
}

#[track_caller]
fn rejection(request: Request) -> (u16, String) {
    let Received::Reject(rejection) = receive(request) else {
        panic!("the request is not rejected")
    };
    (rejection.status, rejection.reason)
}

fn reply(request: Request, outcomes: Vec<Outcome>) -> Response {
    host().run(|| Jivo::reply(request, outcomes))
}

fn field<'a>(event: &'a Event, key: &str) -> Option<&'a Value> {
    event.fields.iter().find(|field| field.key == key).map(|field| &field.value)
}

#[track_caller]
fn text<'a>(event: &'a Event, key: &str) -> Option<&'a str> {
    match field(event, key)? {
        Value::Text(text) => Some(text),
        other => panic!("`{key}` is {other:?}"),
    }
}

/// `phone +7…`, `email …`, `jivo ZZ:1`: short enough for a table.
fn identifiers(event: &Event) -> Vec<String> {
    let short = |identifier: &Identifier| match identifier {
        Identifier::Phone(phone) => format!("phone {phone}"),
        Identifier::Email(email) => format!("email {email}"),
        Identifier::External(external) => format!("{} {}", external.system, external.id),
        Identifier::Card(card) => format!("card {card}"),
    };
    event.client.iter().map(short).collect()
}
