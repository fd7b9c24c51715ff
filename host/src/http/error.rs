//! The one way from a failure to an HTTP answer: problem details as in RFC 9457.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{access::Scope, card::Problem, directory, id::TokenName, intake, plugin, storage};

/// Everything a handler can fail with.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("there is nothing at this address")]
    NoSuchAddress,
    #[error("no channel has this address")]
    UnknownToken,
    #[error("this address does not know the method: see its `allow` header or `/openapi.json`")]
    MethodNotAllowed,
    #[error("{what} `{id}` does not exist")]
    NotFound { what: &'static str, id: String },
    #[error("send the API token as `authorization: bearer <token>`")]
    NoToken,
    #[error("the API token is not known")]
    WrongToken,
    #[error("the API token `{name}` {how}: ask for another one")]
    TokenEnded { name: TokenName, how: &'static str },
    #[error("the API token `{name}` may not do this: it needs the scope `{}`", .needed.name())]
    Forbidden { name: TokenName, needed: Scope },
    #[error("webhooks of this address are not taken from where this one came from")]
    AddressNotAllowed,
    #[error("the body is larger than {bytes_max} bytes")]
    BodyTooLarge { bytes_max: usize },
    #[error("path, query and headers are larger than {bytes_max} bytes")]
    HeadersTooLarge { bytes_max: usize },
    #[error("the body did not arrive whole")]
    BodyCut,
    #[error("the body did not arrive in time")]
    BodyTooSlow,
    #[error("{0}")]
    BadInput(String),
    #[error("the request is not right")]
    Invalid(Vec<Problem>),
    #[error("the plugin is refused: {0}")]
    PluginRefused(String),
    /// Not the plugin's fault.
    #[error("the plugin could not be loaded now: try again")]
    PluginNotLoaded(#[source] plugin::Refusal),
    #[error("{0}")]
    Conflict(String),
    #[error("requests come faster than this address takes them: try again after {} ms", .wait.as_millis())]
    TooFast { wait: Duration },
    #[error("too many requests are in work: try again")]
    Busy,
    #[error("the host is stopping: try again")]
    Stopping,
    #[error("the channel is not ready: its account has problems")]
    ChannelNotReady,
    #[error("the adapter of the channel could not read it: {0}")]
    Channel(String),
    /// The log says why.
    #[error("the page cannot be shown now: try again")]
    PageNotReady,
    #[error("the CRM could not be asked: {0}")]
    Crm(String),
    #[error("the host cannot store anything now: try again")]
    Storage(#[from] storage::Error),
}

/// The body of an error answer.
#[derive(Debug, Serialize)]
pub(super) struct ProblemDetails {
    r#type: &'static str,
    /// Stable, for programs.
    code: &'static str,
    status: u16,
    title: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Problem>,
}

impl ApiError {
    pub(super) fn code(&self) -> &'static str {
        self.status_and_code().1
    }

    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoSuchAddress => (StatusCode::NOT_FOUND, "no-such-address"),
            Self::UnknownToken => (StatusCode::NOT_FOUND, "unknown-token"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"),
            Self::NotFound { .. } => (StatusCode::NOT_FOUND, "not-found"),
            Self::NoToken => (StatusCode::UNAUTHORIZED, "no-token"),
            Self::WrongToken => (StatusCode::UNAUTHORIZED, "wrong-token"),
            Self::TokenEnded { .. } => (StatusCode::UNAUTHORIZED, "token-ended"),
            Self::Forbidden { .. } => (StatusCode::FORBIDDEN, "forbidden"),
            Self::AddressNotAllowed => (StatusCode::FORBIDDEN, "address-not-allowed"),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large"),
            Self::HeadersTooLarge { .. } => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers-too-large")
            }
            Self::BodyCut => (StatusCode::BAD_REQUEST, "body-cut"),
            Self::BodyTooSlow => (StatusCode::REQUEST_TIMEOUT, "body-too-slow"),
            Self::BadInput(_) => (StatusCode::BAD_REQUEST, "bad-input"),
            Self::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            Self::PluginRefused(_) => (StatusCode::UNPROCESSABLE_ENTITY, "plugin-refused"),
            Self::PluginNotLoaded(_) => (StatusCode::SERVICE_UNAVAILABLE, "plugin-not-loaded"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Self::TooFast { .. } => (StatusCode::TOO_MANY_REQUESTS, "too-fast"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            Self::ChannelNotReady => (StatusCode::SERVICE_UNAVAILABLE, "channel-not-ready"),
            Self::Channel(_) => (StatusCode::BAD_GATEWAY, "channel"),
            Self::PageNotReady => (StatusCode::SERVICE_UNAVAILABLE, "page-not-ready"),
            Self::Crm(_) => (StatusCode::BAD_GATEWAY, "crm"),
            Self::Storage(_) => (StatusCode::SERVICE_UNAVAILABLE, "storage"),
        }
    }
}

impl ProblemDetails {
    pub(super) fn status(&self) -> u16 {
        self.status
    }
}

impl ApiError {
    /// The body of the answer; what is the host's own fault is logged.
    pub(super) fn problem(self) -> ProblemDetails {
        let (status, code) = self.status_and_code();
        if let Self::Storage(_) | Self::PluginNotLoaded(_) = &self {
            tracing::error!(cause = cause(&self), "a request failed: {self}");
        }
        let title = self.to_string();
        let problems = if let Self::Invalid(problems) = self { problems } else { Vec::new() };
        ProblemDetails { r#type: "about:blank", code, status: status.as_u16(), title, problems }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, _code) = self.status_and_code();
        let wait_s = if let Self::TooFast { wait } = &self { whole_seconds(*wait) } else { 1 };
        let body = serde_json::to_vec(&self.problem()).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS = status {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait_s));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A part of a second counts as one: whoever comes again then is not too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(0 < wait.subsec_nanos()))
}

/// The innermost reason, for the log.
fn cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl From<intake::Error> for ApiError {
    fn from(error: intake::Error) -> Self {
        match error {
            intake::Error::UnknownToken => Self::UnknownToken,
            intake::Error::NotReady => Self::ChannelNotReady,
            intake::Error::Storage(error) => Self::Storage(error),
        }
    }
}

impl From<directory::Error> for ApiError {
    fn from(error: directory::Error) -> Self {
        match error {
            directory::Error::Refused(refusal) if !refusal.is_final() => {
                Self::PluginNotLoaded(refusal)
            }
            directory::Error::Refused(refusal) => Self::PluginRefused(refusal.to_string()),
            directory::Error::Invalid(problems) => Self::Invalid(problems),
            directory::Error::Missing { what, id } => Self::NotFound { what, id },
            directory::Error::OtherPlugin { .. }
            | directory::Error::InUse(_)
            | directory::Error::Conflict(_) => Self::Conflict(error.to_string()),
            directory::Error::Storage(error @ storage::Error::Changed(_)) => {
                Self::Conflict(error.to_string())
            }
            directory::Error::Storage(error) => Self::Storage(error),
        }
    }
}
