//! Runs one job once: reads it by the rules, does its steps, settles. Or shows what it would do.

use std::{pin::Pin, sync::Arc, time::Duration};

use tracing::{Instrument as _, debug, info, info_span};

use crate::{
    account::{Account, OnDeadLetter},
    clock::Clock,
    directory::{Directory, Entry, Snapshot},
    outcome::{Next, Outcome, RetryPolicy},
    shares::{Shares, Verdict},
    storage::{self, Draws, Journal, LeasedJob, Settlement},
    tasks::{self, Panicked, Tasks},
    telemetry::{FailedCallLabels, Metrics, SettledLabels},
    waiters::Waiters,
};

mod assigned;
mod contact;
mod draft;
mod facts;
mod failure;
mod followup;
mod ledger;
mod people;
mod preview;
mod push;
mod shadow;
mod steps;
mod write;

use self::{
    contact::Known,
    failure::Peer,
    ledger::{Journaled, Ledger, Mode},
    steps::Course,
};
pub use self::{
    draft::PlannedWrite,
    facts::Facts,
    failure::Failure,
    preview::{Preview, Sample, preview},
    shadow::{Contrast, Shadow, shadow},
    write::Write,
};

/// A piece of work behind a pointer. The compiler proves that a future may change threads by
/// looking into all that it is made of, again for each one around it: what is behind a pointer has
/// been proved.
type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// Pauses between two tries to settle an attempt that the journal could not take.
const SETTLE_PAUSES: [Duration; 4] = [
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
];

/// What attempts and previews need. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Means {
    pub journal: Arc<dyn Journal>,
    pub draws: Arc<dyn Draws>,
    pub directory: Arc<Directory>,
    pub clock: Arc<dyn Clock>,
    pub facts: Facts,
}

/// What every attempt needs.
#[derive(Debug, Clone)]
pub struct Runner {
    pub means: Means,
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
        let started_at = self.means.clock.now();
        let started = tokio::time::Instant::now();
        let waited = started_at.duration_since(job.accepted_at).as_secs_f64();
        self.metrics.wait_seconds.observe(waited.max(0.0));
        let snapshot = self.means.directory.snapshot();
        let crm = snapshot.crm_of(&job.integration);
        let result = if self.policy.attempts_max < job.attempt {
            // The last attempt was lost with its host: one more could take the host again.
            Err(Failure::lost())
        } else {
            tokio::select! {
                work = tasks::caught(self.work(&snapshot, &job, crm)) => {
                    work.unwrap_or_else(|Panicked| Err(Failure::bug()))
                }
                () = self.tasks.cut() => Err(Failure::given_back()),
            }
        };
        let took = started.elapsed();
        self.metrics.attempt_seconds.observe(took.as_secs_f64());
        for entry in [crm, snapshot.accounts.get(&job.account)].into_iter().flatten() {
            self.means.directory.pause_if_refused(entry).await;
        }
        if let Some(crm) = crm {
            let verdict =
                result.as_ref().map_or_else(|failure| failure.verdict, |_| Verdict::Answered);
            self.shares.tell(&crm.account.id, verdict, self.means.clock.now(), jitter());
            if let Err(failure) = &result {
                let of_peer = match failure.peer {
                    Peer::Crm => Some(crm),
                    Peer::Channel => snapshot.accounts.get(&job.account),
                };
                if let Some(entry) = of_peer {
                    self.pause_if_unauthorized(&entry.account, failure).await;
                }
            }
        }
        let settlement = self.settlement(&job, result, started_at, took);
        self.settle(&job, settlement).await;
        self.waiters.settled(job.event_id);
    }

    async fn work(
        &self,
        snapshot: &Snapshot,
        job: &LeasedJob,
        crm: Option<&Entry>,
    ) -> Result<Known, Failure> {
        let Some(entry) = crm else {
            return Err(Failure::not_configured("the integration, or its CRM account, is gone"));
        };
        let Ok(adapter) = &entry.adapter else {
            return Err(Failure::not_configured(
                "the CRM account cannot work as it is set: see its problems",
            ));
        };
        let Some(rulebook) = snapshot.rulebook_of(&job.integration) else {
            return Err(Failure::not_configured(
                "the integration's rules are not right any more: see its problems",
            ));
        };
        let channel = snapshot.accounts.get(&job.account);
        let channel = channel.and_then(|entry| entry.adapter.as_deref().ok());
        let (journal, clock) = (self.means.journal.as_ref(), self.means.clock.as_ref());
        let crm = &entry.account.id;
        let journaled = Journaled::new(journal, clock, job, crm, self.lease);
        let ledger = Ledger::new(&self.means, adapter, channel, Mode::Attempt(journaled));
        let course = Course {
            event: &job.event,
            channel: &job.account,
            accepted_at: job.accepted_at,
            rulebook,
            ledger: &ledger,
        };
        course.run().await
    }

    fn settlement(
        &self,
        job: &LeasedJob,
        result: Result<Known, Failure>,
        started_at: jiff::Timestamp,
        took: Duration,
    ) -> Settlement {
        let (outcome, blame, reason, known) = match result {
            Ok(known) => (Outcome::Done, None, None, known),
            Err(failure) => {
                self.count_failed_call(job, &failure);
                let mut known = failure.known.map_or_else(Known::nothing, |known| *known);
                known.outcome.problem = Some(*failure.problem);
                (failure.outcome, Some(failure.blame), Some(failure.reason), known)
            }
        };
        let Known { outcome: told, links, .. } = known;
        let next = self.policy.next(outcome, job.attempt, self.means.clock.now(), jitter());
        // Of a job that goes on there is nothing to tell yet.
        let result = Some(told).filter(|_| !matches!(next, Next::ReadyAt(_)));
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
                Outcome::RateLimited { .. }
                    | Outcome::InWork
                    | Outcome::Unauthorized
                    | Outcome::GivenBack
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
            let settled = self
                .means
                .journal
                .settle(job.lease, settlement.clone(), self.means.clock.now())
                .await;
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
        let snapshot = self.means.directory.snapshot();
        let integration = snapshot.integrations.get(&job.integration);
        integration.is_some_and(|it| it.options.on_dead_letter == OnDeadLetter::Stop)
    }

    async fn pause_if_unauthorized(&self, tried: &Account, failure: &Failure) {
        if failure.outcome == Outcome::Unauthorized {
            self.means.directory.pause_for(tried, failure.reason.clone()).await;
        }
    }

    fn count_failed_call(&self, job: &LeasedJob, failure: &Failure) {
        if let Some(kind) = failure.call {
            let plugin = match failure.peer {
                Peer::Crm => self.plugin_of(job),
                Peer::Channel => self.plugin_of_channel(job),
            };
            let labels = FailedCallLabels { plugin, failure: kind };
            self.metrics.failed_calls.get_or_create(&labels).inc();
        }
    }

    fn plugin_of(&self, job: &LeasedJob) -> String {
        let snapshot = self.means.directory.snapshot();
        snapshot
            .crm_of(&job.integration)
            .map_or_else(String::new, |entry| entry.account.plugin.to_string())
    }

    fn plugin_of_channel(&self, job: &LeasedJob) -> String {
        let snapshot = self.means.directory.snapshot();
        let entry = snapshot.accounts.get(&job.account);
        entry.map_or_else(String::new, |entry| entry.account.plugin.to_string())
    }
}

/// A draw from [0, 1).
fn jitter() -> f64 {
    f64::from(getrandom::u32().unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
}
