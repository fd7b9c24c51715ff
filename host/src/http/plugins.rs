//! Plugins: upload and list.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
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
    account::{Chooser, Notice, PluginRecord, Version},
    base64,
    directory::{Difference, Installed, Place},
    plugin::{Observer, Plugin, Upload},
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

/// The signature of an upload: minisign's file in base64.
const SIGNATURE: &str = "patchbay-signature";

fn yes() -> bool {
    true
}

/// How much of each plugin is shown.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// With the list of its parts.
    #[serde(default)]
    verbose: bool,
}

/// `GET /api/v1/plugins?verbose=false`
pub(super) async fn list(
    State(state): State<Arc<AppState>>,
    Parameters(query): Parameters<ListQuery>,
) -> Result<Json<PageBody<PluginBody>>, ApiError> {
    let snapshot = state.directory.snapshot();
    let stored = state.stores.versions.versions().await?;
    let show = |plugin: &Arc<Plugin>| {
        // Its signature may be younger than its use.
        let is_it = |version: &&Version| version.record.digest == plugin.record().digest;
        let record = stored.iter().find(is_it).map_or(plugin.record(), |version| &version.record);
        let record = if query.verbose { record.clone() } else { record.clone().in_short() };
        let place = Place { name: record.manifest.name.clone(), account: None };
        let notice = snapshot.activation(&place).and_then(|it| it.trail.notice.clone());
        PluginBody { record, notice }
    };
    Ok(Json(PageBody::whole(snapshot.plugins.values().map(show).collect())))
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
    let signature = signature(&headers)?;
    let bytes = body::read(bytes, state.plugin_bytes_max).await?.to_vec();
    let upload = Upload { bytes, signature };
    if headers.get(header::ACCEPT).is_some_and(|accept| accept == progress::NDJSON) {
        return Ok(progress::upload(state, upload, query));
    }
    let (changed, installed) = install(&state, upload, query, &|_stage| {}).await?;
    Ok((StatusCode::CREATED, Extension(changed), Json(installed)).into_response())
}

fn signature(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut values = headers.get_all(SIGNATURE).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().and_then(base64::decode);
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    let wrong = || ApiError::BadInput(format!("`{SIGNATURE}` is no file of minisign in base64"));
    text.filter(|_| values.next().is_none()).map(Some).ok_or_else(wrong)
}

pub(super) async fn install(
    state: &AppState,
    upload: Upload,
    query: UploadQuery,
    observer: &Observer,
) -> Result<(Changed, InstalledBody), ApiError> {
    let now = state.clock.now();
    let by = query.activate.then_some(Chooser::Upload);
    let installed = state.directory.install(upload, now, by, observer).await?;
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
    let signer = record.signature.as_ref().map(|it| format!(", signed by {}", it.key));
    let signer = signer.unwrap_or_default();
    let text = format!("{} {} {}: {word}{signer}", manifest.name, manifest.version, record.digest);
    let record = record.in_short();
    Ok((Changed(text), InstalledBody { record, state: word, difference }))
}
