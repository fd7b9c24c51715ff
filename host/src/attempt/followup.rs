//! What follows once the card is known: the deal, the task and the notes.

use jiff::SignedDuration;

use super::{
    Failure, Work,
    contact::is_empty_record,
    draft::NEW,
    ledger::{Ledger, Written},
    steps::{Course, deal_made},
    write::Write,
};
use crate::{
    account::Role,
    card::{Card, Deal, Field, Note, Person, Subject, Task, Value},
    event::{Remark, RemarkKind},
    rules::{
        book::Reading,
        decision::Decision,
        enquiry::{self, DealStep, Errand},
        follow_up, policy,
    },
};

/// The step that makes a deal.
pub(super) const DEAL: &str = "deal";
const UPDATE_DEAL: &str = "update-deal";
const TASK: &str = "task";

/// The steps that follow from an enquiry.
pub(super) const STEPS: &[&str] =
    &[DEAL, UPDATE_DEAL, TASK, follow_up::NOTE, follow_up::SOURCE_NOTE];

/// What follows once the card is known.
pub(super) struct FollowUp<'a> {
    pub(super) course: &'a Course<'a>,
    pub(super) reading: &'a Reading,
    pub(super) card: &'a Card,
    /// Who was chosen for the card, if this job made it.
    pub(super) chosen: Option<&'a str>,
    /// Whether an earlier job has opened what the same chat, call or form asks for: an enquiry is
    /// told by several events, and not always in their order.
    pub(super) is_known: bool,
}

/// The deal that the client has now, and whether this job made it.
#[derive(Default)]
struct Open {
    deal: Option<Deal>,
    is_new: bool,
}

impl<'a> FollowUp<'a> {
    fn ledger(&self) -> &'a Ledger<'a> {
        self.course.ledger
    }

    /// Returns the deal that this job has made, if it made one.
    pub(super) fn run(&self) -> Work<'_, Option<Deal>> {
        Box::pin(async move {
            let open = self.deal().await?;
            let subject = match &open.deal {
                Some(deal) => Subject::Deal(deal.id.clone()),
                None => Subject::Card(self.card.id.clone()),
            };
            let had = open.deal.as_ref().filter(|_| !open.is_new && !self.is_known);
            if let Some(errand) = self.errand(had) {
                self.task(&subject, open.deal.as_ref(), errand).await?;
            }
            self.notes(&subject).await?;
            Ok(open.deal.filter(|_| open.is_new))
        })
    }

    fn errand(&self, had: Option<&Deal>) -> Option<Errand> {
        let Course { rulebook, event, .. } = self.course;
        let mut remarks = Vec::new();
        let (errand, decision) = rulebook.errand(self.reading, event, self.card, had, &mut remarks);
        self.ledger().decide(decision);
        for remark in remarks {
            self.ledger().remark(remark);
        }
        errand
    }

    /// The open deal of the client; one is made for an enquiry of a client who has none.
    fn deal(&self) -> Work<'_, Open> {
        Box::pin(async move {
            let Course { rulebook, event, .. } = self.course;
            if !rulebook.looks_at_deals() {
                return Ok(Open::default());
            }
            if !self.ledger().crm.has(Role::Deals) {
                if rulebook.deal_step(event, None).0 == DealStep::Open {
                    self.course.cannot("the CRM has no deals");
                }
                return Ok(Open::default());
            }
            if let Some(deal) = self.ledger().finished::<Deal>(DEAL) {
                return Ok(Open { deal: Some(deal), is_new: true });
            }
            if let Some(deal) = self.ledger().finished::<Deal>(UPDATE_DEAL) {
                return Ok(Open { deal: Some(deal), is_new: false });
            }
            let open = self.ledger().open_deals(&self.card.id).await?;
            let Some(deal) = open.into_iter().next() else { return self.opened().await };
            let is_new = self.ledger().is_open(DEAL) && !self.is_of_another(&deal).await?;
            if is_new {
                self.ledger().done(DEAL, &deal).await?;
                return Ok(Open { deal: Some(deal), is_new });
            }
            Ok(Open { deal: Some(self.updated(deal).await?), is_new })
        })
    }

    /// The client has no open deal.
    async fn opened(&self) -> Result<Open, Failure> {
        let Course { rulebook, event, .. } = self.course;
        if self.is_known {
            let because = "an earlier event has opened what this chat, call or form asks for";
            self.ledger().decide(Decision::new("deal", "nothing", because));
            return Ok(Open::default());
        }
        let (step, decision) = rulebook.deal_step(event, None);
        if step != DealStep::Open {
            if rulebook.options().deals && enquiry::is_enquiry(event) {
                let text = format!("no deal was opened: {}", decision.because);
                self.ledger().remark(Remark { kind: RemarkKind::Forbidden, text });
            }
            self.ledger().decide(decision);
            return Ok(Open::default());
        }
        self.ledger().decide(decision);
        let fields = rulebook.deal_fields(self.reading, event, self.card);
        let native = self.ledger().map_deal_fields(&fields).await?;
        let manager = self.course.responsible(self.holder(None).as_ref()).await?;
        let stand_in = new_deal(&fields, manager.as_deref());
        let write = Write::Deal { id: None, card: self.card.id.clone(), native, manager };
        match self.ledger().write(DEAL, write, stand_in).await? {
            Written::Done(deal) => {
                self.ledger().done(DEAL, &deal).await?;
                Ok(Open { deal: Some(deal), is_new: true })
            }
            Written::Conflict(_) => Err(Failure::conflict()),
        }
    }

    /// The open deal with what the mapping has for it.
    async fn updated(&self, deal: Deal) -> Result<Deal, Failure> {
        let Course { rulebook, event, .. } = self.course;
        let (step, decision) = rulebook.deal_step(event, Some(&deal));
        if step != DealStep::Update {
            self.ledger().decide(decision);
            return Ok(deal);
        }
        if policy::deal_update(self.reading, &deal, &[]).is_empty() {
            return self.as_it_is(deal).await;
        }
        let specs = self.ledger().deal_fields().await?;
        let fields = policy::deal_update(self.reading, &deal, &specs);
        let native = self.ledger().map_deal_fields(&fields).await?;
        if fields.is_empty() || is_empty_record(&native) {
            return self.as_it_is(deal).await;
        }
        self.ledger().decide(decision);
        let (id, card) = (Some(deal.id.clone()), self.card.id.clone());
        let write = Write::Deal { id, card, native, manager: None };
        match self.ledger().write(UPDATE_DEAL, write, deal).await? {
            Written::Done(deal) => {
                self.ledger().done(UPDATE_DEAL, &deal).await?;
                Ok(deal)
            }
            Written::Conflict(_) => Err(Failure::conflict()),
        }
    }

    /// Nothing is left to write. A write of an earlier attempt whose answer was lost has turned up.
    async fn as_it_is(&self, deal: Deal) -> Result<Deal, Failure> {
        let decided = format!("deal {} stays as it is", deal.id);
        let because = "it has all that the mapping gives it";
        self.ledger().decide(Decision::new("deal", decided, because));
        if self.ledger().is_open(UPDATE_DEAL) {
            self.ledger().done(UPDATE_DEAL, &deal).await?;
        }
        Ok(deal)
    }

    /// Whether another job has made the deal, while this one waited to be attempted again. If none
    /// has, it is the one of an earlier attempt whose answer was lost.
    async fn is_of_another(&self, deal: &Deal) -> Result<bool, Failure> {
        Ok(!self.ledger().linked_cards(&[deal_made(deal)]).await?.is_empty())
    }

    /// Who looks after the deal, or else the card.
    fn holder(&self, deal: Option<&Deal>) -> Option<Person> {
        let is_named = |person: &&Person| person.id.is_some();
        let of_deal = deal.and_then(|deal| deal.manager.as_ref()).filter(is_named);
        let holder = of_deal.or(self.card.manager.as_ref().filter(is_named)).cloned();
        holder.or_else(|| {
            let id = Some(self.chosen?.to_owned());
            Some(Person { id, name: None, email: None, phone: None, active: true })
        })
    }

    /// A CRM without tasks gets a note that says the same.
    async fn task(
        &self,
        subject: &Subject,
        deal: Option<&Deal>,
        errand: Errand,
    ) -> Result<(), Failure> {
        let Errand { title, text } = errand;
        let crm = self.ledger().crm;
        if !crm.has(Role::Tasks) {
            if !crm.has(Role::Notes) {
                self.course.cannot("the CRM has neither tasks nor notes");
                return Ok(());
            }
            let remark = "the CRM has no tasks: a note says what is to be done".to_owned();
            self.ledger().remark(Remark { kind: RemarkKind::TaskAsNote, text: remark });
            return self.note(TASK, subject, Note::Text(format!("{title}\n{text}"))).await;
        }
        if self.ledger().finished::<String>(TASK).is_some() {
            return Ok(());
        }
        // Whoever has left cannot do it.
        let manager = match self.holder(deal).filter(|holder| holder.active) {
            Some(holder) => self.course.keeper(&holder).await?,
            None => self.course.responsible(None).await?,
        };
        let minutes = self.course.rulebook.rules().task.due_minutes;
        let accepted_at = self.course.accepted_at;
        let due = accepted_at.checked_add(SignedDuration::from_mins(minutes.into()));
        let due = due.unwrap_or(accepted_at).to_string();
        let task = Task { subject: subject.clone(), title, text, manager, due };
        self.keep_id(TASK, Write::Task(task)).await
    }

    async fn notes(&self, subject: &Subject) -> Result<(), Failure> {
        let Course { rulebook, event, channel, .. } = self.course;
        let (notes, decision) = rulebook.notes(self.reading, event, channel, self.is_known);
        self.ledger().decide(decision);
        if !notes.is_empty() && !self.ledger().crm.has(Role::Notes) {
            self.course.cannot("the CRM has no notes");
            return Ok(());
        }
        for (step, note) in notes {
            self.note(step, subject, note).await?;
        }
        Ok(())
    }

    async fn note(&self, step: &str, subject: &Subject, note: Note) -> Result<(), Failure> {
        if self.ledger().finished::<String>(step).is_some() {
            return Ok(());
        }
        self.keep_id(step, Write::Note { subject: subject.clone(), note }).await
    }

    /// A conflict that names what exists is the answer of an earlier attempt.
    async fn keep_id(&self, step: &str, write: Write) -> Result<(), Failure> {
        match self.ledger().write(step, write, NEW.to_owned()).await? {
            Written::Done(id) | Written::Conflict(Some(id)) => self.ledger().done(step, &id).await,
            Written::Conflict(None) => Err(Failure::conflict()),
        }
    }
}

/// The deal as it would be, for a preview.
fn new_deal(fields: &[Field], manager: Option<&str>) -> Deal {
    let text = |key: &str| {
        fields.iter().find(|field| field.key == key).and_then(|field| match &field.value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        })
    };
    let person = |id: &str| Person {
        id: Some(id.to_owned()),
        name: None,
        email: None,
        phone: None,
        active: true,
    };
    Deal {
        id: NEW.to_owned(),
        url: None,
        title: text("title").unwrap_or_default(),
        stage: text("stage"),
        manager: manager.map(person),
        fields: fields.to_vec(),
    }
}
