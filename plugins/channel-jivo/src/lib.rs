//! Jivo, a chat for sites: its webhooks as events, and the answer that shows the agent the client's card.

mod call;
mod client;
mod event;
mod fields;
mod manifest;
mod parse;
mod reply;
mod site;
#[cfg(test)]
mod tests;
mod token;
mod transcript;
mod webhook;

use patchbay_sdk::about::Manifest;
use patchbay_sdk::channel::{Intake, Outcome, Received, Rejection, Request, Response};
use patchbay_sdk::types::Error;
use patchbay_sdk::{Adapter, Channel, settings};

/// The adapter.
#[derive(Debug)]
pub struct Jivo;

impl Adapter for Jivo {
    fn describe() -> Manifest {
        manifest::manifest()
    }
}

impl Channel for Jivo {
    fn receive(request: Request) -> Result<Received, Error> {
        if request.method != "POST" {
            return Ok(Received::Answer(reply::not_a_post()));
        }
        let read = parse::read(&request.body, |webhook, source| {
            event::event(webhook, source, &request.received_at, &settings::get)
        });
        Ok(match read {
            Ok(event) => Received::Events(Intake { events: vec![event], fallback: reply::ok() }),
            Err(fault) => Received::Reject(Rejection { status: 400, reason: fault.to_string() }),
        })
    }

    fn reply(request: Request, outcomes: Vec<Outcome>) -> Response {
        let wants_reply = parse::read(&request.body, |webhook, _| webhook.wants_reply());
        match outcomes.first() {
            Some(outcome) if wants_reply == Ok(true) => reply::answer(outcome, &settings::get),
            _ => reply::ok(),
        }
    }
}

patchbay_sdk::export_channel!(Jivo);
