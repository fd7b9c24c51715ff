//! `POST /hooks/{token}`: read, journal, answer.

use std::{
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use bytes::Bytes;

use crate::{
    TOKEN, jivo,
    journal::{Journal, NewWebhook, Refused},
};

const BODY_BYTES_MAX: usize = 1024 * 1024;

pub(crate) fn router(
    journal: Journal,
) -> axum::extract::connect_info::IntoMakeServiceWithConnectInfo<Router, SocketAddr> {
    Router::new()
        .route("/hooks/{token}", post(webhook))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(journal)
        .into_make_service_with_connect_info::<SocketAddr>()
}

async fn webhook(
    State(journal): State<Journal>,
    ConnectInfo(remote): ConnectInfo<SocketAddr>,
    Path(token): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if token != TOKEN {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Ok(event) = jivo::read(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let Ok(headers) = headers_json(&headers) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let webhook = NewWebhook {
        received_at_us: now_us(),
        method: "POST".to_owned(),
        query: query.unwrap_or_default(),
        headers,
        body,
        remote_address: remote.ip().to_string(),
        event,
    };
    match journal.accept(webhook).await {
        Ok(()) => {
            ([(header::CONTENT_TYPE, "application/json")], r#"{"result":"ok"}"#).into_response()
        }
        Err(Refused::Overloaded | Refused::Unavailable) => {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response()
        }
    }
}

fn headers_json(headers: &HeaderMap) -> serde_json::Result<String> {
    let pairs: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    serde_json::to_string(&pairs)
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
