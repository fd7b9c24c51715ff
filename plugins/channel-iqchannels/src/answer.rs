//! The vendor's way to answer: `success` with a result or an error, and the status 200 for both.

use patchbay_sdk::channel::{Outcome, Response};
use patchbay_sdk::types::{Card, Value};
use serde::Serialize;

/// Said when the CRM did not answer in time, or could not: never to be read as "there is no such client".
const UNAVAILABLE: Fault<'static> = Fault {
    code: "internal_server_error",
    text: "CRM не ответила, повторите запрос позже",
};
const UNAUTHORIZED: Fault<'static> =
    Fault { code: "unauthorized", text: "Токен не найден" };

#[derive(Serialize)]
struct Answer<'a, T> {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Fault<'a>>,
}

#[derive(Serialize)]
struct Fault<'a> {
    code: &'a str,
    text: &'a str,
}

/// "Received": the answer to every webhook.
pub(crate) fn received() -> Response {
    Response::json(200, r#"{"success":true}"#)
}

/// For a method that no interface of this channel knows.
pub(crate) fn not_allowed() -> Response {
    Response::not_allowed(
        "GET, POST",
        "This address takes iQChannels' webhooks and questions, sent with POST, and GET for the list of managers.\n",
    )
}

pub(crate) fn result(result: impl Serialize) -> Response {
    json(&Answer { success: true, result: Some(result), error: None })
}

pub(crate) fn unavailable() -> Response {
    fault(&UNAVAILABLE)
}

pub(crate) fn unauthorized() -> Response {
    fault(&UNAUTHORIZED)
}

fn fault(fault: &Fault<'_>) -> Response {
    json::<Answer<'_, ()>>(&Answer { success: false, result: None, error: Some(fault) })
}

pub(crate) fn json<T: Serialize>(body: &T) -> Response {
    Response::json(200, serde_json::to_string(body).expect("texts and flags are always JSON"))
}

/// The cards that the CRM found; `None` where it is not known whether there are any.
pub(crate) fn cards(outcome: Option<&Outcome>) -> Option<&[Card]> {
    outcome.filter(|outcome| outcome.problem.is_none()).map(|outcome| outcome.cards.as_slice())
}

/// The text of a card's field, the main one of several.
pub(crate) fn field<'a>(card: &'a Card, key: &str) -> Option<&'a str> {
    card.field(key).and_then(Value::as_text).map(str::trim).filter(|text| !text.is_empty())
}
