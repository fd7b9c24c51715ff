//! What is written to rows and read from them, as every backend needs it.

use jiff::Timestamp;

use super::{
    Error, IdentityLink, Lease, LeasedJob, NewEvent, NewReading, NewWebhook, Result, Settlement,
    Step,
    codec::{
        event_from_json, event_to_json, headers_to_json, outcome_to_json, to_id, to_json,
        to_micros, to_timestamp,
    },
};
use crate::{
    card::{ExternalId, Identifier},
    event::Request,
    id::{AccountId, Digest, EventId, IntegrationId},
    outcome::{Blame, Next, Outcome},
};

/// A webhook, encoded before it waits for the database.
#[derive(Debug)]
pub(super) struct Webhook {
    pub(super) account: AccountId,
    pub(super) plugin: Digest,
    pub(super) request: Request,
    pub(super) headers: String,
    pub(super) reading: Reading,
}

/// What is kept of a reading.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) verdict: &'static str,
    pub(super) status: Option<u16>,
    pub(super) reason: Option<String>,
    pub(super) events: Vec<EncodedEvent>,
}

#[derive(Debug)]
pub(super) struct EncodedEvent {
    pub(super) dedup_key: Vec<u8>,
    pub(super) dedup_since: i64,
    pub(super) client_keys: Vec<i64>,
    pub(super) kind: &'static str,
    pub(super) conversation: String,
    pub(super) payload: String,
    pub(super) integrations: Vec<IntegrationId>,
}

impl Webhook {
    pub(super) fn encode(webhook: NewWebhook) -> Result<Self> {
        let NewWebhook { account, plugin, request, reading } = webhook;
        let headers = headers_to_json(&request.headers)?;
        Ok(Self { account, plugin, request, headers, reading: Reading::encode(reading)? })
    }
}

impl Reading {
    pub(super) fn encode(reading: NewReading) -> Result<Self> {
        let (verdict, status, reason, events) = match reading {
            NewReading::Events(events) => ("events", None, None, events),
            NewReading::Answered => ("answered", None, None, Vec::new()),
            NewReading::Rejected { status, reason } => {
                ("rejected", Some(status), Some(reason), Vec::new())
            }
            NewReading::Unread { reason } => ("unread", None, Some(reason), Vec::new()),
        };
        let events = events.into_iter().map(EncodedEvent::encode).collect::<Result<_>>()?;
        Ok(Self { verdict, status, reason, events })
    }
}

impl EncodedEvent {
    fn encode(event: NewEvent) -> Result<Self> {
        let NewEvent { dedup_key, dedup_since, client_keys, mut event, integrations } = event;
        let payload = event_to_json(&mut event)?;
        Ok(Self {
            dedup_key,
            dedup_since: to_micros(dedup_since),
            client_keys: client_keys.into_iter().map(|key| key.0).collect(),
            kind: event.kind.name(),
            conversation: event.conversation,
            payload,
            integrations,
        })
    }
}

/// A leased job as the rows tell it, decoded apart from the transaction that leased it.
#[derive(Debug)]
pub(super) struct LeasedRow {
    pub(super) lease: Lease,
    pub(super) attempts: u32,
    pub(super) is_again: bool,
    pub(super) event_id: i64,
    pub(super) integration: String,
    pub(super) account: String,
    pub(super) conversation: String,
    pub(super) payload: String,
    pub(super) received_at: i64,
    pub(super) steps: Vec<Step>,
}

impl LeasedRow {
    pub(super) fn decode(self) -> Result<LeasedJob> {
        Ok(LeasedJob {
            lease: self.lease,
            attempt: self.attempts.saturating_add(1),
            is_again: self.is_again,
            event_id: EventId(self.event_id),
            account: to_id("event", self.account)?,
            integration: to_id("job", self.integration)?,
            event: event_from_json(&self.payload, self.conversation)?,
            steps: self.steps,
            accepted_at: to_timestamp("request", self.received_at)?,
        })
    }
}

/// A settlement, encoded before it waits for the database.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) settlement: Settlement,
    pub(super) result: Option<String>,
}

impl Ending {
    pub(super) fn encode(mut settlement: Settlement) -> Result<Self> {
        let result = settlement.result.as_mut().map(outcome_to_json).transpose()?;
        Ok(Self { settlement, result })
    }
}

/// The end of a job whose rows are broken: it must keep neither the others nor its own lane from
/// running.
pub(super) fn unreadable(lease: Lease, error: &Error, now: Timestamp) -> Settlement {
    tracing::error!(
        job.id = %lease.job,
        error = error as &dyn std::error::Error,
        "a job cannot be read: it is a dead letter"
    );
    Settlement {
        next: Next::Dead,
        stops_lane: false,
        links: Vec::new(),
        counts: true,
        outcome: Outcome::Permanent.name(),
        blame: Some(Blame::Host),
        reason: Some(error.to_string()),
        result: None,
        started_at: now,
        took_ms: 0,
    }
}

/// What an attempt is told to have ended with whose lease nobody settled.
pub(super) const LOST_REASON: &str = "the lease ended before the attempt was settled";

/// An identifier as it stands in its two columns. An external id is known by its system, too:
/// both make the value, as JSON, so that no two pairs look alike.
pub(super) fn link_columns(identifier: &Identifier) -> Result<(&'static str, String)> {
    Ok(match identifier {
        Identifier::Phone(phone) => ("phone", phone.clone()),
        Identifier::Email(email) => ("email", email.clone()),
        Identifier::External(ExternalId { system, id }) => ("external", to_json(&[system, id])?),
        Identifier::Card(card) => ("card", card.clone()),
    })
}

/// The link that was asked for by its identifier.
pub(super) fn link(crm: &AccountId, identifier: &Identifier, card: String) -> IdentityLink {
    IdentityLink { crm: crm.clone(), identifier: identifier.clone(), card }
}
