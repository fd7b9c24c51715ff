//! The one way of a job to its CRM: what is read, and what is written.
//!
//! In an attempt writes are recorded and sent; in a preview they are kept, and nothing is sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool};

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Failure, Means,
    draft::Draft,
    write::{Answered, Write},
};
use crate::{
    card::{Card, Deal, Field, Identifier},
    event::Remark,
    id::PoolId,
    plugin::{self, Adapter},
    rules::{decision::Decision, responsible::Turn},
    storage::{self, IdentityLink},
};

mod journaled;

pub(super) use self::journaled::{Journaled, Written};

/// What the job of an event reads and writes.
#[derive(Debug)]
pub(super) struct Ledger<'a> {
    pub(super) means: &'a Means,
    pub(super) crm: &'a Arc<Adapter>,
    /// The channel's adapter, where it can work.
    pub(super) channel: Option<&'a Adapter>,
    mode: Mode<'a>,
    trace: Mutex<Trace>,
    /// What the CRM's fields are, was told before this attempt.
    pub(super) goes_by_kept_fields: AtomicBool,
}

#[derive(Debug)]
pub(super) enum Mode<'a> {
    Attempt(Journaled<'a>),
    Preview(Draft),
}

/// What was decided on the way.
#[derive(Debug, Clone, Default)]
pub(super) struct Trace {
    pub(super) decisions: Vec<Decision>,
    pub(super) remarks: Vec<Remark>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(
        means: &'a Means,
        crm: &'a Arc<Adapter>,
        channel: Option<&'a Adapter>,
        mode: Mode<'a>,
    ) -> Self {
        let (trace, goes_by_kept_fields) = (Mutex::default(), AtomicBool::default());
        Self { means, crm, channel, mode, trace, goes_by_kept_fields }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.means.clock.now()
    }

    pub(super) fn decide(&self, decision: Decision) {
        self.trace().decisions.push(decision);
    }

    /// Told once, however often it is met.
    pub(super) fn remark(&self, remark: Remark) {
        let mut trace = self.trace();
        if !trace.remarks.contains(&remark) {
            trace.remarks.push(remark);
        }
    }

    pub(super) fn traced(&self) -> Trace {
        self.trace().clone()
    }

    fn trace(&self) -> MutexGuard<'_, Trace> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was written, for a preview: everything that an attempt would send.
    pub(super) fn into_draft(self) -> Option<Draft> {
        match self.mode {
            Mode::Attempt(_) => None,
            Mode::Preview(draft) => Some(draft),
        }
    }

    pub(super) fn is_preview(&self) -> bool {
        matches!(self.mode, Mode::Preview(_))
    }

    /// The body of the webhook that told the event.
    pub(super) async fn body(&self) -> storage::Result<Option<Bytes>> {
        match &self.mode {
            Mode::Attempt(journaled) => self.means.journal.body_of(journaled.job().event_id).await,
            Mode::Preview(draft) => Ok(draft.body.clone()),
        }
    }

    /// Whether the CRM may be asked what it knows of itself.
    pub(super) fn can_ask(&self) -> bool {
        match &self.mode {
            Mode::Attempt(_) => true,
            Mode::Preview(draft) => draft.looks_up,
        }
    }

    /// Makes sure that the lease lasts for one more call. Fails when another worker has the job.
    pub(super) async fn hold(&self) -> storage::Result<()> {
        match &self.mode {
            Mode::Attempt(journaled) => journaled.hold().await,
            Mode::Preview(_) => Ok(()),
        }
    }

    /// Makes a call under a lease that lasts for it.
    pub(super) async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, plugin::Error>>,
    ) -> Result<T, Failure> {
        self.hold().await?;
        Ok(call.await?)
    }

    /// Every card that any identifier matches, as the CRM answers.
    pub(super) async fn look_up(&self, wanted: &[Identifier]) -> Result<Vec<Card>, Failure> {
        if let Mode::Preview(draft) = &self.mode {
            if let Some(assumed) = &draft.cards {
                return Ok(assumed.clone());
            }
            if !draft.looks_up {
                return Ok(Vec::new());
            }
        }
        self.call(self.crm.lookup_client(wanted)).await
    }

    /// The open deals of a card that is there.
    pub(super) async fn open_deals(&self, card: &str) -> Result<Vec<Deal>, Failure> {
        match &self.mode {
            Mode::Preview(draft) if !draft.knows(card) => Ok(Vec::new()),
            _ => self.call(self.crm.open_deals(card)).await,
        }
    }

    pub(super) async fn map_fields(
        &self,
        client: &[Identifier],
        fields: &[Field],
    ) -> Result<String, Failure> {
        let mapped = self.call(self.crm.map_fields(client, fields)).await;
        mapped.map_err(|failure| self.with_fields_asked_again(failure))
    }

    pub(super) async fn map_deal_fields(&self, fields: &[Field]) -> Result<String, Failure> {
        let mapped = self.call(self.crm.map_deal_fields(fields)).await;
        mapped.map_err(|failure| self.with_fields_asked_again(failure))
    }

    /// The cards that these identifiers were seen on.
    pub(super) async fn linked_cards(
        &self,
        identifiers: &[Identifier],
    ) -> storage::Result<Vec<IdentityLink>> {
        self.means.journal.linked_cards(&self.crm.account().id, identifiers).await
    }

    /// Makes the client's identifiers this job's own until it has ended.
    pub(super) async fn hold_client(&self, client: &[Identifier]) -> Result<(), Failure> {
        match &self.mode {
            Mode::Attempt(journaled) => journaled.hold_client(client).await,
            Mode::Preview(_) => Ok(()),
        }
    }

    /// Makes the card this job's own until it has ended. Who came to it by other identifiers may be
    /// at work on it: then the job is put off for a moment.
    pub(super) async fn hold_card(&self, card: &str) -> Result<(), Failure> {
        match &self.mode {
            Mode::Attempt(journaled) => journaled.hold_card(card).await,
            Mode::Preview(_) => Ok(()),
        }
    }

    /// Whose turn it is in the pool. An attempt takes the turn, once however often it is made.
    pub(super) async fn draw(&self, pool: &PoolId, turn: Turn) -> storage::Result<Option<String>> {
        let draws = &self.means.draws;
        match &self.mode {
            Mode::Attempt(journaled) => {
                let key = journaled.key("responsible");
                draws.draw(pool, &key, turn).await
            }
            Mode::Preview(_) => draws.next_turn(pool, "preview", turn).await,
        }
    }

    /// What a step answered that this attempt or an earlier one has done. What was done in another CRM, before
    /// the integration was led to this one, has another key.
    pub(super) fn finished<T: DeserializeOwned>(&self, step: &str) -> Option<T> {
        match &self.mode {
            Mode::Attempt(journaled) => journaled.finished(step),
            Mode::Preview(_) => None,
        }
    }

    /// Whether one of these steps was done, by an earlier attempt or by this one.
    pub(super) fn has_done(&self, steps: &[&str]) -> bool {
        match &self.mode {
            Mode::Attempt(journaled) => journaled.has_done(steps),
            Mode::Preview(_) => false,
        }
    }

    /// Whether an earlier attempt may have done this step without being told.
    pub(super) fn is_open(&self, step: &str) -> bool {
        match &self.mode {
            Mode::Attempt(journaled) => journaled.is_open(step),
            Mode::Preview(_) => false,
        }
    }

    /// Sends what the step writes, recorded before and after if its answer was lost. Whoever gets
    /// the answer calls [`Ledger::done`]. A preview gets `stand_in`.
    pub(super) async fn write<T: Answered>(
        &self,
        step: &str,
        write: Write,
        stand_in: T,
    ) -> Result<Written<T>, Failure> {
        self.write_again(step, step, write, stand_in).await
    }

    /// The same, for another write of the same step, which has a key of its own.
    pub(super) async fn write_again<T: Answered>(
        &self,
        step: &str,
        name: &str,
        write: Write,
        stand_in: T,
    ) -> Result<Written<T>, Failure> {
        let journaled = match &self.mode {
            Mode::Attempt(journaled) => journaled,
            Mode::Preview(draft) => {
                draft.keep(name, write);
                return Ok(Written::Done(stand_in));
            }
        };
        let key = journaled.key(name);
        let sent = journaled.send(step, write.send(self.crm, self.channel, &key)).await;
        let written = sent.map_err(|failure| {
            // What fails in the journal is the journal's.
            let is_answer = failure.call.is_some();
            match write {
                Write::Contact { .. } | Write::Deal { .. } => self.with_fields_asked_again(failure),
                _ if write.is_push() && is_answer => failure.of_channel(),
                _ => failure,
            }
        })?;
        Ok(match written {
            Written::Conflict(existing) => Written::Conflict(existing),
            Written::Done(answer) => {
                Written::Done(T::of(answer).expect("each kind of write has one kind of answer"))
            }
        })
    }

    /// Writes down what the step answered: it is never sent again.
    pub(super) async fn done(&self, step: &str, answer: &impl Serialize) -> Result<(), Failure> {
        match &self.mode {
            Mode::Attempt(journaled) => journaled.done(step, answer).await,
            Mode::Preview(_) => Ok(()),
        }
    }
}
