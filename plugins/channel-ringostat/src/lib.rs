//! Ringostat, call tracking: the seven moments of a call as events, and the answer that fills a pop-up.

mod aliases;
mod call;
mod client;
mod event;
mod fields;
mod guard;
mod input;
mod manifest;
mod moment;
mod network;
mod options;
mod parameters;
mod reply;
mod started;
#[cfg(test)]
mod tests;

use patchbay_sdk::about::Manifest;
use patchbay_sdk::channel::{Intake, Outcome, Received, Rejection, Request, Response};
use patchbay_sdk::types::Error;
use patchbay_sdk::{Adapter, Channel, settings};

use crate::options::Options;

/// The adapter.
#[derive(Debug)]
pub struct Ringostat;

impl Adapter for Ringostat {
    fn describe() -> Manifest {
        manifest::manifest()
    }
}

impl Channel for Ringostat {
    fn receive(request: Request) -> Result<Received, Error> {
        if !matches!(request.method.as_str(), "GET" | "POST") {
            return Ok(Received::Answer(reply::not_allowed()));
        }
        // Who is not let in learns nothing of the settings and leaves nothing to read again.
        if let Some(reason) = guard::refusal(&request, &settings::get)? {
            return Ok(Received::Reject(Rejection { status: 403, reason }));
        }
        let options = Options::read(&settings::get)?;
        Ok(match event::read(&request, &options) {
            Ok(event) => Received::Events(Intake {
                events: vec![event],
                fallback: reply::nothing(options.forward_to),
            }),
            Err(fault) => Received::Reject(Rejection { status: 400, reason: fault.to_string() }),
        })
    }

    fn reply(request: Request, outcomes: Vec<Outcome>) -> Response {
        let Ok(options) = Options::read(&settings::get) else {
            return reply::nothing(options::ForwardTo::Off);
        };
        let wants_reply = event::read(&request, &options).is_ok_and(|event| event.wants_reply);
        match outcomes.first() {
            Some(outcome) if wants_reply => reply::answer(outcome, &options),
            _ => reply::nothing(options.forward_to),
        }
    }
}

patchbay_sdk::export_channel!(Ringostat);
