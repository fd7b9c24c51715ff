//! Versions of a plugin: list, activate, approve, roll back.

use std::sync::Arc;

use axum::{Extension, Json, body::Body, extract::State};
use serde::{Deserialize, Serialize};

use super::{
    ApiError, AppState,
    accounts::field_problem,
    auth, body,
    page::{PageBody, Segment},
};
use crate::{
    account::{Activation, PluginRecord, Standing, Trail, Version},
    attempt,
    directory::{Changed, Difference, Place, Snapshot},
    id::{AccountId, Digest, PluginName},
};

/// Most webhooks of one account in a shadow run.
const SHADOW_EVENTS_MAX: u32 = 1000;

/// One version as the API shows it.
#[derive(Debug, Serialize)]
pub(super) struct VersionBody {
    #[serde(flatten)]
    record: PluginRecord,
    /// `active` for all or for an account, `kept`, or `waiting` for an operator's yes.
    state: &'static str,
    /// Why this host would not load it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// How it is active for all accounts without a choice of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    for_all: Option<Trail>,
    /// Accounts that have chosen it for themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<AccountId>,
    /// Of a version that waits: how it differs from the active one.
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<Difference>,
}

/// Which version, and for whom.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChoiceInput {
    /// The digest, or enough of its beginning. With an account: without it the account goes with
    /// all the others again.
    #[serde(default)]
    digest: Option<String>,
    /// Without it: all accounts that have no choice of their own.
    #[serde(default)]
    account: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ChangedBody {
    plugin: PluginName,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<AccountId>,
    before: Option<Digest>,
    digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<Difference>,
}

/// A change with its detail for the audit log.
type Done = (Extension<auth::Changed>, Json<ChangedBody>);

/// `GET /api/v1/plugins/{name}/versions`
pub(super) async fn list(
    State(state): State<Arc<AppState>>,
    Segment(name): Segment<String>,
) -> Result<Json<PageBody<VersionBody>>, ApiError> {
    let name = plugin(&name)?;
    let versions = state.directory.versions_of(&name).await?;
    if versions.is_empty() {
        return Err(unknown(name.as_str()));
    }
    let snapshot = state.directory.snapshot();
    let show = |version| show(&state, &snapshot, version);
    Ok(Json(PageBody::whole(versions.into_iter().map(show).collect())))
}

/// `POST /api/v1/plugins/{name}/activate`
pub(super) async fn activate(
    State(state): State<Arc<AppState>>,
    Segment(name): Segment<String>,
    input: Body,
) -> Result<Done, ApiError> {
    let (place, digest) = choice(&name, input).await?;
    let now = state.clock.now();
    let changed = state.directory.activate(place.clone(), digest.as_deref(), now).await?;
    Ok(done(&state, place, changed, "activated"))
}

/// `POST /api/v1/plugins/{name}/approve`
pub(super) async fn approve(
    State(state): State<Arc<AppState>>,
    Segment(name): Segment<String>,
    input: Body,
) -> Result<Done, ApiError> {
    let (place, digest) = choice(&name, input).await?;
    let digest =
        digest.ok_or_else(|| ApiError::BadInput("name the version by its `digest`".to_owned()))?;
    let changed = state.directory.approve(place.clone(), &digest, state.clock.now()).await?;
    Ok(done(&state, place, changed, "approved and activated"))
}

/// `POST /api/v1/plugins/{name}/rollback`
pub(super) async fn roll_back(
    State(state): State<Arc<AppState>>,
    Segment(name): Segment<String>,
    input: Body,
) -> Result<Done, ApiError> {
    let (place, digest) = choice(&name, input).await?;
    if digest.is_some() {
        let message = "a rollback goes one step back: to choose a version, activate it";
        return Err(ApiError::BadInput(message.to_owned()));
    }
    let changed = state.directory.roll_back(place.clone(), state.clock.now()).await?;
    Ok(done(&state, place, changed, "rolled back"))
}

/// What a version is tried on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShadowInput {
    digest: String,
    /// Without it: all accounts of the plugin.
    #[serde(default)]
    account: Option<String>,
    /// Last webhooks of each channel account.
    #[serde(default = "shadow_events")]
    events: u32,
}

fn shadow_events() -> u32 {
    100
}

/// `POST /api/v1/plugins/{name}/shadow`
pub(super) async fn shadow(
    State(state): State<Arc<AppState>>,
    Segment(name): Segment<String>,
    input: Body,
) -> Result<Json<attempt::Shadow>, ApiError> {
    let name = plugin(&name)?;
    let ShadowInput { digest, account, events } = body::read_json(input).await?;
    if !(1..=SHADOW_EVENTS_MAX).contains(&events) {
        let message = format!("{events} is not between 1 and {SHADOW_EVENTS_MAX}");
        return Err(field_problem("events", &message));
    }
    let account = account.map(|id| account_id(&id)).transpose()?;
    let place = Place { name, account };
    state.directory.check_account(&place)?;
    let version = state.directory.version(&place.name, &digest).await?;
    let next = state.directory.ready(version).await?;
    let account = place.account.as_ref();
    // Behind a pointer: see `attempt::Work`.
    let shadow = Box::pin(attempt::shadow(&state.means, &next, account, events)).await?;
    Ok(Json(shadow))
}

fn account_id(id: &str) -> Result<AccountId, ApiError> {
    let missing = |_no_id| ApiError::NotFound { what: "account", id: id.to_owned() };
    id.parse().map_err(missing)
}

fn done(state: &AppState, place: Place, changed: Changed, what: &str) -> Done {
    let Changed { before, now, difference } = changed;
    let account = place.account.as_ref().map_or("all", AccountId::as_str);
    let digest = now.map_or_else(|| "that of all others".to_owned(), |digest| digest.to_string());
    tracing::info!(plugin.name = %place.name, plugin.digest = digest, account.name = account, "version {what}");
    // What one version could not read another one may.
    state.reread.notify_one();
    state.waiters.wake_worker();
    let was = before.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
    let told = auth::Changed(format!("account: {account}; version: {digest}; before: {was}"));
    let Place { name: plugin, account } = place;
    (Extension(told), Json(ChangedBody { plugin, account, before, digest: now, difference }))
}

pub(super) fn plugin(name: &str) -> Result<PluginName, ApiError> {
    name.parse().map_err(|_no_name| unknown(name))
}

fn unknown(name: &str) -> ApiError {
    ApiError::NotFound { what: "plugin", id: name.to_owned() }
}

async fn choice(name: &str, input: Body) -> Result<(Place, Option<String>), ApiError> {
    let name = plugin(name)?;
    let ChoiceInput { digest, account } = body::read_json(input).await?;
    let account = account.map(|id| account_id(&id)).transpose()?;
    Ok((Place { name, account }, digest))
}

fn show(state: &AppState, snapshot: &Snapshot, version: Version) -> VersionBody {
    let Version { record, standing, .. } = version;
    let place = Place { name: record.manifest.name.clone(), account: None };
    let is_it = |it: &&Activation| it.name == place.name && it.digest == Some(record.digest);
    let active: Vec<&Activation> = snapshot.activations.iter().filter(is_it).collect();
    let for_all = active.iter().find(|it| it.account.is_none()).map(|it| it.trail.clone());
    let accounts = active.iter().filter_map(|it| it.account.clone()).collect();
    let waits = standing == Standing::Waiting;
    let difference = waits.then(|| state.directory.compare(&record, &place)).flatten();
    let word = match (waits, active.is_empty()) {
        (true, _) => "waiting",
        (false, false) => "active",
        (false, true) => "kept",
    };
    let refused = state.directory.plugins().objection(&record).map(|why| why.to_string());
    let record = record.in_short();
    VersionBody { record, state: word, refused, for_all, accounts, difference }
}
