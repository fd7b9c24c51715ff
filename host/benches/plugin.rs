//! What a call and a start cost: a fresh instance with `receive`, and a cached plugin.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

use std::{fs, hint::black_box, sync::Arc};

use async_trait::async_trait;
use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use patchbay::{
    account::{Account, Rate},
    event::{Received, Request},
    id::{AccountId, PluginName},
    secret::Secret,
    storage::{Change, Committed, Kv, Result, Turns},
};

#[path = "shared/floor.rs"]
mod floor;

use self::floor::{guest, root};

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `receive` is pure: nothing is ever stored or sent.
#[derive(Debug)]
struct Nothing;

#[async_trait]
impl Kv for Nothing {
    async fn get(&self, _account: &AccountId, _key: &str) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    async fn commit(
        &self,
        _account: &AccountId,
        _changes: Vec<Change>,
        _bytes_max: u64,
    ) -> Result<Committed> {
        Ok(Committed::Full)
    }

    async fn keys(&self, _: &AccountId, _: &str, _: Option<&str>, _: u32) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Turns for Nothing {
    async fn take(&self, _account: &AccountId, _rate: Rate, now: Timestamp) -> Result<Timestamp> {
        Ok(now)
    }

    async fn peek(&self, _account: &AccountId, _rate: Rate, now: Timestamp) -> Result<Timestamp> {
        Ok(now)
    }
}

/// Each adapter with its largest ordinary webhook, as its files tell it.
const FIXTURES: &[(&str, &str)] = &[
    ("sendpulse", "batch.two_events"),
    ("ringostat", "v2.after_call.answered"),
    ("livetex", "conversation_closed"),
    ("iqchannels", "webhook.message_created.client"),
    ("generic", "lead.json"),
];

/// Jivo's are those of the load bench.
const JIVO: &[&str] = &["chat_accepted", "chat_finished"];

fn post(body: Vec<u8>) -> Request {
    Request {
        method: "POST".to_owned(),
        path: String::new(),
        query: String::new(),
        headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
        body: body.into(),
        received_at: Timestamp::UNIX_EPOCH,
        remote_address: "192.0.2.1".to_owned(),
    }
}

/// One of the webhooks of the load bench.
fn jivo(name: &str) -> Request {
    post(fs::read(root().join("tests/load").join(format!("{name}.json"))).unwrap())
}

/// A recorded POST of JSON.
fn fixture(vendor: &str, name: &str) -> Request {
    let folder = root().join(format!("plugins/channel-{vendor}/fixtures"));
    let told = fs::read(folder.join(format!("{name}.http.json"))).unwrap();
    let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
    let body = told.get("body_file").and_then(|it| it.as_str()).expect("the webhook is a POST");
    let query = told.get("query").and_then(|it| it.as_object()).expect("a recorded query").iter();
    let query = query.map(|(key, value)| format!("{key}={}", value.as_str().unwrap()));
    let query = query.collect::<Vec<_>>().join("&");
    Request { query, ..post(fs::read(folder.join(body)).unwrap()) }
}

/// An account without settings; the key is that of Ringostat's URLs.
fn account(plugin: PluginName) -> Account {
    let key = Secret::new("fake-ringostat-key-000".to_owned());
    let has_key = plugin.as_str() == "channel-ringostat";
    Account {
        secrets: has_key.then(|| ("url-key".to_owned(), key)).into_iter().collect(),
        reply_deadline_ms: 2500,
        ..Account::new("bench".parse().unwrap(), plugin)
    }
}

fn benches(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (plugins, _folder) = floor::open(Arc::new(Nothing), Arc::new(Nothing));
    let mut receive = |vendor: &str, webhooks: Vec<(&str, Request)>| {
        let admitted = plugins.admit(guest(&format!("channel_{vendor}")), Timestamp::UNIX_EPOCH);
        let (record, plugin) = runtime.block_on(admitted).unwrap();
        let account = Arc::new(account(record.manifest.name.clone()));
        let adapter = plugins.bind(plugin, account).expect("the plugin has no required settings");
        for (name, request) in webhooks {
            let received = runtime.block_on(adapter.receive(&request)).unwrap();
            assert!(matches!(received, Received::Events(intake) if !intake.events.is_empty()));
            criterion.bench_function(&format!("receive {name} in a fresh instance"), |bencher| {
                bencher.iter(|| black_box(runtime.block_on(adapter.receive(&request))).is_ok());
            });
        }
        record
    };
    let record = receive("jivo", JIVO.iter().map(|name| (*name, jivo(name))).collect());
    for (vendor, name) in FIXTURES {
        let title = format!("{vendor} {name}");
        receive(vendor, vec![(&title, fixture(vendor, name))]);
    }
    criterion.bench_function("load a cached plugin", |bencher| {
        bencher.iter(|| {
            drop(black_box(runtime.block_on(plugins.load(record.clone(), async || None))));
        });
    });
}

criterion_group!(plugin, benches);
criterion_main!(plugin);
