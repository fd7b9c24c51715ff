//! Webhooks: raw requests in, the adapter's answer out.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, Uri, request::Parts},
    response::Response,
};
use tokio::time::Instant;

use super::{ApiError, AppState, body, client::Client};
use crate::{event, telemetry::ReasonLabel};

/// `/hooks/{token}`, and `/hooks/{token}/…` for channels that call several paths.
pub(super) async fn receive(
    State(state): State<Arc<AppState>>,
    Extension(client): Extension<Client>,
    request: axum::extract::Request,
) -> Result<Response, ApiError> {
    let answer = accept(&state, client, request).await;
    answer.inspect_err(|error| {
        state.metrics.refused.get_or_create(&ReasonLabel { reason: error.code() }).inc();
    })
}

/// The order of the checks: cheap ones first, and none stores anything.
async fn accept(
    state: &AppState,
    Client(address): Client,
    request: axum::extract::Request,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    if state.tasks.is_stopping() {
        return Err(ApiError::Stopping);
    }
    let _slot = state.door.in_flight.try_acquire().map_err(|_full| ApiError::Busy)?;
    let (parts, body) = request.into_parts();
    let (token, path) = token_and_path(&parts.uri);
    let received_at = state.clock.now();
    {
        let snapshot = state.directory.snapshot();
        let entry = snapshot.by_token(token, received_at).ok_or(ApiError::UnknownToken)?;
        if !entry.account.takes_from(address) {
            return Err(ApiError::AddressNotAllowed);
        }
        let admitted =
            state.door.pace.admit(&entry.account.id, entry.account.webhook_rate, received_at);
        admitted.map_err(|wait| ApiError::TooFast { wait })?;
    }
    let headers = raw_headers(&parts, state.door.header_bytes_max)?;
    let body = body::read(body, state.door.body_bytes_max).await?;
    let request = event::Request {
        query: query(&parts),
        method: parts.method.as_str().to_owned(),
        path,
        headers,
        body,
        received_at,
        remote_address: address.to_string(),
    };
    let told = state.intake.accept(token, request, started).await?;
    Ok(answer(told.response))
}

fn query(parts: &Parts) -> String {
    parts.uri.query().unwrap_or_default().to_owned()
}

/// The token, and what follows `/hooks/{token}`, as they were sent: decoding could change what
/// they mean, and a path need not be text once decoded.
fn token_and_path(uri: &Uri) -> (&str, String) {
    let mut parts = uri.path().splitn(4, '/').skip(2);
    let token = parts.next().unwrap_or_default();
    (token, parts.next().map(|rest| format!("/{rest}")).unwrap_or_default())
}

fn raw_headers(parts: &Parts, bytes_max: usize) -> Result<Vec<(String, Vec<u8>)>, ApiError> {
    let headers = &parts.headers;
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes_max < bytes + parts.uri.path_and_query().map_or(0, |target| target.as_str().len()) {
        return Err(ApiError::HeadersTooLarge { bytes_max });
    }
    Ok(headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect())
}

/// The adapter's answer; the plugin floor has checked it.
fn answer(response: event::Response) -> Response {
    let mut answer = Response::new(Body::from(response.body));
    *answer.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers {
        let name = HeaderName::try_from(name);
        let value = HeaderValue::try_from(value);
        if let (Ok(name), Ok(value)) = (name, value) {
            answer.headers_mut().append(name, value);
        }
    }
    answer
}
