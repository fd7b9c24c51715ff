//! Which contacts an identifier means: one request for all of them, and every hit compared again.

use std::cmp::Reverse;

use patchbay_sdk::types::{Card, Error, Identifier};
use serde_json::{Value, json};

use crate::call::{self, COMMANDS_MAX, CONTACT, Command, OnError, PAGE};
use crate::card;
use crate::fm::{self, Kind};
use crate::map;
use crate::notation;
use crate::people;
use crate::portal::Portal;
use crate::record::{self, Record};

/// Cards answered at most, as the contract says.
const CARDS_MAX: usize = 20;

/// Values that one search for phones or e-mails takes.
const VALUES_MAX: usize = 20;

/// Searches in one request; the rest of the fifty commands reads what they find.
const SEARCHES_MAX: usize = COMMANDS_MAX - 4;

/// Hits of each search that are read in the same request. More are read in a second one.
const HITS_AT_ONCE: usize = 5;

/// Managers of the first hits, of whom the name is read too.
const MANAGERS_AT_ONCE: usize = 3;

pub(crate) fn lookup(portal: &Portal, any_of: &[Identifier]) -> Result<Vec<Card>, Error> {
    let wanted = Wanted::of(any_of);
    let searches = wanted.searches();
    if searches.is_empty() && wanted.origins.is_empty() && wanted.ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Found::default();
    found.first(portal, &wanted, &searches)?;
    found.rest(portal)?;
    Ok(found.ranked(portal, any_of))
}

/// What can be searched for, each thing once.
#[derive(Debug, Default)]
struct Wanted {
    phones: Vec<String>,
    emails: Vec<String>,
    origins: Vec<String>,
    ids: Vec<u64>,
}

impl Wanted {
    fn of(any_of: &[Identifier]) -> Self {
        fn once<T: PartialEq>(list: &mut Vec<T>, items: impl IntoIterator<Item = T>) {
            for item in items {
                if !list.contains(&item) {
                    list.push(item);
                }
            }
        }
        let mut wanted = Self::default();
        for identifier in any_of {
            match identifier {
                Identifier::Phone(number) => once(&mut wanted.phones, notation::of(number)),
                Identifier::Email(email) => {
                    let email = email.trim().to_lowercase();
                    once(&mut wanted.emails, Some(email).filter(|email| !email.is_empty()));
                }
                Identifier::External(external) => once(&mut wanted.origins, map::origin(external)),
                Identifier::Card(id) => once(&mut wanted.ids, record::id_of(id)),
            }
        }
        wanted
    }

    /// The searches by phones and e-mails, which answer ids only.
    fn searches(&self) -> Vec<Command> {
        let phones = self.phones.chunks(VALUES_MAX).map(|values| ("PHONE", values));
        let emails = self.emails.chunks(VALUES_MAX).map(|values| ("EMAIL", values));
        let search = |(index, (kind, values)): (usize, (&str, &[String]))| {
            // Without the type of record, twenty leads would hide every contact.
            let params = json!({ "entity_type": "CONTACT", "type": kind, "values": values });
            Command::read(format!("s{index}"), "crm.duplicate.findbycomm", params)
        };
        phones.chain(emails).take(SEARCHES_MAX).enumerate().map(search).collect()
    }
}

/// What the requests have brought so far.
#[derive(Debug, Default)]
struct Found {
    contacts: Vec<Record>,
    users: Vec<Record>,
    /// Named by a search and not read yet.
    missing: Vec<u64>,
}

impl Found {
    /// Searches, and reads the first hits of each search in the same request.
    fn first(
        &mut self,
        portal: &Portal,
        wanted: &Wanted,
        searches: &[Command],
    ) -> Result<(), Error> {
        let mut commands = searches.to_vec();
        // A search without hits leaves its references empty: the zero keeps the list from being so.
        let mut ids = vec![json!(0)];
        ids.extend(wanted.ids.iter().map(|id| json!(id)));
        for search in searches {
            let hit = |index| json!(format!("$result[{}][CONTACT][{index}]", search.name));
            ids.extend((0..HITS_AT_ONCE).map(hit));
        }
        commands.push(by_ids("hits", &ids));
        if !wanted.origins.is_empty() {
            let filter = json!({ "originatorId": portal.originator, "@originId": wanted.origins });
            commands.push(contacts("origins", &filter));
        }
        commands.push(managers(&["hits", "origins"]));
        let mut answers = call::batch(portal, &commands, OnError::GoOn)?;
        self.missing.clone_from(&wanted.ids);
        for search in searches {
            let hits = answers.take(&search.name)?;
            self.missing.extend(contact_ids(&hits));
        }
        // A portal that refuses the empty references is asked again for the ids themselves.
        self.take(answers.take("hits").unwrap_or_default());
        if !wanted.origins.is_empty() {
            self.take(answers.take("origins")?);
        }
        // Names of managers need a scope of their own, and are not worth a failure.
        self.users.extend(answers.take("who").map(Record::list).unwrap_or_default());
        Ok(())
    }

    /// Reads the hits that did not fit into the first request.
    fn rest(&mut self, portal: &Portal) -> Result<(), Error> {
        let missing = std::mem::take(&mut self.missing);
        for ids in missing.chunks(PAGE) {
            let ids: Vec<Value> = ids.iter().map(|id| json!(id)).collect();
            let commands = [by_ids("hits", &ids), managers(&["hits"])];
            let mut answers = call::batch(portal, &commands, OnError::GoOn)?;
            self.take(answers.take("hits")?);
            self.users.extend(answers.take("who").map(Record::list).unwrap_or_default());
        }
        Ok(())
    }

    fn take(&mut self, answer: Value) {
        for contact in Record::list(answer) {
            let id = contact.id();
            if !self.contacts.iter().any(|known| known.id() == id) {
                self.contacts.push(contact);
            }
        }
        let is_read = |id: u64| self.contacts.iter().any(|contact| contact.id() == Some(id));
        let mut missing: Vec<u64> =
            self.missing.iter().copied().filter(|id| !is_read(*id)).collect();
        missing.sort_unstable();
        missing.dedup();
        self.missing = missing;
    }

    fn ranked(&self, portal: &Portal, any_of: &[Identifier]) -> Vec<Card> {
        let mut hits: Vec<(Vec<Identifier>, &Record)> = Vec::new();
        for contact in &self.contacts {
            let is_of = |identifier: &&Identifier| is_of(portal, contact, identifier);
            let matched: Vec<Identifier> = any_of.iter().filter(is_of).cloned().collect();
            if !matched.is_empty() {
                hits.push((matched, contact));
            }
        }
        hits.sort_by_key(|(matched, contact)| (Reverse(matched.len()), contact.id()));
        let card = |(matched, contact): (Vec<Identifier>, &Record)| {
            card::of(portal, contact, &self.users).map(|card| Card { matched, ..card })
        };
        hits.into_iter().filter_map(card).take(CARDS_MAX).collect()
    }
}

/// Contacts with these ids. Without `select` an answer has all phones and e-mails.
fn by_ids(name: &str, ids: &[Value]) -> Command {
    contacts(name, &json!({ "@id": ids }))
}

/// Contacts by a filter, the older ones first, without the dear count of all of them.
pub(crate) fn contacts(name: &str, filter: &Value) -> Command {
    let params =
        json!({ "entityTypeId": CONTACT, "filter": filter, "order": { "id": "ASC" }, "start": -1 });
    Command::read(name, "crm.item.list", params)
}

/// The managers of the first records in the answers of earlier commands.
fn managers(lists: &[&str]) -> Command {
    let of_list = |list: &&str| -> Vec<String> {
        let path = |index| format!("$result[{list}][items][{index}][assignedById]");
        (0..MANAGERS_AT_ONCE).map(path).collect()
    };
    people::by_references("who", lists.iter().flat_map(of_list))
}

/// A miss is an empty list where a hit is an object.
fn contact_ids(hits: &Value) -> Vec<u64> {
    let ids = hits.get("CONTACT").and_then(Value::as_array);
    ids.into_iter().flatten().filter_map(record::number).collect()
}

fn is_of(portal: &Portal, contact: &Record, identifier: &Identifier) -> bool {
    let has = |kind, is_same: &dyn Fn(&str) -> bool| {
        fm::entries(contact, kind).iter().any(|entry| is_same(&entry.value))
    };
    match identifier {
        Identifier::Phone(number) => has(Kind::Phone, &|held| notation::is_same(number, held)),
        Identifier::Email(email) => {
            let email = email.trim().to_lowercase();
            has(Kind::Email, &|held| held.to_lowercase() == email)
        }
        Identifier::External(external) => {
            let is_own =
                contact.text("originatorId").as_deref() == Some(portal.originator.as_str());
            is_own
                && map::origin(external)
                    .is_some_and(|origin| contact.text("originId") == Some(origin))
        }
        Identifier::Card(id) => record::id_of(id).is_some_and(|id| contact.id() == Some(id)),
    }
}
