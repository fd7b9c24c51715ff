//! How values stand in the columns of every backend, and how lists are cut into pages.

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use super::{Error, Page, Result};
use crate::{
    account::Standing,
    card::{Field, Value},
    event::{Event, EventOutcome},
    id::ClientKey,
    rules::identity,
    storage::{JobState, StepState},
};

pub(super) fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Unavailable(error.into())
}

/// Cuts the one item more than the limit, which tells that there is a further page.
pub(super) fn page<T>(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> i64) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_last = items.len() <= limit;
    items.truncate(limit);
    let next = items.last().map(cursor).filter(|_| !is_last);
    Page { items, next }
}

pub(super) fn corrupt(
    table: &'static str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::Corrupt { table, source: error.into() }
}

pub(super) fn to_micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(super) fn to_timestamp(table: &'static str, micros: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|error| corrupt(table, error))
}

pub(super) fn to_timestamps(table: &'static str, micros: Option<i64>) -> Result<Option<Timestamp>> {
    micros.map(|micros| to_timestamp(table, micros)).transpose()
}

/// A count, which is never negative.
pub(super) fn to_count(table: &'static str, count: i64) -> Result<u64> {
    u64::try_from(count).map_err(|error| corrupt(table, error))
}

pub(super) fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(unavailable)
}

pub(super) fn from_json<T: DeserializeOwned>(table: &'static str, json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| corrupt(table, error))
}

/// A name that was checked when it was stored.
pub(super) fn to_id<T>(table: &'static str, text: String) -> Result<T>
where
    T: TryFrom<String, Error: std::error::Error + Send + Sync + 'static>,
{
    T::try_from(text).map_err(|error| corrupt(table, error))
}

/// Without what has a column of its own: the dedup key and the conversation.
pub(super) fn event_to_json(event: &mut Event) -> Result<String> {
    drop_odd_numbers(&mut event.fields);
    to_json(event)
}

pub(super) fn event_from_json(json: &str, conversation: String) -> Result<Event> {
    let event = from_json::<Event>("event", json)?;
    Ok(Event { conversation, ..event })
}

pub(super) fn outcome_to_json(outcome: &mut EventOutcome) -> Result<String> {
    outcome.cards.iter_mut().for_each(|card| drop_odd_numbers(&mut card.fields));
    to_json(outcome)
}

/// JSON has no infinity and no NaN: stored, they could never be read again.
fn drop_odd_numbers(fields: &mut [Field]) {
    for field in fields {
        if matches!(field.value, Value::Number(number) if !number.is_finite()) {
            field.value = Value::Empty;
        }
    }
}

/// Header values are bytes; each becomes the character of the same number, so that none is lost.
pub(super) fn headers_to_json(headers: &[(String, Vec<u8>)]) -> Result<String> {
    let text = |value: &Vec<u8>| value.iter().copied().map(char::from).collect::<String>();
    let pairs: Vec<(&str, String)> =
        headers.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
    to_json(&pairs)
}

pub(super) fn headers_from_json(json: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let pairs: Vec<(String, String)> = from_json("request", json)?;
    let bytes = |text: String| text.chars().map(u8::try_from).collect::<Result<Vec<u8>, _>>();
    pairs
        .into_iter()
        .map(|(name, value)| Ok((name, bytes(value).map_err(|error| corrupt("request", error))?)))
        .collect()
}

pub(super) fn keys_to_bytes(keys: &[i64]) -> Vec<u8> {
    keys.iter().flat_map(|key| key.to_le_bytes()).collect()
}

/// What an event's client is locked by. An event of before the keys were kept tells it itself; one
/// that cannot be read locks nobody.
pub(super) fn keys_from_row(bytes: Option<&[u8]>, payload: &str) -> Vec<ClientKey> {
    match bytes {
        Some(bytes) => {
            let (keys, _rest) = bytes.as_chunks::<8>();
            keys.iter().map(|key| ClientKey(i64::from_le_bytes(*key))).collect()
        }
        None => from_json::<Event>("event", payload)
            .map(|event| identity::client_keys(&event))
            .unwrap_or_default(),
    }
}

pub(super) fn step_state_name(state: StepState) -> &'static str {
    match state {
        StepState::Intended => "intended",
        StepState::Done => "done",
        StepState::Unknown => "unknown",
    }
}

pub(super) fn step_state(name: &str) -> Result<StepState> {
    match name {
        "intended" => Ok(StepState::Intended),
        "done" => Ok(StepState::Done),
        "unknown" => Ok(StepState::Unknown),
        _ => Err(corrupt("step", "the state is none of those known")),
    }
}

pub(super) fn job_state(name: &str) -> Result<JobState> {
    match name {
        "pending" => Ok(JobState::Pending),
        "leased" => Ok(JobState::Leased),
        "done" => Ok(JobState::Done),
        "dead" => Ok(JobState::Dead),
        _ => Err(corrupt("job", "the state is none of those known")),
    }
}

pub(super) fn standing_name(standing: Standing) -> &'static str {
    match standing {
        Standing::Approved => "approved",
        Standing::Waiting => "waiting",
    }
}

pub(super) fn standing(name: &str) -> Result<Standing> {
    match name {
        "approved" => Ok(Standing::Approved),
        "waiting" => Ok(Standing::Waiting),
        _ => Err(corrupt("plugin", "the standing is none of those known")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_survive_byte_for_byte() {
        let all = (0..=u8::MAX).collect::<Vec<u8>>();
        let headers = vec![("x-odd".to_owned(), all), ("host".to_owned(), Vec::new())];
        let json = headers_to_json(&headers).unwrap();
        assert_eq!(headers_from_json(&json).unwrap(), headers);
        assert!(headers_from_json(r#"[["x","\u0100"]]"#).is_err(), "no byte has this number");
    }

    #[test]
    fn a_number_that_json_lacks_does_not_make_an_event_unreadable() {
        let field = |value| Field { key: "score".to_owned(), value };
        let mut fields = vec![field(Value::Number(f64::NAN)), field(Value::Number(1.5))];
        drop_odd_numbers(&mut fields);
        assert_eq!(fields, [field(Value::Empty), field(Value::Number(1.5))]);
    }
}
