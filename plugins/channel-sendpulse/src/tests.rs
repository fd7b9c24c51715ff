//! The adapter from outside: requests in, events and API calls out, under the test kit's host.

mod events;
mod never_panics;
mod pushes;
mod quirks;

use patchbay_sdk::channel::{Event, Kind, Received, Request};
use patchbay_sdk::testing::intake::{self, field, identifiers, text};
use patchbay_sdk::testing::{Host, webhooks};
use patchbay_sdk::{Adapter, Channel};

use crate::SendPulse;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");

fn fixture(name: &str) -> Request {
    webhooks::load_one(FIXTURES, name).request
}

fn request(body: impl AsRef<[u8]>) -> Request {
    Request { body: body.as_ref().to_vec(), ..fixture("flow_webhook.telegram") }
}

/// With the defaults of the settings, and the secret that the host keeps.
fn host() -> Host {
    Host::new()
        .setting("client-id", "fake-client-id")
        .secret("client-secret", "s3cret")
        .defaults(SendPulse::describe())
}

fn receive_with(host: &Host, request: Request) -> Received {
    host.run(|| SendPulse::receive(request)).expect("SendPulse's webhooks are read or rejected")
}

fn receive(request: Request) -> Received {
    receive_with(&host().pure(), request)
}

#[track_caller]
fn events(request: Request) -> Vec<Event> {
    let Received::Events(intake) = receive(request) else { panic!("the request is not read") };
    assert_eq!(intake.fallback.status, 200);
    assert!(intake.fallback.body.is_empty());
    intake.events
}

#[track_caller]
fn event(request: Request) -> Event {
    let mut events = events(request);
    assert_eq!(events.len(), 1);
    events.remove(0)
}

#[track_caller]
fn rejection(request: Request) -> (u16, String) {
    intake::rejection(receive(request))
}

fn kind_name(kind: &Kind) -> String {
    match kind {
        Kind::ConversationStarted => "conversation-started".to_owned(),
        Kind::ClientUpdated => "client-updated".to_owned(),
        Kind::MessageReceived(message) => format!("message-received: {}", message.text),
        Kind::LeadSubmitted => "lead-submitted".to_owned(),
        Kind::Ignored(name) => format!("ignored: {name}"),
        other => panic!("SendPulse has no {other:?}"),
    }
}
