//! The client's card: look up, plan, map, upsert.

use serde::{Deserialize, Serialize};

use super::{
    Failure,
    ledger::{Ledger, Written},
};
use crate::{
    card::{AdapterError, Card, Field, Identifier},
    event::{Effect, EventOutcome},
    plugin::{self, Adapter},
    rules::policy::{self, Plan},
    storage::{IdentityLink, LeasedJob},
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

/// The way of one job to its client's card.
pub(super) struct Contact<'a> {
    pub(super) adapter: &'a Adapter,
    pub(super) job: &'a LeasedJob,
    pub(super) ledger: &'a Ledger<'a>,
    pub(super) client: Vec<Identifier>,
    /// The cards that the client was seen on.
    pub(super) links: Vec<IdentityLink>,
}

/// What is known of the client when the card is as it should be.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) outcome: EventOutcome,
    /// Links that are not kept yet.
    pub(super) links: Vec<IdentityLink>,
}

impl Contact<'_> {
    /// Finds the card and brings it up to date, or makes it.
    pub(super) async fn bring_up_to_date(&self) -> Result<Known, Failure> {
        let outcome = match self.ledger.finished::<Upserted>(UPSERT_CONTACT) {
            Some(upserted) => outcome(upserted.effect, vec![upserted.card]),
            None => self.write_if_needed().await?,
        };
        let links = self.new_links(&outcome);
        Ok(Known { outcome, links })
    }

    async fn write_if_needed(&self) -> Result<EventOutcome, Failure> {
        // Looked up on every attempt: an earlier one may have written and not heard the answer.
        let linked: Vec<String> = self.links.iter().map(|link| link.card.clone()).collect();
        let cards = self.look_up(&linked).await?;
        let (id, fields, effect) = match policy::plan(&self.job.event, &self.client, &cards) {
            Plan::Nothing => return Ok(outcome(Effect::None, cards)),
            Plan::Show => return self.show(cards).await,
            Plan::Create { fields } => (None, fields, Effect::Created),
            Plan::Update { card, fields } => (Some(card), fields, Effect::Updated),
        };
        let native = self.map(&fields).await?;
        if let Some(id) = &id {
            if is_empty_record(&native) {
                return self.show(cards).await;
            }
            self.ledger.hold_card(id).await?;
        }
        let key = self.ledger.key(UPSERT_CONTACT);
        let call = self.adapter.upsert_contact(id.as_deref(), &native, &key);
        match self.ledger.send(UPSERT_CONTACT, call).await? {
            Written::Done(card) => self.done(effect, card, cards).await,
            Written::Conflict(existing) => self.go_on_with(existing, effect).await,
        }
    }

    async fn map(&self, fields: &[Field]) -> Result<String, Failure> {
        self.ledger.call(self.adapter.map_fields(&self.client, fields)).await
    }

    /// Asks for the client, and for the cards that these ids lead to.
    async fn look_up(&self, linked: &[String]) -> Result<Vec<Card>, Failure> {
        let mut wanted = self.client.clone();
        for card in linked {
            let card = Identifier::Card(card.clone());
            if !wanted.contains(&card) {
                wanted.push(card);
            }
        }
        let found = self.ledger.call(self.adapter.lookup_client(&wanted)).await?;
        Ok(policy::ranked(found, &self.client, linked))
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
        let found = self.ledger.call(self.adapter.lookup_client(&wanted)).await?;
        let cards = policy::ranked(found, &wanted, &[]);
        let Some(first) = cards.first().cloned() else {
            return Err(plugin::Error::Adapter(AdapterError::Conflict(None)).into());
        };
        let plan = policy::plan(&self.job.event, &self.client, &cards);
        if let (Effect::Created, Plan::Update { card, fields }) = (tried, plan) {
            let native = self.map(&fields).await?;
            // Another write than the one that met the conflict, and so another key.
            let key = self.ledger.key(FILL_IN_EXISTING);
            if !is_empty_record(&native) {
                self.ledger.hold_card(&card).await?;
                let call = self.adapter.upsert_contact(Some(&card), &native, &key);
                if let Written::Done(card) = self.ledger.send(UPSERT_CONTACT, call).await? {
                    return self.done(Effect::Updated, card, cards).await;
                }
            }
        }
        self.done(Effect::Found, first, cards).await
    }

    /// Nothing is left to write. A write of an earlier attempt whose answer was lost has turned up.
    async fn show(&self, cards: Vec<Card>) -> Result<EventOutcome, Failure> {
        match cards.first().cloned() {
            Some(first) if self.ledger.is_open(UPSERT_CONTACT) => {
                self.done(Effect::Found, first, cards).await
            }
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
        self.ledger.done(UPSERT_CONTACT, &upserted).await?;
        let others = others.into_iter().filter(|card| card.id != upserted.card.id);
        Ok(outcome(effect, std::iter::once(upserted.card.clone()).chain(others).collect()))
    }

    /// An id of another system leads to the card from now on; a phone or an e-mail does where this
    /// job made the card, which the CRM's own search may not know for a while.
    fn new_links(&self, outcome: &EventOutcome) -> Vec<IdentityLink> {
        let Some(card) = outcome.cards.first() else { return Vec::new() };
        let is_wanted = |identifier: &&Identifier| match identifier {
            Identifier::External(_) => true,
            Identifier::Phone(_) | Identifier::Email(_) => outcome.effect == Effect::Created,
            Identifier::Card(_) => false,
        };
        let link = |identifier: &Identifier| IdentityLink {
            crm: self.adapter.account().id.clone(),
            identifier: identifier.clone(),
            card: card.id.clone(),
        };
        let links = self.client.iter().filter(is_wanted).map(link);
        links.filter(|link| !self.links.contains(link)).collect()
    }
}

fn is_empty_record(native: &str) -> bool {
    matches!(serde_json::from_str::<serde_json::Value>(native), Ok(serde_json::Value::Object(record)) if record.is_empty())
}

fn outcome(effect: Effect, cards: Vec<Card>) -> EventOutcome {
    EventOutcome { effect, cards, ..EventOutcome::nothing() }
}
