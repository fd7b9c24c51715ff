//! The adapter from outside: requests in, events and answers out, under the test kit's host.

mod access;
mod events;
mod never_panics;
mod quirks;
mod replies;

use patchbay_sdk::Channel;
use patchbay_sdk::channel::{Event, Kind, Outcome, Received, Request, Response};
use patchbay_sdk::testing::intake::{self, identifiers, text};
use patchbay_sdk::testing::{Host, webhooks};
use patchbay_sdk::types::{Call, Error};

use crate::Ringostat;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
/// As in `secrets.json` of the fixtures.
const KEY: &str = "fake-ringostat-key-000";

fn fixture(name: &str) -> Request {
    webhooks::load_one(FIXTURES, name).request
}

fn get(query: &str) -> Request {
    Request { query: query.to_owned(), ..fixture("v1.after_call.get") }
}

fn post(content_type: &str, query: &str, body: impl AsRef<[u8]>) -> Request {
    Request {
        method: "POST".to_owned(),
        query: query.to_owned(),
        headers: vec![("content-type".to_owned(), content_type.as_bytes().to_vec())],
        body: body.as_ref().to_vec(),
        ..fixture("v1.after_call.get")
    }
}

fn json(query: &str, body: impl AsRef<[u8]>) -> Request {
    post("application/json", query, body)
}

/// As the real host runs it: without `http` and `kv`, and with the defaults of the settings.
fn host() -> Host {
    Host::new().pure().defaults(crate::manifest::manifest())
}

fn receive_with(host: &Host, request: Request) -> Result<Received, Error> {
    host.run(|| Ringostat::receive(request))
}

#[track_caller]
fn event_with(host: &Host, request: Request) -> Event {
    match receive_with(host, request) {
        Ok(Received::Events(mut intake)) => {
            assert_eq!((intake.fallback.status, intake.events.len()), (200, 1));
            intake.events.remove(0)
        }
        other => panic!("the request is not read: {other:?}"),
    }
}

#[track_caller]
fn event(request: Request) -> Event {
    event_with(&host(), request)
}

#[track_caller]
fn rejection_with(host: &Host, request: Request) -> (u16, String) {
    intake::rejection(receive_with(host, request).unwrap())
}

fn reply_with(host: &Host, request: Request, outcomes: Vec<Outcome>) -> Response {
    host.run(|| Ringostat::reply(request, outcomes))
}

#[track_caller]
fn call(event: &Event) -> &Call {
    match &event.kind {
        Kind::CallStarted(call)
        | Kind::CallForwarded(call)
        | Kind::CallAnswered(call)
        | Kind::CallFinished(call)
        | Kind::CallRated(call) => call,
        other => panic!("no call: {other:?}"),
    }
}

fn context(event: &Event) -> serde_json::Value {
    serde_json::from_str(event.context.as_deref().expect("there is always a context")).unwrap()
}
