//! The steps of a job against its CRM: the card, then the deal, the task and the note.

use jiff::SignedDuration;

use super::{
    Failure, Runner,
    contact::{Contact, Known},
    ledger::{Ledger, Written},
};
use crate::{
    account::{IntegrationOptions, Role},
    card::{Card, Deal, ExternalId, Identifier, Note, Subject, Task},
    event::EventOutcome,
    plugin::Adapter,
    rules::{
        enquiry::{self, Errand},
        identity,
    },
    storage::{IdentityLink, Journal, LeasedJob},
};

const DEAL: &str = "deal";
const TASK: &str = "task";
const NOTE: &str = "note";

/// A task is due so long after its event was received.
const TASK_DUE: SignedDuration = SignedDuration::from_hours(24);

/// Runs what is left to do of the job.
pub(super) async fn run(
    runner: &Runner,
    adapter: &Adapter,
    job: &LeasedJob,
    options: IntegrationOptions,
) -> Result<Known, Failure> {
    let client = identity::identifiers(&job.event);
    if client.is_empty() {
        return Ok(Known { outcome: EventOutcome::nothing(), links: Vec::new() });
    }
    let journal = runner.journal.as_ref();
    let ledger =
        Ledger::new(journal, runner.clock.as_ref(), job, &adapter.account().id, runner.lease);
    let opens = options.deals || options.tasks;
    let episode = enquiry::episode_of(&job.event, &job.account).filter(|_| opens);
    let asked: Vec<Identifier> = client.iter().chain(&episode).cloned().collect();
    let (of_episode, links): (Vec<_>, Vec<_>) = journal
        .linked_cards(&adapter.account().id, &asked)
        .await?
        .into_iter()
        .partition(|link| Some(&link.identifier) == episode.as_ref());
    let contact = Contact { adapter, job, ledger: &ledger, client, links };
    let mut known = contact.bring_up_to_date().await?;
    let Some(card) = known.outcome.cards.first() else { return Ok(known) };
    if !(opens || options.notes) {
        return Ok(known);
    }
    ledger.hold_card(&card.id).await?;
    let is_known = !of_episode.is_empty();
    let follow_up = FollowUp { journal, adapter, job, ledger: &ledger, card, options, is_known };
    let made = follow_up.run().await?.map(|deal| deal_made(&deal));
    // What came before the enquiry itself has opened nothing: that is still to be done.
    let is_new = !is_known && enquiry::is_enquiry(&job.event.kind);
    let link = |identifier| IdentityLink {
        crm: adapter.account().id.clone(),
        identifier,
        card: card.id.clone(),
    };
    known.links.extend(episode.filter(|_| is_new).into_iter().chain(made).map(link));
    Ok(known)
}

/// What a deal is remembered by that a job of ours has made: an id that leads to its card.
fn deal_made(deal: &Deal) -> Identifier {
    Identifier::External(ExternalId { system: enquiry::DEAL_MADE.to_owned(), id: deal.id.clone() })
}

/// What follows once the card is known.
struct FollowUp<'a> {
    journal: &'a dyn Journal,
    adapter: &'a Adapter,
    job: &'a LeasedJob,
    ledger: &'a Ledger<'a>,
    card: &'a Card,
    options: IntegrationOptions,
    /// Whether an earlier job has opened what the same chat, call or form asks for: an enquiry is
    /// told by several events, and not always in their order.
    is_known: bool,
}

/// The deal that the client has now, and whether this job made it.
struct Open {
    deal: Option<Deal>,
    is_new: bool,
}

impl FollowUp<'_> {
    /// Returns the deal that this job has made, if it made one.
    async fn run(&self) -> Result<Option<Deal>, Failure> {
        let open = self.deal().await?;
        let subject = match &open.deal {
            Some(deal) => Subject::Deal(deal.id.clone()),
            None => Subject::Card(self.card.id.clone()),
        };
        let manager = open.deal.as_ref().and_then(|deal| deal.manager.as_ref());
        let manager = manager.or(self.card.manager.as_ref()).and_then(|person| person.id.clone());
        let had = open.deal.as_ref().filter(|_| !open.is_new && !self.is_known);
        if self.options.tasks
            && let Some(errand) = enquiry::errand(&self.job.event, had)
        {
            self.task(&subject, manager, errand).await?;
        }
        if self.options.notes
            && self.adapter.has(Role::Notes)
            && let Some(note) = enquiry::note(&self.job.event)
        {
            self.note(NOTE, &subject, &note).await?;
        }
        Ok(open.deal.filter(|_| open.is_new))
    }

    /// The open deal of the client; one is made for an enquiry of a client who has none.
    async fn deal(&self) -> Result<Open, Failure> {
        let none = Open { deal: None, is_new: false };
        if !self.adapter.has(Role::Deals) || !(self.options.deals || self.options.tasks) {
            return Ok(none);
        }
        if let Some(deal) = self.ledger.finished::<Deal>(DEAL) {
            return Ok(Open { deal: Some(deal), is_new: true });
        }
        let open = self.ledger.call(self.adapter.open_deals(&self.card.id)).await?;
        let open = open.into_iter().next();
        if let Some(deal) = open {
            let is_new = self.ledger.is_open(DEAL) && !self.is_of_another(&deal).await?;
            if is_new {
                self.ledger.done(DEAL, &deal).await?;
            }
            return Ok(Open { deal: Some(deal), is_new });
        }
        if !self.options.deals || self.is_known || !enquiry::is_enquiry(&self.job.event.kind) {
            return Ok(none);
        }
        let fields = enquiry::deal_fields(&self.job.event, self.card);
        let native = self.ledger.call(self.adapter.map_deal_fields(&fields)).await?;
        let manager = self.card.manager.as_ref().and_then(|person| person.id.as_deref());
        let key = self.ledger.key(DEAL);
        let call = self.adapter.upsert_deal(None, &self.card.id, &native, manager, &key);
        match self.ledger.send(DEAL, call).await? {
            Written::Done(deal) => {
                self.ledger.done(DEAL, &deal).await?;
                Ok(Open { deal: Some(deal), is_new: true })
            }
            Written::Conflict(_) => Err(Failure::conflict()),
        }
    }

    /// Whether another job has made the deal, while this one waited to be attempted again. If none
    /// has, it is the one of an earlier attempt whose answer was lost.
    async fn is_of_another(&self, deal: &Deal) -> Result<bool, Failure> {
        let crm = &self.adapter.account().id;
        Ok(!self.journal.linked_cards(crm, &[deal_made(deal)]).await?.is_empty())
    }

    /// A CRM without tasks gets a note that says the same.
    async fn task(
        &self,
        subject: &Subject,
        manager: Option<String>,
        errand: Errand,
    ) -> Result<(), Failure> {
        let Errand { title, text } = errand;
        if !self.adapter.has(Role::Tasks) {
            let note = Note::Text(format!("{title}\n{text}"));
            return if self.adapter.has(Role::Notes) {
                self.note(TASK, subject, &note).await
            } else {
                Ok(())
            };
        }
        if self.ledger.finished::<String>(TASK).is_some() {
            return Ok(());
        }
        let due = self.job.accepted_at.checked_add(TASK_DUE).unwrap_or(self.job.accepted_at);
        let title = title.to_owned();
        let task = Task { subject: subject.clone(), title, text, manager, due: due.to_string() };
        let key = self.ledger.key(TASK);
        let call = self.adapter.create_task(&task, &key);
        self.keep_id(TASK, self.ledger.send(TASK, call).await?).await
    }

    async fn note(&self, step: &str, subject: &Subject, note: &Note) -> Result<(), Failure> {
        if self.ledger.finished::<String>(step).is_some() {
            return Ok(());
        }
        let key = self.ledger.key(step);
        let call = self.adapter.add_note(subject, note, &key);
        self.keep_id(step, self.ledger.send(step, call).await?).await
    }

    /// A conflict that names what exists is the answer of an earlier attempt.
    async fn keep_id(&self, step: &str, written: Written<String>) -> Result<(), Failure> {
        match written {
            Written::Done(id) | Written::Conflict(Some(id)) => self.ledger.done(step, &id).await,
            Written::Conflict(None) => Err(Failure::conflict()),
        }
    }
}
