//! The test button of an integration: a request takes the real way, as if the vendor had sent it.

use std::{sync::Arc, time::Duration};

use axum::{Json, body::Body, extract::State};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{
    ApiError, AppState, body,
    events::{EventBody, event_body},
    integrations,
    page::Segment,
    response::AnswerBody,
    sample::{self, RequestInput, Sample},
};
use crate::{config, id::RequestId};

/// The header that tells a test from what a vendor has sent.
const MARK: &str = "x-patchbay-test";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestInput {
    /// An event whose request is sent again.
    event: Option<i64>,
    request: Option<RequestInput>,
}

#[derive(Debug, Serialize)]
pub(super) struct TestBody {
    request: RequestId,
    /// `events`, `answered`, `rejected` or `unread`.
    verdict: &'static str,
    /// What a vendor would have got.
    answer: AnswerBody,
    /// With their jobs as they stand now.
    events: Vec<EventBody>,
    /// Whether every job has ended. Those that have not go on.
    ended: bool,
}

/// `POST /api/v1/integrations/{id}/test`
pub(super) async fn send(
    State(state): State<Arc<AppState>>,
    Segment(id): Segment<String>,
    input: Body,
) -> Result<Json<TestBody>, ApiError> {
    let input: TestInput = body::read_json_up_to(input, state.door.sample_bytes_max()).await?;
    let snapshot = state.directory.snapshot();
    let channel = &integrations::find(&snapshot, &id)?.channel;
    let entry = snapshot.accounts.get(channel).ok_or(ApiError::ChannelNotReady)?;
    let token = entry.account.webhook_token.as_ref().ok_or(ApiError::ChannelNotReady)?;
    let mut request = match sample::read(&state, channel, input.event, input.request).await? {
        Sample::Event(detail) => detail.request,
        Sample::Request(request) => request,
    };
    request.received_at = state.clock.now();
    request.headers.retain(|(name, _)| name != MARK);
    request.headers.push((MARK.to_owned(), b"1".to_vec()));
    if state.tasks.is_stopping() {
        return Err(ApiError::Stopping);
    }
    let _slot = state.door.in_flight.try_acquire().map_err(|_full| ApiError::Busy)?;
    let started = Instant::now();
    let told = state.intake.accept(token.expose(), request, started).await?;
    let deadline = match entry.account.reply_deadline_ms {
        0 => config::reply_deadline_ms(),
        set => set,
    };
    let until = started + Duration::from_millis(deadline.into());
    let mut events = Vec::new();
    for event in &told.events {
        state.intake.ended(event.id, until).await;
        // What retention or an erasure has taken meanwhile is not shown.
        if let Some(detail) = state.stores.journal.event(event.id).await? {
            events.push(event_body(detail.view).repeated(event.is_duplicate));
        }
    }
    let ended = events.iter().all(EventBody::has_ended);
    tracing::info!(integration.name = %id, verdict = told.verdict, "a test request was sent");
    let answer = AnswerBody::of(told.response);
    Ok(Json(TestBody { request: told.request, verdict: told.verdict, answer, events, ended }))
}
