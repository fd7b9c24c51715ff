//! Dead letters: list and replay.

use std::sync::Arc;

use axum::{Json, body::Body, extract::State, http::StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    ApiError, AppState,
    accounts::field_problem,
    body,
    page::{PageBody, PageParameters, Parameters, Segment},
};
use crate::{
    id::{EventId, IntegrationId, JobId},
    storage::{DeadLetter, ReplayFilter},
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

/// Dead letters put back in one write at most.
const REPLAY_BATCH: u32 = 200;

/// Which dead letters are put back; an empty object means all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayInput {
    integration: Option<IntegrationId>,
    /// Dead since this time or later.
    died_since: Option<Timestamp>,
    /// The event's kind: `conversation-finished`.
    kind: Option<String>,
    /// A part of the reason.
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ReplayBody {
    replayed: u64,
}

/// `POST /api/v1/dead-letters/replay`
pub(super) async fn replay_all(
    State(state): State<Arc<AppState>>,
    input: Body,
) -> Result<Json<ReplayBody>, ApiError> {
    let ReplayInput { integration, died_since, kind, reason } = body::read_json(input).await?;
    // Those that die again meanwhile are not put back again.
    let died_before = Some(state.clock.now());
    let filter = ReplayFilter { integration, died_since, died_before, kind, reason };
    let mut replayed = 0;
    loop {
        let count =
            state.stores.journal.replay_all(&filter, REPLAY_BATCH, state.clock.now()).await?;
        replayed += count;
        state.waiters.wake_worker();
        if count < u64::from(REPLAY_BATCH) {
            break;
        }
    }
    tracing::info!(replayed, "dead letters replayed");
    Ok(Json(ReplayBody { replayed }))
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
