//! A recorded exchange in the place of the network: what conformance cases reach out to.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use hyper::{HeaderMap, Request};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{FetchError, Incoming, answers::Peer};
use crate::plugin::conformance::{Body, compare};

/// What an adapter shall ask, and what it gets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::plugin) struct Exchange {
    pub(in crate::plugin) request: Asked,
    response: Answer,
}

/// A request. What it does not name is not compared.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::plugin) struct Asked {
    method: String,
    #[serde(deserialize_with = "url")]
    pub(in crate::plugin) url: Url,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "AnswerInput")]
enum Answer {
    Response { status: u16, headers: BTreeMap<String, String>, body: Vec<u8> },
    Fault(Fault),
}

/// How a connection fails.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Fault {
    /// Nothing was sent.
    Unreachable,
    /// The answer is lost.
    Interrupted,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerInput {
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Body,
    fault: Option<Fault>,
}

impl TryFrom<AnswerInput> for Answer {
    type Error = &'static str;

    fn try_from(input: AnswerInput) -> Result<Self, Self::Error> {
        let AnswerInput { status, headers, body: Body(body), fault } = input;
        match (status, fault) {
            (Some(status @ 200..=599), None) => Ok(Self::Response { status, headers, body }),
            (None, Some(fault)) if headers.is_empty() && body.is_empty() => Ok(Self::Fault(fault)),
            _ => Err("a response has a `status` from 200 to 599, or a `fault` alone"),
        }
    }
}

fn url<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Url, D::Error> {
    let text = String::deserialize(input)?;
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| {
        serde::de::Error::custom("`url` of a request is no absolute http or https URL")
    })
}

/// One case's exchanges, in the order in which they are played.
#[derive(Debug)]
pub(in crate::plugin) struct Tape {
    exchanges: Vec<Exchange>,
    played: Mutex<Played>,
}

#[derive(Debug, Default)]
struct Played {
    count: usize,
    /// The first thing that was not as recorded.
    fault: Option<String>,
}

impl Tape {
    pub(in crate::plugin) fn new(exchanges: Vec<Exchange>) -> Self {
        Self { exchanges, played: Mutex::default() }
    }

    /// What was not as recorded, at the end of a call.
    pub(in crate::plugin) fn fault(&self) -> Option<String> {
        let mut played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, all) = (played.count, self.exchanges.len());
        played.fault.take().or_else(|| {
            let next = &self.exchanges.get(count)?.request;
            let wanted = format!("`{} {}`", next.method, next.url);
            Some(format!("only {count} of {all} exchanges were played, and {wanted} was not asked"))
        })
    }

    /// The next exchange, where the request is the one that was recorded. After the first that is
    /// not, no request gets an answer.
    fn next(
        &self,
        asked: &str,
        difference: impl FnOnce(&Asked) -> Option<String>,
    ) -> Result<&Exchange, FetchError> {
        let mut played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        let number = played.count.saturating_add(1);
        let exchange = self.exchanges.get(played.count);
        let fault = match exchange {
            _ if played.fault.is_some() => None,
            None => Some(format!("request {number}, `{asked}`, is not recorded")),
            Some(exchange) => difference(&exchange.request)
                .map(|what| format!("request {number} is `{asked}`: {what}")),
        };
        played.fault = played.fault.take().or(fault);
        match exchange {
            Some(exchange) if played.fault.is_none() => {
                played.count = number;
                Ok(exchange)
            }
            _ => Err(FetchError::Unreachable("nothing is recorded for this request".to_owned())),
        }
    }
}

impl Peer for Tape {
    fn answer(&self, request: &Request<Bytes>) -> Result<Incoming, FetchError> {
        let asked = format!("{} {}", request.method(), request.uri());
        let exchange = self.next(&asked, |wanted| {
            let url = Url::parse(&request.uri().to_string());
            let is_method = wanted.method == request.method().as_str();
            if !is_method || url.ok().as_ref() != Some(&wanted.url) {
                return Some(format!("expected `{} {}`", wanted.method, wanted.url));
            }
            header_difference(&wanted.headers, request.headers()).or_else(|| {
                let body = compare::body(wanted.body.as_ref()?, request.body())?;
                Some(format!("its body differs: {body}"))
            })
        })?;
        match &exchange.response {
            Answer::Fault(Fault::Unreachable) => {
                Err(FetchError::Unreachable("the case says so".to_owned()))
            }
            Answer::Fault(Fault::Interrupted) => {
                Err(FetchError::Interrupted("the case says so".to_owned()))
            }
            Answer::Response { status, headers, body } => {
                let header =
                    |(name, value): (&String, &String)| (name.to_ascii_lowercase(), value.clone());
                let headers = headers.iter().map(header).collect();
                Ok(Incoming { status: *status, headers, body: body.clone() })
            }
        }
    }

    /// Notes a request that may not go out: nobody could have recorded it.
    fn refused(&self, error: &FetchError) {
        if let FetchError::Denied(_) | FetchError::Invalid(_) | FetchError::RequestTooLarge(_) =
            error
        {
            let mut played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
            let number = played.count.saturating_add(1);
            played.fault.get_or_insert_with(|| format!("request {number} is refused: {error}"));
        }
    }
}

fn header_difference(wanted: &BTreeMap<String, String>, sent: &HeaderMap) -> Option<String> {
    wanted.iter().find_map(|(name, value)| {
        let values: Vec<_> =
            sent.get_all(name).iter().map(|it| String::from_utf8_lossy(it.as_bytes())).collect();
        let found = values.join(", ");
        let is_there = !values.is_empty();
        let quoted = |text: &str| compare::shown(&text.into());
        (!is_there || found != *value).then(|| {
            let found = if is_there { quoted(&found) } else { "nothing".to_owned() };
            format!("its header `{name}` differs: expected {}, found {found}", quoted(value))
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn a_response_has_a_status_or_is_a_fault() {
        let is_good = |response: Value| from_value::<Answer>(response).is_ok();
        assert!(is_good(json!({ "status": 200 })) && is_good(json!({ "status": 599 })));
        assert!(!is_good(json!({ "status": 199 })) && !is_good(json!({ "status": 600 })));
        assert!(is_good(json!({ "fault": "unreachable" })));
        assert!(!is_good(json!({ "fault": "unreachable", "status": 200 })));
        assert!(!is_good(json!({ "fault": "unreachable", "body": "x" })));
        assert!(!is_good(json!({})) && !is_good(json!({ "fault": "late" })));
    }

    #[test]
    fn a_request_has_a_url_of_its_own() {
        let is_good =
            |url: &str| from_value::<Asked>(json!({ "method": "GET", "url": url })).is_ok();
        assert!(is_good("https://crm.example/a?b"));
        assert!(!is_good("/a") && !is_good("ftp://crm.example/"));
    }

    #[test]
    fn headers_are_compared_as_they_go_out() {
        let mut sent = HeaderMap::new();
        sent.append("x-a", "1".parse().unwrap());
        sent.append("x-a", "2".parse().unwrap());
        let told = |name: &str, value: &str| {
            header_difference(&BTreeMap::from([(name.to_owned(), value.to_owned())]), &sent)
        };
        assert_eq!(told("X-A", "1, 2"), None);
        assert!(told("x-a", "1").unwrap().contains("expected `\"1\"`, found `\"1, 2\"`"));
        assert!(told("x-b", "").unwrap().contains("found nothing"));
    }
}
