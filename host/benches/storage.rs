//! How many webhooks a second become durable, with many callers at once.
//!
//! The figure is that of the disk as much as ours: compare runs on one machine only.

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use patchbay::{
    account::{Account, Integration},
    config,
    event::{Event, Kind, Request},
    id::Digest,
    storage::{NewEvent, NewReading, NewWebhook, Stores, sqlite},
};
use tokio::{runtime::Runtime, task::JoinSet};

const CALLERS: u64 = 64;
const ACCEPTS_EACH: u64 = 50;
const CONVERSATIONS: u64 = 5000;
const BODY_BYTES: usize = 3 << 10;

fn account(id: &str) -> Account {
    let id = id.parse().expect("the name is good");
    Account::new(id, "bench".parse().expect("the name is good"))
}

async fn register(stores: &Stores) {
    for id in ["channel", "crm"] {
        stores.registry.put_account(None, account(id)).await.expect("an account is stored");
    }
    let integration = Integration {
        id: "channel-to-crm".parse().expect("the name is good"),
        channel: "channel".parse().expect("the name is good"),
        crm: "crm".parse().expect("the name is good"),
        enabled: true,
        options: patchbay::account::IntegrationOptions::default(),
        rules: patchbay::account::Rules::default(),
    };
    stores.registry.put_integration(integration).await.expect("an integration is stored");
}

fn webhook(number: u64) -> NewWebhook {
    let event = Event {
        dedup_key: None,
        conversation: format!("chat-{}", number % CONVERSATIONS),
        episode: None,
        wants_reply: false,
        occurred_at: None,
        kind: Kind::ConversationStarted,
        client: Vec::new(),
        fields: Vec::new(),
        agents: Vec::new(),
        context: None,
    };
    let integrations = vec!["channel-to-crm".parse().expect("the name is good")];
    let dedup_key = Digest::of(&number.to_be_bytes()).0.to_vec();
    NewWebhook {
        account: "channel".parse().expect("the name is good"),
        plugin: Digest::of(b"bench"),
        request: Request {
            method: "POST".to_owned(),
            path: String::new(),
            query: String::new(),
            headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
            body: vec![b'x'; BODY_BYTES].into(),
            received_at: Timestamp::UNIX_EPOCH,
            remote_address: "192.0.2.7".to_owned(),
        },
        reading: NewReading::Events(vec![NewEvent {
            dedup_key,
            dedup_since: Timestamp::MIN,
            client_keys: Vec::new(),
            event,
            integrations,
        }]),
    }
}

/// Every caller waits until its webhook is durable before it sends the next.
async fn accept_all(stores: &Stores, first: u64) {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let journal = Arc::clone(&stores.journal);
        callers.spawn(async move {
            for number in 0..ACCEPTS_EACH {
                let number = first + caller * ACCEPTS_EACH + number;
                black_box(journal.accept(webhook(number)).await.expect("a webhook is accepted"));
            }
        });
    }
    callers.join_all().await;
}

fn accept(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let folder = tempfile::tempdir().expect("a folder is made");
    let sqlite =
        sqlite::Sqlite::open(&folder.path().join("patchbay.db"), &config::Storage::default())
            .expect("the database opens");
    let stores = sqlite.stores();
    runtime.block_on(register(&stores));
    let mut first = 0;
    let mut group = criterion.benchmark_group("storage");
    group.sample_size(10);
    group.throughput(Throughput::Elements(CALLERS * ACCEPTS_EACH));
    group.bench_function("64 callers accept 3 KiB", |bencher| {
        bencher.iter(|| {
            runtime.block_on(accept_all(&stores, first));
            first += CALLERS * ACCEPTS_EACH;
        });
    });
    group.finish();
}

criterion_group!(benches, accept);
criterion_main!(benches);
