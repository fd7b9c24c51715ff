//! The client's card: look up, plan, map, upsert.

use serde::{Deserialize, Serialize};

use super::{
    Failure, Work, assigned,
    draft::NEW,
    ledger::{Ledger, Written},
    steps::Course,
    write::Write,
};
use crate::{
    account::Update,
    card::{AdapterError, Card, Field, Identifier, Value},
    event::{Effect, EventOutcome, Kind, Remark},
    plugin,
    rules::{
        book::{Reading, Wanted},
        conflict, identity,
        policy::{self, Plan, Planned},
    },
    storage::IdentityLink,
};

/// Cards that an outcome tells of at most: as many as a CRM adapter may answer.
const CARDS_MAX: usize = 20;

const UPSERT_CONTACT: &str = "upsert-contact";

/// The second write of the same step, after the first has met a card that exists.
const FILL_IN_EXISTING: &str = "upsert-contact/existing";

/// The field that says who looks after a new card.
const MANAGER: &str = "manager";

/// What a finished upsert is remembered by.
#[derive(Debug, Serialize, Deserialize)]
struct Upserted {
    effect: Effect,
    card: Card,
    /// Who was chosen for a card that this job made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    responsible: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    remarks: Vec<Remark>,
    /// What led to another card, and is not to lead to this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    foreign: Vec<Identifier>,
}

/// The way of one job to its client's card.
pub(super) struct Contact<'a> {
    pub(super) course: &'a Course<'a>,
    pub(super) reading: &'a Reading,
    /// The cards that the client was seen on.
    pub(super) links: Vec<IdentityLink>,
}

/// What is known of the client when the card is as it should be.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) outcome: EventOutcome,
    /// Links that are not kept yet.
    pub(super) links: Vec<IdentityLink>,
    /// Who was chosen for a card that this job made.
    pub(super) responsible: Option<String>,
    /// What led to another card than the first.
    foreign: Vec<Identifier>,
}

impl Known {
    pub(super) fn nothing() -> Self {
        Self::of(EventOutcome::nothing())
    }

    fn of(outcome: EventOutcome) -> Self {
        Self { outcome, links: Vec::new(), responsible: None, foreign: Vec::new() }
    }

    fn found(cards: Vec<Card>, client: &[Identifier]) -> Self {
        let effect = if cards.is_empty() { Effect::None } else { Effect::Found };
        let foreign = conflict::foreign(client, &cards).into_iter().cloned().collect();
        Self { foreign, ..Self::of(EventOutcome { effect, cards, ..EventOutcome::nothing() }) }
    }
}

/// A write that is about to be sent.
struct Upsert {
    id: Option<String>,
    fields: Vec<Field>,
    native: String,
    effect: Effect,
    responsible: Option<String>,
}

impl Upsert {
    fn write(&self) -> Write {
        Write::Contact { id: self.id.clone(), native: self.native.clone() }
    }

    /// The card as it would be, for a preview.
    fn stand_in(&self, cards: &[Card]) -> Card {
        let held = cards.iter().find(|card| Some(&card.id) == self.id.as_ref()).cloned();
        let mut card = held.unwrap_or_else(|| Card {
            id: NEW.to_owned(),
            url: None,
            manager: None,
            fields: Vec::new(),
            lines: Vec::new(),
            matched: Vec::new(),
        });
        card.fields.retain(|held| self.fields.iter().all(|field| field.key != held.key));
        card.fields.extend(self.fields.iter().cloned());
        card
    }
}

impl<'a> Contact<'a> {
    fn ledger(&self) -> &'a Ledger<'a> {
        self.course.ledger
    }

    /// Finds the card and brings it up to date, or makes it.
    pub(super) fn bring_up_to_date(&self) -> Work<'_, Known> {
        Box::pin(async move {
            let mut known = match self.ledger().finished::<Upserted>(UPSERT_CONTACT) {
                Some(upserted) => {
                    for remark in &upserted.remarks {
                        self.ledger().remark(remark.clone());
                    }
                    known(upserted, Vec::new())
                }
                None => self.write_if_needed().await?,
            };
            known.links = self.new_links(&known);
            // Whoever has more cards is told of as many as a CRM may answer.
            known.outcome.cards.truncate(CARDS_MAX);
            Ok(known)
        })
    }

    async fn write_if_needed(&self) -> Result<Known, Failure> {
        // Looked up on every attempt: an earlier one may have written and not heard the answer.
        let cards = self.look_up().await?;
        let Planned { plan, decisions, remarks } = self.plan(&cards).await?;
        for decision in decisions {
            self.ledger().decide(decision);
        }
        for remark in remarks {
            self.ledger().remark(remark);
        }
        let (id, fields) = match plan {
            Plan::Nothing => return Ok(Known::found(cards, &self.reading.client)),
            Plan::Show => return self.show(cards).await,
            Plan::Refuse { problems } => {
                let refusal = plugin::Error::Adapter(AdapterError::Invalid(problems)).into();
                return Err(self.ledger().with_fields_asked_again(refusal));
            }
            Plan::Create { fields } => (None, fields),
            Plan::Update { card, fields } => (Some(card), fields),
        };
        let upsert = self.upsert(id, fields, &cards).await?;
        if let Some(id) = &upsert.id {
            if is_empty_record(&upsert.native) {
                return self.show(cards).await;
            }
            self.ledger().hold_card(id).await?;
        }
        let written =
            self.ledger().write(UPSERT_CONTACT, upsert.write(), upsert.stand_in(&cards)).await?;
        match written {
            Written::Done(card) => self.done(upsert.effect, card, cards, upsert.responsible).await,
            Written::Conflict(existing) => self.go_on_with(existing, upsert.effect).await,
        }
    }

    /// The write for these fields. Whoever is to look after a new card is chosen here.
    fn upsert<'b>(
        &'b self,
        id: Option<String>,
        mut fields: Vec<Field>,
        cards: &'b [Card],
    ) -> Work<'b, Upsert> {
        Box::pin(async move {
            let effect = if id.is_some() { Effect::Updated } else { Effect::Created };
            let mut responsible = None;
            if id.is_none() && fields.iter().all(|field| field.key != MANAGER) {
                responsible = self.course.responsible(None).await?;
                let value = responsible.clone().map(Value::Text);
                fields.extend(value.map(|value| Field { key: MANAGER.to_owned(), value }));
            }
            let reading = conflict::of_the_first(self.reading, cards);
            let native = self.ledger().map_fields(&reading.client, &fields).await?;
            Ok(Upsert { id, fields, native, effect, responsible })
        })
    }

    /// Asks what fields the CRM has only where that may change the plan.
    fn plan<'b>(&'b self, cards: &'b [Card]) -> Work<'b, Planned> {
        Box::pin(async move {
            let Course { rulebook, event, .. } = self.course;
            let planned = policy::plan(rulebook, &event.kind, self.reading, cards, &[]);
            match (&planned.plan, cards.first()) {
                (Plan::Create { .. }, _) => {}
                (Plan::Show | Plan::Update { .. }, Some(card)) if self.depends_on_fields(card) => {
                    // The answer may take its time, and the card is to be what was looked up.
                    self.ledger().hold_card(&card.id).await?;
                }
                _ => return Ok(planned),
            }
            let specs = self.ledger().contact_fields().await?;
            if specs.is_empty() {
                return Ok(planned);
            }
            Ok(policy::plan(rulebook, &event.kind, self.reading, cards, &specs))
        })
    }

    /// Whether what becomes of the card may depend on the CRM's fields: the operator has mapped
    /// some, or a phone or an e-mail meets another one.
    fn depends_on_fields(&self, card: &Card) -> bool {
        !self.course.rulebook.rules().mapping.is_empty()
            || self.reading.contact.iter().any(|wanted| meets_another(card, wanted))
    }

    /// Asks for the client, and for the cards that its links lead to.
    fn look_up(&self) -> Work<'_, Vec<Card>> {
        Box::pin(async move {
            let linked: Vec<String> = self.links.iter().map(|link| link.card.clone()).collect();
            let mut wanted = self.reading.client.clone();
            let mut ask_for = |card: Identifier| {
                if !wanted.contains(&card) {
                    wanted.push(card);
                }
            };
            linked.iter().cloned().map(Identifier::Card).for_each(&mut ask_for);
            let Kind::ConversationAssigned(to) = &self.course.event.kind else {
                let found = self.ledger().look_up(&wanted).await?;
                return Ok(policy::ranked(found, &self.reading.client, &linked));
            };
            assigned::candidates(to).into_iter().map(Identifier::Card).for_each(&mut ask_for);
            let found = self.ledger().look_up(&wanted).await?;
            if let Some(card) = found.iter().find(|card| assigned::is_meant(card, to)) {
                // The agent has said which one it is: what else matches does not matter.
                self.ledger().hold_card(&card.id).await?;
                return Ok(vec![card.clone()]);
            }
            self.ledger().remark(assigned::leads_nowhere());
            Ok(policy::ranked(found, &self.reading.client, &linked))
        })
    }

    /// The CRM says that the card exists: by its id where it told it, else by another look-up.
    /// What was to be created is then filled in on it.
    async fn go_on_with(&self, existing: Option<String>, tried: Effect) -> Result<Known, Failure> {
        let mut wanted: Vec<Identifier> = existing.into_iter().map(Identifier::Card).collect();
        wanted.extend_from_slice(&self.reading.client);
        let found = self.ledger().look_up(&wanted).await?;
        let cards = policy::ranked(found, &wanted, &[]);
        let Some(first) = cards.first().cloned() else { return Err(Failure::conflict()) };
        let plan = self.plan(&cards).await?.plan;
        if let (Effect::Created, Plan::Update { card, fields }) = (tried, plan) {
            let upsert = self.upsert(Some(card.clone()), fields, &cards).await?;
            if !is_empty_record(&upsert.native) {
                self.ledger().hold_card(&card).await?;
                // Another write than the one that met the conflict, and so another key.
                let (write, stand_in) = (upsert.write(), upsert.stand_in(&cards));
                let written = self
                    .ledger()
                    .write_again(UPSERT_CONTACT, FILL_IN_EXISTING, write, stand_in)
                    .await?;
                if let Written::Done(card) = written {
                    return self.done(Effect::Updated, card, cards, None).await;
                }
            }
        }
        self.done(Effect::Found, first, cards, None).await
    }

    /// Nothing is left to write. A write of an earlier attempt whose answer was lost has turned up.
    async fn show(&self, cards: Vec<Card>) -> Result<Known, Failure> {
        match cards.first().cloned() {
            Some(first) if self.ledger().is_open(UPSERT_CONTACT) => {
                self.done(Effect::Found, first, cards, None).await
            }
            _ => Ok(Known::found(cards, &self.reading.client)),
        }
    }

    async fn done(
        &self,
        effect: Effect,
        card: Card,
        others: Vec<Card>,
        responsible: Option<String>,
    ) -> Result<Known, Failure> {
        let remarks = self.ledger().traced().remarks;
        let foreign = conflict::foreign(&self.reading.client, &others);
        let foreign = foreign.into_iter().cloned().collect();
        let upserted = Upserted { effect, card, responsible, remarks, foreign };
        self.ledger().done(UPSERT_CONTACT, &upserted).await?;
        Ok(known(upserted, others))
    }

    /// An id of another system leads to the card from now on; a phone or an e-mail does where this
    /// job made the card, which the CRM's own search may not know for a while.
    fn new_links(&self, known: &Known) -> Vec<IdentityLink> {
        let Known { outcome, foreign, .. } = known;
        let Some(card) = outcome.cards.first() else { return Vec::new() };
        let is_wanted = |identifier: &&Identifier| match identifier {
            Identifier::External(_) => true,
            Identifier::Phone(_) | Identifier::Email(_) => outcome.effect == Effect::Created,
            Identifier::Card(_) => false,
        };
        let link = |identifier: &Identifier| IdentityLink {
            crm: self.ledger().crm.account().id.clone(),
            identifier: identifier.clone(),
            card: card.id.clone(),
        };
        let own = self.reading.client.iter().filter(|identifier| !foreign.contains(identifier));
        let links = own.filter(is_wanted).map(link);
        links.filter(|link| !self.links.contains(link)).collect()
    }
}

/// The card that was written stands first.
fn known(upserted: Upserted, others: Vec<Card>) -> Known {
    let Upserted { effect, card, responsible, foreign, .. } = upserted;
    let others = others.into_iter().filter(|other| other.id != card.id);
    let cards = std::iter::once(card.clone()).chain(others).collect();
    Known {
        responsible,
        foreign,
        ..Known::of(EventOutcome { effect, cards, ..EventOutcome::nothing() })
    }
}

/// Whether a phone or an e-mail that is wanted is none of those that the card has.
fn meets_another(card: &Card, wanted: &Wanted) -> bool {
    let of: fn(String) -> Identifier = match wanted.field.key.as_str() {
        "phone" => Identifier::Phone,
        "email" => Identifier::Email,
        _ => return false,
    };
    let addresses = |field: &Field| -> Vec<Identifier> {
        let texts = match &field.value {
            Value::Text(text) => std::slice::from_ref(text),
            Value::Texts(texts) => texts.as_slice(),
            _ => &[],
        };
        texts.iter().filter_map(|text| identity::normal(&of(text.clone()))).collect()
    };
    let of_key = card.fields.iter().filter(|field| field.key == wanted.field.key);
    let held: Vec<Identifier> = of_key.flat_map(addresses).collect();
    wanted.update != Update::NewOnly
        && !held.is_empty()
        && addresses(&wanted.field).iter().any(|told| !held.contains(told))
}

pub(super) fn is_empty_record(native: &str) -> bool {
    matches!(serde_json::from_str::<serde_json::Value>(native), Ok(serde_json::Value::Object(record)) if record.is_empty())
}
