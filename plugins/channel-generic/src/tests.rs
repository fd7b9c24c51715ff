//! The adapter from outside: requests in, events and answers out, under the test kit's host.

mod bodies;
mod events;
mod never_panics;
mod settings;
mod signatures;

use patchbay_sdk::Channel;
use patchbay_sdk::channel::{Event, Received, Request};
use patchbay_sdk::testing::intake::{self, identifiers, text};
use patchbay_sdk::testing::{Host, webhooks};
use patchbay_sdk::types::Error;

use crate::Generic;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
const FORM: &str = "application/x-www-form-urlencoded";

fn fixture(name: &str) -> Request {
    webhooks::load_one(FIXTURES, name).request
}

fn get(query: &str) -> Request {
    Request { query: query.to_owned(), ..fixture("lead.get") }
}

fn post(content_type: &str, body: impl AsRef<[u8]>) -> Request {
    Request {
        method: "POST".to_owned(),
        query: String::new(),
        headers: vec![("content-type".to_owned(), content_type.as_bytes().to_vec())],
        body: body.as_ref().to_vec(),
        ..fixture("lead.get")
    }
}

fn json(body: impl AsRef<[u8]>) -> Request {
    post("application/json", body)
}

/// As the real host runs it: without `http` and `kv`, and with the defaults of the settings.
fn host() -> Host {
    Host::new().pure().defaults(crate::manifest::manifest())
}

fn receive_with(host: &Host, request: Request) -> Result<Received, Error> {
    host.run(|| Generic::receive(request))
}

#[track_caller]
fn events_with(host: &Host, request: Request) -> Vec<Event> {
    match receive_with(host, request) {
        Ok(Received::Events(intake)) => {
            assert_eq!(intake.fallback.status, 202);
            assert_eq!(
                intake.fallback.body,
                br#"{"id":"{patchbay:event-id}","status":"accepted"}"#
            );
            intake.events
        }
        other => panic!("the request is not read: {other:?}"),
    }
}

#[track_caller]
fn event_with(host: &Host, request: Request) -> Event {
    let mut events = events_with(host, request);
    assert_eq!(events.len(), 1);
    events.remove(0)
}

#[track_caller]
fn event(request: Request) -> Event {
    event_with(&host(), request)
}

#[track_caller]
fn rejection_with(host: &Host, request: Request) -> (u16, String) {
    intake::rejection(receive_with(host, request).unwrap())
}

#[track_caller]
fn problem(host: &Host) -> (String, String) {
    match receive_with(host, fixture("lead.json")) {
        Err(Error::Invalid(mut problems)) => {
            let problem = problems.remove(0);
            (problem.field.unwrap(), problem.message)
        }
        other => panic!("the settings are not refused: {other:?}"),
    }
}

fn context(event: &Event) -> serde_json::Value {
    serde_json::from_str(event.context.as_deref().expect("there is a context")).unwrap()
}
