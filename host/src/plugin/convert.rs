//! Types of the contract to types of the host and back: the nouns that channels and CRMs share.

use super::bindings::patchbay::adapter::types as wit;
use crate::card;

pub(super) mod about;
pub(super) mod channel;
pub(super) mod contacts;
pub(super) mod deals;
pub(super) mod page;

const ID_BYTES_MAX: usize = 512;

/// An answer that breaks the contract: the field, and what is wrong with it.
pub(super) type Checked<T> = Result<T, String>;

/// The answer of a function that may fail.
pub(super) type Fallible<T> = Result<T, wit::Error>;

/// Converts each item.
pub(super) fn all<T, U: From<T>>(items: impl IntoIterator<Item = T>) -> Vec<U> {
    items.into_iter().map(U::from).collect()
}

/// Refuses a text that is longer than anything of its kind.
pub(super) fn at_most(field: &str, text: &str, bytes_max: usize) -> Checked<()> {
    if text.len() <= bytes_max {
        return Ok(());
    }
    Err(format!("`{field}` has {} bytes, at most {bytes_max} are allowed", text.len()))
}

/// Refuses an id by which nothing could be named later.
pub(super) fn id(field: &str, id: &str) -> Checked<()> {
    if id.is_empty() {
        return Err(format!("`{field}` is empty"));
    }
    at_most(field, id, ID_BYTES_MAX)
}

/// Refuses a text that is not one JSON document.
pub(super) fn json(field: &str, text: &str) -> Checked<()> {
    serde_json::from_str::<serde::de::IgnoredAny>(text)
        .map(drop)
        .map_err(|error| format!("`{field}` is not JSON: {error}"))
}

impl From<card::ExternalId> for wit::ExternalId {
    fn from(card::ExternalId { system, id }: card::ExternalId) -> Self {
        Self { system, id }
    }
}

impl From<wit::Identifier> for card::Identifier {
    fn from(identifier: wit::Identifier) -> Self {
        match identifier {
            wit::Identifier::Phone(phone) => Self::Phone(phone),
            wit::Identifier::Email(email) => Self::Email(email),
            wit::Identifier::External(wit::ExternalId { system, id }) => {
                Self::External(card::ExternalId { system, id })
            }
            wit::Identifier::Card(id) => Self::Card(id),
        }
    }
}

impl From<card::Identifier> for wit::Identifier {
    fn from(identifier: card::Identifier) -> Self {
        match identifier {
            card::Identifier::Phone(phone) => Self::Phone(phone),
            card::Identifier::Email(email) => Self::Email(email),
            card::Identifier::External(id) => Self::External(id.into()),
            card::Identifier::Card(id) => Self::Card(id),
        }
    }
}

impl From<wit::Field> for card::Field {
    fn from(wit::Field { key, value }: wit::Field) -> Self {
        let value = match value {
            wit::Value::Empty => card::Value::Empty,
            wit::Value::Text(text) => card::Value::Text(text),
            wit::Value::Number(number) => card::Value::Number(number),
            wit::Value::Flag(flag) => card::Value::Flag(flag),
            wit::Value::Instant(instant) => card::Value::Instant(instant),
            wit::Value::Texts(texts) => card::Value::Texts(texts),
            wit::Value::Json(json) => card::Value::Json(json),
        };
        Self { key, value }
    }
}

impl From<card::Field> for wit::Field {
    fn from(card::Field { key, value }: card::Field) -> Self {
        let value = match value {
            card::Value::Empty => wit::Value::Empty,
            card::Value::Text(text) => wit::Value::Text(text),
            card::Value::Number(number) => wit::Value::Number(number),
            card::Value::Flag(flag) => wit::Value::Flag(flag),
            card::Value::Instant(instant) => wit::Value::Instant(instant),
            card::Value::Texts(texts) => wit::Value::Texts(texts),
            card::Value::Json(json) => wit::Value::Json(json),
        };
        Self { key, value }
    }
}

impl From<wit::Person> for card::Person {
    fn from(wit::Person { id, name, email, phone, active }: wit::Person) -> Self {
        Self { id, name, email, phone, active }
    }
}

impl From<card::Person> for wit::Person {
    fn from(card::Person { id, name, email, phone, active }: card::Person) -> Self {
        Self { id, name, email, phone, active }
    }
}

impl From<wit::Problem> for card::Problem {
    fn from(wit::Problem { field, message }: wit::Problem) -> Self {
        Self { field, message }
    }
}

impl From<card::Problem> for wit::Problem {
    fn from(card::Problem { field, message }: card::Problem) -> Self {
        Self { field, message }
    }
}

impl From<wit::Error> for card::AdapterError {
    fn from(error: wit::Error) -> Self {
        match error {
            wit::Error::Invalid(problems) => Self::Invalid(all(problems)),
            wit::Error::Conflict(id) => Self::Conflict(id),
            wit::Error::Unauthorized(text) => Self::Unauthorized(text),
            wit::Error::RateLimited(wait_ms) => Self::RateLimited(wait_ms),
            wit::Error::PlanLimit(text) => Self::PlanLimit(text),
            wit::Error::NotFound(text) => Self::NotFound(text),
            wit::Error::Unsupported(text) => Self::Unsupported(text),
            wit::Error::Unavailable(text) => Self::Unavailable(text),
            wit::Error::UnknownOutcome(text) => Self::UnknownOutcome(text),
        }
    }
}

impl From<card::AdapterError> for wit::Error {
    fn from(error: card::AdapterError) -> Self {
        match error {
            card::AdapterError::Invalid(problems) => Self::Invalid(all(problems)),
            card::AdapterError::Conflict(id) => Self::Conflict(id),
            card::AdapterError::Unauthorized(text) => Self::Unauthorized(text),
            card::AdapterError::RateLimited(wait_ms) => Self::RateLimited(wait_ms),
            card::AdapterError::PlanLimit(text) => Self::PlanLimit(text),
            card::AdapterError::NotFound(text) => Self::NotFound(text),
            card::AdapterError::Unsupported(text) => Self::Unsupported(text),
            card::AdapterError::Unavailable(text) => Self::Unavailable(text),
            card::AdapterError::UnknownOutcome(text) => Self::UnknownOutcome(text),
        }
    }
}

impl From<wit::Card> for card::Card {
    fn from(wit::Card { id, url, manager, fields, lines, matched }: wit::Card) -> Self {
        let lines = lines
            .into_iter()
            .map(|wit::Line { title, text, url }| card::Line { title, text, url })
            .collect();
        Self {
            id,
            url,
            manager: manager.map(Into::into),
            fields: all(fields),
            lines,
            matched: all(matched),
        }
    }
}

impl From<card::Card> for wit::Card {
    fn from(card::Card { id, url, manager, fields, lines, matched }: card::Card) -> Self {
        let lines = lines
            .into_iter()
            .map(|card::Line { title, text, url }| wit::Line { title, text, url })
            .collect();
        Self {
            id,
            url,
            manager: manager.map(Into::into),
            fields: all(fields),
            lines,
            matched: all(matched),
        }
    }
}

impl From<card::Assignment> for wit::Assignment {
    fn from(card::Assignment { manager, cards }: card::Assignment) -> Self {
        Self { manager: manager.into(), cards }
    }
}
