//! SendPulse, bots in messengers: its webhooks as events, and tags and variables set on its contacts.

mod client;
mod errors;
mod event;
mod fields;
mod manifest;
mod parse;
mod push;
mod said;
#[cfg(test)]
mod tests;
mod title;
mod variables;
mod webhook;

use patchbay_sdk::about::Manifest;
use patchbay_sdk::channel::{Intake, Outcome, Received, Request, Response};
use patchbay_sdk::types::{Card, Error, ExternalId};
use patchbay_sdk::{Adapter, Channel, ChannelPush, settings};

/// The adapter.
#[derive(Debug)]
pub struct SendPulse;

impl Adapter for SendPulse {
    fn describe() -> Manifest {
        manifest::manifest()
    }
}

impl Channel for SendPulse {
    fn receive(request: Request) -> Result<Received, Error> {
        if request.method != "POST" {
            return Ok(Received::Answer(event::not_a_post()));
        }
        let read = parse::read(&request.body, |elements| event::events(elements, &settings::get));
        Ok(match read.and_then(|events| events) {
            Ok(events) => Received::Events(Intake { events, fallback: event::ok() }),
            Err(fault) => Received::Reject(fault.rejection()),
        })
    }

    fn reply(_request: Request, _outcomes: Vec<Outcome>) -> Response {
        event::ok()
    }
}

impl ChannelPush for SendPulse {
    fn push_card(client: ExternalId, card: Card) -> Result<(), Error> {
        push::card(&client, &card)
    }

    fn tag(client: ExternalId, tag: String) -> Result<(), Error> {
        push::tag(&client, &tag)
    }
}

patchbay_sdk::export_channel!(SendPulse: channel_push);
