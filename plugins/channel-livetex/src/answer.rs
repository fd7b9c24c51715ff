//! What an answer to attributes means. The server's format is not public: its status alone is looked at.

use patchbay_sdk::http::Response;
use patchbay_sdk::types::{Error, Problem};

use crate::manifest::ATTRIBUTES_URL;

/// Done, or why not. Sending the same attributes again does no harm.
pub(crate) fn accept(response: &Response) -> Result<(), Error> {
    let error = match response.status {
        200..=299 => return Ok(()),
        300..=399 => {
            Error::invalid(ATTRIBUTES_URL, "redirects elsewhere: set the address that it ends at")
        }
        401 => Error::Unauthorized("LiveTex refused the key: check `attributes-key`".to_owned()),
        402 => Error::PlanLimit("LiveTex asks for another plan to take attributes".to_owned()),
        403 => Error::Unsupported("LiveTex does not let this key set attributes".to_owned()),
        404 => Error::NotFound(
            "nothing is at `attributes-url`, or LiveTex knows no such person".to_owned(),
        ),
        429 => Error::RateLimited(response.retry_after_ms()),
        status @ 400..=499 if status != 408 => {
            Error::Invalid(vec![Problem::general(format!("LiveTex answered {status}"))])
        }
        503 => Error::Unavailable("LiveTex answered 503".to_owned()),
        status => Error::UnknownOutcome(format!("LiveTex answered {status} to a write")),
    };
    Err(error)
}
