//! What would become of an event: every decision with its reason, and every write as it would be sent.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use super::{
    Failure, Means,
    draft::{Draft, PlannedWrite},
    ledger::{Ledger, Mode, Trace},
    steps::Course,
};
use crate::{
    card::Card,
    event::{Event, EventOutcome, Remark},
    id::AccountId,
    outcome::Outcome,
    plugin::Adapter,
    rules::{book::Rulebook, decision::Decision},
};

/// An event, and what it is tried with.
#[derive(Debug)]
pub struct Sample<'a> {
    pub event: &'a Event,
    /// The account that received it.
    pub channel: &'a AccountId,
    /// The channel's adapter, where it can work.
    pub channel_adapter: Option<&'a Adapter>,
    pub crm: &'a Arc<Adapter>,
    pub rulebook: &'a Rulebook,
    /// The webhook's body, for rules that look at it.
    pub body: Option<Bytes>,
    pub received_at: Timestamp,
    /// Taken for what the CRM would answer to a look-up.
    pub cards: Option<Vec<Card>>,
    /// Whether the CRM may be asked: for cards, deals, managers and fields.
    pub looks_up: bool,
}

/// What would become of an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preview {
    pub decisions: Vec<Decision>,
    /// What would be sent, in its order.
    pub writes: Vec<PlannedWrite>,
    pub remarks: Vec<Remark>,
    /// With ids `new` for what does not exist yet.
    pub outcome: EventOutcome,
}

/// Follows an event along the way of an attempt. Nothing is sent, recorded, locked or drawn.
///
/// Fails where the CRM could not be asked; what it would refuse is part of the preview.
pub async fn preview(means: &Means, sample: Sample<'_>) -> Result<Preview, Failure> {
    let Sample { event, channel, crm, rulebook, .. } = sample;
    let draft = Draft::new(sample.body, sample.cards, sample.looks_up);
    let ledger = Ledger::new(means, crm, sample.channel_adapter, Mode::Preview(draft));
    let course =
        Course { event, channel, accepted_at: sample.received_at, rulebook, ledger: &ledger };
    let outcome = match course.run().await {
        Ok(known) => known.outcome,
        Err(failure) if failure.outcome == Outcome::Permanent => {
            EventOutcome { problem: Some(*failure.problem), ..EventOutcome::nothing() }
        }
        Err(failure) => return Err(failure),
    };
    let Trace { decisions, remarks } = ledger.traced();
    let writes = ledger.into_draft().map(Draft::into_writes).unwrap_or_default();
    Ok(Preview { decisions, writes, remarks, outcome })
}
