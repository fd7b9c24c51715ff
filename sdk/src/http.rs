//! The one way out: `fetch`, and a builder of requests.
//!
//! ```no_run
//! use patchbay_sdk::{http, types::Error};
//!
//! fn ping() -> Result<u16, Error> {
//!     let answer = http::Request::get("https://crm.example.com/ping").header("accept", "text/plain").send()?;
//!     Ok(answer.status)
//! }
//! ```

pub use crate::bindings::imports::patchbay::adapter::http::{Error, Request, Response};

use crate::imports;
use crate::types;

/// Sends a request to a granted host and waits for the whole answer, whatever its status.
///
/// The host keeps the account to its rate: a request waits for its turn up to 20 seconds. Where the
/// turn is later, or after the end of the call, nothing is sent and the answer is a `429` with
/// `retry-after`, as from a server that was asked too fast: answer [`types::Error::RateLimited`]
/// with [`Response::retry_after_ms`] to both.
///
/// Where the manifest says `oauth2`, the host adds the bearer token to a request that has no
/// `authorization` header of its own, and renews a refused one. A `401` that arrives here is final:
/// answer [`Response::unauthorized`].
#[expect(clippy::needless_pass_by_value, reason = "a request is handed over: it is sent once")]
pub fn fetch(request: Request) -> Result<Response, Error> {
    imports::fetch(&request)
}

impl Request {
    /// A request with any method, in upper case.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms: None,
        }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A POST request.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// The first value of the header, whatever the case of its name; for tests, for instance that a
    /// request leaves its `authorization` to the host.
    pub fn value_of(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body and its content type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// Sets a JSON text as the body, with its content type.
    #[must_use]
    pub fn json(self, body: impl Into<Vec<u8>>) -> Self {
        self.body("application/json", body)
    }

    /// Shortens the host's time limit; it is never lengthened.
    #[must_use]
    pub fn timeout_ms(mut self, timeout_ms: u32) -> Self {
        self.timeout_ms = Some(timeout_ms);
        self
    }

    /// Sends it: [`fetch`].
    pub fn send(self) -> Result<Response, Error> {
        fetch(self)
    }
}

impl Response {
    /// An answer without headers and body, for tests.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// An answer with this JSON text, for tests.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { status, headers, body: body.into() }
    }

    /// Adds a header, whose name is given in lower case; for tests.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The first value of the header, whose name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What `retry-after` says, in milliseconds. The form with a date is left to the host's backoff.
    pub fn retry_after_ms(&self) -> Option<u64> {
        let seconds: u64 = self.header("retry-after")?.trim().parse().ok()?;
        Some(seconds.saturating_mul(1000))
    }

    /// The error of a `401`: with this text, or with the host's own where the host obtained no token
    /// and sent nothing, because only that tells the operator what the token endpoint said.
    pub fn unauthorized(&self, text: &str) -> types::Error {
        let is_of_host = self.header("x-patchbay") == Some("token-refused");
        let own = is_of_host.then(|| str::from_utf8(&self.body).ok()).flatten();
        let own = own.filter(|own| !own.trim().is_empty());
        types::Error::Unauthorized(own.unwrap_or(text).to_owned())
    }

    /// Whether the status is one of 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// The error of a call that only read: nothing was changed, so a lost answer is no danger.
impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(text) => Self::Unsupported(text),
            Error::Invalid(text) | Error::RequestTooLarge(text) | Error::ResponseTooLarge(text) => {
                Self::Invalid(vec![types::Problem::general(text)])
            }
            Error::Unreachable(text) | Error::Interrupted(text) | Error::Spent(text) => {
                Self::Unavailable(text)
            }
        }
    }
}

/// The error of a call that was meant to write: an answer that was lost leaves open what happened.
///
/// Use it as `request.send().map_err(http::after_write)?`.
pub fn after_write(error: Error) -> types::Error {
    match error {
        Error::Interrupted(text) | Error::ResponseTooLarge(text) => {
            types::Error::UnknownOutcome(text)
        }
        // Never sent: nothing can have happened.
        Error::Denied(_)
        | Error::Invalid(_)
        | Error::RequestTooLarge(_)
        | Error::Unreachable(_)
        | Error::Spent(_) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_whole_seconds_or_not_at_all() {
        let wait =
            |value: &str| Response::empty(429).with_header("retry-after", value).retry_after_ms();
        assert_eq!([wait("7"), wait(" 0 ")], [Some(7000), Some(0)]);
        assert_eq!(wait("Fri, 02 Jan 2026 12:00:00 GMT"), None);
        assert_eq!(Response::empty(429).retry_after_ms(), None);
    }

    #[test]
    fn a_refused_token_is_told_in_the_hosts_words_and_a_refused_request_in_ones_own() {
        let refused = |header: &str, body: &str| {
            let response = Response { body: body.into(), ..Response::empty(401) };
            match response.with_header("x-patchbay", header).unauthorized("own") {
                types::Error::Unauthorized(text) => text,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refused("token-refused", "the host's"), "the host's");
        assert_eq!(refused("token-refused", " "), "own");
        assert_eq!(refused("rate-limited", "somebody's"), "own");
    }

    #[test]
    fn a_header_is_found_whatever_its_case() {
        let request = Request::get("https://crm.example.com/").header("Authorization", "Basic own");
        assert_eq!(request.value_of("authorization"), Some("Basic own"));
        assert_eq!(request.value_of("accept"), None);
    }

    #[test]
    fn a_lost_answer_is_harmless_after_a_read_and_unknown_after_a_write() {
        let text = || "text".to_owned();
        let invalid = || types::Error::Invalid(vec![types::Problem::general("text")]);
        let table = [
            (
                Error::Denied(text()),
                types::Error::Unsupported(text()),
                types::Error::Unsupported(text()),
            ),
            (Error::Invalid(text()), invalid(), invalid()),
            (
                Error::Unreachable(text()),
                types::Error::Unavailable(text()),
                types::Error::Unavailable(text()),
            ),
            (
                Error::Interrupted(text()),
                types::Error::Unavailable(text()),
                types::Error::UnknownOutcome(text()),
            ),
            (Error::RequestTooLarge(text()), invalid(), invalid()),
            (Error::ResponseTooLarge(text()), invalid(), types::Error::UnknownOutcome(text())),
            (
                Error::Spent(text()),
                types::Error::Unavailable(text()),
                types::Error::Unavailable(text()),
            ),
        ];
        for (error, read, write) in table {
            assert_eq!(types::Error::from(error.clone()), read);
            assert_eq!(after_write(error), write);
        }
    }
}
