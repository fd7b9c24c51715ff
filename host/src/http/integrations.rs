//! Integrations: list and set.

use std::sync::Arc;

use axum::{Json, body::Body, extract::State};
use serde::Deserialize;

use super::{
    ApiError, AppState,
    accounts::field_problem,
    body,
    page::{PageBody, Segment},
};
use crate::{
    account::{Integration, IntegrationOptions},
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
}

fn enabled() -> bool {
    true
}

/// `GET /api/v1/integrations`
pub(super) async fn list(State(state): State<Arc<AppState>>) -> Json<PageBody<Integration>> {
    Json(PageBody::whole(state.directory.snapshot().integrations.values().cloned().collect()))
}

/// `PUT /api/v1/integrations/{id}`
pub(super) async fn set(
    State(state): State<Arc<AppState>>,
    Segment(id): Segment<String>,
    input: Body,
) -> Result<Json<Integration>, ApiError> {
    let id: IntegrationId = id.parse().map_err(|error| field_problem("id", &error))?;
    let IntegrationInput { channel, crm, enabled, options } = body::read_json(input).await?;
    let integration = Integration { id, channel, crm, enabled, options };
    state.directory.put_integration(integration.clone()).await?;
    tracing::info!(integration.name = %integration.id, "integration set");
    state.waiters.wake_worker();
    Ok(Json(integration))
}
