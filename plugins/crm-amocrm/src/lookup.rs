//! Which contacts an identifier means: a search for each, and every hit compared again.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use patchbay_sdk::form;
use patchbay_sdk::phone;
use patchbay_sdk::types::{Card, Error, Identifier};

use crate::account::{Account, Places};
use crate::client::{self, Call};
use crate::contact::card;
use crate::managers;
use crate::map;
use crate::record::Record;
use crate::values::{EMAIL, PHONE};

/// Cards answered at most, as the contract says.
const CARDS_MAX: usize = 20;

/// Searches for one call: the host allows 16 requests.
const SEARCHES_MAX: usize = 15;

/// Hits of one search that are compared again. More hits than this are no client's.
const HITS_MAX: usize = 250;

/// Digits searched for: people leave out the country or write a trunk prefix for it, and the CRM
/// finds what is part of a value.
const PHONE_DIGITS: usize = 10;

/// A contact and its deals, or nothing.
pub(crate) fn by_id(account: &Account, id: u64) -> Result<Option<Record>, Error> {
    let answer = client::get(format!("/contacts/{id}?with=leads")).send(account, None);
    let found = match answer {
        Err(Error::NotFound(_)) => None,
        other => other?.and_then(Record::read),
    };
    Ok(found.filter(|contact| !contact.is_deleted()))
}

pub(crate) fn lookup(account: &Account, any_of: &[Identifier]) -> Result<Vec<Card>, Error> {
    let places = Places::of_contacts().map_err(|problem| Error::Invalid(vec![problem]))?;
    let mut contacts: BTreeMap<u64, Record> = BTreeMap::new();
    for search in searches(any_of, &places) {
        let found = match search {
            Search::Card(id) => by_id(account, id)?.into_iter().collect(),
            Search::Text(text) => hits(account, &text)?,
        };
        contacts.extend(found.into_iter().map(|contact| (contact.id, contact)));
    }
    let mut cards = ranked(account, &places, contacts, any_of);
    managers::name(account, cards.iter_mut().filter_map(|card| card.manager.as_mut()).collect());
    Ok(cards)
}

#[derive(Debug, PartialEq, Eq)]
enum Search {
    Card(u64),
    Text(String),
}

/// One for each identifier that can be searched for, none of them twice.
fn searches(any_of: &[Identifier], places: &Places) -> Vec<Search> {
    let mut searches = Vec::new();
    for identifier in any_of {
        let search = match identifier {
            Identifier::Phone(number) => searched(number).map(Search::Text),
            Identifier::Email(email) => {
                let email = email.trim().to_lowercase();
                (!email.is_empty()).then_some(Search::Text(email))
            }
            Identifier::External(external) => {
                let reference = map::reference(external).filter(|_| places.external.is_some());
                reference.map(Search::Text)
            }
            Identifier::Card(id) => map::number(id).map(Search::Card),
        };
        searches.extend(search.filter(|search| !searches.contains(search)));
    }
    searches.truncate(SEARCHES_MAX);
    searches
}

/// The last ten digits: part of the number in whatever way its country is written.
fn searched(number: &str) -> Option<String> {
    let digits = phone::digits(&phone::searched(number)?);
    let start = digits.len().saturating_sub(PHONE_DIGITS);
    digits.get(start..).map(str::to_owned)
}

fn hits(account: &Account, text: &str) -> Result<Vec<Record>, Error> {
    let text = form::encoded(text);
    let call: Call =
        client::get(format!("/contacts?page=1&limit={HITS_MAX}&with=leads&query={text}"));
    let Some(answer) = call.send(account, None)? else { return Ok(Vec::new()) };
    let contacts = Record::read_all(client::embedded(answer, "contacts"));
    Ok(contacts.into_iter().filter(|contact| !contact.is_deleted()).collect())
}

/// The most matches first, then the older contact.
fn ranked(
    account: &Account,
    places: &Places,
    contacts: BTreeMap<u64, Record>,
    any_of: &[Identifier],
) -> Vec<Card> {
    let matched = |contact: &Record| -> Vec<Identifier> {
        any_of.iter().filter(|it| is_of(contact, it, places)).cloned().collect()
    };
    let hits = contacts.into_values().map(|contact| (matched(&contact), contact));
    let mut hits: Vec<(Vec<Identifier>, Record)> =
        hits.filter(|(matched, _)| !matched.is_empty()).collect();
    hits.sort_by_key(|(matched, contact)| (Reverse(matched.len()), contact.id));
    hits.truncate(CARDS_MAX);
    let cards = hits.into_iter();
    cards
        .map(|(matched, contact)| Card { matched, ..card::card(account, places, &contact) })
        .collect()
}

/// Whether the contact carries the identifier.
pub(crate) fn is_of(contact: &Record, identifier: &Identifier, places: &Places) -> bool {
    match identifier {
        Identifier::Phone(number) => has_phone(&contact.texts(PHONE), number),
        Identifier::Email(email) => has_email(&contact.texts(EMAIL), email),
        Identifier::External(external) => map::reference(external)
            .is_some_and(|reference| contact.external(places.external).contains(&reference)),
        Identifier::Card(id) => map::number(id) == Some(contact.id),
    }
}

pub(crate) fn has_phone(held: &[String], number: &str) -> bool {
    held.iter().any(|held| phone::matches(number, held, None))
}

pub(crate) fn has_email(held: &[String], email: &str) -> bool {
    let email = email.trim().to_lowercase();
    held.iter().any(|held| held.trim().to_lowercase() == email)
}

#[cfg(test)]
mod tests;
