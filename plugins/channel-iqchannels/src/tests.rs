//! The adapter from outside: requests in, events, answers and pages out, under the test kit's host.

mod asks;
mod events;
mod managers;
mod never_panics;
mod pages;
mod refused;

use patchbay_sdk::Channel;
use patchbay_sdk::channel::{Effect, Event, Outcome, Received, Request, Response};
use patchbay_sdk::testing::intake::identifiers;
use patchbay_sdk::testing::{Host, webhooks};
use patchbay_sdk::types::{Card, Error, Field, Value};
use serde_json::Value as Json;

use crate::IqChannels;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");

fn fixture(name: &str) -> Request {
    webhooks::load_one(FIXTURES, name).request
}

fn request(body: impl AsRef<[u8]>) -> Request {
    Request { body: body.as_ref().to_vec(), ..fixture("webhook.chat_opened") }
}

/// As the real host runs it: without `http` and `kv`, and with the defaults of the settings.
fn host() -> Host {
    Host::new().pure().defaults(crate::manifest::manifest())
}

fn receive_with(host: &Host, request: Request) -> Received {
    host.run(|| IqChannels::receive(request)).expect("requests are read or rejected")
}

/// The one event and the fallback.
#[track_caller]
fn taken_with(host: &Host, request: Request) -> (Event, Response) {
    let Received::Events(mut intake) = receive_with(host, request) else {
        panic!("the request is not read")
    };
    assert_eq!(intake.events.len(), 1);
    (intake.events.remove(0), intake.fallback)
}

#[track_caller]
fn event(request: Request) -> Event {
    taken_with(&host(), request).0
}

fn reply_with(host: &Host, request: Request, outcome: Outcome) -> Response {
    host.run(|| IqChannels::reply(request, vec![outcome]))
}

fn json(response: &Response) -> Json {
    serde_json::from_slice(&response.body).unwrap()
}

fn card(id: &str, fields: &[(&str, &str)]) -> Card {
    let fields = fields.iter().map(|&(key, text)| Field::text(key, text)).collect();
    Card { fields, ..Card::new(id) }
}

/// The client of the fixtures.
fn semyon() -> Card {
    let contacts = [("name", "Образцов Семён"), ("email", "obraztsov@example.com")];
    let mut card = card("crm-2001", &contacts);
    let phones = ["+79000000031", "+79000000039"].map(str::to_owned).to_vec();
    card.fields.push(Field::new("phone", Value::Texts(phones)));
    card
}

fn found(cards: Vec<Card>) -> Outcome {
    let effect = if cards.is_empty() { Effect::None } else { Effect::Found };
    Outcome { effect, cards, assignments: Vec::new(), next_page: None, problem: None }
}

fn failed() -> Outcome {
    Outcome {
        problem: Some(Error::Unavailable("CRM said 503".to_owned())),
        ..found(vec![semyon()])
    }
}
