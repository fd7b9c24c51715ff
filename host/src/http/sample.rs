//! What an integration is tried with: an event of the journal, or a request as a vendor sends it.

use std::net::IpAddr;

use axum::http::{HeaderName, HeaderValue, Method};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::{ApiError, AppState, accounts::field_problem};
use crate::{
    base64,
    event::Request,
    id::{AccountId, EventId},
    storage::EventDetail,
};

/// A request, as an operator writes it down.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestInput {
    #[serde(default = "post")]
    method: String,
    /// What follows the webhook URL.
    #[serde(default)]
    path: String,
    #[serde(default)]
    query: String,
    #[serde(default)]
    headers: Headers,
    /// A text is sent as it is, every other value as JSON.
    body: Option<Value>,
    /// The body as bytes that need not be text.
    body_base64: Option<String>,
    /// Where it seems to come from.
    #[serde(default = "local")]
    remote_address: IpAddr,
}

/// Names with their values: as an object, or as pairs where a name comes twice.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Headers {
    Object(std::collections::BTreeMap<String, String>),
    Pairs(Vec<(String, String)>),
}

impl Default for Headers {
    fn default() -> Self {
        Self::Pairs(Vec::new())
    }
}

fn post() -> String {
    "POST".to_owned()
}

fn local() -> IpAddr {
    IpAddr::from([127, 0, 0, 1])
}

/// What was given.
#[derive(Debug)]
pub(super) enum Sample {
    Event(Box<EventDetail>),
    Request(Request),
}

/// Reads what is given for a channel account: one of the two.
pub(super) async fn read(
    state: &AppState,
    channel: &AccountId,
    event: Option<i64>,
    request: Option<RequestInput>,
) -> Result<Sample, ApiError> {
    match (event, request) {
        (Some(id), None) => {
            let not_found = || ApiError::NotFound { what: "event", id: id.to_string() };
            let found = state.stores.journal.event(EventId(id)).await?.ok_or_else(not_found)?;
            if found.account != *channel {
                let message = format!(
                    "event {id} came through account `{}`, and this integration has `{channel}`",
                    found.account
                );
                return Err(field_problem("event", &message));
            }
            Ok(Sample::Event(Box::new(found)))
        }
        (None, Some(input)) => input.read(state).map(Sample::Request),
        _ => Err(ApiError::BadInput("give either an `event` or a `request`".to_owned())),
    }
}

impl RequestInput {
    fn read(self, state: &AppState) -> Result<Request, ApiError> {
        if Method::try_from(self.method.as_str()).is_err() {
            let message = format!("`{}` is no method of HTTP", self.method);
            return Err(field_problem("request.method", &message));
        }
        if !self.path.is_empty() && !self.path.starts_with('/') {
            return Err(field_problem("request.path", &"begin it with `/`, or leave it out"));
        }
        let mut headers = self.headers.read()?;
        let body = body(self.body, self.body_base64, &mut headers)?;
        let bytes_max = state.door.body_bytes_max;
        if bytes_max < body.len() {
            return Err(ApiError::BodyTooLarge { bytes_max });
        }
        let sizes = headers.iter().map(|(name, value)| name.len() + value.len());
        let bytes_max = state.door.header_bytes_max;
        if bytes_max < sizes.sum::<usize>() + self.path.len() + self.query.len() {
            return Err(ApiError::HeadersTooLarge { bytes_max });
        }
        Ok(Request {
            method: self.method,
            path: self.path,
            query: self.query.trim_start_matches('?').to_owned(),
            headers,
            body,
            received_at: state.clock.now(),
            remote_address: self.remote_address.to_string(),
        })
    }
}

impl Headers {
    fn read(self) -> Result<Vec<(String, Vec<u8>)>, ApiError> {
        let pairs = match self {
            Self::Object(object) => object.into_iter().collect(),
            Self::Pairs(pairs) => pairs,
        };
        let read = |(name, value): (String, String)| {
            let wrong = |what: &str| {
                let message = format!("`{name}` {what} that HTTP does not allow");
                field_problem("request.headers", &message)
            };
            let known = HeaderName::try_from(name.as_str()).map_err(|_odd| wrong("is a name"))?;
            HeaderValue::try_from(value.as_str()).map_err(|_odd| wrong("has a value"))?;
            Ok((known.as_str().to_owned(), value.into_bytes()))
        };
        pairs.into_iter().map(read).collect()
    }
}

/// The bytes; JSON that comes without a `content-type` is told to be JSON.
fn body(
    body: Option<Value>,
    coded: Option<String>,
    headers: &mut Vec<(String, Vec<u8>)>,
) -> Result<Bytes, ApiError> {
    match (body, coded) {
        (Some(_), Some(_)) => {
            Err(field_problem("request.body_base64", &"give either this or `body`"))
        }
        (None, Some(coded)) => base64::decode(&coded)
            .map(Bytes::from)
            .ok_or_else(|| field_problem("request.body_base64", &"it is no base64")),
        (None, None) => Ok(Bytes::new()),
        (Some(Value::String(text)), None) => Ok(text.into()),
        (Some(json), None) => {
            if !headers.iter().any(|(name, _)| name == "content-type") {
                headers.push(("content-type".to_owned(), b"application/json".to_vec()));
            }
            Ok(json.to_string().into())
        }
    }
}
