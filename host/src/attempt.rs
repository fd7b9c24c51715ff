//! Runs one job once: looks the client up, brings the card up to date, settles.

use std::{sync::Arc, time::Duration};

use tracing::{Instrument as _, debug, info, info_span};

use crate::{
    account::{Account, OnDeadLetter},
    clock::Clock,
    directory::{Directory, Entry},
    event::EventOutcome,
    outcome::{Next, Outcome, RetryPolicy},
    shares::{Shares, Verdict},
    storage::{self, Journal, LeasedJob, Settlement},
    tasks::{self, Panicked, Tasks},
    telemetry::{FailedCallLabels, Metrics, SettledLabels},
    waiters::Waiters,
};

mod contact;
mod failure;
mod ledger;
mod steps;

use self::contact::Known;
pub use self::failure::Failure;

/// Pauses between two tries to settle an attempt that the journal could not take.
const SETTLE_PAUSES: [Duration; 4] = [
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
];

/// What every attempt needs.
#[derive(Debug, Clone)]
pub struct Runner {
    pub journal: Arc<dyn Journal>,
    pub directory: Arc<Directory>,
    pub clock: Arc<dyn Clock>,
    pub waiters: Waiters,
    pub metrics: Metrics,
    pub policy: RetryPolicy,
    pub shares: Shares,
    pub tasks: Tasks,
    /// How long a lease lasts.
    pub lease: Duration,
}

impl Runner {
    /// Runs the job and settles it. When it cannot be settled, or panics, the lease runs out and
    /// the job is attempted again.
    pub async fn run(&self, job: LeasedJob) {
        let span = info_span!(
            "job",
            job.id = %job.lease.job,
            job.attempt = job.attempt,
            event.id = %job.event_id,
            integration.name = %job.integration,
        );
        Box::pin(self.attempt(job)).instrument(span).await;
    }

    async fn attempt(&self, job: LeasedJob) {
        let started_at = self.clock.now();
        let started = tokio::time::Instant::now();
        let waited = started_at.duration_since(job.accepted_at).as_secs_f64();
        self.metrics.wait_seconds.observe(waited.max(0.0));
        let snapshot = self.directory.snapshot();
        let crm = snapshot.crm_of(&job.integration);
        let result = if self.policy.attempts_max < job.attempt {
            // The last attempt was lost with its host: one more could take the host again.
            Err(Failure::lost())
        } else {
            tokio::select! {
                work = tasks::caught(self.work(&job, crm)) => {
                    work.unwrap_or_else(|Panicked| Err(Failure::bug()))
                }
                () = self.tasks.cut() => Err(Failure::given_back()),
            }
        };
        let took = started.elapsed();
        self.metrics.attempt_seconds.observe(took.as_secs_f64());
        if let Some(crm) = crm {
            let verdict =
                result.as_ref().map_or_else(|failure| failure.verdict, |_| Verdict::Answered);
            self.shares.tell(&crm.account.id, verdict, self.clock.now(), jitter());
            if let Err(failure) = &result {
                self.pause_if_unauthorized(&crm.account, failure).await;
            }
        }
        let settlement = self.settlement(&job, result, started_at, took);
        self.settle(&job, settlement).await;
        self.waiters.settled(job.event_id);
    }

    async fn work(&self, job: &LeasedJob, crm: Option<&Entry>) -> Result<Known, Failure> {
        let snapshot = self.directory.snapshot();
        let (Some(entry), Some(integration)) = (crm, snapshot.integrations.get(&job.integration))
        else {
            return Err(Failure::not_configured("the integration, or its CRM account, is gone"));
        };
        match &entry.adapter {
            Ok(adapter) => steps::run(self, adapter, job, integration.options).await,
            Err(_problems) => Err(Failure::not_configured(
                "the CRM account cannot work as it is set: see its problems",
            )),
        }
    }

    fn settlement(
        &self,
        job: &LeasedJob,
        result: Result<Known, Failure>,
        started_at: jiff::Timestamp,
        took: Duration,
    ) -> Settlement {
        let mut links = Vec::new();
        let (outcome, blame, reason, result) = match result {
            Ok(known) => {
                links = known.links;
                (Outcome::Done, None, None, Some(known.outcome))
            }
            Err(failure) => {
                self.count_failed_call(job, &failure);
                let told =
                    EventOutcome { problem: Some(failure.problem), ..EventOutcome::nothing() };
                (failure.outcome, Some(failure.blame), Some(failure.reason), Some(told))
            }
        };
        let next = self.policy.next(outcome, job.attempt, self.clock.now(), jitter());
        // Of a job that goes on there is nothing to tell yet.
        let result = result.filter(|_| !matches!(next, Next::ReadyAt(_)));
        match next {
            Next::Dead => {
                info!(?outcome, reason, "the job is a dead letter after attempt {}", job.attempt);
            }
            Next::Done | Next::ReadyAt(_) => {
                debug!(?outcome, ?next, reason, "the attempt is settled");
            }
        }
        let labels = SettledLabels {
            outcome: outcome.name(),
            blame: blame.map_or("none", crate::outcome::Blame::name),
            plugin: self.plugin_of(job),
        };
        self.metrics.attempts.get_or_create(&labels).inc();
        Settlement {
            next,
            stops_lane: self.stops_lane(job),
            links,
            counts: !matches!(
                outcome,
                Outcome::RateLimited { .. } | Outcome::Unauthorized | Outcome::GivenBack
            ),
            outcome: outcome.name(),
            blame,
            reason,
            result,
            started_at,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Tries again for a while: to run the job again costs more. A settlement that was kept, and
    /// the answer lost, finds its lease gone, and nothing is lost with it.
    async fn settle(&self, job: &LeasedJob, settlement: Settlement) {
        let mut pauses = SETTLE_PAUSES.into_iter();
        loop {
            let settled =
                self.journal.settle(job.lease, settlement.clone(), self.clock.now()).await;
            let error = match settled {
                Ok(()) => return,
                Err(storage::Error::LeaseLost) => {
                    info!("the lease ran out: what this attempt did is recorded by its steps");
                    return;
                }
                Err(error) => error,
            };
            let Some(pause) = pauses.next() else {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the attempt could not be settled"
                );
                return;
            };
            tokio::time::sleep(pause).await;
        }
    }

    fn stops_lane(&self, job: &LeasedJob) -> bool {
        let snapshot = self.directory.snapshot();
        let integration = snapshot.integrations.get(&job.integration);
        integration.is_some_and(|it| it.options.on_dead_letter == OnDeadLetter::Stop)
    }

    async fn pause_if_unauthorized(&self, tried: &Account, failure: &Failure) {
        if failure.outcome != Outcome::Unauthorized {
            return;
        }
        let id = &tried.id;
        match self.directory.pause(tried, failure.reason.clone()).await {
            Ok(true) => {
                tracing::error!(account.id = %id, "the CRM refused the credentials: the account is paused");
            }
            Ok(false) => {
                debug!(account.id = %id, "credentials were refused that the account no longer has");
            }
            Err(error) => {
                tracing::error!(account.id = %id, error = &error as &dyn std::error::Error, "the account could not be paused");
            }
        }
    }

    fn count_failed_call(&self, job: &LeasedJob, failure: &Failure) {
        if let Some(kind) = failure.call {
            let labels = FailedCallLabels { plugin: self.plugin_of(job), failure: kind };
            self.metrics.failed_calls.get_or_create(&labels).inc();
        }
    }

    fn plugin_of(&self, job: &LeasedJob) -> String {
        let snapshot = self.directory.snapshot();
        snapshot
            .crm_of(&job.integration)
            .map_or_else(String::new, |entry| entry.account.plugin.to_string())
    }
}

/// A draw from [0, 1).
fn jitter() -> f64 {
    f64::from(getrandom::u32().unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
}
