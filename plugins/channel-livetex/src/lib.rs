//! LiveTex, chats on sites, in apps and messengers: its webhooks as events, and the client's card shown to the operator.

mod answer;
mod client;
mod event;
mod happening;
mod manifest;
mod parse;
mod push;
#[cfg(test)]
mod tests;
mod transcript;
mod webhook;

use patchbay_sdk::about::Manifest;
use patchbay_sdk::channel::{Intake, Outcome, Received, Rejection, Request, Response};
use patchbay_sdk::types::{Card, Error, ExternalId};
use patchbay_sdk::{Adapter, Channel, ChannelPush, settings};

/// The adapter.
#[derive(Debug)]
pub struct LiveTex;

impl Adapter for LiveTex {
    fn describe() -> Manifest {
        manifest::manifest()
    }
}

impl Channel for LiveTex {
    fn receive(request: Request) -> Result<Received, Error> {
        if request.method != "POST" {
            return Ok(Received::Answer(event::not_a_post()));
        }
        let read = parse::read(&request.body, |webhook, source| {
            event::event(webhook, source, &request.query, &settings::get)
        });
        Ok(match read {
            Ok(event) => Received::Events(Intake { events: vec![event], fallback: event::ok() }),
            Err(fault) => Received::Reject(Rejection { status: 400, reason: fault.to_string() }),
        })
    }

    fn reply(_request: Request, _outcomes: Vec<Outcome>) -> Response {
        event::ok()
    }
}

impl ChannelPush for LiveTex {
    fn push_card(client: ExternalId, card: Card) -> Result<(), Error> {
        push::card(&client, &card)
    }

    fn tag(_client: ExternalId, _tag: String) -> Result<(), Error> {
        Err(Error::Unsupported("LiveTex has no tags that could be set from outside".to_owned()))
    }
}

patchbay_sdk::export_channel!(LiveTex: channel_push);
