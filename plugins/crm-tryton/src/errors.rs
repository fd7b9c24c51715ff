//! What an answer that is no success means.
//!
//! Tryton's messages name records, and so people: they are not handed on.

use patchbay_sdk::http::Response;
use patchbay_sdk::types::{Error, Problem};
use serde_json::{Map, Value};

use crate::client::Call;

/// What a call does to the CRM, and so what a lost answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    Write,
}

pub(crate) fn classify(response: &Response, call: &Call) -> Error {
    let status = response.status;
    match (status, call.effect) {
        (300..=399, _) => Error::invalid(
            "base-url",
            "redirects elsewhere: set the address that the browser ends at, without the database",
        ),
        (400, Effect::Read) | (403, _) => Error::Unsupported(format!(
            "the user of the key lacks the right to do this with `{}` in Tryton",
            call.model
        )),
        (400, Effect::Write) => Error::Invalid(vec![refused(call)]),
        (401, _) => response.unauthorized(
            "Tryton refused the application key: validate it under the user's preferences, or set a new one in `key`",
        ),
        (404, _) if call.is_of_record => {
            Error::NotFound(format!("there is no such `{}` in Tryton", call.model))
        }
        (404, _) => Error::invalid(
            "database",
            "is not on this server, or `base-url` is not the address of Tryton 7.2 or newer",
        ),
        (429, _) => Error::RateLimited(response.retry_after_ms()),
        // Its database was busy or away, and Tryton rolled back.
        (503, _) => Error::Unavailable("Tryton answered 503".to_owned()),
        (500, _) => fault(response, call).unwrap_or_else(|| lost(status, call.effect)),
        (408 | 501..=599, effect) => lost(status, effect),
        _ => Error::Invalid(vec![Problem::general(format!("Tryton answered {status}"))]),
    }
}

/// A 2xx whose body is not what Tryton answers.
pub(crate) fn unreadable(effect: Effect) -> Error {
    match effect {
        Effect::Read => Error::invalid("base-url", "does not answer as Tryton 7.2 or newer does"),
        Effect::Write => Error::UnknownOutcome(
            "Tryton accepted the write with an answer that cannot be read".to_owned(),
        ),
    }
}

fn lost(status: u16, effect: Effect) -> Error {
    match effect {
        Effect::Read => Error::Unavailable(format!("Tryton answered {status}")),
        Effect::Write => Error::UnknownOutcome(format!("Tryton answered {status} to a write")),
    }
}

/// Tryton checks the whole record and tells the field by its title, in the user's language.
fn refused(call: &Call) -> Problem {
    Problem::general(format!(
        "Tryton refused the record: compare the values for `{}` with what its form takes, and the rights of the key's user",
        call.model
    ))
}

/// A name that Tryton does not know is a fault of its own, with the name alone in quotes; a model or a field.
fn fault(response: &Response, call: &Call) -> Option<Error> {
    let page = str::from_utf8(&response.body).ok()?;
    let is_named = |name: &str| page.contains(&format!("<p>&#39;{name}&#39;</p>"));
    if is_named(call.model) {
        let text =
            format!("this Tryton has no `{}`: activate the module that brings it", call.model);
        return Some(Error::Unsupported(text));
    }
    let values = call.body.as_ref().and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let mut unknown = values.filter(|name| is_named(name));
    unknown.next().map(|name| Error::invalid(name, "is no field that this Tryton has"))
}

#[cfg(test)]
mod tests;
