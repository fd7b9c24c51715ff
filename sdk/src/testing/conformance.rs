//! What every CRM adapter has to keep, to be run against a CRM or a simulator that remembers.
//!
//! [`Suite`] describes the test's CRM. [`Suite::contacts`] is for every adapter; [`Suite::deals`],
//! [`Suite::tasks`], [`Suite::notes`] and [`Suite::managers`] are for each optional interface that it
//! exports, and fail where one is there by half. [`Suite::costs`] counts requests. All run under the
//! limits of the host and tell the first fault in words.

use crate::types::{Card, Error, Field, Identifier};
use crate::{Contacts, testing::Host};

mod activities;
mod contact;
mod costs;
mod deal;
mod lost;
mod people;

pub use costs::Costs;

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

fn map<T: Contacts>(client: &[Identifier], fields: &[Field]) -> Result<String, String> {
    T::map_fields(client.to_vec(), fields.to_vec())
        .map_err(|problems| format!("`map-fields` failed: {problems:?}"))
}

#[cfg(test)]
mod tests;
