//! What a channel adapter takes and gives: requests, events, outcomes, answers.

pub use crate::bindings::channel::exports::patchbay::adapter::channel::{
    Effect, Event, Intake, Kind, Outcome, Received, Rejection, Request, Response,
};

pub use crate::bindings::channel_page::exports::patchbay::adapter::channel_page::Page;

impl Request {
    /// The first value of the header, whose name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_slice())
    }
}

impl Response {
    /// An answer without headers and body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// An answer with this JSON text and its content type.
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::typed(status, "application/json", body.into())
    }

    /// An answer with this plain text and its content type.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::typed(status, "text/plain; charset=utf-8", body.into())
    }

    /// The answer to a request with another method than those that `allow` lists, for instance to
    /// somebody who opens a webhook's URL in a browser; `text` says what the address is for.
    pub fn not_allowed(allow: &str, text: impl Into<String>) -> Self {
        let mut response = Self::text(405, text);
        response.headers.push(("allow".to_owned(), allow.to_owned()));
        response
    }

    fn typed(status: u16, content_type: &str, body: String) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into_bytes(),
        }
    }
}
