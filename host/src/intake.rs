//! The way of a webhook from the door to its answer: read, journal, wait if the answer matters.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::{
    account::AccountState,
    directory::{Directory, Entry, Snapshot},
    event::{EventOutcome, Received, Request, Response},
    id::{EventId, IntegrationId, RequestId},
    outcome::Blame,
    plugin::{self, Adapter},
    storage::{self, AcceptedEvent, JobState, JobView, Journal, NewReading, NewWebhook},
    telemetry::{Metrics, VerdictLabel},
    waiters::Waiters,
};

mod dedup;
mod reading;

use self::dedup::new_events;
pub use self::{dedup::Windows, reading::reread_all};

/// Kept of the reply deadline for rendering the reply: a tenth of it, and no more than this.
const RENDER_MAX: Duration = Duration::from_millis(100);

/// Until when a sender waits.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    /// For what the CRMs know.
    outcomes: Instant,
    /// For the reply made of it.
    answer: Instant,
    /// The same as a time of the day.
    wall: Timestamp,
}

impl Deadline {
    fn new(started: Instant, request: &Request, length_ms: u32) -> Self {
        let length = Duration::from_millis(length_ms.into());
        let answer = started + length;
        let outcomes = answer - RENDER_MAX.min(length / 10);
        let wall = request.received_at.checked_add(length).unwrap_or(Timestamp::MAX);
        Self { outcomes, answer, wall }
    }
}

/// Takes webhooks in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    pub journal: Arc<dyn Journal>,
    pub directory: Arc<Directory>,
    pub waiters: Waiters,
    pub metrics: Metrics,
    pub windows: Windows,
}

/// What became of a webhook at the door.
#[derive(Debug)]
pub struct Taken {
    pub request: RequestId,
    /// `events`, `answered`, `rejected` or `unread`.
    pub verdict: &'static str,
    /// In the order in which the webhook tells them.
    pub events: Vec<AcceptedEvent>,
    /// The answer for its sender.
    pub response: Response,
}

/// Why a webhook was not taken in. Nothing was stored, and the sender may repeat.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no channel has this address")]
    UnknownToken,
    /// The channel's account or plugin cannot work as it is set.
    #[error("the channel is not ready")]
    NotReady,
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl Intake {
    /// Reads the webhook, makes it durable, and returns the answer for its sender.
    ///
    /// The reply deadline counts from `started`, when the request began to arrive.
    pub async fn accept(
        &self,
        token: &str,
        request: Request,
        started: Instant,
    ) -> Result<Taken, Error> {
        let snapshot = self.directory.snapshot();
        let entry = snapshot.by_token(token).ok_or(Error::UnknownToken)?;
        let Ok(adapter) = &entry.adapter else { return Err(Error::NotReady) };
        let integrations = snapshot.integrations_of(&entry.account.id);
        let told = self.read_and_journal(entry, adapter, &integrations, request, started).await?;
        self.metrics.acknowledge_seconds.observe(started.elapsed().as_secs_f64());
        Ok(told)
    }

    async fn read_and_journal(
        &self,
        entry: &Entry,
        adapter: &Arc<Adapter>,
        integrations: &[IntegrationId],
        request: Request,
        started: Instant,
    ) -> Result<Taken, Error> {
        let digest = adapter.plugin().record().digest;
        let webhook = |reading| NewWebhook {
            account: entry.account.id.clone(),
            plugin: digest,
            request: request.clone(),
            reading,
        };
        let (verdict, accepted, response) = match adapter.receive(&request).await {
            Ok(Received::Events(intake)) => {
                let (waits, events) =
                    new_events(&request, intake.events, integrations, self.windows);
                let accepted = self.journal.accept(webhook(NewReading::Events(events))).await?;
                self.waiters.wake_worker();
                self.count("events");
                self.count_duplicates(&accepted.events);
                let deadline = Deadline::new(started, &request, entry.account.reply_deadline_ms);
                let is_awaited = waits.contains(&true) && 0 < entry.account.reply_deadline_ms;
                let response = if is_awaited {
                    self.reply(adapter, &request, &accepted.events, &waits, deadline).await
                } else {
                    Some(intake.fallback.clone())
                };
                let response = response.unwrap_or_else(|| {
                    self.metrics.fallback_replies.inc();
                    intake.fallback
                });
                let response = with_event_id(response, &accepted.events);
                ("events", accepted, response)
            }
            Ok(Received::Answer(response)) => {
                let accepted = self.journal.accept(webhook(NewReading::Answered)).await?;
                self.count("answered");
                ("answered", accepted, response)
            }
            Ok(Received::Reject(rejection)) => {
                let (status, reason) = (rejection.status, rejection.reason);
                let reading = NewReading::Rejected { status, reason: reason.clone() };
                let accepted = self.journal.accept(webhook(reading)).await?;
                self.count("rejected");
                ("rejected", accepted, refusal(status, &reason))
            }
            Err(error) => {
                let reading = NewReading::Unread { reason: error.to_string() };
                let plugin = reading::blamed(&error, reading::reader(adapter));
                let accepted =
                    self.journal.accept(NewWebhook { plugin, ..webhook(reading) }).await?;
                self.count("unread");
                log_unread(entry, &error);
                ("unread", accepted, Response::empty(202))
            }
        };
        Ok(Taken { request: accepted.request, verdict, events: accepted.events, response })
    }

    /// Waits until every job of the event has ended, or until then.
    pub async fn ended(&self, event: EventId, until: Instant) {
        let mut wait = self.waiters.wait_for(event);
        let ended = async {
            loop {
                let jobs = self.journal.jobs_of(event).await?;
                if jobs.iter().all(has_ended) {
                    return Ok::<_, storage::Error>(());
                }
                wait.changed().await;
            }
        };
        // Whoever asks looks at the jobs themselves.
        drop(tokio::time::timeout_at(until, ended).await);
    }

    /// The vendor's answer from what was found, or `None` when the deadline comes first.
    async fn reply(
        &self,
        adapter: &Adapter,
        request: &Request,
        events: &[AcceptedEvent],
        waits: &[bool],
        deadline: Deadline,
    ) -> Option<Response> {
        let mut outcomes = Vec::new();
        for (event, wants_reply) in events.iter().zip(waits) {
            outcomes.push(if *wants_reply {
                self.outcome_of(event.id, deadline).await?
            } else {
                EventOutcome::nothing()
            });
        }
        let reply = adapter.reply(request, &outcomes);
        match tokio::time::timeout_at(deadline.answer, reply).await.ok()? {
            Ok(response) => Some(response),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the reply could not be rendered"
                );
                None
            }
        }
    }

    /// Waits for every job of the event that can end before the deadline. `None` when one has not
    /// ended and none of the others knows a card.
    async fn outcome_of(&self, event: EventId, deadline: Deadline) -> Option<EventOutcome> {
        let mut wait = self.waiters.wait_for(event);
        loop {
            let jobs = self.journal.jobs_of(event);
            let jobs = tokio::time::timeout_at(deadline.outcomes, jobs).await.ok()?.ok()?;
            let snapshot = self.directory.snapshot();
            let is_awaited = |job: &JobView| {
                !has_ended(job) && !is_put_off(job, deadline.wall) && can_run(&snapshot, job)
            };
            if !jobs.iter().any(is_awaited) {
                return outcome(jobs);
            }
            if tokio::time::timeout_at(deadline.outcomes, wait.changed()).await.is_err() {
                return outcome(jobs);
            }
        }
    }

    fn count(&self, verdict: &'static str) {
        self.metrics.webhooks.get_or_create(&VerdictLabel { verdict }).inc();
    }

    fn count_duplicates(&self, events: &[AcceptedEvent]) {
        let repeats = events.iter().filter(|event| event.is_duplicate).count();
        self.metrics.duplicates.inc_by(u64::try_from(repeats).unwrap_or(u64::MAX));
    }
}

fn has_ended(job: &JobView) -> bool {
    matches!(job.state, JobState::Done | JobState::Dead)
}

/// The next attempt is due too late for the sender.
fn is_put_off(job: &JobView, deadline: Timestamp) -> bool {
    job.state == JobState::Pending && job.run_at.is_some_and(|at| deadline <= at)
}

/// Whether the job's integration may run and its CRM account works.
fn can_run(snapshot: &Snapshot, job: &JobView) -> bool {
    let enabled = snapshot.integrations.get(&job.integration).is_some_and(|it| snapshot.runs(it));
    let works = |crm: &Entry| crm.account.state == AccountState::Active && crm.adapter.is_ok();
    enabled && snapshot.crm_of(&job.integration).is_some_and(works)
}

/// What the jobs found. While one has not ended, only a card is worth an answer.
fn outcome(jobs: Vec<JobView>) -> Option<EventOutcome> {
    let all_ended = jobs.iter().all(has_ended);
    let found = best(jobs.into_iter().filter(has_ended).filter_map(|job| job.result));
    if all_ended {
        Some(found.unwrap_or_else(EventOutcome::nothing))
    } else {
        found.filter(|found| !found.cards.is_empty())
    }
}

/// The outcome that knows a card, else one that tells who looks after whom; of several the first,
/// in the order of the integrations.
fn best(results: impl Iterator<Item = EventOutcome>) -> Option<EventOutcome> {
    results.min_by_key(|result| {
        let knows_assignments = !result.assignments.is_empty() || result.next_page.is_some();
        (result.cards.is_empty(), !knows_assignments)
    })
}

fn refusal(status: u16, reason: &str) -> Response {
    let body = serde_json::json!({
        "type": "about:blank",
        "code": "refused",
        "status": status,
        "title": "the webhook was refused",
        "detail": reason,
    });
    let headers = vec![("content-type".to_owned(), "application/problem+json".to_owned())];
    Response { status, headers, body: body.to_string().into_bytes() }
}

fn log_unread(entry: &Entry, error: &plugin::Error) {
    let blame = error.blame();
    let error = error as &dyn std::error::Error;
    if blame == Blame::Guest {
        tracing::warn!(account.id = %entry.account.id, error, "a webhook could not be read: it is kept as unread");
    } else {
        tracing::info!(account.id = %entry.account.id, error, "a webhook is kept as unread for now");
    }
}

/// What the host puts the id of the first event in place of.
const EVENT_ID: &[u8] = b"{patchbay:event-id}";

/// The answer with the number under which the journal has the webhook's first event.
fn with_event_id(mut response: Response, events: &[AcceptedEvent]) -> Response {
    let at = response.body.windows(EVENT_ID.len()).position(|bytes| bytes == EVENT_ID);
    if let Some(at) = at {
        let id = events.first().map(|event| event.id.to_string()).unwrap_or_default();
        response.body.splice(at..at + EVENT_ID.len(), id.into_bytes());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &'static str) -> Request {
        Request {
            method: "POST".to_owned(),
            path: String::new(),
            query: String::new(),
            headers: Vec::new(),
            body: body.into(),
            received_at: Timestamp::UNIX_EPOCH,
            remote_address: "127.0.0.1".to_owned(),
        }
    }

    fn known() -> EventOutcome {
        let card = crate::card::Card {
            id: "1".to_owned(),
            url: None,
            manager: None,
            fields: Vec::new(),
            lines: Vec::new(),
            matched: Vec::new(),
        };
        EventOutcome { cards: vec![card], ..EventOutcome::nothing() }
    }

    fn job(state: JobState, run_at: Option<Timestamp>, result: Option<EventOutcome>) -> JobView {
        JobView {
            job: crate::id::JobId(1),
            integration: "a-to-b".parse().unwrap(),
            state,
            attempts: 0,
            run_at,
            reason: None,
            result,
            steps: Vec::new(),
        }
    }

    #[test]
    fn a_job_that_is_due_after_the_deadline_is_not_waited_for() {
        let deadline = Timestamp::from_second(10).unwrap();
        let due = |second| Some(Timestamp::from_second(second).unwrap());
        assert!(!is_put_off(&job(JobState::Pending, due(9), None), deadline));
        assert!(is_put_off(&job(JobState::Pending, due(10), None), deadline));
        assert!(!is_put_off(&job(JobState::Leased, due(10), None), deadline));
    }

    #[test]
    fn a_card_found_in_one_crm_is_answered_though_another_is_not_done() {
        let slow = || job(JobState::Pending, None, None);
        let nothing = job(JobState::Done, None, Some(EventOutcome::nothing()));
        assert_eq!(outcome(vec![slow(), job(JobState::Done, None, Some(known()))]), Some(known()));
        assert_eq!(outcome(vec![slow(), nothing.clone()]), None, "the other may still know");
        assert_eq!(outcome(vec![nothing]), Some(EventOutcome::nothing()));
        assert_eq!(outcome(Vec::new()), Some(EventOutcome::nothing()), "nothing was to be done");
    }

    #[test]
    fn the_reply_is_rendered_within_the_deadline() {
        let started = Instant::now();
        let deadline = Deadline::new(started, &request(""), 2500);
        assert_eq!(deadline.answer - started, Duration::from_millis(2500));
        assert_eq!(deadline.answer - deadline.outcomes, RENDER_MAX);
        let short = Deadline::new(started, &request(""), 100);
        assert_eq!(short.answer - short.outcomes, Duration::from_millis(10));
    }

    #[test]
    fn the_outcome_with_a_card_wins() {
        let known = known();
        assert_eq!(best([EventOutcome::nothing(), known.clone()].into_iter()), Some(known));
        assert_eq!(best(std::iter::empty()), None);
    }

    #[test]
    fn who_looks_after_whom_is_told_by_the_crm_that_knows() {
        let problem = Some(crate::card::AdapterError::Unsupported("no managers".to_owned()));
        let cannot = EventOutcome { problem, ..EventOutcome::nothing() };
        let next_page = Some("2".to_owned());
        let told = EventOutcome { next_page, ..EventOutcome::nothing() };
        let both = [cannot.clone(), EventOutcome::nothing(), told.clone()];
        assert_eq!(best(both.into_iter()), Some(told));
        assert_eq!(best([cannot.clone()].into_iter()), Some(cannot));
    }

    #[test]
    fn the_answer_names_the_event_where_the_adapter_wants_it() {
        let answer = |body: &str| {
            let event = AcceptedEvent { id: EventId(7), is_duplicate: false };
            let response = Response { body: body.as_bytes().to_vec(), ..Response::empty(202) };
            String::from_utf8(with_event_id(response, &[event]).body).unwrap()
        };
        assert_eq!(answer(r#"{"id":"{patchbay:event-id}"}"#), r#"{"id":"7"}"#);
        assert_eq!(answer("{patchbay:event}"), "{patchbay:event}");
        let nothing = Response { body: EVENT_ID.to_vec(), ..Response::empty(202) };
        assert_eq!(with_event_id(nothing, &[]).body, b"");
    }
}
