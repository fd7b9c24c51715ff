//! What an answer that is no success means: by status, then by `category`, then by `policyName`.
//!
//! HubSpot's own messages may hold what a person wrote, and are never handed on.

mod refused;

use patchbay_sdk::http::Response;
use patchbay_sdk::types::{Error, Problem};
use serde_json::Value;

/// What a call does to the CRM, and so what a lost answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    Write,
}

/// How long the limit of a second is waited for: the search has its own.
const SECOND_MS: u64 = 1_000;

/// How long the limit of ten seconds is waited for where no header tells its window.
const TEN_SECONDS_MS: u64 = 10_000;

/// Asked for by the vendor where a record is locked by a large write.
const LOCKED_MS: u64 = 2_000;

/// How long an account that moves between data centres is left alone where it does not say.
const MOVING_MS: u64 = 60_000;

/// Classifies an answer. `daily_ms` is how long the day's limit lasts.
pub(crate) fn classify(
    response: &Response,
    effect: Effect,
    daily_ms: impl FnOnce() -> u64,
) -> Error {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    match response.status {
        300..=399 => Error::invalid(
            crate::server::API_URL,
            "redirects elsewhere: set https://api.hubapi.com",
        ),
        401 => unauthorized(response),
        402 => plan_limit(),
        403 if body.is_object() => forbidden(&body),
        // Something before HubSpot answers with a page.
        403 => Error::Unavailable("access was refused before HubSpot".to_owned()),
        404 => not_found(),
        408 => lost(408, effect),
        409 => Error::Conflict(existing_id(message(&body))),
        423 => Error::RateLimited(Some(LOCKED_MS)),
        429 => Error::RateLimited(too_fast(response, &body, daily_ms)),
        477 => Error::RateLimited(Some(response.retry_after_ms().unwrap_or(MOVING_MS))),
        status @ 400..=499 => of_body(&body).unwrap_or_else(|| {
            Error::Invalid(vec![Problem::general(format!("HubSpot answered {status}"))])
        }),
        // The edge in front of HubSpot did not reach it, or HubSpot takes nothing now.
        status @ (503 | 521 | 522 | 523 | 525 | 526) => {
            Error::Unavailable(format!("HubSpot answered {status}"))
        }
        status => lost(status, effect),
    }
}

/// One entry of `errors` in a `207`.
pub(crate) fn of_item(fault: &Value, effect: Effect) -> Error {
    of_body(fault).unwrap_or_else(|| match effect {
        Effect::Read => Error::Unavailable("HubSpot could not read a record of a batch".to_owned()),
        Effect::Write => written_in_part(),
    })
}

/// A 2xx whose body is not what HubSpot answers.
pub(crate) fn unreadable(effect: Effect) -> Error {
    match effect {
        Effect::Read => Error::Unavailable("the answer is none of HubSpot's API".to_owned()),
        Effect::Write => Error::UnknownOutcome(
            "HubSpot accepted the write with an answer that cannot be read".to_owned(),
        ),
    }
}

/// A batch that was not carried out whole: what is there is found by its marks.
pub(crate) fn written_in_part() -> Error {
    Error::UnknownOutcome("HubSpot carried out a part of the batch".to_owned())
}

pub(crate) fn not_found() -> Error {
    Error::NotFound("HubSpot has no such record, or no longer".to_owned())
}

/// By the category alone; `None` where it is not known.
fn of_body(body: &Value) -> Option<Error> {
    let category = body.get("category").and_then(Value::as_str).unwrap_or_default();
    Some(match category {
        "OBJECT_NOT_FOUND" | "NOT_FOUND" => not_found(),
        "CONFLICT" | "OBJECT_ALREADY_EXISTS" => Error::Conflict(existing_id(message(body))),
        "EXPIRED_AUTHENTICATION" | "INVALID_AUTHENTICATION" => refused_credentials(),
        "MISSING_SCOPES" => forbidden(body),
        "RATE_LIMIT" | "RATE_LIMITS" => Error::RateLimited(None),
        _ if category.ends_with("LIMIT_EXCEEDED") => plan_limit(),
        _ if category.is_empty() && body.get("message").is_none() => return None,
        _ => refused::record(body),
    })
}

/// The host's own answers come first: it keeps the rate too.
fn too_fast(response: &Response, body: &Value, daily_ms: impl FnOnce() -> u64) -> Option<u64> {
    if let Some(asked) = response.retry_after_ms() {
        return Some(asked);
    }
    let policy = body.get("policyName").and_then(Value::as_str).unwrap_or_default();
    let window = || response.header("x-hubspot-ratelimit-interval-milliseconds")?.parse().ok();
    Some(match policy {
        "DAILY" => daily_ms(),
        "SECONDLY" => SECOND_MS,
        _ if policy.starts_with("TEN_SECONDLY") => {
            window().map_or(TEN_SECONDS_MS, |ms: u64| ms.min(TEN_SECONDS_MS))
        }
        _ => return None,
    })
}

fn unauthorized(response: &Response) -> Error {
    if response.header("x-patchbay") == Some("token-refused") {
        return Error::Unauthorized(String::from_utf8_lossy(&response.body).into_owned());
    }
    refused_credentials()
}

fn refused_credentials() -> Error {
    let text = "HubSpot refused the credentials: set `token` to a private app's access token, or connect the account again";
    Error::Unauthorized(text.to_owned())
}

fn plan_limit() -> Error {
    Error::PlanLimit(
        "HubSpot says that the account's subscription does not include this".to_owned(),
    )
}

/// The scopes that are missing are names out of HubSpot's documents, and so can be told.
fn forbidden(body: &Value) -> Error {
    let mut scopes: Vec<&str> = Vec::new();
    let faults = body.get("errors").and_then(Value::as_array).into_iter().flatten();
    for place in std::iter::once(body).chain(faults) {
        let context = place.get("context").and_then(Value::as_object).into_iter().flatten();
        let told = context.filter(|(key, _)| key.to_lowercase().contains("scope"));
        let names = told.filter_map(|(_, names)| names.as_array()).flatten();
        scopes.extend(names.filter_map(Value::as_str).filter(|name| is_scope(name)));
    }
    scopes.sort_unstable();
    scopes.dedup();
    let scopes = if scopes.is_empty() { String::new() } else { format!(": {}", scopes.join(", ")) };
    Error::Unsupported(format!("the token lacks a right in HubSpot, add the scope to it{scopes}"))
}

fn is_scope(name: &str) -> bool {
    name.len() <= 100
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || b"._-".contains(&byte))
}

fn lost(status: u16, effect: Effect) -> Error {
    match effect {
        Effect::Read => Error::Unavailable(format!("HubSpot answered {status}")),
        Effect::Write => Error::UnknownOutcome(format!("HubSpot answered {status} to a write")),
    }
}

fn message(body: &Value) -> &str {
    body.get("message").and_then(Value::as_str).unwrap_or_default()
}

/// The id that a conflict tells in words alone: `Contact already exists. Existing ID: 51`.
fn existing_id(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("Existing ID:")?;
    let rest = rest.trim_start();
    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
    crate::names::is_id(digits).then(|| digits.to_owned())
}

#[cfg(test)]
mod tests;
