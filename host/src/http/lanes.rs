//! Lanes that do not flow: list them, and let a stopped one go on.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    ApiError, AppState,
    accounts::field_problem,
    page::{PageBody, PageParameters, Parameters, Segment},
};
use crate::{
    id::{EventId, IntegrationId, JobId, LaneId},
    storage::{LaneState, LaneView},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LaneQuery {
    integration: Option<String>,
    before: Option<String>,
    limit: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct LaneBody {
    lane: LaneId,
    integration: IntegrationId,
    conversation: String,
    state: LaneState,
    job: JobId,
    event: EventId,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// `GET /api/v1/lanes?integration=…&before=…&limit=…`
pub(super) async fn list(
    State(state): State<Arc<AppState>>,
    Parameters(query): Parameters<LaneQuery>,
) -> Result<Json<PageBody<LaneBody>>, ApiError> {
    let integration = query.integration.map(|id| id.parse::<IntegrationId>()).transpose();
    let integration = integration.map_err(|error| field_problem("integration", &error))?;
    let page = PageParameters::from_texts(query.before.as_deref(), query.limit.as_deref())?;
    let lanes = state.stores.journal.stuck_lanes(integration, page.query()?).await?;
    Ok(Json(PageBody::new(lanes, show)))
}

/// `POST /api/v1/lanes/{lane}/resume`
pub(super) async fn resume(
    State(state): State<Arc<AppState>>,
    Segment(lane): Segment<String>,
) -> Result<StatusCode, ApiError> {
    let not_found = || ApiError::NotFound { what: "stopped lane", id: lane.clone() };
    let id = LaneId(lane.parse().map_err(|_not_a_number| not_found())?);
    if !state.stores.journal.resume_lane(id, state.clock.now()).await? {
        return Err(not_found());
    }
    state.waiters.wake_worker();
    tracing::info!(lane.id = %id, "a stopped lane goes on");
    Ok(StatusCode::ACCEPTED)
}

fn show(lane: LaneView) -> LaneBody {
    LaneBody {
        lane: lane.lane,
        integration: lane.integration,
        conversation: lane.conversation,
        state: lane.state,
        job: lane.head,
        event: lane.event,
        attempts: lane.attempts,
        run_at: lane.run_at,
        reason: lane.reason,
    }
}
