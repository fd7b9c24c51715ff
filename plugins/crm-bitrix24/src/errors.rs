//! What an answer that is no success means: decided by its code, then by its status.
//!
//! Documents of different years give one code different statuses, codes are empty at times, and some
//! are prose. Bitrix24's own words may hold personal data: they are looked into and never handed on.

use patchbay_sdk::types::{Error, Problem};

use crate::{budget, map, portal};

/// What a command does to the CRM, and so what a lost answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    Write,
}

/// The part of an answer that decides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal<'a> {
    /// `None` for a command inside a `batch`.
    pub status: Option<u16>,
    pub code: &'a str,
    pub description: &'a str,
    pub method: &'a str,
}

pub(crate) fn classify(refusal: Refusal<'_>, effect: Effect) -> Error {
    by_code(&refusal).or_else(|| by_words(&refusal)).unwrap_or_else(|| by_status(&refusal, effect))
}

/// A success whose body is not what Bitrix24 answers.
pub(crate) fn unreadable(effect: Effect) -> Error {
    match effect {
        Effect::Read => {
            Error::Unavailable("Bitrix24 gave an answer that cannot be read".to_owned())
        }
        Effect::Write => Error::UnknownOutcome(
            "Bitrix24 took the write and gave an answer that cannot be read".to_owned(),
        ),
    }
}

fn by_code(refusal: &Refusal<'_>) -> Option<Error> {
    let error = match refusal.code {
        // The counter falls by two a second: the host's own backoff is long enough.
        "QUERY_LIMIT_EXCEEDED" => Error::RateLimited(None),
        "OPERATION_TIME_LIMIT" => Error::RateLimited(Some(budget::wait_ms(refusal.method))),
        "OVERLOAD_LIMIT" => {
            unauthorized("has blocked the REST API for overload; its support lifts that")
        }
        "expired_token" | "invalid_token" => {
            unauthorized("says that the access has expired: make a new webhook")
        }
        "NO_AUTH_FOUND" | "INVALID_CREDENTIALS" | "authorization_error" => unauthorized(
            "knows no such webhook: compare `rest-url` and `webhook-secret` with it, or make a new one",
        ),
        "user_access_error" => unauthorized("lets the webhook's user no longer in"),
        "PORTAL_DELETED" => unauthorized("says that the portal is closed or deleted"),
        "INVALID_REQUEST" => unauthorized("wants `https://` in `rest-url`"),
        "insufficient_scope" => scope(refusal.method),
        "ERROR_METHOD_NOT_FOUND" => Error::Unsupported(format!(
            "this Bitrix24 has no method `{}`: the portal is too old, or the webhook lacks its scope",
            refusal.method
        )),
        "NOT_FOUND" | "OWNER_NOT_FOUND" | "ENTITY_NOT_FOUND" => {
            Error::NotFound("the record does not exist in Bitrix24".to_owned())
        }
        "allowed_only_intranet_user" => {
            Error::Unsupported("the webhook's user is no employee of the portal".to_owned())
        }
        "ACCESS_DENIED" => denied(refusal),
        code if code.ends_with("_RESTRICTED") => plan_limit(),
        _ => return None,
    };
    Some(error)
}

/// For codes that are empty, numbers or prose.
fn by_words(refusal: &Refusal<'_>) -> Option<Error> {
    let is_client_error = refusal.status.is_none_or(|status| (200..500).contains(&status));
    let words = [refusal.code, refusal.description].map(str::to_lowercase);
    let says = |text: &str| words.iter().any(|words| words.contains(text));
    if is_client_error && says("access denied") {
        return Some(denied(refusal));
    }
    (is_client_error && (says("not found") || says("is not exist")))
        .then(|| Error::NotFound("the record does not exist in Bitrix24".to_owned()))
}

fn by_status(refusal: &Refusal<'_>, effect: Effect) -> Error {
    match (refusal.status, effect) {
        // The address is a part of the webhook: the jobs wait until it is set right.
        (Some(300..=399), _) => {
            unauthorized("redirects elsewhere: set `rest-url` to the portal's new address")
        }
        (Some(401), _) => unauthorized("refused the webhook"),
        (Some(402), _) => plan_limit(),
        (Some(403), _) => Error::Unsupported("Bitrix24 forbids it".to_owned()),
        (Some(404), _) => unauthorized("has no REST API at `rest-url`"),
        (Some(429), _) => Error::RateLimited(None),
        (Some(status @ (408 | 500..)), _) => open(&format!("Bitrix24 answered {status}"), effect),
        // Of a command inside a batch only the code tells that it was the server's own fault.
        _ if matches!(
            refusal.code,
            "INTERNAL_SERVER_ERROR" | "ERROR_UNEXPECTED_ANSWER" | "ERROR_CORE"
        ) =>
        {
            open("Bitrix24 failed", effect)
        }
        _ => Error::Invalid(vec![refused_value(refusal)]),
    }
}

fn open(text: &str, effect: Effect) -> Error {
    match effect {
        Effect::Read => Error::Unavailable(text.to_owned()),
        Effect::Write => Error::UnknownOutcome(format!("{text} to a write")),
    }
}

/// One code for two things: the plan has no REST API, or the user lacks a right.
fn denied(refusal: &Refusal<'_>) -> Error {
    let words = refusal.description.to_lowercase();
    let is_plan =
        ["commercial", "subscription", "your plan"].iter().any(|word| words.contains(word));
    let is_of_the_api =
        matches!(refusal.status, Some(401 | 403)) && refusal.code == "ACCESS_DENIED";
    if is_plan || is_of_the_api {
        return plan_limit();
    }
    Error::Unsupported(format!(
        "the webhook's user lacks the right to `{}`: give it in the CRM's access permissions",
        refusal.method
    ))
}

/// Without `crm` nothing works; the other scopes only carry what is optional.
fn scope(method: &str) -> Error {
    let scope = match method.split('.').next() {
        Some("user") => "user_basic",
        _ => "crm",
    };
    let text = format!(
        "the webhook lacks the scope `{scope}`, which `{method}` needs: add it to the webhook"
    );
    if scope == "crm" { Error::Unauthorized(text) } else { Error::Unsupported(text) }
}

fn plan_limit() -> Error {
    Error::PlanLimit("the portal's plan does not include this part of the REST API".to_owned())
}

fn unauthorized(what: &str) -> Error {
    Error::Unauthorized(format!("Bitrix24 {what}"))
}

/// Names the field where Bitrix24 does, by its canonical key.
fn refused_value(refusal: &Refusal<'_>) -> Problem {
    let field = named_field(refusal.description).or_else(|| named_field(refusal.code));
    let code = if portal::is_name(refusal.code) { refusal.code } else { "no code" };
    let message = match &field {
        Some(_) => format!(
            "Bitrix24 refused the value ({code}): compare it with what describe-fields offers"
        ),
        None => format!("Bitrix24 refused `{}` ({code})", refusal.method),
    };
    Problem { field: field.map(|field| map::canonical(&field)), message }
}

/// `Invalid value for field "STAGE_ID"`, `The field SUBJECT is not defined or empty`, `field 'id' has …`.
fn named_field(words: &str) -> Option<String> {
    let after = words.split_once("ield ")?.1;
    let name = after
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .find(|part| !part.is_empty())?;
    // Where the next word is part of the sentence, no name was told: names of fields are no prose.
    let is_quoted = after.starts_with(['"', '\'', '`', '\u{ab}', '\u{201c}']);
    let is_upper = name.bytes().any(|byte| byte.is_ascii_uppercase()) && 1 < name.len();
    (portal::is_name(name) && (is_quoted || is_upper)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests;
