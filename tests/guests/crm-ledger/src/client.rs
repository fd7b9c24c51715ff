//! One call of the ledger, and what an answer that is no success means.

use patchbay_sdk::http::{self, Request, Response};
use patchbay_sdk::settings;
use patchbay_sdk::types::{Error, Problem};
use serde_json::Value;

/// What a call does to the ledger, and so what a lost answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    Write,
}

/// Sends one request and reads its answer.
pub(crate) fn call(
    effect: Effect,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: &Value,
) -> Result<Value, Error> {
    let base_url = required("base-url")?;
    let mut request = Request::new(method, format!("{}{path}", base_url.trim_end_matches('/')))
        .header("authorization", format!("Bearer {}", required("key")?));
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    if !body.is_null() {
        request = request.json(body.to_string());
    }
    let response = request.send().map_err(|error| match effect {
        Effect::Read => error.into(),
        Effect::Write => http::after_write(error),
    })?;
    let answer = serde_json::from_slice(&response.body);
    if response.is_success() {
        return answer.map_err(|_error| lost(effect, "the answer is not JSON"));
    }
    Err(refused(&response, &answer.unwrap_or(Value::Null), effect))
}

/// The record that was created with this key, where there is one: asked before it is created again.
pub(crate) fn written(key: &str) -> Result<Option<Value>, Error> {
    match call(Effect::Read, "GET", &format!("/writes/{}", segment(key)?), None, &Value::Null) {
        Ok(record) => Ok(Some(record)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates a record once for each key.
pub(crate) fn create_once(path: &str, key: &str, body: &Value) -> Result<Value, Error> {
    match written(key)? {
        Some(record) => Ok(record),
        None => call(Effect::Write, "POST", path, Some(key), body),
    }
}

/// Ids and keys of the ledger need no escaping; others are nobody's.
pub(crate) fn segment(id: &str) -> Result<&str, Error> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !id.is_empty() && id.bytes().all(fits) {
        return Ok(id);
    }
    Err(Error::NotFound("no record has such an id".to_owned()))
}

fn required(key: &str) -> Result<String, Error> {
    settings::get(key).ok_or_else(|| Error::invalid(key, "is not set"))
}

fn refused(response: &Response, answer: &Value, effect: Effect) -> Error {
    let text = |key: &str| answer[key].as_str().map(str::to_owned);
    match response.status {
        401 => Error::Unauthorized("the ledger refused the key: set `key` again".to_owned()),
        404 => Error::NotFound("the ledger has no such record".to_owned()),
        409 => Error::Conflict(text("id")),
        422 => Error::Invalid(vec![Problem {
            field: text("field"),
            message: text("message").unwrap_or_else(|| "was refused".to_owned()),
        }]),
        429 => Error::RateLimited(response.retry_after_ms()),
        503 => Error::Unavailable("the ledger answered 503".to_owned()),
        status @ 500.. => lost(effect, &format!("the ledger answered {status}")),
        status => Error::Invalid(vec![Problem::general(format!("the ledger answered {status}"))]),
    }
}

fn lost(effect: Effect, text: &str) -> Error {
    match effect {
        Effect::Read => Error::Unavailable(text.to_owned()),
        Effect::Write => Error::UnknownOutcome(text.to_owned()),
    }
}
