//! The journal: what was received, and what became of it.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    ApiError, AppState,
    accounts::field_problem,
    page::{PageBody, PageParameters, Parameters, Segment},
    response::RawBody,
};
use crate::{
    event::{Event, EventOutcome, Request},
    id::{AccountId, EventId, IntegrationId, JobId, RequestId},
    storage::{AttemptView, EventDetail, EventView, JobState, JobView, Step, WebhookView},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JournalQuery {
    account: Option<String>,
    before: Option<String>,
    limit: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct WebhookBody {
    request: RequestId,
    account: AccountId,
    received_at: Timestamp,
    method: String,
    body_bytes: u64,
    verdict: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    events: Vec<EventBody>,
}

#[derive(Debug, Serialize)]
pub(super) struct EventBody {
    id: EventId,
    kind: String,
    conversation: String,
    duplicate: bool,
    jobs: Vec<JobBody>,
}

impl EventBody {
    /// Whether no job waits or runs.
    pub(super) fn has_ended(&self) -> bool {
        self.jobs.iter().all(|job| matches!(job.state, JobState::Done | JobState::Dead))
    }

    /// As the webhook tells it that repeats the event.
    pub(super) fn repeated(self, is_duplicate: bool) -> Self {
        Self { duplicate: is_duplicate, ..self }
    }
}

#[derive(Debug, Serialize)]
struct JobBody {
    id: JobId,
    integration: IntegrationId,
    state: JobState,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<EventOutcome>,
    steps: Vec<Step>,
}

#[derive(Debug, Serialize)]
pub(super) struct EventDetailBody {
    #[serde(flatten)]
    summary: EventBody,
    account: AccountId,
    request: RequestBody,
    event: Event,
    attempts: Vec<AttemptBody>,
}

#[derive(Debug, Serialize)]
struct RequestBody {
    method: String,
    path: String,
    query: String,
    received_at: Timestamp,
    remote_address: String,
    headers: Vec<(String, String)>,
    #[serde(flatten)]
    body: RawBody,
}

#[derive(Debug, Serialize)]
struct AttemptBody {
    job: JobId,
    number: u32,
    started_at: Timestamp,
    took_ms: u64,
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    blame: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// `GET /api/v1/events?account=…&before=…&limit=…`
pub(super) async fn list(
    State(state): State<Arc<AppState>>,
    Parameters(query): Parameters<JournalQuery>,
) -> Result<Json<PageBody<WebhookBody>>, ApiError> {
    let account = query.account.map(|id| id.parse::<AccountId>()).transpose();
    let account = account.map_err(|error| field_problem("account", &error))?;
    let page = PageParameters::from_texts(query.before.as_deref(), query.limit.as_deref())?;
    let webhooks = state.stores.journal.webhooks(account, page.query()?).await?;
    Ok(Json(PageBody::new(webhooks, webhook_body)))
}

/// `GET /api/v1/events/{id}`
pub(super) async fn show(
    State(state): State<Arc<AppState>>,
    Segment(id): Segment<String>,
) -> Result<Json<EventDetailBody>, ApiError> {
    let not_found = || ApiError::NotFound { what: "event", id: id.clone() };
    let event = EventId(id.parse().map_err(|_not_a_number| not_found())?);
    let detail = state.stores.journal.event(event).await?.ok_or_else(not_found)?;
    Ok(Json(detail_body(detail)))
}

fn webhook_body(view: WebhookView) -> WebhookBody {
    WebhookBody {
        request: view.request,
        account: view.account,
        received_at: view.received_at,
        method: view.method,
        body_bytes: view.body_bytes,
        verdict: view.verdict,
        reason: view.reason,
        events: view.events.into_iter().map(event_body).collect(),
    }
}

pub(super) fn event_body(view: EventView) -> EventBody {
    EventBody {
        id: view.id,
        kind: view.kind,
        conversation: view.conversation,
        duplicate: view.is_duplicate,
        jobs: view.jobs.into_iter().map(job_body).collect(),
    }
}

fn job_body(view: JobView) -> JobBody {
    JobBody {
        id: view.job,
        integration: view.integration,
        state: view.state,
        attempts: view.attempts,
        run_at: view.run_at,
        reason: view.reason,
        outcome: view.result,
        steps: view.steps,
    }
}

fn detail_body(detail: EventDetail) -> EventDetailBody {
    EventDetailBody {
        summary: event_body(detail.view),
        account: detail.account,
        request: request_body(detail.request),
        event: detail.event,
        attempts: detail.attempts.into_iter().map(attempt_body).collect(),
    }
}

fn request_body(request: Request) -> RequestBody {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    RequestBody {
        body: RawBody::of(&request.body),
        method: request.method,
        path: request.path,
        query: request.query,
        received_at: request.received_at,
        remote_address: request.remote_address,
        headers: request.headers.into_iter().map(|(name, value)| (name, text(&value))).collect(),
    }
}

fn attempt_body(view: AttemptView) -> AttemptBody {
    AttemptBody {
        job: view.job,
        number: view.number,
        started_at: view.started_at,
        took_ms: view.took_ms,
        outcome: view.outcome,
        blame: view.blame,
        reason: view.reason,
    }
}
