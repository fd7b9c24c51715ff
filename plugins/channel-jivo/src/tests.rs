//! The adapter from outside: requests in, events and answers out, under the test kit's host.

mod events;
mod never_panics;
mod people;
mod quirks;
mod replies;

use patchbay_sdk::Channel;
use patchbay_sdk::channel::{Event, Outcome, Received, Request, Response};
use patchbay_sdk::testing::intake::{self, field, identifiers, text};
use patchbay_sdk::testing::{Host, webhooks};

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
    Host::new().pure().defaults(crate::manifest::manifest())
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
    intake::rejection(receive(request))
}

fn reply(request: Request, outcomes: Vec<Outcome>) -> Response {
    host().run(|| Jivo::reply(request, outcomes))
}
