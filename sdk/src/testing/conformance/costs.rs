//! What one event costs: the same flows for every CRM, so that their requests can be compared.

use super::{Client, Suite};
use crate::notes::Note;
use crate::types::{Card, Deal, Error, Field, Subject};
use crate::{Contacts, Deals, Notes};

/// Long enough for whatever an adapter does only right after a write.
const QUIET_MS: u64 = 10 * 60 * 1_000;

/// Requests of one event, once the account knows what it asks for only once. Mapping is part of each
/// flow, and costs none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Costs {
    /// Nobody is found: look-up, contact, open deals, deal, note.
    pub new_client: usize,
    /// Found, with a name that has changed and an open deal: look-up, contact, open deals, deal, note.
    pub changed_client: usize,
    /// Found, with nothing to change and an open deal: look-up, open deals, note.
    pub known_client: usize,
}

/// One client, who comes again and again.
struct Visit<'s, 'h> {
    suite: &'s Suite<'h>,
    client: Client,
    number: usize,
}

impl Suite<'_> {
    /// Compares what the flows cost with what is expected.
    pub fn costs<T: Contacts + Deals + Notes>(&self, expected: Costs) -> Result<(), String> {
        // The first client pays for what is asked once for an account.
        self.flows::<T>(600)?;
        let costs = self.flows::<T>(601)?;
        if costs == expected {
            return Ok(());
        }
        Err(format!("the flows should cost {expected:?}, and cost {costs:?}"))
    }

    fn flows<T: Contacts + Deals + Notes>(&self, number: usize) -> Result<Costs, String> {
        let visit = Visit { suite: self, client: (self.client)(number), number };
        let new_client = self.counted(|| visit.new_client::<T>())?;
        (self.wait)(QUIET_MS);
        let changed_client = self.counted(|| visit.changed_client::<T>())?;
        (self.wait)(QUIET_MS);
        let known_client = self.counted(|| visit.known_client::<T>())?;
        Ok(Costs { new_client, changed_client, known_client })
    }

    fn counted(&self, flow: impl FnOnce() -> Result<(), String>) -> Result<usize, String> {
        let before = self.host.requests().len();
        flow()?;
        Ok(self.host.requests().len() - before)
    }
}

impl Visit<'_, '_> {
    fn new_client<T: Contacts + Deals + Notes>(&self) -> Result<(), String> {
        let Client { identifiers, fields } = &self.client;
        if !self.found::<T>()?.is_empty() {
            return Err("a new client is found before anything is written".to_owned());
        }
        let card = self.upsert::<T>(None, fields, "new")?;
        if !self.open::<T>(&card.id)?.is_empty() {
            return Err(format!("the new client of {} identifiers has deals", identifiers.len()));
        }
        let deal = self.deal::<T>(None, &card.id, "Enquiry")?;
        self.note::<T>(&deal.id, "new")
    }

    fn changed_client<T: Contacts + Deals + Notes>(&self) -> Result<(), String> {
        let card = self.only_card::<T>()?;
        self.upsert::<T>(Some(card.id.clone()), &[Field::text("name", "Olga Test")], "changed")?;
        let deal = self.only_deal::<T>(&card.id)?;
        self.deal::<T>(Some(deal.id.clone()), &card.id, "Second enquiry")?;
        self.note::<T>(&deal.id, "changed")
    }

    fn known_client<T: Contacts + Deals + Notes>(&self) -> Result<(), String> {
        let card = self.only_card::<T>()?;
        let deal = self.only_deal::<T>(&card.id)?;
        self.note::<T>(&deal.id, "known")
    }

    fn good<T>(&self, what: &str, call: impl FnOnce() -> Result<T, Error>) -> Result<T, String> {
        self.suite.good(what, call)
    }

    fn key(&self, step: &str) -> String {
        format!("visit-{}-{step}", self.number)
    }

    fn found<T: Contacts>(&self) -> Result<Vec<Card>, String> {
        self.good("lookup-client", || T::lookup_client(self.client.identifiers.clone()))
    }

    fn only_card<T: Contacts>(&self) -> Result<Card, String> {
        self.found::<T>()?.pop().ok_or_else(|| "a client is not found again".to_owned())
    }

    fn open<T: Deals>(&self, card: &str) -> Result<Vec<Deal>, String> {
        self.good("open-deals", || T::open_deals(card.to_owned()))
    }

    fn only_deal<T: Deals>(&self, card: &str) -> Result<Deal, String> {
        self.open::<T>(card)?.pop().ok_or_else(|| "a deal is not found again".to_owned())
    }

    fn upsert<T: Contacts>(
        &self,
        id: Option<String>,
        fields: &[Field],
        step: &str,
    ) -> Result<Card, String> {
        let native = self.suite.native::<T>(&self.client.identifiers, fields)?;
        self.good("upsert-contact", || T::upsert_contact(id, native, self.key(step)))
    }

    fn deal<T: Deals>(&self, id: Option<String>, card: &str, title: &str) -> Result<Deal, String> {
        let native = self.suite.title::<T>(title)?;
        let key = self.key(if id.is_some() { "deal-changed" } else { "deal" });
        self.good("upsert-deal", || T::upsert_deal(id, card.to_owned(), native, None, key))
    }

    fn note<T: Notes>(&self, deal: &str, step: &str) -> Result<(), String> {
        let (subject, note) = (Subject::Deal(deal.to_owned()), Note::Text("hello".to_owned()));
        self.good("add-note", || T::add_note(subject, note, self.key(step))).map(drop)
    }
}
