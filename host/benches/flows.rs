//! What one event of a new client costs in the sandbox: look-up, mapping, contact, open deals, deal and
//! note, each in a fresh instance of the compiled adapter, with the CRM's answers played back here.
//!
//! What is told is the processor time of this thread, on which everything runs: the host's side of each
//! call, the border, the adapter, and the door with its rules and secrets. Only the network is missing.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

use std::{
    collections::BTreeMap,
    fs,
    hint::black_box,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use hyper::Request;
use jiff::Timestamp;
use patchbay::{
    account::{Account, Grant, Rate},
    card::{ExternalId, Field, Identifier, Note, Subject, Value},
    id::AccountId,
    plugin::{
        Adapter, Plugin, Plugins,
        egress::{Answers, Incoming},
    },
    secret::Secret,
    storage::{Change, Committed, Kv, Result, Turns},
};
use patchbay_sims::{Simulator, Stage, amocrm, bitrix24, hubspot, odoo};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;

#[path = "shared/floor.rs"]
mod floor;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SECRET: &str = "fake-secret-0123456789";

/// What the adapter under measurement has stored, in memory.
#[derive(Debug, Default)]
struct Store(Mutex<BTreeMap<String, Vec<u8>>>);

impl Store {
    fn values(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Kv for Store {
    async fn get(&self, _account: &AccountId, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.values().get(key).cloned())
    }

    async fn commit(
        &self,
        _account: &AccountId,
        changes: Vec<Change>,
        _bytes_max: u64,
    ) -> Result<Committed> {
        let mut values = self.values();
        let is_other = |change: &Change| matches!(change, Change::Expect(key, value) if values.get(key) != value.as_ref());
        if changes.iter().any(is_other) {
            return Ok(Committed::Conflict);
        }
        for change in changes {
            match change {
                Change::Set(key, value) => drop(values.insert(key, value)),
                Change::Delete(key) => drop(values.remove(&key)),
                Change::Expect(..) => {}
            }
        }
        Ok(Committed::Yes)
    }

    async fn keys(
        &self,
        _account: &AccountId,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>> {
        let values = self.values();
        let is_asked = |key: &&String| {
            key.starts_with(prefix) && after.is_none_or(|after| after < key.as_str())
        };
        Ok(values.keys().filter(is_asked).take(limit.try_into().unwrap()).cloned().collect())
    }
}

/// Nobody waits for a turn.
#[derive(Debug)]
struct NoTurns;

#[async_trait]
impl Turns for NoTurns {
    async fn take(&self, _account: &AccountId, _rate: Rate, now: Timestamp) -> Result<Timestamp> {
        Ok(now)
    }

    async fn peek(&self, _account: &AccountId, _rate: Rate, now: Timestamp) -> Result<Timestamp> {
        Ok(now)
    }
}

fn client(number: u32) -> Vec<Identifier> {
    let (system, id) = ("jivo".to_owned(), format!("visitor-{number}"));
    vec![
        Identifier::Phone(format!("+38067{number:07}")),
        Identifier::Email(format!("anna{number}@example.test")),
        Identifier::External(ExternalId { system, id }),
    ]
}

fn text(key: &str, text: &str) -> Field {
    Field { key: key.to_owned(), value: Value::Text(text.to_owned()) }
}

/// One event of a new client, as the host goes through it.
async fn event(crm: &Adapter, number: u32) {
    let client = client(number);
    let key = |step: &str| format!("event-{number}-{step}");
    assert!(crm.lookup_client(&client).await.unwrap().is_empty());
    let fields = [text("name", "Anna Test"), text("comment", "asked about price")];
    let native = crm.map_fields(&client, &fields).await.unwrap();
    let card = crm.upsert_contact(None, &native, &key("card")).await.unwrap().id;
    assert!(crm.open_deals(&card).await.unwrap().is_empty());
    let native = crm.map_deal_fields(&[text("title", "Chat")]).await.unwrap();
    let deal = crm.upsert_deal(None, &card, &native, None, &key("deal")).await.unwrap().id;
    let note = Note::Text("Good morning! How much is the blue one?".to_owned());
    black_box(crm.add_note(&Subject::Deal(deal), &note, &key("note")).await.unwrap());
}

/// Answers as a simulator, and keeps what it has answered.
fn recorder(crm: impl Simulator + Send + 'static) -> (Arc<Answers>, Arc<Mutex<Vec<Incoming>>>) {
    let stage = Mutex::new(Stage::new(crm));
    let kept: Arc<Mutex<Vec<Incoming>>> = Arc::default();
    let answers = Arc::clone(&kept);
    let answer = move |sent: &Request<Bytes>| {
        let mut request =
            patchbay_sims::Request::new(sent.method().as_str(), sent.uri().to_string());
        for (name, value) in sent.headers() {
            request = request.header(name.as_str(), value.to_str().unwrap());
        }
        request.body = sent.body().to_vec();
        let response = stage.lock().unwrap().handle(&request).unwrap();
        let patchbay_sims::Response { status, headers, body } = response;
        let answer = Incoming { status, headers, body };
        answers.lock().unwrap().push(answer.clone());
        answer
    };
    (Arc::new(answer), kept)
}

/// The processor time that this thread takes for something.
fn cpu_of(what: impl FnOnce()) -> Duration {
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let started = now();
    what();
    now().saturating_sub(started)
}

/// One CRM: its account, and what it is answered.
struct Crm<'a> {
    runtime: &'a Runtime,
    plugins: &'a Plugins,
    store: &'a Store,
    plugin: Arc<Plugin>,
    account: Arc<Account>,
}

impl<'a> Crm<'a> {
    /// The place that is granted comes first.
    fn new(
        (runtime, plugins, store): (&'a Runtime, &'a Plugins, &'a Store),
        file: &str,
        place: Option<&str>,
        settings: &[(&str, &str)],
        secret: Option<&str>,
    ) -> Self {
        let admitted = plugins.admit(floor::guest(file), Timestamp::UNIX_EPOCH);
        let (record, plugin) = runtime.block_on(admitted).unwrap();
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let secret = secret.map(|key| (key.to_owned(), Secret::new(SECRET.to_owned())));
        let account = Account {
            settings: settings.iter().map(owned).collect(),
            secrets: secret.into_iter().collect(),
            grants: place.into_iter().map(Grant::new).collect(),
            ..Account::new("bench".parse().unwrap(), record.manifest.name)
        };
        store.values().clear();
        Self { runtime, plugins, store, plugin, account: Arc::new(account) }
    }

    fn bound(&self, answers: Arc<Answers>) -> Adapter {
        self.plugins.bind_answered(&self.plugin, Arc::clone(&self.account), answers).unwrap()
    }

    /// The first event asks for what is asked for once; the answers to the second one are played.
    fn measure(self, criterion: &mut Criterion, crm: impl Simulator + Send + 'static) {
        let (answers, kept) = recorder(crm);
        let adapter = self.bound(answers);
        self.runtime.block_on(event(&adapter, 1));
        kept.lock().unwrap().clear();
        let stored = self.store.values().clone();
        self.runtime.block_on(event(&adapter, 2));
        let answers = std::mem::take(&mut *kept.lock().unwrap());
        self.play(criterion, answers, &stored);
    }

    /// Measures the second event on these answers, each time with this store.
    fn play(
        self,
        criterion: &mut Criterion,
        answers: Vec<Incoming>,
        stored: &BTreeMap<String, Vec<u8>>,
    ) {
        let (count, asked) = (answers.len(), Arc::<AtomicUsize>::default());
        let next = Arc::clone(&asked);
        let adapter = self.bound(Arc::new(move |_: &Request<Bytes>| {
            let number = next.fetch_add(1, Ordering::Relaxed);
            answers.get(number).expect("as many as were recorded").clone()
        }));
        let name = &self.account.plugin;
        let title = format!("{name}: an event of a new client in the sandbox, {count} requests");
        criterion.bench_function(&title, |bencher| {
            bencher.iter_custom(|times| {
                let mut spent = Duration::ZERO;
                for _ in 0..times {
                    asked.store(0, Ordering::Relaxed);
                    self.store.values().clone_from(stored);
                    spent += cpu_of(|| self.runtime.block_on(event(&adapter, 2)));
                    assert_eq!(
                        asked.load(Ordering::Relaxed),
                        count,
                        "the flow is the recorded one"
                    );
                }
                spent
            });
        });
        let (client, fields) = (client(2), [text("name", "Anna Test")]);
        criterion.bench_function(&format!("{name}: `map-fields` alone"), |bencher| {
            bencher.iter_custom(|times| {
                cpu_of(|| {
                    for _ in 0..times {
                        let mapped = self.runtime.block_on(adapter.map_fields(&client, &fields));
                        black_box(mapped.unwrap());
                    }
                })
            });
        });
    }
}

/// The same flow as a real Tryton answered it, 18 exchanges before the end of its tape.
fn of_tryton() -> Vec<Incoming> {
    let folder = floor::root().join("plugins/crm-tryton/fixtures/tape");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let flow = files.split_off(files.len() - 18);
    let answer = |file| {
        let told: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        let status = told.pointer("/response/status").and_then(serde_json::Value::as_u64).unwrap();
        let body = told.pointer("/response/body").unwrap().to_string().into_bytes();
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Incoming { status: status.try_into().unwrap(), headers, body }
    };
    flow.into_iter().take(8).map(answer).collect()
}

/// Never asked.
#[derive(Debug)]
struct Nobody;

impl Simulator for Nobody {
    fn answer(&mut self, _: &patchbay_sims::Request, _: Duration) -> patchbay_sims::Response {
        patchbay_sims::Response::empty(500)
    }
}

fn hubspot() -> hubspot::HubSpot {
    let mut crm = hubspot::HubSpot::default();
    SECRET.clone_into(&mut crm.token);
    crm.define("contacts", "patchbay_id", false);
    for kind in ["contacts", "deals"] {
        crm.define(kind, "patchbay_key", true);
    }
    crm
}

fn benches(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = Arc::<Store>::default();
    let (plugins, _folder) = floor::open(Arc::<Store>::clone(&store), Arc::new(NoTurns));
    let floor = (&runtime, &plugins, &*store);
    Crm::new(floor, "crm_notebook", None, &[], None).measure(criterion, Nobody);
    let place = "https://portal.example.test";
    let settings = [("rest-url", "https://portal.example.test/rest/1/")];
    Crm::new(floor, "crm_bitrix24", Some(place), &settings, Some("webhook-secret"))
        .measure(criterion, bitrix24::Bitrix24::new(SECRET));
    let place = "https://demo.example.test";
    let settings = [("base-url", "https://demo.example.test/"), ("external-field", "106")];
    Crm::new(floor, "crm_amocrm", Some(place), &settings, Some("token"))
        .measure(criterion, amocrm::Amocrm::new(SECRET).without_limits());
    let settings = [("external-id-property", "patchbay_id"), ("key-property", "patchbay_key")];
    Crm::new(floor, "crm_hubspot", Some("https://api.hubapi.com"), &settings, Some("token"))
        .measure(criterion, hubspot());
    let place = "https://odoo.example.test";
    let settings = [("base-url", place), ("api", "json-2"), ("database", "odoo_e2e")];
    let mut crm = odoo::Odoo::default();
    SECRET.clone_into(&mut crm.key);
    Crm::new(floor, "crm_odoo", Some(place), &settings, Some("api-key")).measure(criterion, crm);
    let place = "https://tryton.example.test";
    let settings = [("base-url", place), ("database", "crm")];
    Crm::new(floor, "crm_tryton", Some(place), &settings, Some("key")).play(
        criterion,
        of_tryton(),
        &BTreeMap::new(),
    );
}

criterion_group!(flows, benches);
criterion_main!(flows);
