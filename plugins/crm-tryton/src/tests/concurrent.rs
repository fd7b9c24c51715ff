//! Many conversations at once against a real Tryton.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use patchbay_sdk::Contacts;
use patchbay_sdk::http::{Error as HttpError, Request};
use patchbay_sdk::testing::Host;
use patchbay_sdk::types::{Card, Error, Identifier};
use patchbay_test_tryton::Address;
use serde_json::Value;

use super::bench::{self, email, named, phone};
use crate::Tryton;

const CLIENTS: usize = 200;
const WORKERS: usize = 8;

/// A busy database is asked again, as the host does.
const ATTEMPTS_MAX: usize = 50;

/// Every so many writes lose their answer.
const LOST_EVERY: usize = 7;

#[test]
fn two_hundred_clients_in_concurrent_conversations_become_two_hundred_cards() {
    let server = patchbay_test_tryton::start();
    // As the host: one lock for each client, around look-up and write.
    let locks: Vec<Mutex<()>> = (0..CLIENTS).map(|_| Mutex::default()).collect();
    let (next, writes) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                // Both conversations of a client stand side by side: a chat and a call.
                let jobs = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
                for job in jobs.take_while(|job| *job < 2 * CLIENTS) {
                    let _client = locks[job / 2].lock().unwrap();
                    conversation(&server.at, job, &writes);
                }
            });
        }
    });
    assert!(CLIENTS < writes.load(Ordering::Relaxed), "each client was written, some twice");
    let parties = all(&server.at);
    assert_eq!(parties.len(), CLIENTS);
    let values: BTreeSet<&str> = parties.iter().flat_map(mechanisms).collect();
    let count: usize = parties.iter().map(|party| mechanisms(party).count()).sum();
    assert_eq!((count, values.len()), (2 * CLIENTS, 2 * CLIENTS), "one phone and one e-mail each");
}

#[test]
fn one_key_in_many_hands_makes_one_card() {
    let server = patchbay_test_tryton::start();
    let made: BTreeSet<String> = std::thread::scope(|scope| {
        let create = || {
            let host = reaching(&server.at, false);
            let attempt = || upsert(&host, None, &[phone("+380671234567")], "one-key");
            until_done(attempt).id
        };
        let hands: Vec<_> = (0..WORKERS).map(|_| scope.spawn(create)).collect();
        hands.into_iter().map(|hand| hand.join().unwrap()).collect()
    });
    assert_eq!((made.len(), all(&server.at).len()), (1, 1));
}

/// One job, attempted until it is done.
fn conversation(at: &Address, job: usize, writes: &AtomicUsize) {
    let number = phone(&format!("+38067{:07}", 1_000_000 + job / 2));
    let client = if job.is_multiple_of(2) {
        let visitor = Identifier::external("jivo", (job / 2).to_string());
        vec![number, email(&format!("client-{}@example.test", job / 2)), visitor]
    } else {
        vec![number]
    };
    until_done(|| {
        let is_lost = writes.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOST_EVERY);
        let host = reaching(at, is_lost);
        let found = host.run(|| Tryton::lookup_client(client.clone()))?;
        assert!(found.len() < 2, "one client, several cards");
        let id = found.into_iter().next().map(|card| card.id);
        upsert(&host, id, &client, &format!("job-{job}"))
    });
}

fn upsert(
    host: &Host,
    id: Option<String>,
    client: &[Identifier],
    key: &str,
) -> Result<Card, Error> {
    let native = Tryton::map_fields(client.to_vec(), named("Anna Test")).unwrap();
    host.run(|| Tryton::upsert_contact(id, native, key.to_owned()))
}

fn until_done(mut attempt: impl FnMut() -> Result<Card, Error>) -> Card {
    for _ in 0..ATTEMPTS_MAX {
        match attempt() {
            Ok(card) => return card,
            Err(Error::Unavailable(_) | Error::UnknownOutcome(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("not done after {ATTEMPTS_MAX} attempts")
}

/// A host in front of the server that loses, or does not lose, the answers to its writes.
fn reaching(at: &Address, is_lost: bool) -> Host {
    let at = at.clone();
    bench::host(&at.url, at.database).http(move |request: &Request| {
        let answer = bench::send(&at, request);
        if is_lost && request.method != "GET" {
            return Err(HttpError::Interrupted("the answer was lost".to_owned()));
        }
        answer
    })
}

/// Every client in Tryton: the parties that this adapter has made.
fn all(at: &Address) -> Vec<Value> {
    let parties = bench::all(at, "party.party?f=code&f=contact_mechanisms.value");
    let is_ours =
        |party: &Value| party["code"].as_str().is_some_and(|code| code.starts_with("patchbay:"));
    parties.into_iter().filter(is_ours).collect()
}

fn mechanisms(party: &Value) -> impl Iterator<Item = &str> {
    party["contact_mechanisms"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| it["value"].as_str())
}
