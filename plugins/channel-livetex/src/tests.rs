//! The adapter from outside: requests in, events and API calls out, under the test kit's host.

mod events;
mod never_panics;
mod pushes;
mod quirks;

use patchbay_sdk::channel::{Event, Received, Request};
use patchbay_sdk::testing::intake::{self, identifiers, text};
use patchbay_sdk::testing::{Host, webhooks};
use patchbay_sdk::{Adapter, Channel};

use crate::LiveTex;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");

fn fixture(name: &str) -> Request {
    webhooks::load_one(FIXTURES, name).request
}

fn request(body: impl AsRef<[u8]>) -> Request {
    Request { body: body.as_ref().to_vec(), ..fixture("conversation_closed") }
}

/// With the defaults of the settings, and the secret that the host keeps.
fn host() -> Host {
    Host::new()
        .setting("attributes-url", "https://attributes.example.com/v1/push")
        .secret("attributes-key", "s3cret")
        .defaults(LiveTex::describe())
}

fn receive_with(host: &Host, request: Request) -> Received {
    host.run(|| LiveTex::receive(request)).expect("LiveTex's webhooks are read or rejected")
}

fn receive(request: Request) -> Received {
    receive_with(&host().pure(), request)
}

#[track_caller]
fn event_with(host: &Host, request: Request) -> Event {
    let Received::Events(mut intake) = receive_with(host, request) else {
        panic!("the request is not read")
    };
    assert_eq!(intake.fallback.status, 200);
    assert!(intake.fallback.body.is_empty());
    assert_eq!(intake.events.len(), 1);
    intake.events.remove(0)
}

#[track_caller]
fn event(request: Request) -> Event {
    event_with(&host().pure(), request)
}

#[track_caller]
fn rejection(request: Request) -> (u16, String) {
    intake::rejection(receive(request))
}
