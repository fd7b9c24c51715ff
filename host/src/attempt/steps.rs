//! The way of one event into one CRM: its rules, the card, what follows, and the channel told.

use jiff::Timestamp;

use super::{
    Failure, Work,
    contact::{Contact, Known},
    followup::{self, FollowUp},
    ledger::Ledger,
    push,
};
use crate::{
    account::{ResponsibleRule, Role},
    card::{AdapterError, Deal, ExternalId, Identifier, Person},
    event::{Event, EventOutcome, Kind, Remark, RemarkKind},
    id::AccountId,
    rules::{
        book::{Reading, Rulebook},
        enquiry,
    },
    storage::IdentityLink,
};

/// One event on its way into one CRM.
pub(super) struct Course<'a> {
    pub(super) event: &'a Event,
    /// The account that received it.
    pub(super) channel: &'a AccountId,
    pub(super) accepted_at: Timestamp,
    pub(super) rulebook: &'a Rulebook,
    pub(super) ledger: &'a Ledger<'a>,
}

impl Course<'_> {
    /// Does what is left to do.
    pub(super) async fn run(&self) -> Result<Known, Failure> {
        let remarks = || self.ledger.traced().remarks;
        match self.followed().await {
            Ok(mut known) => {
                known.outcome.remarks = remarks();
                Ok(known)
            }
            // A dead letter tells what was met on the way to it.
            Err(failure) => Err(failure.with_remarks(remarks())),
        }
    }

    fn followed(&self) -> Work<'_, Known> {
        Box::pin(async move {
            if !self.event.kind.makes_a_job() {
                return Ok(Known::nothing());
            }
            let reading = self.read().await?;
            if let Kind::ManagersAsked(page) = &self.event.kind {
                if reading.filtered.is_some() {
                    return Ok(unanswered(
                        "the integration's filter does not let the question through",
                    ));
                }
                return self.assignments(page.as_deref()).await;
            }
            if reading.filtered.is_some() {
                return Ok(Known::nothing());
            }
            let is_assigned = matches!(self.event.kind, Kind::ConversationAssigned(_));
            if reading.client.is_empty() && !is_assigned {
                return Ok(Known::nothing());
            }
            if !self.asks_only() {
                self.ledger.hold_client(&reading.client).await?;
            }
            let mut known = self.in_crm(&reading).await?;
            let Some(card) = known.outcome.cards.first_mut() else { return Ok(known) };
            let mut remarks = Vec::new();
            card.lines.extend(self.rulebook.lines(&reading, card, &mut remarks));
            for remark in remarks {
                self.ledger.remark(remark);
            }
            if self.asks_only() {
                return Ok(known);
            }
            match push::push(self, &reading, card).await {
                Ok(()) => Ok(known),
                // The CRM has all: what is known of it stays, whatever becomes of the channel.
                Err(failure) => Err(failure.with_known(known)),
            }
        })
    }

    async fn read(&self) -> Result<Reading, Failure> {
        let wants_body = self.event.context.is_none() && self.rulebook.looks_at_context();
        let body = if wants_body { self.ledger.body().await? } else { None };
        let reading = self.rulebook.read(self.event, self.channel, body.as_deref());
        reading.decisions.iter().for_each(|decision| self.ledger.decide(decision.clone()));
        reading.remarks.iter().for_each(|remark| self.ledger.remark(remark.clone()));
        Ok(reading)
    }

    fn asks_only(&self) -> bool {
        matches!(self.event.kind, Kind::ClientAsked | Kind::ManagersAsked(_))
    }

    /// One page of who looks after whom. A CRM that cannot tell is a problem of the answer: nobody
    /// must take it for an empty list.
    async fn assignments(&self, page: Option<&str>) -> Result<Known, Failure> {
        const CANNOT: &str = "the CRM does not tell who looks after whom";
        let mut known = Known::nothing();
        if !self.ledger.crm.has(Role::Managers) {
            self.cannot(CANNOT);
            return Ok(unanswered(CANNOT));
        }
        if !self.ledger.can_ask() {
            return Ok(known);
        }
        match self.ledger.call(self.ledger.crm.list_assignments(page)).await {
            Ok((assignments, next_page)) => {
                known.outcome = EventOutcome { assignments, next_page, ..known.outcome };
            }
            Err(failure) if matches!(*failure.problem, AdapterError::Unsupported(_)) => {
                self.cannot(CANNOT);
                known = unanswered(CANNOT);
            }
            Err(failure) => return Err(failure),
        }
        Ok(known)
    }

    /// The card, and what follows from the event: deal, task and notes.
    fn in_crm<'b>(&'b self, reading: &'b Reading) -> Work<'b, Known> {
        Box::pin(async move {
            let options = self.rulebook.options();
            let rules = self.rulebook.rules();
            let opens = options.deals || options.tasks || (options.notes && rules.note.source);
            let episode = enquiry::episode_of(self.event, self.channel).filter(|_| opens);
            let asked: Vec<Identifier> = reading.client.iter().chain(&episode).cloned().collect();
            let linked = self.ledger.linked_cards(&asked).await?;
            let (of_episode, links): (Vec<_>, Vec<_>) =
                linked.into_iter().partition(|link| Some(&link.identifier) == episode.as_ref());
            let mut known = Contact { course: self, reading, links }.bring_up_to_date().await?;
            let Some(card) = known.outcome.cards.first() else { return Ok(known) };
            let follows = self.rulebook.looks_at_deals() || options.notes;
            if !follows || self.asks_only() {
                return Ok(known);
            }
            // What this job has opened itself, in an earlier attempt, is not another's.
            let is_known = !of_episode.is_empty() && !self.ledger.has_done(followup::STEPS);
            let chosen = known.responsible.as_deref();
            let follow_up = FollowUp { course: self, reading, card, chosen, is_known };
            let followed = match self.ledger.hold_card(&card.id).await {
                Ok(()) => follow_up.run().await,
                Err(failure) => Err(failure),
            };
            // Where a later step failed, what was made before is remembered all the same: the next
            // event of the client must find it, and the CRM's own search may not yet.
            let is_settled = followed.is_ok() || self.ledger.has_done(followup::STEPS);
            // What came before the enquiry itself has opened nothing: that is still to be done.
            let is_new = is_settled && !is_known && self.rulebook.settles_enquiry(self.event);
            let made = match &followed {
                Ok(made) => made.clone(),
                Err(_) => self.ledger.finished::<Deal>(followup::DEAL),
            };
            let link = |identifier| IdentityLink {
                crm: self.ledger.crm.account().id.clone(),
                identifier,
                card: card.id.clone(),
            };
            let made = made.as_ref().map(deal_made);
            known.links.extend(episode.filter(|_| is_new).into_iter().chain(made).map(link));
            match followed {
                Ok(_) => Ok(known),
                Err(failure) => Err(failure.with_known(known)),
            }
        })
    }

    /// Who looks after what this event makes. `holder` looks after the card or the deal already.
    pub(super) async fn responsible(
        &self,
        holder: Option<&Person>,
    ) -> Result<Option<String>, Failure> {
        let rule = &self.rulebook.rules().responsible;
        self.ledger.responsible(rule, &self.event.agents, holder).await
    }

    /// Who looks after what belongs to a holder: the holder, and whoever the rules name where the
    /// CRM has that one no more. The agent of the conversation does not come before.
    pub(super) async fn keeper(&self, holder: &Person) -> Result<Option<String>, Failure> {
        let rule = ResponsibleRule { agent: false, ..self.rulebook.rules().responsible.clone() };
        self.ledger.responsible(&rule, &[], Some(holder)).await
    }

    /// The CRM, or the channel, cannot do what a rule asks for.
    pub(super) fn cannot(&self, text: &str) {
        self.ledger.remark(Remark { kind: RemarkKind::Unsupported, text: text.to_owned() });
    }
}

/// Nothing is to be done, and the question has no answer.
fn unanswered(why: &str) -> Known {
    let mut known = Known::nothing();
    known.outcome.problem = Some(AdapterError::Unsupported(why.to_owned()));
    known
}

/// What a deal is remembered by that a job of ours has made: an id that leads to its card.
pub(super) fn deal_made(deal: &Deal) -> Identifier {
    Identifier::External(ExternalId { system: enquiry::DEAL_MADE.to_owned(), id: deal.id.clone() })
}
