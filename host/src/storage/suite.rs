//! One suite for every backend, written against the traits.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use patchbay_test_postgres::Database;

use super::*;
use crate::{
    account::{self, Account, AccountState, Integration},
    card::{Field, Identifier, Value},
    config,
    event::{Event, Kind, Request},
    id::{AccountId, ClientKey, Digest, EventId, IntegrationId, JobId, LaneId},
    outcome::{Blame, Next},
};

/// Runs each test on a fresh database of every backend.
macro_rules! on_every_backend {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let backend = crate::storage::suite::Embedded::new().await;
                    super::$test(&backend.stores).await;
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let backend = crate::storage::suite::Shared::new().await;
                    super::$test(&backend.stores).await;
                    backend.postgres.close().await;
                }
            )+
        }
    };
}

mod accept;
mod access;
mod denials;
pub(super) mod draws;
mod forget;
mod holds;
mod kv;
mod lanes;
mod links;
mod model;
mod oauth;
mod registry;
mod reread;
mod retention;
mod sealing;
mod shares;
mod steps;
mod stops;
pub(super) mod versions;
mod views;
mod window;

/// A database in a folder of its own, with two integrations from one channel account.
pub(super) struct Embedded {
    pub(super) stores: Stores,
    pub(super) sqlite: Arc<sqlite::Sqlite>,
    pub(super) folder: tempfile::TempDir,
}

impl Embedded {
    pub(super) async fn new() -> Self {
        Self::with(&options()).await
    }

    pub(super) async fn with(options: &config::Storage) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = sqlite::Sqlite::open(&folder.path().join("patchbay.db"), options).unwrap();
        let stores = sqlite.stores();
        register(&stores).await;
        Self { stores, sqlite, folder }
    }
}

/// A fresh database of the private server, with the same integrations.
pub(super) struct Shared {
    pub(super) stores: Stores,
    pub(super) postgres: Arc<postgres::Postgres>,
    #[expect(dead_code, reason = "held until the test ends")]
    database: Database,
}

impl Shared {
    pub(super) async fn new() -> Self {
        let database = patchbay_test_postgres::database().await;
        let postgres = postgres::Postgres::open(&database.url, &options(), &keys()).await.unwrap();
        let stores = postgres.stores();
        register(&stores).await;
        Self { stores, postgres, database }
    }
}

/// The keys of all hosts on one database.
pub(super) fn keys() -> Keys {
    Keys::Given(crate::secret::Secret::new("5e".repeat(32)))
}

pub(super) fn options() -> config::Storage {
    config::Storage { rejected_max: 3, ..config::Storage::default() }
}

pub(super) const CHANNEL: &str = "jivo-shop";
pub(super) const FIRST: &str = "to-notebook";
pub(super) const SECOND: &str = "to-odoo";

pub(super) async fn register(stores: &Stores) {
    for id in [CHANNEL, "notebook", "odoo"] {
        stores.registry.put_account(None, account(id)).await.unwrap();
    }
    for (id, crm) in [(FIRST, "notebook"), (SECOND, "odoo")] {
        stores.registry.put_integration(integration(id, crm)).await.unwrap();
    }
}

pub(super) fn account(id: &str) -> Account {
    Account {
        title: "Shop".to_owned(),
        secrets: BTreeMap::from([("key".to_owned(), crate::secret::Secret::new("s3".to_owned()))]),
        reply_deadline_ms: 2500,
        ..Account::new(id.parse().unwrap(), format!("plugin-{id}").parse().unwrap())
    }
}

pub(super) fn integration(id: &str, crm: &str) -> Integration {
    Integration {
        id: id.parse().unwrap(),
        channel: CHANNEL.parse().unwrap(),
        crm: crm.parse().unwrap(),
        enabled: true,
        options: account::IntegrationOptions::default(),
        rules: account::Rules::default(),
    }
}

/// So many seconds after the suite's day begins.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

pub(super) fn plugin() -> Digest {
    Digest::of(b"adapter 1")
}

pub(super) fn request(second: i64) -> Request {
    Request {
        method: "POST".to_owned(),
        path: "/in".to_owned(),
        query: "a=1&a=2".to_owned(),
        headers: vec![
            ("x-twice".to_owned(), b"one".to_vec()),
            ("x-twice".to_owned(), vec![0, 0xff, b'"']),
        ],
        body: Bytes::from_static(b"{\"event_name\":\"chat_accepted\"}\x00\xff"),
        received_at: at(second),
        remote_address: "192.0.2.7".to_owned(),
    }
}

pub(super) fn event(conversation: &str) -> Event {
    Event {
        dedup_key: None,
        conversation: conversation.to_owned(),
        episode: None,
        wants_reply: true,
        occurred_at: None,
        kind: Kind::ConversationStarted,
        client: vec![Identifier::Phone("+70000000001".to_owned())],
        fields: vec![Field { key: "score".to_owned(), value: Value::Number(1.5) }],
        agents: Vec::new(),
        context: None,
    }
}

pub(super) fn new_event(key: &str, conversation: &str, integrations: &[&str]) -> NewEvent {
    NewEvent {
        dedup_key: key.as_bytes().to_vec(),
        dedup_since: Timestamp::MIN,
        client_keys: Vec::new(),
        event: event(conversation),
        integrations: integrations.iter().map(|id| id.parse().unwrap()).collect(),
    }
}

pub(super) fn webhook(second: i64, reading: NewReading) -> NewWebhook {
    NewWebhook {
        account: CHANNEL.parse().unwrap(),
        plugin: plugin(),
        request: request(second),
        reading,
    }
}

pub(super) fn unread_reading() -> NewReading {
    NewReading::Unread { reason: "trap".to_owned() }
}

pub(super) async fn accept(stores: &Stores, webhook: NewWebhook) -> Accepted {
    stores.journal.accept(webhook).await.unwrap()
}

/// Accepts one event with one job, in the second given.
pub(super) async fn accept_one(
    stores: &Stores,
    second: i64,
    key: &str,
    conversation: &str,
) -> EventId {
    let events = NewReading::Events(vec![new_event(key, conversation, &[FIRST])]);
    accept(stores, webhook(second, events)).await.events[0].id
}

/// Accepts one event of the client with these keys, with a job in each of the integrations.
pub(super) async fn accept_of(
    stores: &Stores,
    second: i64,
    conversation: &str,
    client_keys: &[i64],
    integrations: &[&str],
) -> EventId {
    let mut event = new_event(&format!("{conversation}@{second}"), conversation, integrations);
    event.client_keys = client_keys.iter().copied().map(ClientKey).collect();
    accept(stores, webhook(second, NewReading::Events(vec![event]))).await.events[0].id
}

/// An integration more, from the channel to this CRM account.
pub(super) async fn connect(stores: &Stores, id: &str, crm: &str) {
    stores.registry.put_integration(integration(id, crm)).await.unwrap();
}

pub(super) fn share(integration: &str, first: u32, again: u32) -> Share {
    Share { integration: integration.parse().unwrap(), first, again, room: first + again }
}

/// Leases what these shares let through, each lease a minute long.
pub(super) async fn lease_shares(
    stores: &Stores,
    shares: &[Share],
    limit: u32,
    second: i64,
) -> Vec<LeasedJob> {
    let claim = Claim { shares: shares.to_vec(), limit, now: at(second), until: at(second + 60) };
    stores.journal.lease(claim).await.unwrap()
}

pub(super) fn conversations(jobs: &[LeasedJob]) -> Vec<&str> {
    jobs.iter().map(|job| job.event.conversation.as_str()).collect()
}

/// Leases what is due, each lease a minute long.
pub(super) async fn lease(stores: &Stores, limit: u32, second: i64) -> Vec<LeasedJob> {
    let shares = [FIRST, SECOND].map(|id| share(id, limit, limit));
    lease_shares(stores, &shares, limit, second).await
}

pub(super) async fn lease_one(stores: &Stores, second: i64) -> LeasedJob {
    let mut leased = lease(stores, 10, second).await;
    assert_eq!(leased.len(), 1, "one job is due");
    leased.remove(0)
}

pub(super) fn settlement(next: Next) -> Settlement {
    let outcome = match next {
        Next::Done => "done",
        Next::ReadyAt(_) => "transient",
        Next::Dead => "permanent",
    };
    Settlement {
        next,
        stops_lane: false,
        links: Vec::new(),
        counts: true,
        outcome,
        blame: (next != Next::Done).then_some(Blame::Peer),
        reason: (next != Next::Done).then(|| "the peer answered 500".to_owned()),
        result: None,
        started_at: at(0),
        took_ms: 12,
    }
}

pub(super) async fn settle(stores: &Stores, job: &LeasedJob, next: Next, second: i64) {
    stores.journal.settle(job.lease, settlement(next), at(second)).await.unwrap();
}

pub(super) async fn only_job(stores: &Stores, event: EventId) -> JobView {
    let mut jobs = stores.journal.jobs_of(event).await.unwrap();
    assert_eq!(jobs.len(), 1);
    jobs.remove(0)
}

pub(super) fn both() -> Vec<IntegrationId> {
    [FIRST, SECOND].map(|id| id.parse().unwrap()).to_vec()
}

pub(super) fn all() -> PageQuery {
    PageQuery { before: None, limit: 100 }
}
