//! Dead letters: list and replay.

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
    id::{EventId, IntegrationId, JobId},
    storage::DeadLetter,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeadLetterQuery {
    integration: Option<String>,
    before: Option<String>,
    limit: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct DeadLetterBody {
    job: JobId,
    event: EventId,
    integration: IntegrationId,
    kind: String,
    attempts: u32,
    died_at: Timestamp,
    reason: String,
}

/// `GET /api/v1/dead-letters?integration=…&before=…&limit=…`
pub(super) async fn list(
    State(state): State<Arc<AppState>>,
    Parameters(query): Parameters<DeadLetterQuery>,
) -> Result<Json<PageBody<DeadLetterBody>>, ApiError> {
    let integration = query.integration.map(|id| id.parse::<IntegrationId>()).transpose();
    let integration = integration.map_err(|error| field_problem("integration", &error))?;
    let page = PageParameters::from_texts(query.before.as_deref(), query.limit.as_deref())?;
    let letters = state.stores.journal.dead_letters(integration, page.query()?).await?;
    Ok(Json(PageBody::new(letters, show)))
}

/// `POST /api/v1/dead-letters/{job}/replay`
pub(super) async fn replay(
    State(state): State<Arc<AppState>>,
    Segment(job): Segment<String>,
) -> Result<StatusCode, ApiError> {
    let not_found = || ApiError::NotFound { what: "dead letter", id: job.clone() };
    let id = JobId(job.parse().map_err(|_not_a_number| not_found())?);
    if !state.stores.journal.replay(id, state.clock.now()).await? {
        return Err(not_found());
    }
    state.waiters.wake_worker();
    tracing::info!(job.id = %id, "dead letter replayed");
    Ok(StatusCode::ACCEPTED)
}

fn show(letter: DeadLetter) -> DeadLetterBody {
    DeadLetterBody {
        job: letter.job,
        event: letter.event,
        integration: letter.integration,
        kind: letter.kind,
        attempts: letter.attempts,
        died_at: letter.died_at,
        reason: letter.reason,
    }
}
