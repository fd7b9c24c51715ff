//! `http`: the one way out.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::plugin::{
    bind::Bound,
    bindings::patchbay::adapter::http::{Error, Host, Request, Response},
    egress::{FetchError, Incoming, NoToken, Outgoing, Token},
    state::CallState,
    turnstile::{NoTurn, PATIENCE},
};

const AUTHORIZATION: &str = "authorization";
const UNAUTHORIZED: u16 = 401;
const TOO_MANY_REQUESTS: u16 = 429;

impl Host for CallState {
    async fn fetch(&mut self, request: Request) -> wasmtime::Result<Result<Response, Error>> {
        self.memory.went_on();
        let answer = self.fetched(request).await;
        if let Err(error) = &answer {
            self.refused.note(cause(error));
        }
        Ok(answer)
    }
}

impl CallState {
    async fn fetched(&mut self, request: Request) -> Result<Response, Error> {
        if self.export.is_pure {
            return Err(Error::Denied(format!(
                "`http.fetch` is not allowed in `{}`: it is pure",
                self.export.name
            )));
        }
        let Some(bound) = self.bound.clone() else {
            return Err(Error::Denied("`http.fetch` needs an account".to_owned()));
        };
        if self.limits.http_calls <= self.used.http {
            let max = self.limits.http_calls;
            return Err(Error::Spent(format!(
                "all {max} calls of `http.fetch` are used (`limits.http_calls`)"
            )));
        }
        self.used.http += 1;
        send(&bound, self.until, outgoing(request)).await
    }
}

/// The word for metrics.
fn cause(error: &Error) -> &'static str {
    match error {
        Error::Denied(_) => "http-denied",
        Error::Invalid(_) => "http-invalid",
        Error::Unreachable(_) => "http-unreachable",
        Error::Interrupted(_) => "http-interrupted",
        Error::RequestTooLarge(_) => "http-request-too-large",
        Error::ResponseTooLarge(_) => "http-response-too-large",
        Error::Spent(_) => "http-calls",
    }
}

/// Sends the request with a token where the host obtains them for this account, and once more with
/// a new one where that is refused.
async fn send(bound: &Bound, until: Instant, request: Outgoing) -> Result<Response, Error> {
    let is_own = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(AUTHORIZATION));
    let Some(oauth) = bound.door.oauth().filter(|_| !is_own) else {
        return in_turn(bound, until, request, None).await;
    };
    // What may not go out needs no token.
    bound.door.check(&request).map_err(error)?;
    let token = match oauth.token(&bound.door, bound.clock.now()).await {
        Ok(token) => token,
        Err(reason) => return no_token(bound, &reason),
    };
    let answer = in_turn(bound, until, request.clone(), Some(&token)).await?;
    if answer.status != UNAUTHORIZED {
        return Ok(answer);
    }
    // Refused before anything was done for it, so that it may be repeated whatever it is.
    oauth.forget(&token).await;
    match oauth.token(&bound.door, bound.clock.now()).await {
        Ok(token) => in_turn(bound, until, request, Some(&token)).await,
        Err(reason) => no_token(bound, &reason),
    }
}

/// What every adapter knows already: the answer of a server that refuses its credentials, or that
/// was asked too fast. Nothing has been sent, or it was refused.
fn no_token(bound: &Bound, reason: &NoToken) -> Result<Response, Error> {
    let text = reason.to_string();
    match reason {
        NoToken::Refused(_) => {
            tracing::warn!(error = text, "the host obtains no token for the account");
            bound.refuse(text.clone());
            Ok(marked(UNAUTHORIZED, "token-refused", None, text))
        }
        NoToken::TooFast(wait_s) => Ok(marked(TOO_MANY_REQUESTS, "rate-limited", *wait_s, text)),
        NoToken::Denied(_) => Err(Error::Denied(text)),
        NoToken::Unreachable(_) => Err(Error::Unreachable(text)),
    }
}

/// Sends the request when it is the account's turn.
async fn in_turn(
    bound: &Bound,
    until: Instant,
    request: Outgoing,
    token: Option<&Arc<Token>>,
) -> Result<Response, Error> {
    let patience = PATIENCE.min(until.saturating_duration_since(Instant::now()));
    match bound.turnstile.pass(patience).await {
        Ok(()) => {
            let token = token.map(AsRef::as_ref);
            bound.door.fetch_with(request, token).await.map(response).map_err(error)
        }
        Err(NoTurn::TooFar(wait)) => Ok(too_early(wait)),
        Err(NoTurn::Unavailable(error)) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the turns of an account are unavailable"
            );
            Err(Error::Unreachable("the host's store is unavailable".to_owned()))
        }
    }
}

/// What every adapter knows already: the answer of a server that was asked too fast.
fn too_early(wait: Duration) -> Response {
    let whole_s = wait.as_secs().saturating_add(u64::from(0 < wait.subsec_nanos()));
    marked(TOO_MANY_REQUESTS, "rate-limited", Some(whole_s), String::new())
}

/// An answer of the host's own, which says so.
fn marked(status: u16, mark: &str, retry_after_s: Option<u64>, text: String) -> Response {
    let wait = retry_after_s.map(|wait_s| ("retry-after".to_owned(), wait_s.to_string()));
    let mark = ("x-patchbay".to_owned(), mark.to_owned());
    Response { status, headers: wait.into_iter().chain([mark]).collect(), body: text.into_bytes() }
}

fn outgoing(request: Request) -> Outgoing {
    let Request { method, url, headers, body, timeout_ms } = request;
    Outgoing { method, url, headers, body, timeout_ms }
}

fn response(incoming: Incoming) -> Response {
    let Incoming { status, headers, body } = incoming;
    Response { status, headers, body }
}

fn error(error: FetchError) -> Error {
    match error {
        FetchError::Denied(text) => Error::Denied(text),
        FetchError::Invalid(text) => Error::Invalid(text),
        FetchError::Unreachable(text) => Error::Unreachable(text),
        FetchError::Interrupted(text) => Error::Interrupted(text),
        FetchError::RequestTooLarge(text) => Error::RequestTooLarge(text),
        FetchError::ResponseTooLarge(text) => Error::ResponseTooLarge(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_that_is_too_early_waits_whole_seconds() {
        let wait = |ms| too_early(Duration::from_millis(ms)).headers.remove(0).1;
        assert_eq!([wait(1), wait(1000), wait(1001)], ["1", "1", "2"]);
    }
}
