//! `http`: the one way out.

use tokio::time::Instant;

use crate::plugin::{
    bindings::patchbay::adapter::http::{Error, Host, Request, Response},
    egress::{FetchError, Incoming, Outgoing},
    state::CallState,
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
        let answer = bound.door.fetch(outgoing(request)).await;
        self.cpu.waited(started.elapsed());
        Ok(answer.map(response).map_err(error))
    }
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
