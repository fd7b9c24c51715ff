//! Plugins: upload and list.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    ApiError, AppState,
    auth::Changed,
    body,
    page::{PageBody, Parameters},
    progress,
};
use crate::{
    account::{Chooser, Notice, PluginRecord},
    directory::{Difference, Installed, Place},
    plugin::Observer,
};

/// A plugin as the list shows it.
#[derive(Debug, Serialize)]
pub(super) struct PluginBody {
    #[serde(flatten)]
    record: PluginRecord,
    /// Why the host has gone back to this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<Notice>,
}

/// What became of an upload.
#[derive(Debug, Serialize)]
pub(super) struct InstalledBody {
    #[serde(flatten)]
    record: PluginRecord,
    /// `active`, `kept` where that was asked for, or `waiting` for an operator's yes.
    state: &'static str,
    /// How it differs from the version that was active.
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<Difference>,
}

/// How a version is taken in.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadQuery {
    /// Without it the version is kept, for a shadow run first.
    #[serde(default = "yes")]
    activate: bool,
}

fn yes() -> bool {
    true
}

/// `GET /api/v1/plugins`
pub(super) async fn list(State(state): State<Arc<AppState>>) -> Json<PageBody<PluginBody>> {
    let snapshot = state.directory.snapshot();
    let show = |plugin: &Arc<crate::plugin::Plugin>| {
        let record = plugin.record().clone();
        let place = Place { name: record.manifest.name.clone(), account: None };
        let notice = snapshot.activation(&place).and_then(|it| it.trail.notice.clone());
        PluginBody { record, notice }
    };
    Json(PageBody::whole(snapshot.plugins.values().map(show).collect()))
}

/// `POST /api/v1/plugins?activate=true` with the bytes of a component as the body.
///
/// Whoever accepts `application/x-ndjson` is told each stage as it begins, and the end last.
pub(super) async fn upload(
    State(state): State<Arc<AppState>>,
    Parameters(query): Parameters<UploadQuery>,
    headers: HeaderMap,
    bytes: Body,
) -> Result<Response, ApiError> {
    let bytes = body::read(bytes, state.plugin_bytes_max).await?;
    if headers.get(header::ACCEPT).is_some_and(|accept| accept == progress::NDJSON) {
        return Ok(progress::upload(state, bytes, query));
    }
    let (changed, installed) = install(&state, bytes, query, &|_stage| {}).await?;
    Ok((StatusCode::CREATED, Extension(changed), Json(installed)).into_response())
}

pub(super) async fn install(
    state: &AppState,
    bytes: Bytes,
    query: UploadQuery,
    observer: &Observer,
) -> Result<(Changed, InstalledBody), ApiError> {
    let now = state.clock.now();
    let by = query.activate.then_some(Chooser::Upload);
    let installed = state.directory.install(bytes.to_vec(), now, by, observer).await?;
    let Installed { record, is_waiting, difference } = installed;
    let word = match (is_waiting, query.activate) {
        (true, _) => "waiting",
        (false, true) => "active",
        (false, false) => "kept",
    };
    tracing::info!(plugin.name = %record.manifest.name, plugin.version = %record.manifest.version, plugin.digest = %record.digest, state = word, "plugin installed");
    state.reread.notify_one();
    state.waiters.wake_worker();
    let manifest = &record.manifest;
    let text = format!("{} {} {}: {word}", manifest.name, manifest.version, record.digest);
    Ok((Changed(text), InstalledBody { record, state: word, difference }))
}
