//! What every CRM adapter has to keep, to be run against a CRM or a simulator that remembers.
//!
//! [`Suite`] describes the test's CRM. [`Suite::contacts`] is for every adapter; [`Suite::deals`],
//! [`Suite::tasks`], [`Suite::notes`] and [`Suite::managers`] are for each optional interface that it
//! exports, and fail where one is there by half. All run under the limits of the host and tell the first
//! fault in words.

use crate::types::{Card, Error, Field, Identifier};
use crate::{Contacts, testing::Host};

mod activities;
mod contact;
mod deal;
mod lost;
mod people;

/// Requests that the host allows for one call.
const REQUESTS_MAX: usize = 16;

/// Bytes that the host allows for one request.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// A person that the CRM does not know yet.
#[derive(Debug, Clone)]
pub struct Client {
    /// All of them shall find the card.
    pub identifiers: Vec<Identifier>,
    /// What else is known.
    pub fields: Vec<Field>,
}

/// What the contract has no way to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    Task,
    /// Of any kind: a text, a conversation or a call.
    Note,
}

/// An account with a CRM behind it.
#[expect(missing_debug_implementations, reason = "it holds the closures of a test")]
pub struct Suite<'s> {
    /// The account's host, which answers for the CRM.
    pub host: &'s Host,
    /// Another client for each number, nobody that the CRM knows.
    pub client: &'s dyn Fn(usize) -> Client,
    /// Well formed, and nobody's.
    pub unknown_id: &'s str,
    /// How many of these the CRM holds.
    pub count: &'s dyn Fn(Record) -> usize,
    /// Lets the time pass that the adapter asks for, in milliseconds.
    pub wait: &'s dyn Fn(u64),
}

impl Suite<'_> {
    /// Runs a function of the adapter, within the limits that the host has for each call.
    fn call<T>(&self, what: &str, call: impl FnOnce() -> T) -> Result<T, String> {
        let before = self.host.requests().len();
        let answer = self.host.run(call);
        let requests = self.host.requests().split_off(before);
        if REQUESTS_MAX < requests.len() {
            return Err(format!("`{what}` sends {} requests; at most 16", requests.len()));
        }
        match requests.iter().map(|request| request.body.len()).max() {
            Some(bytes) if REQUEST_BYTES_MAX < bytes => {
                Err(format!("`{what}` sends a request of {bytes} bytes; at most 1 MiB"))
            }
            _ => Ok(answer),
        }
    }

    /// As [`Suite::call`], of a function that is expected to succeed.
    fn good<T>(&self, what: &str, call: impl FnOnce() -> Result<T, Error>) -> Result<T, String> {
        self.call(what, call)?.map_err(|error| match error {
            Error::Unsupported(text) => {
                format!("`{what}` is exported, and says that it is unsupported: {text}")
            }
            error => format!("`{what}` failed: {error:?}"),
        })
    }

    /// What `map-fields` makes, which reaches neither the network nor the store.
    fn native<T: Contacts>(
        &self,
        client: &[Identifier],
        fields: &[Field],
    ) -> Result<String, String> {
        self.host.run_pure(|| map::<T>(client, fields))
    }

    /// Makes the card of a client; the number is part of its key.
    fn card<T: Contacts>(&self, number: usize) -> Result<Card, String> {
        let Client { identifiers, fields } = (self.client)(number);
        let native = self.native::<T>(&identifiers, &fields)?;
        let key = format!("card-{number}");
        self.good("upsert-contact", || T::upsert_contact(None, native, key))
    }
}

/// A key as long as the contract has it.
fn longest_key(start: &str) -> String {
    format!("{start:-<128}")
}

/// Whether it is what an unknown id is to be answered with.
fn is_not_found<T: std::fmt::Debug>(what: &str, told: Result<T, Error>) -> Result<(), String> {
    match told {
        Err(Error::NotFound(_)) => Ok(()),
        other => Err(format!("`{what}` of an unknown id should be not-found and is {other:?}")),
    }
}

/// Runs all checks in a row and tells the first that fails.
///
/// `client` and `fields` describe a client that the CRM does not know yet; `unknown_id` is well
/// formed and nobody's. Call it under [`Host::run`](super::Host::run).
pub fn contacts<T: Contacts>(
    client: &[Identifier],
    fields: &[Field],
    unknown_id: &str,
) -> Result<Card, String> {
    mapping_is_pure::<T>(client, fields)?;
    an_unknown_id_is_not_found::<T>(client, fields, unknown_id)?;
    let card = upserting_twice_makes_one_card::<T>(client, fields)?;
    every_identifier_finds_the_card::<T>(client, &card.id)?;
    Ok(card)
}

/// Two calls of `map_fields` with the same input answer the same, also for no input at all.
pub fn mapping_is_pure<T: Contacts>(client: &[Identifier], fields: &[Field]) -> Result<(), String> {
    for (client, fields) in [(client, fields), (&[], &[]), (client, &[]), (&[], fields)] {
        if T::map_fields(client.to_vec(), fields.to_vec())
            != T::map_fields(client.to_vec(), fields.to_vec())
        {
            return Err("`map-fields` answers differently to the same input".to_owned());
        }
    }
    Ok(())
}

/// An upsert of a card that does not exist fails as not found and creates nothing.
pub fn an_unknown_id_is_not_found<T: Contacts>(
    client: &[Identifier],
    fields: &[Field],
    unknown_id: &str,
) -> Result<(), String> {
    let native = map::<T>(client, fields)?;
    match T::upsert_contact(Some(unknown_id.to_owned()), native, "conformance-unknown".to_owned()) {
        Err(Error::NotFound(_)) => {}
        other => {
            return Err(format!("an upsert of an unknown id should be not-found and is {other:?}"));
        }
    }
    let found = lookup::<T>(client)?;
    if found.is_empty() { Ok(()) } else { Err("an upsert of an unknown id made a card".to_owned()) }
}

/// The same upsert with the same key answers the same card, and a lookup finds only that one.
pub fn upserting_twice_makes_one_card<T: Contacts>(
    client: &[Identifier],
    fields: &[Field],
) -> Result<Card, String> {
    let upsert = || {
        let native = map::<T>(client, fields)?;
        T::upsert_contact(None, native, "conformance-create".to_owned())
            .map_err(|error| format!("`upsert-contact` failed: {error:?}"))
    };
    let (first, second) = (upsert()?, upsert()?);
    if first.id != second.id {
        return Err(format!(
            "the same idempotency key made two cards: `{}` and `{}`",
            first.id, second.id
        ));
    }
    match lookup::<T>(client)?.as_slice() {
        [card] if card.id == first.id => Ok(first),
        cards => {
            Err(format!("a lookup should find card `{}` alone and finds {}", first.id, cards.len()))
        }
    }
}

/// Each identifier alone finds the card and stands in its `matched`.
pub fn every_identifier_finds_the_card<T: Contacts>(
    client: &[Identifier],
    id: &str,
) -> Result<(), String> {
    for identifier in client {
        let cards = lookup::<T>(std::slice::from_ref(identifier))?;
        let Some(card) = cards.iter().find(|card| card.id == id) else {
            return Err(format!("card `{id}` is not found by {identifier:?}"));
        };
        if !card.matched.contains(identifier) {
            return Err(format!("card `{id}` does not tell that {identifier:?} matched"));
        }
    }
    Ok(())
}

fn map<T: Contacts>(client: &[Identifier], fields: &[Field]) -> Result<String, String> {
    T::map_fields(client.to_vec(), fields.to_vec())
        .map_err(|problems| format!("`map-fields` failed: {problems:?}"))
}

fn lookup<T: Contacts>(client: &[Identifier]) -> Result<Vec<Card>, String> {
    T::lookup_client(client.to_vec()).map_err(|error| format!("`lookup-client` failed: {error:?}"))
}

#[cfg(test)]
mod tests;
