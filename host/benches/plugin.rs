//! What a call and a start cost: a fresh instance with `receive`, and a cached plugin.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

use std::{collections::BTreeMap, env, fs, hint::black_box, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use patchbay::{
    account::{Account, AccountState, Rate},
    clock::SystemClock,
    config,
    event::{Received, Request},
    id::AccountId,
    plugin::{Options, Plugins},
    storage::{Change, Committed, Kv, Result, Turns},
};

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

/// The adapter whose webhooks these are.
fn guest() -> Vec<u8> {
    let folder = env::var_os("PATCHBAY_GUESTS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/wasm32-wasip2/guest"),
        PathBuf::from,
    );
    fs::read(folder.join("channel_jivo.wasm")).expect("run `cargo xtask plugins` first")
}

/// One of the webhooks of the load bench.
fn request(name: &str) -> Request {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/load").join(name);
    Request {
        method: "POST".to_owned(),
        path: String::new(),
        query: String::new(),
        headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
        body: fs::read(path).unwrap().into(),
        received_at: Timestamp::UNIX_EPOCH,
        remote_address: "192.0.2.1".to_owned(),
    }
}

fn benches(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        limits: config::Limits::default(),
        egress: config::Egress::default(),
        compiled: folder.path().to_owned(),
        compiler: PathBuf::from(env!("CARGO_BIN_EXE_patchbay")),
    };
    let plugins =
        Plugins::new(options, Arc::new(Nothing), Arc::new(Nothing), Arc::new(SystemClock)).unwrap();
    let (record, plugin) = runtime.block_on(plugins.admit(guest(), Timestamp::UNIX_EPOCH)).unwrap();
    let account = Arc::new(Account {
        id: "bench".parse().unwrap(),
        plugin: record.manifest.name.clone(),
        title: String::new(),
        settings: BTreeMap::new(),
        secrets: BTreeMap::new(),
        grants: Vec::new(),
        state: AccountState::Active,
        reply_deadline_ms: 2500,
        webhook_token: None,
        rate: None,
        webhook_rate: None,
    });
    let adapter = plugins.bind(plugin, account).expect("the plugin has no required settings");
    for name in ["chat_accepted.json", "chat_finished.json"] {
        let request = request(name);
        let received = runtime.block_on(adapter.receive(&request)).unwrap();
        assert!(matches!(received, Received::Events(intake) if intake.events.len() == 1));
        criterion.bench_function(&format!("receive {name} in a fresh instance"), |bencher| {
            bencher.iter(|| black_box(runtime.block_on(adapter.receive(&request))).is_ok());
        });
    }
    criterion.bench_function("load a cached plugin", |bencher| {
        bencher.iter(|| {
            drop(black_box(runtime.block_on(plugins.load(record.clone(), async || None))));
        });
    });
}

criterion_group!(plugin, benches);
criterion_main!(plugin);
