//! Integrations: list, show and set.

use std::sync::Arc;

use axum::{Extension, Json, body::Body, extract::State};
use serde::{Deserialize, Serialize};

use super::{
    ApiError, AppState,
    accounts::{field_problem, webhook_url},
    auth::Caller,
    body,
    page::{PageBody, Segment},
};
use crate::{
    account::{Integration, IntegrationOptions, Rules},
    card::Problem,
    directory::Snapshot,
    id::{AccountId, IntegrationId},
};

/// What an operator sets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IntegrationInput {
    channel: AccountId,
    crm: AccountId,
    #[serde(default = "enabled")]
    enabled: bool,
    #[serde(default)]
    options: IntegrationOptions,
    #[serde(default)]
    rules: Rules,
}

fn enabled() -> bool {
    true
}

#[derive(Debug, Serialize)]
pub(super) struct IntegrationBody {
    #[serde(flatten)]
    integration: Integration,
    /// The URL of its channel account.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_url: Option<String>,
    /// Why its jobs wait: rules that an earlier release took.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Problem>,
}

/// `GET /api/v1/integrations`
pub(super) async fn list(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
) -> Json<PageBody<IntegrationBody>> {
    let snapshot = state.directory.snapshot();
    let all = snapshot.integrations.values();
    Json(PageBody::whole(all.map(|it| show_one(&state, &caller, &snapshot, it)).collect()))
}

/// `GET /api/v1/integrations/{id}`
pub(super) async fn show(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Segment(id): Segment<String>,
) -> Result<Json<IntegrationBody>, ApiError> {
    let snapshot = state.directory.snapshot();
    Ok(Json(show_one(&state, &caller, &snapshot, find(&snapshot, &id)?)))
}

/// `PUT /api/v1/integrations/{id}`
pub(super) async fn set(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Segment(id): Segment<String>,
    input: Body,
) -> Result<Json<IntegrationBody>, ApiError> {
    let id: IntegrationId = id.parse().map_err(|error| field_problem("id", &error))?;
    let IntegrationInput { channel, crm, enabled, options, rules } = body::read_json(input).await?;
    let integration = Integration { id, channel, crm, enabled, options, rules };
    state.directory.put_integration(integration.clone()).await?;
    tracing::info!(integration.name = %integration.id, "integration set");
    state.waiters.wake_worker();
    Ok(Json(show_one(&state, &caller, &state.directory.snapshot(), &integration)))
}

/// The integration of this name.
pub(super) fn find<'a>(snapshot: &'a Snapshot, id: &str) -> Result<&'a Integration, ApiError> {
    let found = id.parse::<IntegrationId>().ok().and_then(|id| snapshot.integrations.get(&id));
    found.ok_or_else(|| ApiError::NotFound { what: "integration", id: id.to_owned() })
}

fn show_one(
    state: &AppState,
    caller: &Caller,
    snapshot: &Snapshot,
    integration: &Integration,
) -> IntegrationBody {
    let channel = snapshot.accounts.get(&integration.channel);
    IntegrationBody {
        webhook_url: channel.and_then(|entry| webhook_url(state, caller, &entry.account)),
        problems: snapshot.problems_of(&integration.id).to_vec(),
        integration: integration.clone(),
    }
}
