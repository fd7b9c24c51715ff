//! What an integration would do with an event: every decision with its reason, and the exact
//! records. Nothing is sent and nothing is kept.

use std::sync::Arc;

use axum::{Json, body::Body, extract::State};
use serde::{Deserialize, Serialize};

use super::{
    ApiError, AppState, body, integrations,
    page::Segment,
    response::AnswerBody,
    sample::{self, RequestInput, Sample},
};
use crate::{
    account::{Integration, IntegrationOptions, Rules},
    attempt::{self, Preview},
    card::{Card, Identifier},
    directory::Snapshot,
    event::{Event, EventOutcome, Kind, Received, Request, Response},
    plugin::Adapter,
    rules::{book::Rulebook, decision::Decision},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PreviewInput {
    /// An event of the journal.
    event: Option<i64>,
    /// A request, read by the channel's adapter as if the vendor had sent it.
    request: Option<RequestInput>,
    /// Rules to try; without them those that the integration has.
    rules: Option<Rules>,
    /// The same for its options.
    options: Option<IntegrationOptions>,
    /// Taken for what the CRM would find.
    cards: Option<Vec<Card>>,
    /// Whether the CRM is asked for the client; else nobody is known.
    #[serde(default = "yes")]
    look_up: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Serialize)]
pub(super) struct PreviewBody {
    /// `events`, `answered` or `rejected`.
    verdict: &'static str,
    /// Why the request was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What the sender of a request would get.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<AnswerBody>,
    events: Vec<EventPreviewBody>,
}

#[derive(Debug, Serialize)]
struct EventPreviewBody {
    kind: &'static str,
    conversation: String,
    /// As the event tells it.
    client: Vec<Identifier>,
    #[serde(flatten)]
    preview: Preview,
}

/// `POST /api/v1/integrations/{id}/preview`
pub(super) async fn preview(
    State(state): State<Arc<AppState>>,
    Segment(id): Segment<String>,
    input: Body,
) -> Result<Json<PreviewBody>, ApiError> {
    let input: PreviewInput = body::read_json_up_to(input, state.door.sample_bytes_max()).await?;
    let snapshot = state.directory.snapshot();
    let integration = integrations::find(&snapshot, &id)?;
    let book = rulebook(&snapshot, integration, input.rules, input.options)?;
    let sample = sample::read(&state, &integration.channel, input.event, input.request).await?;
    let trial = Trial {
        state: &state,
        snapshot: &snapshot,
        integration,
        book,
        cards: input.cards,
        look_up: input.look_up,
    };
    match sample {
        Sample::Event(detail) => {
            let event = trial.preview(detail.event, &detail.request).await?;
            let (reason, answer) = (None, None);
            Ok(Json(PreviewBody { verdict: "events", reason, answer, events: vec![event] }))
        }
        Sample::Request(request) => trial.read(request).await.map(Json),
    }
}

/// The rules to try: those given, over those that the integration has.
fn rulebook(
    snapshot: &Snapshot,
    integration: &Integration,
    rules: Option<Rules>,
    options: Option<IntegrationOptions>,
) -> Result<Arc<Rulebook>, ApiError> {
    let Integration { id, channel, crm, .. } = integration;
    if rules.is_none() && options.is_none() {
        let problems = || ApiError::Invalid(snapshot.problems_of(id).to_vec());
        return snapshot.rulebook_of(id).map(Arc::clone).ok_or_else(problems);
    }
    let rules = rules.unwrap_or_else(|| integration.rules.clone());
    let options = options.unwrap_or(integration.options);
    snapshot.compile(channel, crm, rules, options).map(Arc::new).map_err(ApiError::Invalid)
}

/// One integration, as it is tried.
struct Trial<'a> {
    state: &'a AppState,
    snapshot: &'a Snapshot,
    integration: &'a Integration,
    book: Arc<Rulebook>,
    cards: Option<Vec<Card>>,
    look_up: bool,
}

impl Trial<'_> {
    /// Reads a request as the channel's adapter does.
    async fn read(&self, request: Request) -> Result<PreviewBody, ApiError> {
        let channel = self.snapshot.accounts.get(&self.integration.channel);
        let channel = channel.and_then(|entry| entry.adapter.as_ref().ok());
        let channel = channel.ok_or(ApiError::ChannelNotReady)?;
        let received = channel.receive(&request).await;
        match received.map_err(|error| ApiError::Channel(error.to_string()))? {
            Received::Events(intake) => {
                let mut waits = Vec::new();
                let mut events = Vec::new();
                for event in intake.events {
                    waits.push(event.wants_reply);
                    events.push(self.preview(event, &request).await?);
                }
                let answer = if waits.contains(&true) {
                    reply(channel, &request, &waits, &events).await?
                } else {
                    intake.fallback
                };
                let answer = Some(AnswerBody::of(answer));
                Ok(PreviewBody { verdict: "events", reason: None, answer, events })
            }
            Received::Answer(answer) => {
                let answer = Some(AnswerBody::of(answer));
                Ok(PreviewBody { verdict: "answered", reason: None, answer, events: Vec::new() })
            }
            Received::Reject(rejection) => {
                let reason = Some(format!("{}: {}", rejection.status, rejection.reason));
                Ok(PreviewBody { verdict: "rejected", reason, answer: None, events: Vec::new() })
            }
        }
    }

    async fn preview(&self, event: Event, request: &Request) -> Result<EventPreviewBody, ApiError> {
        if !event.kind.makes_a_job() {
            return Ok(ignored(event));
        }
        let Integration { channel, crm, .. } = self.integration;
        let entry = self.snapshot.accounts.get(crm);
        let entry = entry.ok_or_else(|| ApiError::Crm("its account is gone".to_owned()))?;
        let crm = entry.adapter.as_ref().map_err(|problems| ApiError::Invalid(problems.clone()))?;
        let channel_adapter = self.snapshot.accounts.get(channel);
        let sample = attempt::Sample {
            event: &event,
            channel,
            channel_adapter: channel_adapter.and_then(|entry| entry.adapter.as_deref().ok()),
            crm,
            rulebook: &self.book,
            body: Some(request.body.clone()),
            received_at: request.received_at,
            cards: self.cards.clone(),
            looks_up: self.look_up,
        };
        let preview = Box::pin(attempt::preview(&self.state.means, sample)).await;
        let refused = self.state.directory.pause_if_refused(entry).await;
        let preview =
            preview.map_err(|failure| ApiError::Crm(refused.unwrap_or(failure.reason)))?;
        Ok(EventPreviewBody {
            kind: event.kind.name(),
            conversation: event.conversation,
            client: event.client,
            preview,
        })
    }
}

/// What the sender would get, of the events that wait for what is found.
async fn reply(
    channel: &Adapter,
    request: &Request,
    waits: &[bool],
    events: &[EventPreviewBody],
) -> Result<Response, ApiError> {
    let outcome = |(waits, event): (&bool, &EventPreviewBody)| {
        if *waits { event.preview.outcome.clone() } else { EventOutcome::nothing() }
    };
    let outcomes: Vec<EventOutcome> = waits.iter().zip(events).map(outcome).collect();
    let reply = channel.reply(request, &outcomes).await;
    reply.map_err(|error| ApiError::Channel(error.to_string()))
}

/// What no integration does anything about.
fn ignored(event: Event) -> EventPreviewBody {
    let why = match &event.kind {
        Kind::Ignored(why) => why.clone(),
        kind => format!("nothing follows from `{}`", kind.name()),
    };
    let preview = Preview {
        decisions: vec![Decision::new("event", "nothing is done", why)],
        writes: Vec::new(),
        remarks: Vec::new(),
        outcome: EventOutcome::nothing(),
    };
    let (kind, conversation, client) = (event.kind.name(), event.conversation, event.client);
    EventPreviewBody { kind, conversation, client, preview }
}
