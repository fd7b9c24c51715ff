//! Health checks and metrics. No token: they tell nothing about anybody.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};

use super::{ApiError, AppState};

/// `GET /health/live`: the process answers.
pub(super) async fn live() -> StatusCode {
    StatusCode::OK
}

/// `GET /health/ready`: webhooks can be taken in.
pub(super) async fn ready(State(state): State<Arc<AppState>>) -> Result<StatusCode, ApiError> {
    if state.tasks.is_stopping() {
        return Err(ApiError::Stopping);
    }
    state.stores.registry.tokens().await?;
    Ok(StatusCode::OK)
}

/// `GET /metrics`: OpenMetrics text.
pub(super) async fn metrics(State(state): State<Arc<AppState>>) -> impl IntoResponse {
    let in_flight = state.directory.plugins().figures().calls_in_flight;
    state.metrics.calls_in_flight.set(i64::from(in_flight));
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], state.metrics.text())
}
