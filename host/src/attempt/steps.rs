//! The steps of a job against its CRM: look up, plan, map, upsert. Each effect is recorded.

use serde::{Deserialize, Serialize};

use super::Failure;
use crate::{
    card::{AdapterError, Card, Identifier},
    event::{Effect, EventOutcome},
    id::{AccountId, Digest},
    plugin::{self, Adapter},
    rules::{identity, policy, policy::Plan},
    storage::{self, Journal, LeasedJob, Step, StepState},
};

const UPSERT_CONTACT: &str = "upsert-contact";

/// The second write of the same step, after the first has met a card that exists.
const FILL_IN_EXISTING: &str = "upsert-contact/existing";

/// What a finished upsert is remembered by.
#[derive(Debug, Serialize, Deserialize)]
struct Upserted {
    effect: Effect,
    card: Card,
}

/// One job's way through its CRM.
struct Work<'a> {
    journal: &'a dyn Journal,
    adapter: &'a Adapter,
    job: &'a LeasedJob,
    client: Vec<Identifier>,
    key: String,
}

/// What became of a write.
enum Written {
    Card(Card),
    /// The CRM has the card already; its id where it told it.
    Conflict(Option<String>),
}

/// Runs what is left to do of the job.
pub(super) async fn run(
    journal: &dyn Journal,
    adapter: &Adapter,
    job: &LeasedJob,
) -> Result<EventOutcome, Failure> {
    let client = identity::identifiers(&job.event);
    if client.is_empty() {
        return Ok(EventOutcome::nothing());
    }
    let key = idempotency_key(&adapter.account().id, job, UPSERT_CONTACT);
    if let Some(upserted) = finished(job, &key) {
        return Ok(outcome(upserted.effect, vec![upserted.card]));
    }
    // Looked up on every attempt: an earlier one may have written and not heard the answer.
    let found = adapter.lookup_client(&client).await?;
    let cards = policy::ranked(found, &client);
    Work { journal, adapter, job, client, key }.bring_up_to_date(cards).await
}

impl Work<'_> {
    async fn bring_up_to_date(&self, cards: Vec<Card>) -> Result<EventOutcome, Failure> {
        let (id, fields, effect) = match policy::plan(&self.job.event, &self.client, &cards) {
            Plan::Nothing => return Ok(outcome(Effect::None, cards)),
            Plan::Show => return self.show(cards).await,
            Plan::Create { fields } => (None, fields, Effect::Created),
            Plan::Update { card, fields } => (Some(card), fields, Effect::Updated),
        };
        let native = self.adapter.map_fields(&self.client, &fields).await?;
        if id.is_some() && is_empty_record(&native) {
            return self.show(cards).await;
        }
        match self.write(id.as_deref(), &native, &self.key).await? {
            Written::Card(card) => self.done(effect, card, cards).await,
            Written::Conflict(existing) => self.go_on_with(existing, effect).await,
        }
    }

    /// The CRM says that the card exists: by its id where it told it, else by another look-up.
    /// What was to be created is then filled in on it.
    async fn go_on_with(
        &self,
        existing: Option<String>,
        tried: Effect,
    ) -> Result<EventOutcome, Failure> {
        let mut wanted: Vec<Identifier> = existing.into_iter().map(Identifier::Card).collect();
        wanted.extend_from_slice(&self.client);
        let cards = policy::ranked(self.adapter.lookup_client(&wanted).await?, &wanted);
        let Some(first) = cards.first().cloned() else {
            return Err(plugin::Error::Adapter(AdapterError::Conflict(None)).into());
        };
        let plan = policy::plan(&self.job.event, &self.client, &cards);
        if let (Effect::Created, Plan::Update { card, fields }) = (tried, plan) {
            let native = self.adapter.map_fields(&self.client, &fields).await?;
            // Another write than the one that met the conflict, and so another key.
            let key = idempotency_key(&self.adapter.account().id, self.job, FILL_IN_EXISTING);
            if !is_empty_record(&native)
                && let Written::Card(card) = self.write(Some(&card), &native, &key).await?
            {
                return self.done(Effect::Updated, card, cards).await;
            }
        }
        self.done(Effect::Found, first, cards).await
    }

    async fn write(&self, id: Option<&str>, native: &str, key: &str) -> Result<Written, Failure> {
        self.record(StepState::Intended, None).await?;
        match self.adapter.upsert_contact(id, native, key).await {
            Ok(card) => Ok(Written::Card(card)),
            Err(plugin::Error::Adapter(AdapterError::Conflict(existing))) => {
                Ok(Written::Conflict(existing))
            }
            Err(error) => {
                if leaves_the_outcome_unknown(&error) {
                    self.record(StepState::Unknown, None).await?;
                }
                Err(error.into())
            }
        }
    }

    /// Nothing is left to write. A write of an earlier attempt whose answer was lost has turned up.
    async fn show(&self, cards: Vec<Card>) -> Result<EventOutcome, Failure> {
        let is_open = self.job.steps.iter().any(|step| step.name == UPSERT_CONTACT);
        match cards.first().cloned() {
            Some(first) if is_open => self.done(Effect::Found, first, cards).await,
            _ => Ok(outcome(Effect::Found, cards)),
        }
    }

    async fn done(
        &self,
        effect: Effect,
        card: Card,
        others: Vec<Card>,
    ) -> Result<EventOutcome, Failure> {
        let upserted = Upserted { effect, card };
        let result = serde_json::to_string(&upserted).map_err(|error| unreadable(&error))?;
        self.record(StepState::Done, Some(result)).await?;
        let others = others.into_iter().filter(|card| card.id != upserted.card.id);
        Ok(outcome(effect, std::iter::once(upserted.card.clone()).chain(others).collect()))
    }

    async fn record(&self, state: StepState, result: Option<String>) -> storage::Result<()> {
        let step = Step {
            name: UPSERT_CONTACT.to_owned(),
            idempotency_key: self.key.clone(),
            state,
            result,
        };
        self.journal.record_step(self.job.lease, step).await
    }
}

/// A write may have happened although no answer came: looked up before it is repeated.
fn leaves_the_outcome_unknown(error: &plugin::Error) -> bool {
    match error {
        plugin::Error::Adapter(AdapterError::UnknownOutcome(_))
        | plugin::Error::Trapped { .. }
        | plugin::Error::CpuSpent { .. }
        | plugin::Error::TimedOut { .. }
        | plugin::Error::MemorySpent { .. }
        | plugin::Error::TooLarge { .. }
        | plugin::Error::BadAnswer(_)
        | plugin::Error::Host(_) => true,
        plugin::Error::Adapter(_)
        | plugin::Error::Busy(_)
        | plugin::Error::BreakerOpen
        | plugin::Error::Unsupported(_) => false,
    }
}

/// The upsert of an earlier attempt, if it was recorded as done. What was done in another CRM,
/// before the integration was led to this one, has another key.
fn finished(job: &LeasedJob, key: &str) -> Option<Upserted> {
    let step = job.steps.iter().find(|step| {
        step.name == UPSERT_CONTACT && step.state == StepState::Done && step.idempotency_key == key
    })?;
    serde_json::from_str(step.result.as_deref()?).ok()
}

/// The same for every attempt of this step, and for no other step of any job.
///
/// The number of an event is new only within its database: a CRM that outlives the database
/// would take the first event of the next one for a repeat, and change another client's card.
fn idempotency_key(crm: &AccountId, job: &LeasedJob, step: &str) -> String {
    let event = format!("{}/{}", job.event_id, job.accepted_at.as_microsecond());
    let mut parts = Vec::new();
    for part in [crm.as_str(), job.integration.as_str(), &event, step] {
        parts.extend_from_slice(&part.len().to_le_bytes());
        parts.extend_from_slice(part.as_bytes());
    }
    Digest::of(&parts).to_string().chars().take(40).collect()
}

fn is_empty_record(native: &str) -> bool {
    matches!(serde_json::from_str::<serde_json::Value>(native), Ok(serde_json::Value::Object(record)) if record.is_empty())
}

fn outcome(effect: Effect, cards: Vec<Card>) -> EventOutcome {
    EventOutcome { effect, cards, ..EventOutcome::nothing() }
}

fn unreadable(error: &serde_json::Error) -> Failure {
    plugin::Error::BadAnswer(format!("the card cannot be kept: {error}")).into()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        event::{Event, Kind},
        id::{EventId, JobId},
        storage::Lease,
    };

    fn job(accepted_at: i64) -> LeasedJob {
        LeasedJob {
            lease: Lease { job: JobId(1), fence: 1 },
            attempt: 1,
            event_id: EventId(1),
            account: "shop".parse().unwrap(),
            integration: "shop-to-crm".parse().unwrap(),
            event: Event {
                dedup_key: None,
                conversation: "chat-1".to_owned(),
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

    #[test]
    fn the_first_events_of_two_databases_have_two_keys() {
        let crm: AccountId = "crm".parse().unwrap();
        let key = |job: &LeasedJob, step| idempotency_key(&crm, job, step);
        let again = LeasedJob { attempt: 2, ..job(1) };
        assert_eq!(key(&job(1), UPSERT_CONTACT), key(&again, UPSERT_CONTACT));
        assert_ne!(key(&job(1), UPSERT_CONTACT), key(&job(2), UPSERT_CONTACT));
        assert_ne!(key(&job(1), UPSERT_CONTACT), key(&job(1), FILL_IN_EXISTING));
    }
}
