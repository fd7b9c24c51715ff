//! The record of a job's effects: intended before they are sent, done once they are answered.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    attempt::Failure,
    card::{AdapterError, Identifier},
    clock::Clock,
    id::{AccountId, Digest},
    plugin,
    rules::identity,
    storage::{self, Journal, LeasedJob, Step, StepState},
};

/// A lease that is younger than this lasts for one more call.
const FRESH: Duration = Duration::from_secs(5);

/// One job's steps, under its lease.
#[derive(Debug)]
pub(in crate::attempt) struct Journaled<'a> {
    journal: &'a dyn Journal,
    clock: &'a dyn Clock,
    job: &'a LeasedJob,
    crm: &'a AccountId,
    lease: Duration,
    /// When the lease was taken or made longer.
    held_at: Mutex<Timestamp>,
    /// The card that is this job's own.
    held_card: Mutex<Option<String>>,
    /// What this attempt has done: step and answer.
    done: Mutex<BTreeMap<String, String>>,
}

/// What became of a write.
#[derive(Debug)]
pub(in crate::attempt) enum Written<T> {
    Done(T),
    /// The CRM has it already; its id where it told it.
    Conflict(Option<String>),
}

impl<'a> Journaled<'a> {
    /// `lease` is how long a lease lasts: longer than the longest call by more than [`FRESH`].
    pub(in crate::attempt) fn new(
        journal: &'a dyn Journal,
        clock: &'a dyn Clock,
        job: &'a LeasedJob,
        crm: &'a AccountId,
        lease: Duration,
    ) -> Self {
        let held_at = Mutex::new(clock.now());
        let (held_card, done) = (Mutex::default(), Mutex::default());
        Self { journal, clock, job, crm, lease, held_at, held_card, done }
    }

    pub(super) fn job(&self) -> &LeasedJob {
        self.job
    }

    /// Makes sure that the lease lasts for one more call. Fails when another worker has the job.
    pub(super) async fn hold(&self) -> storage::Result<()> {
        let now = self.clock.now();
        let held_at = *self.held_at.lock().unwrap_or_else(PoisonError::into_inner);
        let age = Duration::try_from(now.duration_since(held_at)).unwrap_or_default();
        if age < FRESH {
            return Ok(());
        }
        let until = now.checked_add(self.lease).unwrap_or(Timestamp::MAX);
        self.journal.extend(self.job.lease, until).await?;
        *self.held_at.lock().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(())
    }

    /// Makes the client's identifiers this job's own until it has ended, beside those that it was
    /// leased with.
    pub(super) async fn hold_client(&self, client: &[Identifier]) -> Result<(), Failure> {
        let own = identity::client_keys(&self.job.event);
        let mut keys: Vec<_> = client.iter().map(identity::client_key).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys.into_iter().filter(|key| !own.contains(key)) {
            if !self.journal.lock_client(self.job.lease, self.crm, key).await? {
                return Err(Failure::client_in_work());
            }
        }
        Ok(())
    }

    /// Makes the card this job's own until it has ended.
    pub(super) async fn hold_card(&self, card: &str) -> Result<(), Failure> {
        if self.held_card().as_deref() == Some(card) {
            return Ok(());
        }
        let key = identity::client_key(&Identifier::Card(card.to_owned()));
        if !self.journal.lock_client(self.job.lease, self.crm, key).await? {
            return Err(Failure::card_in_work());
        }
        *self.held_card() = Some(card.to_owned());
        Ok(())
    }

    fn held_card(&self) -> MutexGuard<'_, Option<String>> {
        self.held_card.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn finished<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let key = self.key(name);
        let is_done = |step: &&Step| {
            step.name == name && step.state == StepState::Done && step.idempotency_key == key
        };
        if let Some(answer) = self.done_now().get(name) {
            return serde_json::from_str(answer).ok();
        }
        let step = self.job.steps.iter().find(is_done)?;
        serde_json::from_str(step.result.as_deref()?).ok()
    }

    /// Whether one of these steps was done, by an earlier attempt or by this one.
    pub(super) fn has_done(&self, names: &[&str]) -> bool {
        let is_done = |step: &Step| {
            names.contains(&step.name.as_str())
                && step.state == StepState::Done
                && step.idempotency_key == self.key(&step.name)
        };
        self.job.steps.iter().any(is_done)
            || self.done_now().keys().any(|name| names.contains(&name.as_str()))
    }

    fn done_now(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_open(&self, name: &str) -> bool {
        let key = self.key(name);
        let is_open = |step: &Step| {
            step.name == name && step.state != StepState::Done && step.idempotency_key == key
        };
        self.job.steps.iter().any(is_open)
    }

    /// Writes down that the step is about to be sent, sends it, and writes down if its answer was
    /// lost.
    pub(super) async fn send<T>(
        &self,
        name: &str,
        call: impl Future<Output = Result<T, plugin::Error>>,
    ) -> Result<Written<T>, Failure> {
        self.hold().await?;
        self.record(name, StepState::Intended, None).await?;
        match call.await {
            Ok(answer) => Ok(Written::Done(answer)),
            Err(plugin::Error::Adapter(AdapterError::Conflict(existing))) => {
                Ok(Written::Conflict(existing))
            }
            Err(error) => {
                if leaves_the_outcome_unknown(&error) {
                    self.record(name, StepState::Unknown, None).await?;
                }
                Err(error.into())
            }
        }
    }

    pub(super) async fn done(&self, name: &str, answer: &impl Serialize) -> Result<(), Failure> {
        let result = serde_json::to_string(answer).map_err(|error| unreadable(&error))?;
        self.record(name, StepState::Done, Some(result.clone())).await?;
        self.done_now().insert(name.to_owned(), result);
        Ok(())
    }

    async fn record(
        &self,
        name: &str,
        state: StepState,
        result: Option<String>,
    ) -> storage::Result<()> {
        let idempotency_key = self.key(name);
        let step = Step { name: name.to_owned(), idempotency_key, state, result };
        self.journal.record_step(self.job.lease, step).await
    }

    /// The same for every attempt of this step, and for no other step of any job.
    ///
    /// The number of an event is new only within its database: a CRM that outlives the database
    /// would take the first event of the next one for a repeat, and change another client's card.
    pub(super) fn key(&self, step: &str) -> String {
        let event = format!("{}/{}", self.job.event_id, self.job.accepted_at.as_microsecond());
        let mut parts = Vec::new();
        for part in [self.crm.as_str(), self.job.integration.as_str(), &event, step] {
            parts.extend_from_slice(&part.len().to_le_bytes());
            parts.extend_from_slice(part.as_bytes());
        }
        Digest::of(&parts).to_string().chars().take(40).collect()
    }
}
/// A write may have happened although no answer came: looked up before it is repeated.
fn leaves_the_outcome_unknown(error: &plugin::Error) -> bool {
    match error {
        plugin::Error::Adapter(AdapterError::UnknownOutcome(_))
        | plugin::Error::Trapped { .. }
        | plugin::Error::CpuSpent { .. }
        | plugin::Error::TimedOut { .. }
        | plugin::Error::MemorySharedOut(_)
        | plugin::Error::MemorySpent { .. }
        | plugin::Error::TooLarge { .. }
        | plugin::Error::Spent(_)
        | plugin::Error::BadAnswer(_)
        | plugin::Error::Host(_) => true,
        plugin::Error::Adapter(_)
        | plugin::Error::Busy(_)
        | plugin::Error::BreakerOpen
        | plugin::Error::Unsupported(_) => false,
    }
}

fn unreadable(error: &serde_json::Error) -> Failure {
    plugin::Error::BadAnswer(format!("the answer cannot be kept: {error}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{ManualClock, SystemClock},
        event::{Event, Kind},
        id::{EventId, JobId},
        storage::Lease,
    };

    fn job(accepted_at: i64) -> LeasedJob {
        LeasedJob {
            lease: Lease { job: JobId(1), fence: 1 },
            attempt: 1,
            is_again: false,
            event_id: EventId(1),
            account: "shop".parse().unwrap(),
            integration: "shop-to-crm".parse().unwrap(),
            event: Event {
                dedup_key: None,
                conversation: "chat-1".to_owned(),
                episode: None,
                wants_reply: false,
                occurred_at: None,
                kind: Kind::ClientUpdated,
                client: Vec::new(),
                fields: Vec::new(),
                agents: Vec::new(),
                context: None,
            },
            steps: Vec::new(),
            accepted_at: Timestamp::from_microsecond(accepted_at).unwrap(),
        }
    }

    fn key(job: &LeasedJob, step: &str) -> String {
        let crm: AccountId = "crm".parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let database = storage::sqlite::Sqlite::open(
            &folder.path().join("patchbay.db"),
            &crate::config::Storage::default(),
        );
        let journal = database.unwrap().stores().journal;
        let lease = Duration::from_mins(1);
        Journaled::new(journal.as_ref(), &SystemClock, job, &crm, lease).key(step)
    }

    #[tokio::test]
    async fn a_lease_is_made_longer_once_it_is_no_longer_fresh() {
        let folder = tempfile::tempdir().unwrap();
        let database = storage::sqlite::Sqlite::open(
            &folder.path().join("patchbay.db"),
            &crate::config::Storage::default(),
        );
        let journal = database.unwrap().stores().journal;
        let (crm, clock, job) =
            ("crm".parse().unwrap(), ManualClock::new(Timestamp::UNIX_EPOCH), job(1));
        let lease = Duration::from_mins(1);
        let journaled = Journaled::new(journal.as_ref(), &clock, &job, &crm, lease);
        clock.advance(FRESH.checked_sub(Duration::from_micros(1)).unwrap());
        journaled.hold().await.unwrap();
        clock.advance(Duration::from_micros(1));
        // The database knows of no such lease, and is asked only now.
        assert!(matches!(journaled.hold().await, Err(storage::Error::LeaseLost)));
    }

    #[test]
    fn the_first_events_of_two_databases_have_two_keys() {
        let again = LeasedJob { attempt: 2, ..job(1) };
        assert_eq!(key(&job(1), "deal"), key(&again, "deal"));
        assert_ne!(key(&job(1), "deal"), key(&job(2), "deal"));
        assert_ne!(key(&job(1), "deal"), key(&job(1), "task"));
    }
}
