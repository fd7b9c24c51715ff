//! What an answer that is no success means: by status, then by the kind of its body.
//!
//! The vendor's own words may repeat what was sent, so nothing but short codes is handed on.

use patchbay_sdk::http::Response;
use patchbay_sdk::log;
use patchbay_sdk::types::{Error, Problem};
use serde_json::Value;

use crate::account::{BASE_URL, Places, TOKEN};
use crate::values;

/// How long a blocked address stays quiet, in milliseconds: every further request would prolong it.
const BLOCKED_MS: u64 = 300_000;

/// Longest code that is handed on.
const CODE_BYTES_MAX: usize = 64;

/// Faults of one answer that are told.
const PROBLEMS_MAX: usize = 50;

/// What a call does to the CRM, and so what a lost answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    Write,
}

/// What was sent, to give the fields in an answer the names that the host knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent<'a> {
    pub effect: Effect,
    pub body: Option<&'a Value>,
    /// What is sent is a deal: its name is the host's title.
    pub is_deal: bool,
    pub places: Option<&'a Places>,
}

/// The case of an answer whose status is none of 2xx.
pub(crate) fn classify(response: &Response, sent: Sent<'_>) -> Error {
    let body: Option<Value> = serde_json::from_slice(&response.body).ok();
    match response.status {
        300..=399 => moved(response.header("location")),
        400 | 422 => refused(body.as_ref(), response.status, sent),
        401 => unauthorized(response),
        402 => Error::PlanLimit("the account in amoCRM is not paid for".to_owned()),
        403 if body.is_some() => Error::Unsupported(
            "amoCRM forbids it: the user of the token lacks the right, or the account is blocked"
                .to_owned(),
        ),
        403 => {
            log::error("amoCRM blocks this server's address for asking too fast: requests wait");
            Error::RateLimited(Some(BLOCKED_MS))
        }
        404 if body.is_some() || response.body.is_empty() => {
            Error::NotFound("amoCRM has no such record, or no longer".to_owned())
        }
        404 | 405 => Error::invalid(BASE_URL, "no account's API answers at this address"),
        429 => Error::RateLimited(response.retry_after_ms()),
        status => match sent.effect {
            Effect::Read => Error::Unavailable(format!("amoCRM answered {status}")),
            Effect::Write => Error::UnknownOutcome(format!("amoCRM answered {status} to a write")),
        },
    }
}

/// A 2xx whose body is not what the API answers.
pub(crate) fn unreadable(effect: Effect) -> Error {
    match effect {
        Effect::Read => Error::invalid(BASE_URL, "does not answer as the API of amoCRM does"),
        Effect::Write => Error::UnknownOutcome(
            "amoCRM accepted the write with an answer that cannot be read".to_owned(),
        ),
    }
}

fn unauthorized(response: &Response) -> Error {
    if response.header("x-patchbay") == Some("token-refused") {
        return Error::Unauthorized(String::from_utf8_lossy(&response.body).into_owned());
    }
    Error::Unauthorized(format!(
        "amoCRM refused the token: set a new `{TOKEN}`, or connect the account again; where the \
         account has moved to another address, set `{BASE_URL}` too"
    ))
}

/// Redirects are not followed: the token would go where nobody has granted it.
fn moved(location: Option<&str>) -> Error {
    let host = location.and_then(|url| url.split_once("://")).map(|(_, rest)| rest);
    let host = host.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let is_vendors = [".amocrm.ru", ".amocrm.com", ".kommo.com"]
        .iter()
        .any(|domain| host.strip_suffix(domain).is_some_and(is_label));
    let message = if is_vendors {
        format!("redirects to https://{host}: if the account has moved there, set this address")
    } else {
        "redirects elsewhere: set the account's own address as the browser shows it".to_owned()
    };
    Error::invalid(BASE_URL, message)
}

fn is_label(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Nothing of a refused array is written.
fn refused(body: Option<&Value>, status: u16, sent: Sent<'_>) -> Error {
    let faults: Vec<(&str, &str)> = faults(body).take(PROBLEMS_MAX).collect();
    if faults.iter().any(|(path, _)| names_a_record(path)) {
        return Error::NotFound("amoCRM has no such card or deal, or no longer".to_owned());
    }
    let record = sent.body.map(|body| body.get(0).unwrap_or(body));
    let mut problems: Vec<Problem> = faults
        .into_iter()
        .map(|(path, code)| Problem {
            field: record.and_then(|record| field(path, record, sent)),
            message: message(code),
        })
        .collect();
    if problems.is_empty() {
        problems.push(Problem::general(format!("amoCRM refused the request with {status}")));
    }
    Error::Invalid(problems)
}

/// Path and code of each fault.
fn faults(body: Option<&Value>) -> impl Iterator<Item = (&str, &str)> {
    let entries = body.and_then(|body| body.get("validation-errors")).and_then(Value::as_array);
    let errors = entries.into_iter().flatten().filter_map(|entry| entry.get("errors")?.as_array());
    errors.flatten().map(|error| {
        let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
        (text("path"), text("code"))
    })
}

/// Whether the fault is that what a record is attached to does not exist.
fn names_a_record(path: &str) -> bool {
    path.ends_with("entity_id") || path.contains("_embedded.contacts")
}

fn message(code: &str) -> String {
    let is_code = !code.is_empty()
        && code.len() <= CODE_BYTES_MAX
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match code {
        "NotSupportedChoice" => "amoCRM has no such field, choice, stage or user \
             (NotSupportedChoice): compare it with what amoCRM offers"
            .to_owned(),
        code if is_code => format!("amoCRM refuses the value ({code})"),
        _ => "amoCRM refuses the value".to_owned(),
    }
}

/// The host's name for what stands at the path: `custom_fields_values.0.values.0.value`.
fn field(path: &str, record: &Value, sent: Sent<'_>) -> Option<String> {
    let mut parts = path.split('.').skip_while(|part| part.parse::<usize>().is_ok());
    let key = match parts.next()? {
        "custom_fields_values" => {
            let index: usize = parts.next()?.parse().ok()?;
            return values::key_of(record.get("custom_fields_values")?.get(index)?, sent.places);
        }
        "responsible_user_id" => "manager",
        "pipeline_id" => "pipeline",
        "status_id" => "stage",
        "complete_till" => "due",
        "name" if sent.is_deal => "title",
        own @ ("name" | "price" | "text") => own,
        _ => return None,
    };
    Some(key.to_owned())
}

/// Custom fields of the record that the answer says are not there: their places in its list.
pub(crate) fn fields_not_there(response: &Response) -> Vec<usize> {
    let body: Option<Value> = serde_json::from_slice(&response.body).ok();
    let index = |(path, code): (&str, &str)| {
        let mut parts = path.split('.').skip_while(|part| part.parse::<usize>().is_ok());
        let is_custom =
            parts.next() == Some("custom_fields_values") && code == "NotSupportedChoice";
        let index = parts.next().filter(|_| is_custom)?.parse().ok()?;
        matches!(parts.next(), Some("field_id" | "field_code")).then_some(index)
    };
    let found: Option<Vec<usize>> = faults(body.as_ref()).map(index).collect();
    found.filter(|_| response.status == 400).unwrap_or_default()
}

#[cfg(test)]
mod tests;
