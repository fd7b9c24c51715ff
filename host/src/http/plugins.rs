//! Plugins: upload and list.

use std::sync::Arc;

use axum::{Extension, Json, body::Body, extract::State, http::StatusCode};

use super::{ApiError, AppState, auth::Changed, body, page::PageBody};
use crate::account::PluginRecord;

/// `GET /api/v1/plugins`
pub(super) async fn list(State(state): State<Arc<AppState>>) -> Json<PageBody<PluginRecord>> {
    let snapshot = state.directory.snapshot();
    Json(PageBody::whole(snapshot.plugins.values().map(|plugin| plugin.record().clone()).collect()))
}

/// `POST /api/v1/plugins` with the bytes of a component as the body.
pub(super) async fn upload(
    State(state): State<Arc<AppState>>,
    bytes: Body,
) -> Result<(StatusCode, Extension<Changed>, Json<PluginRecord>), ApiError> {
    let bytes = body::read(bytes, state.plugin_bytes_max).await?;
    let record = state.directory.install(bytes.to_vec(), state.clock.now()).await?;
    tracing::info!(plugin.name = %record.manifest.name, plugin.version = %record.manifest.version, plugin.digest = %record.digest, "plugin installed");
    state.reread.notify_one();
    state.waiters.wake_worker();
    let manifest = &record.manifest;
    let changed = Changed(format!("{} {} {}", manifest.name, manifest.version, record.digest));
    Ok((StatusCode::CREATED, Extension(changed), Json(record)))
}
