//! What an answer that is no success means: decided by the name of the Python exception, then by status.
//!
//! Odoo's messages may hold personal data and its `debug` holds a traceback: neither is handed on.

use patchbay_sdk::types::{Error, Problem};
use serde::Deserialize;
use serde_json::Value;

use crate::client::LEAD;

/// What a call does to the CRM, and so what a lost answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    Write,
}

/// The part of an answer that decides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal<'a> {
    pub status: u16,
    pub retry_after: Option<&'a str>,
    pub body: &'a [u8],
}

#[derive(Debug, Deserialize)]
struct Exception {
    name: String,
    #[serde(default)]
    message: String,
}

pub(crate) fn classify(refusal: Refusal<'_>, effect: Effect) -> Error {
    if refusal.status == 429 {
        return Error::RateLimited(refusal.retry_after.and_then(milliseconds));
    }
    serde_json::from_slice(refusal.body)
        .ok()
        .and_then(|exception| by_name(&exception))
        .unwrap_or_else(|| by_status(refusal.status, effect))
}

/// A 2xx whose body is not what Odoo answers.
pub(crate) fn unreadable(effect: Effect) -> Error {
    match effect {
        // A page for maintenance, or of a server that is starting: asked again later.
        Effect::Read => Error::Unavailable(
            "no answer of Odoo's API: look whether `base-url` leads to it without a path"
                .to_owned(),
        ),
        Effect::Write => Error::UnknownOutcome(
            "Odoo accepted the write with an answer that cannot be read".to_owned(),
        ),
    }
}

/// What the messages of a refused `load` mean: a field that is wrong, or a row that was locked.
///
/// Fields are told by their canonical keys.
pub(crate) fn refused_row(model: &str, messages: &[(Option<String>, String)]) -> Error {
    if messages.iter().any(|(_, text)| is_contention(text)) {
        return Error::Unavailable("another transaction in Odoo was in the way".to_owned());
    }
    if model == LEAD && messages.iter().any(|(field, _)| field.as_deref() == Some("partner_id")) {
        return Error::NotFound("the card does not exist in Odoo".to_owned());
    }
    let refused = |field: Option<&String>| {
        Problem {
        field: field.map(|field| canonical(model, field).to_owned()),
        message: match field {
            Some(_) => "Odoo refused the value: compare it with what describe-fields offers",
            None => "Odoo refused the record: its user may lack a right, or a rule of the database forbids it",
        }
        .to_owned(),
    }
    };
    let mut problems: Vec<_> = messages.iter().map(|(field, _)| refused(field.as_ref())).collect();
    if problems.is_empty() {
        problems.push(refused(None));
    }
    Error::Invalid(problems)
}

/// An exception rolls the transaction back, so nothing was written; `None` for names not known.
fn by_name(Exception { name, message }: &Exception) -> Option<Error> {
    let (package, class) = name.rsplit_once('.').unwrap_or(("", name));
    if package.starts_with("psycopg2") {
        // What the database forbids stays forbidden; all else is its trouble of the moment.
        let is_forbidden = class.ends_with("Violation")
            || class.ends_with("IntegrityError")
            || class.ends_with("DataError");
        if is_forbidden {
            return Some(Error::Invalid(vec![Problem::general(format!(
                "Odoo refused it ({class})"
            ))]));
        }
        return Some(Error::Unavailable(format!("the database of Odoo failed ({class})")));
    }
    let error = match (package, class) {
        ("werkzeug.exceptions", "Unauthorized") | ("odoo.exceptions", "AccessDenied") => {
            unauthorized()
        }
        ("odoo.exceptions", "AccessError") => Error::Unsupported(
            "the user of the API key lacks the right to do this in Odoo (AccessError)".to_owned(),
        ),
        ("odoo.exceptions", "MissingError") => {
            Error::NotFound("the record does not exist in Odoo".to_owned())
        }
        ("odoo.exceptions", "ConcurrencyError" | "LockError") => {
            Error::Unavailable(format!("another transaction in Odoo was in the way ({class})"))
        }
        ("werkzeug.exceptions", "NotFound" | "MethodNotAllowed") => lacks_model(),
        // JSON-RPC's words for the same.
        ("odoo.exceptions", "UserError")
            if message.starts_with("Object ") && message.ends_with("doesn't exist") =>
        {
            lacks_model()
        }
        ("odoo.exceptions", "UserError") if message.starts_with("Invalid language code") => {
            invalid("lang", "is no language that is active in this Odoo")
        }
        ("odoo.exceptions", _)
        | ("werkzeug.exceptions", "BadRequest" | "UnprocessableEntity" | "RequestEntityTooLarge")
        | (
            "builtins",
            "ValueError" | "TypeError" | "KeyError" | "AttributeError" | "IndexError"
            | "AssertionError",
        ) => Error::Invalid(vec![Problem {
            field: named_field(message),
            message: format!("Odoo refused it ({class})"),
        }]),
        _ => return None,
    };
    Some(error)
}

fn by_status(status: u16, effect: Effect) -> Error {
    match (status, effect) {
        (300..=399, _) => invalid("base-url", "redirects elsewhere: set the address that the browser ends at, without a path"),
        (401, _) => unauthorized(),
        (403, _) => Error::Unsupported(
            "access to the API is refused before Odoo: by a proxy, or by a plan of Odoo Online without the external API"
                .to_owned(),
        ),
        (404 | 405, _) => Error::Unsupported(
            "no JSON-2 API here: it needs Odoo 19 or newer (set `api` to `auto` else), and the setting `database` where a server has several"
                .to_owned(),
        ),
        (400..=499, _) if status != 408 => {
            Error::Invalid(vec![Problem { field: None, message: format!("Odoo answered {status}") }])
        }
        (503, _) | (_, Effect::Read) => Error::Unavailable(format!("Odoo answered {status}")),
        (_, Effect::Write) => Error::UnknownOutcome(format!("Odoo answered {status} to a write")),
    }
}

/// The error in an envelope of JSON-RPC, which is answered with 200 whatever it is.
pub(crate) fn of_envelope(error: &Value, effect: Effect) -> Error {
    let text = |key: &str| {
        error.pointer(key).and_then(Value::as_str).map(str::to_owned).unwrap_or_default()
    };
    let exception = Exception { name: text("/data/name"), message: text("/data/message") };
    by_name(&exception).unwrap_or_else(|| by_status(500, effect))
}

/// The contract's key for a field of a model.
fn canonical<'f>(model: &str, field: &'f str) -> &'f str {
    match (model, field) {
        (_, "user_id") => "manager",
        (_, "website") => "site",
        (LEAD, "name") => "title",
        (LEAD, "stage_id") => "stage",
        (LEAD, "team_id") => "pipeline",
        (LEAD, "description") => "comment",
        (LEAD, "contact_name") => "name",
        (LEAD, "email_from") => "email",
        (_, field) => field,
    }
}

fn lacks_model() -> Error {
    Error::Unsupported(
        "this Odoo lacks the model or method; are Contacts, CRM and Discuss installed?".to_owned(),
    )
}

pub(crate) fn unauthorized() -> Error {
    Error::Unauthorized("Odoo refused the API key: make a new one and set `api-key`".to_owned())
}

fn invalid(field: &str, message: &str) -> Error {
    Error::Invalid(vec![Problem { field: Some(field.to_owned()), message: message.to_owned() }])
}

/// The name of the field in Odoo's words, which differ by place:
/// `Wrong value for crm.lead.x: …`, `Invalid field 'x' in …`, `Invalid field name 'x'`, `Invalid field res.partner.x in …`, `… 'Title' (x).`
fn named_field(message: &str) -> Option<String> {
    let quoted = |rest: &str| {
        rest.strip_prefix('\'').and_then(|rest| rest.split('\'').next()).map(str::to_owned)
    };
    let field = if let Some((_, rest)) = message.split_once("Invalid field ") {
        let rest = rest.strip_prefix("name ").unwrap_or(rest);
        quoted(rest).or_else(|| {
            let path = rest.split_whitespace().next()?;
            let models = ["res.partner.", "crm.lead."];
            models.iter().find_map(|model| path.strip_prefix(model)).map(str::to_owned)
        })
    } else if let Some(rest) = message.strip_prefix("Wrong value for ") {
        rest.split(':').next().and_then(|path| path.rsplit('.').next()).map(str::to_owned)
    } else {
        let (_, rest) = message.split_once("required value for the field ")?;
        let (_, rest) = rest.split_once('(')?;
        rest.split(')').next().map(str::to_owned)
    }?;
    crate::server::is_name(&field).then_some(field)
}

fn is_contention(message: &str) -> bool {
    ["could not serialize", "deadlock detected", "could not obtain lock", "lock timeout"]
        .iter()
        .any(|words| message.contains(words))
}

/// Whole seconds; the other form, a date, needs a clock to compare with and is left to the host's backoff.
fn milliseconds(retry_after: &str) -> Option<u64> {
    Some(retry_after.trim().parse::<u64>().ok()?.saturating_mul(1_000))
}

#[cfg(test)]
mod tests;
