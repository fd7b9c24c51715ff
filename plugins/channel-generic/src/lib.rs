//! Any sender: JSON, forms, multipart and GET as events, by templates that the operator writes.

mod event;
mod fields;
mod input;
mod kind;
mod manifest;
mod multipart;
mod options;
mod signature;
mod template;
#[cfg(test)]
mod tests;

use patchbay_sdk::about::Manifest;
use patchbay_sdk::channel::{Intake, Outcome, Received, Rejection, Request, Response};
use patchbay_sdk::types::Error;
use patchbay_sdk::{Adapter, Channel, settings};

use crate::options::{Options, Texts};
use crate::signature::Signature;

/// The adapter.
#[derive(Debug)]
pub struct Generic;

impl Adapter for Generic {
    fn describe() -> Manifest {
        manifest::manifest()
    }
}

impl Channel for Generic {
    fn receive(request: Request) -> Result<Received, Error> {
        if !matches!(request.method.as_str(), "GET" | "POST") {
            return Ok(Received::Answer(not_allowed()));
        }
        // Who did not sign learns nothing of the settings and leaves nothing to read again.
        let signature = signature::check(&request, &settings::get);
        if let Signature::Refused(reason) = signature {
            return Ok(rejected(401, reason.to_owned()));
        }
        let texts = Texts::read(&settings::get);
        let options = Options::read(&texts)?;
        let query = if signature == Signature::Genuine { "" } else { request.query.as_str() };
        Ok(match event::read(&request, query, &options) {
            Ok(events) => Received::Events(Intake { events, fallback: accepted() }),
            Err(fault) => rejected(400, fault.to_string()),
        })
    }

    fn reply(_: Request, _: Vec<Outcome>) -> Response {
        accepted()
    }
}

/// A look at the address, or what writes elsewhere, is no lead.
fn not_allowed() -> Response {
    Response::not_allowed("GET, POST", "This address takes events, sent with POST or GET.\n")
}

fn rejected(status: u16, reason: String) -> Received {
    Received::Reject(Rejection { status, reason })
}

/// The answer to whatever is taken in. No event waits for another.
fn accepted() -> Response {
    // The host fills the number in.
    Response::json(202, r#"{"id":"{patchbay:event-id}","status":"accepted"}"#)
}

patchbay_sdk::export_channel!(Generic);
