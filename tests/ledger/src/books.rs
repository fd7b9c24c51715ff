//! What the ledger keeps: records, and a log of every write in its order.

use std::{collections::HashMap, time::Duration};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    api::{Arrival, Call, texts},
    naming::Naming,
};

/// Contacts that one look-up answers at most.
const PAGE: usize = 50;

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Contact,
    Deal,
    Task,
    Note,
}

/// One effect, in the order in which they came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Write {
    /// The number of the call, the first is 1.
    pub call: u64,
    /// Since the ledger was opened.
    pub at: Duration,
    pub kind: Kind,
    /// `c1`, `d1`, `t1`, `n1`.
    pub id: String,
    /// A record was made, not changed.
    pub is_new: bool,
    pub key: Option<String>,
    /// As it was sent.
    pub body: Value,
}

/// All records. The number in an id is the place in its list.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) naming: Naming,
    /// `phone`, `email`: of these a contact holds one.
    pub(crate) single: Vec<String>,
    contacts: Vec<Contact>,
    deals: Vec<Deal>,
    tasks: Vec<Text>,
    notes: Vec<Text>,
    writes: Vec<Noted>,
    /// Contacts by each of their identifiers, as [`comparable`] makes them.
    holders: HashMap<String, Vec<usize>>,
    /// The first contact that the search does not know yet.
    pub(crate) hidden_from: Option<usize>,
    /// Deals by the place of their contact.
    deals_of: HashMap<usize, Vec<usize>>,
    /// The kind and id of the first record that was created with a key.
    keys: HashMap<String, (Kind, String)>,
}

/// A JSON document as text, which is a tenth of its size as a tree: a soak writes millions.
#[derive(Debug)]
struct Text(Box<str>);

impl Text {
    fn of(value: &Value) -> Self {
        Self(value.to_string().into())
    }

    fn value(&self) -> Value {
        serde_json::from_str(&self.0).expect("it was made of JSON")
    }
}

/// A [`Write`] as it is kept.
#[derive(Debug)]
struct Noted {
    arrival: Arrival,
    kind: Kind,
    id: String,
    is_new: bool,
    key: Option<String>,
    body: Text,
}

#[derive(Debug, Clone, Serialize)]
struct Contact {
    id: String,
    identifiers: Vec<String>,
    fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<Value>,
}

#[derive(Debug, Clone, Serialize)]
struct Deal {
    id: String,
    card: String,
    manager: Option<String>,
    fields: Map<String, Value>,
}

impl Deal {
    fn is_open(&self) -> bool {
        !matches!(self.fields.get("stage").and_then(Value::as_str), Some("won" | "lost"))
    }
}

impl Books {
    /// A page of the contacts that one of the identifiers leads to, with the places of those that did.
    pub(crate) fn lookup(&self, identifiers: &[String]) -> Vec<Value> {
        let mut matched: Vec<(usize, Vec<usize>)> = Vec::new();
        for (place, identifier) in identifiers.iter().enumerate() {
            for contact in self.found(identifier) {
                match matched.iter_mut().find(|(known, _)| *known == contact) {
                    Some((_, places)) => places.push(place),
                    None => matched.push((contact, vec![place])),
                }
            }
        }
        matched.sort_by_key(|(contact, places)| (std::cmp::Reverse(places.len()), *contact));
        let card = |(contact, places): (usize, Vec<usize>)| {
            let mut card = json(self.contacts.get(contact)?);
            card.as_object_mut()?.insert("matched".to_owned(), json!(places));
            Some(card)
        };
        matched.into_iter().take(PAGE).filter_map(card).collect()
    }

    /// What the search knows of those who hold the identifier. An id is not searched for.
    fn found(&self, identifier: &str) -> Vec<usize> {
        let hidden_from = self.hidden_from.filter(|_| !identifier.starts_with("card:"));
        let is_found = |place: &usize| hidden_from.is_none_or(|from| *place < from);
        self.holding(identifier).into_iter().filter(is_found).collect()
    }

    /// The number of contacts.
    pub(crate) fn contacts(&self) -> usize {
        self.contacts.len()
    }

    fn holding(&self, identifier: &str) -> Vec<usize> {
        if let Some(id) = identifier.strip_prefix("card:") {
            return self.contact(id).into_iter().collect();
        }
        self.holders.get(&comparable(identifier)).cloned().unwrap_or_default()
    }

    /// The first contact that holds one of the identifiers.
    pub(crate) fn holder(&self, identifiers: &[String]) -> Option<String> {
        let first = identifiers.iter().flat_map(|identifier| self.holding(identifier)).min()?;
        Some(self.contacts.get(first)?.id.clone())
    }

    pub(crate) fn create_contact(&mut self, body: &Value) -> Value {
        let id = self.naming.id(self.contacts.len());
        let lines = body["lines"].as_array().cloned().unwrap_or_default();
        let (identifiers, fields) = (Vec::new(), Map::new());
        self.contacts.push(Contact { id: id.clone(), identifiers, fields, lines });
        self.update_contact(&id, body).unwrap_or_default()
    }

    /// `None` where there is no such contact; so with all that follow.
    pub(crate) fn update_contact(&mut self, id: &str, body: &Value) -> Option<Value> {
        let place = self.contact(id)?;
        let contact = self.contacts.get_mut(place)?;
        merge(&mut contact.fields, &body["fields"]);
        for identifier in texts(&body["identifiers"]) {
            let compared = comparable(&identifier);
            if contact.identifiers.iter().all(|known| comparable(known) != compared) {
                contact.identifiers.push(identifier);
                self.holders.entry(compared).or_default().push(place);
            }
        }
        self.put_first(place, &texts(&body["main"]));
        Some(json(self.contacts.get(place)?))
    }

    /// These stand before others of their kind from now on; of a single kind, the first alone.
    fn put_first(&mut self, place: usize, main: &[String]) {
        let Some(contact) = self.contacts.get_mut(place) else { return };
        let main: Vec<String> = main.iter().map(|identifier| comparable(identifier)).collect();
        let rank = |held: &String| {
            let compared = comparable(held);
            main.iter().position(|of| *of == compared).unwrap_or(main.len())
        };
        contact.identifiers.sort_by_key(rank);
        for kind in &self.single {
            let is_of_kind = |held: &str| held.split_once(':').is_some_and(|(of, _)| of == kind);
            if !main.iter().any(|of| is_of_kind(of)) {
                continue;
            }
            let mut has_one = false;
            let (kept, gone): (Vec<_>, Vec<_>) = contact.identifiers.drain(..).partition(|held| {
                let is_kept = !is_of_kind(held) || !has_one;
                has_one |= is_of_kind(held);
                is_kept
            });
            contact.identifiers = kept;
            for held in gone {
                if let Some(holders) = self.holders.get_mut(&comparable(&held)) {
                    holders.retain(|holder| *holder != place);
                }
            }
        }
    }

    /// Those that are neither won nor lost, the newest first.
    pub(crate) fn open_deals(&self, card: &str) -> Option<Value> {
        let places = self.deals_of.get(&self.contact(card)?).cloned().unwrap_or_default();
        let deals = places.into_iter().rev().filter_map(|place| self.deals.get(place));
        Some(deals.filter(|deal| deal.is_open()).map(json).collect())
    }

    /// Ends every open deal.
    pub(crate) fn close_deals(&mut self, stage: &str) {
        for deal in self.deals.iter_mut().filter(|deal| deal.is_open()) {
            deal.fields.insert("stage".to_owned(), json!(stage));
        }
    }

    pub(crate) fn create_deal(&mut self, body: &Value) -> Option<Value> {
        let card = body["card"].as_str()?.to_owned();
        let of = self.contact(&card)?;
        let id = format!("d{}", self.deals.len() + 1);
        self.deals_of.entry(of).or_default().push(self.deals.len());
        self.deals.push(Deal { id: id.clone(), card, manager: None, fields: Map::new() });
        self.update_deal(&id, body)
    }

    pub(crate) fn update_deal(&mut self, id: &str, body: &Value) -> Option<Value> {
        let deal = self.deals.get_mut(place("d", id)?)?;
        if body["card"].as_str() != Some(&deal.card) {
            return None;
        }
        merge(&mut deal.fields, &body["fields"]);
        deal.manager = body["manager"].as_str().map(str::to_owned).or(deal.manager.take());
        Some(json(deal))
    }

    /// A task or a note on a contact or deal that exists.
    pub(crate) fn create_activity(&mut self, kind: Kind, body: &Value) -> Option<Value> {
        let subject = &body["subject"];
        match (subject["card"].as_str(), subject["deal"].as_str()) {
            (Some(card), None) => drop(self.contact(card)?),
            (None, Some(deal)) => drop(self.card_of_deal(deal)?),
            _ => return None,
        }
        let (letter, list) =
            if kind == Kind::Task { ("t", &mut self.tasks) } else { ("n", &mut self.notes) };
        let mut record = body.clone();
        let id = format!("{letter}{}", list.len() + 1);
        record.as_object_mut()?.insert("id".to_owned(), Value::String(id));
        list.push(Text::of(&record));
        Some(record)
    }

    /// The record that was created first with this key.
    pub(crate) fn written(&self, key: &str) -> Option<Value> {
        let (kind, id) = self.keys.get(key)?;
        let mut record = match kind {
            Kind::Contact => json(self.contacts.get(self.contact(id)?)?),
            Kind::Deal => json(self.deals.get(place("d", id)?)?),
            Kind::Task => self.tasks.get(place("t", id)?)?.value(),
            Kind::Note => self.notes.get(place("n", id)?)?.value(),
        };
        record.as_object_mut()?.insert("kind".to_owned(), json(kind));
        Some(record)
    }

    pub(crate) fn note_write(
        &mut self,
        kind: Kind,
        id: String,
        is_new: bool,
        call: &Call,
        arrival: Arrival,
    ) {
        if let Some(key) = call.key.as_ref().filter(|_| is_new) {
            self.keys.entry(key.clone()).or_insert_with(|| (kind, id.clone()));
        }
        let (key, body) = (call.key.clone(), Text::of(&call.body));
        self.writes.push(Noted { arrival, kind, id, is_new, key, body });
    }

    /// One entry for each manager that a contact names in its field `manager`.
    pub(crate) fn assignments(&self) -> Vec<Value> {
        let mut cards: Map<String, Value> = Map::new();
        for contact in &self.contacts {
            let manager = contact.fields.get("manager").and_then(Value::as_str);
            let Some(manager) = manager else { continue };
            let of = cards.entry(manager).or_insert_with(|| json!([]));
            of.as_array_mut().into_iter().for_each(|of| of.push(json!(contact.id)));
        }
        let entry = |(manager, cards)| json!({ "manager": manager, "cards": cards });
        cards.into_iter().map(entry).collect()
    }

    pub(crate) fn card_of_deal(&self, deal: &str) -> Option<&str> {
        Some(self.deals.get(place("d", deal)?)?.card.as_str())
    }

    pub(crate) fn identifiers(&self, card: &str) -> Vec<String> {
        let contact = self.contact(card).and_then(|place| self.contacts.get(place));
        contact.map(|contact| contact.identifiers.clone()).unwrap_or_default()
    }

    pub(crate) fn writes(&self) -> Vec<Write> {
        let write = |noted: &Noted| Write {
            call: noted.arrival.call,
            at: noted.arrival.at,
            kind: noted.kind,
            id: noted.id.clone(),
            is_new: noted.is_new,
            key: noted.key.clone(),
            body: noted.body.value(),
        };
        self.writes.iter().map(write).collect()
    }

    pub(crate) fn count_writes(&self) -> usize {
        self.writes.len()
    }

    pub(crate) fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Contact => self.contacts.len(),
            Kind::Deal => self.deals.len(),
            Kind::Task => self.tasks.len(),
            Kind::Note => self.notes.len(),
        }
    }

    /// All records, without keys and times.
    pub(crate) fn records(&self) -> Value {
        json!({
            "contacts": self.contacts,
            "deals": self.deals,
            "tasks": self.tasks.iter().map(Text::value).collect::<Vec<_>>(),
            "notes": self.notes.iter().map(Text::value).collect::<Vec<_>>(),
        })
    }

    /// Keys that made more than one record, and identifiers that more than one contact holds.
    pub(crate) fn duplicates(&self) -> Vec<String> {
        let mut made: HashMap<&str, Vec<&str>> = HashMap::new();
        for write in self.writes.iter().filter(|write| write.is_new) {
            made.entry(write.key.as_deref().unwrap_or("")).or_default().push(&write.id);
        }
        let twice = made.into_iter().filter(|(key, ids)| !key.is_empty() && 1 < ids.len());
        let twice = twice.map(|(key, ids)| format!("key `{key}` made {}", ids.join(", ")));
        let shared = self.holders.iter().filter(|(_, contacts)| 1 < contacts.len());
        let shared = shared.map(|(identifier, contacts)| {
            format!("`{identifier}` is held by {} contacts", contacts.len())
        });
        let mut all: Vec<String> = twice.chain(shared).collect();
        all.sort();
        all
    }

    fn contact(&self, id: &str) -> Option<usize> {
        self.naming.place(id).filter(|place| *place < self.contacts.len())
    }
}

/// Phones are compared by their digits, e-mails without regard to case.
pub(crate) fn comparable(identifier: &str) -> String {
    match identifier.split_once(':') {
        Some(("phone", phone)) => {
            let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
            format!("phone:{digits}")
        }
        Some(("email", email)) => format!("email:{}", email.trim().to_lowercase()),
        _ => identifier.to_owned(),
    }
}

/// The place that an id names.
fn place(letter: &str, id: &str) -> Option<usize> {
    id.strip_prefix(letter)?.parse::<usize>().ok()?.checked_sub(1)
}

/// Sets what is there, and takes away what is `null`.
fn merge(fields: &mut Map<String, Value>, changes: &Value) {
    for (key, value) in changes.as_object().into_iter().flatten() {
        if value.is_null() {
            fields.remove(key);
        } else {
            fields.insert(key.clone(), value.clone());
        }
    }
}

fn json(record: &impl Serialize) -> Value {
    serde_json::to_value(record).expect("records are JSON objects with text keys")
}
