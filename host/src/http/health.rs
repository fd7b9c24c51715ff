//! Health checks and metrics. No token: they tell nothing about anybody.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};

use super::{ApiError, AppState};
use crate::{
    plugin::Figures,
    telemetry::{CallLabels, CauseLabels, FloorMetrics, PluginLabel, ReasonLabel},
};

/// `GET /health/live`: the process answers.
pub(super) async fn live() -> StatusCode {
    StatusCode::OK
}

/// `GET /health/ready`: webhooks can be taken in.
pub(super) async fn ready(State(state): State<Arc<AppState>>) -> Result<StatusCode, ApiError> {
    if state.tasks.is_stopping() {
        return Err(ApiError::Stopping);
    }
    state.stores.access.tokens().await?;
    Ok(StatusCode::OK)
}

/// `GET /metrics`: OpenMetrics text.
pub(super) async fn metrics(State(state): State<Arc<AppState>>) -> impl IntoResponse {
    tell(&state.metrics.floor, &state.directory.plugins().figures());
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], state.metrics.text())
}

/// Hands over what the plugin floor has counted.
fn tell(metrics: &FloorMetrics, figures: &Figures) {
    let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    metrics.calls_in_flight.set(figures.calls_in_flight.into());
    metrics.calls_max.set(figures.calls_max.into());
    if let Some(pool) = figures.pool {
        metrics.pool_instances.set(i64::try_from(pool.instances).unwrap_or(i64::MAX));
        metrics.pool_memories.set(gauge(pool.memories));
        metrics.pool_stacks.set(gauge(pool.stacks));
        metrics.pool_warm_memories.set(pool.warm_memories.into());
    }
    for count in &figures.calls {
        let plugin = count.plugin.to_string();
        let labels = CallLabels { plugin, export: count.export, outcome: count.outcome };
        metrics.calls.get_or_create(&labels).inner().store(count.calls, Ordering::Relaxed);
        let seconds = count.took.as_secs_f64().to_bits();
        metrics.call_seconds.get_or_create(&labels).inner().store(seconds, Ordering::Relaxed);
    }
    for (plugin, ran) in &figures.ran {
        let label = PluginLabel { plugin: plugin.to_string() };
        let seconds = ran.as_secs_f64().to_bits();
        metrics.cpu_seconds.get_or_create(&label).inner().store(seconds, Ordering::Relaxed);
    }
    for refusal in &figures.refusals {
        let labels = CauseLabels { plugin: refusal.plugin.clone(), cause: refusal.cause };
        metrics.refusals.get_or_create(&labels).inner().store(refusal.count, Ordering::Relaxed);
    }
    for (reason, count) in &figures.turned_away {
        let counter = metrics.plugins_refused.get_or_create(&ReasonLabel { reason });
        counter.inner().store(*count, Ordering::Relaxed);
    }
    metrics.breakers_open.clear();
    for plugin in &figures.open_breakers {
        let label = PluginLabel { plugin: plugin.to_string() };
        metrics.breakers_open.get_or_create(&label).set(1);
    }
}
