//! `http`: the one way out.

use std::time::Duration;

use tokio::time::Instant;

use crate::plugin::{
    bind::Bound,
    bindings::patchbay::adapter::http::{Error, Host, Request, Response},
    egress::{FetchError, Incoming, Outgoing},
    state::CallState,
    turnstile::{NoTurn, PATIENCE},
};

impl Host for CallState {
    async fn fetch(&mut self, request: Request) -> wasmtime::Result<Result<Response, Error>> {
        if self.export.is_pure {
            return Ok(Err(Error::Denied(format!(
                "`http.fetch` is not allowed in `{}`: it is pure",
                self.export.name
            ))));
        }
        let Some(bound) = self.bound.clone() else {
            return Ok(Err(Error::Denied("`http.fetch` needs an account".to_owned())));
        };
        if self.limits.http_calls <= self.used.http {
            let max = self.limits.http_calls;
            return Ok(Err(Error::Spent(format!(
                "all {max} calls of `http.fetch` are used (`limits.http_calls`)"
            ))));
        }
        self.used.http += 1;
        let started = Instant::now();
        let patience = PATIENCE.min(self.until.saturating_duration_since(started));
        let answer = in_turn(&bound, patience, request).await;
        self.cpu.waited(started.elapsed());
        Ok(answer)
    }
}

/// Sends the request when it is the account's turn.
async fn in_turn(bound: &Bound, patience: Duration, request: Request) -> Result<Response, Error> {
    match bound.turnstile.pass(patience).await {
        Ok(()) => bound.door.fetch(outgoing(request)).await.map(response).map_err(error),
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
    let headers = vec![
        ("retry-after".to_owned(), whole_s.to_string()),
        ("x-patchbay".to_owned(), "rate-limited".to_owned()),
    ];
    Response { status: 429, headers, body: Vec::new() }
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
