//! What an answer of the API means: by its status, and by the names in `errors`.
//!
//! SendPulse's own words may repeat what was sent, so that names of members alone are handed on.

use patchbay_sdk::http::Response;
use patchbay_sdk::json::tolerant::{self, Flag, Text, Tolerant};
use patchbay_sdk::tolerant;
use patchbay_sdk::types::{Error, Problem};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess};

/// More names than this are not handed on.
const MAX_NAMES: usize = 10;
/// A longer text is no name of a member.
const MAX_NAME_BYTES: usize = 64;

tolerant! {
    pub(crate) struct Answer<'a> {
        "success" => success: Flag,
        "errors" => errors: Names<'a>,
    }
}

/// Done, or why not. A repeat adds nothing, but the host shall know that an answer was lost.
pub(crate) fn accept(response: &Response) -> Result<(), Error> {
    let answer = serde_json::from_slice::<Answer<'_>>(&response.body).ok();
    match (response.status, answer) {
        (200..=299, Some(answer)) if answer.success.0 => Ok(()),
        (200..=299 | 400 | 422, Some(answer)) => {
            Err(Error::Invalid(answer.errors.problems(response.status)))
        }
        (200..=299, None) => Err(Error::UnknownOutcome(
            "SendPulse accepted the write with an answer that cannot be read".to_owned(),
        )),
        (status, _) => Err(by_status(status, response)),
    }
}

fn by_status(status: u16, response: &Response) -> Error {
    match status {
        300..=399 => Error::invalid(
            crate::manifest::API_URL,
            "redirects elsewhere: set the address that the browser ends at, without a path",
        ),
        401 => response
            .unauthorized("SendPulse refused the token: check `client-id` and `client-secret`"),
        402 => Error::PlanLimit("SendPulse asks for a paid plan to use the API of bots".to_owned()),
        403 => Error::Unsupported(
            "SendPulse does not let this API client use the bot: check its rights and the plan"
                .to_owned(),
        ),
        404 => {
            Error::NotFound("SendPulse has no such contact, or no API for its messenger".to_owned())
        }
        429 => Error::RateLimited(response.retry_after_ms()),
        400..=499 if status != 408 => {
            Error::Invalid(vec![Problem::general(format!("SendPulse answered {status}"))])
        }
        503 => Error::Unavailable("SendPulse answered 503".to_owned()),
        _ => Error::UnknownOutcome(format!("SendPulse answered {status} to a write")),
    }
}

/// The names of the members at fault.
#[derive(Debug, Default)]
pub(crate) struct Names<'a>(Vec<Text<'a>>);

impl Names<'_> {
    fn problems(&self, status: u16) -> Vec<Problem> {
        let is_name = |name: &&str| {
            name.len() <= MAX_NAME_BYTES
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let names = self.0.iter().filter_map(Text::get).filter(is_name).take(MAX_NAMES);
        let problems = names.map(|name| Problem::new(name, "SendPulse refused the value"));
        let problems = problems.collect::<Vec<_>>();
        if problems.is_empty() {
            return vec![Problem::general(format!("SendPulse refused it, with status {status}"))];
        }
        problems
    }
}

impl<'de> Tolerant<'de> for Names<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: Text<'de>, map: &mut A) -> Result<(), A::Error> {
        map.next_value::<IgnoredAny>()?;
        self.0.push(name);
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Names<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        tolerant::read(deserializer)
    }
}
