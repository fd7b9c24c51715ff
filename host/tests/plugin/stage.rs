//! A plugin floor with a hostile plugin on it, and the short ways to call it.

use std::{
    collections::BTreeMap,
    env, fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use patchbay::{
    account::{Account, Grant, Rate},
    card::{Card, Identifier},
    clock::SystemClock,
    config::{self, Limits, Unsigned},
    event::{Received, Request},
    id::AccountId,
    plugin::{Adapter, Error, Options, Plugin, Plugins, Trust},
    secret::Secret,
    storage::{self, Change, Committed, Kv, Turns, sqlite::Sqlite},
};
use tempfile::TempDir;

pub(crate) const SECRET: &str = "s3cr3t-of-the-shop";

/// A store in memory, with the behaviour that the trait tells.
#[derive(Debug, Default)]
pub(crate) struct MemoryKv(Mutex<BTreeMap<(AccountId, String), Vec<u8>>>);

#[async_trait]
impl Kv for MemoryKv {
    async fn get(&self, account: &AccountId, key: &str) -> storage::Result<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().get(&(account.clone(), key.to_owned())).cloned())
    }

    async fn commit(
        &self,
        account: &AccountId,
        changes: Vec<Change>,
        bytes_max: u64,
    ) -> storage::Result<Committed> {
        let mut map = self.0.lock().unwrap();
        let mut next = map.clone();
        for change in changes {
            match change {
                Change::Set(key, value) => drop(next.insert((account.clone(), key), value)),
                Change::Delete(key) => drop(next.remove(&(account.clone(), key))),
                Change::Expect(key, value) => {
                    if map.get(&(account.clone(), key)) != value.as_ref() {
                        return Ok(Committed::Conflict);
                    }
                }
            }
        }
        let own = next.iter().filter(|((owner, _), _)| owner == account);
        let bytes: usize = own.map(|((_, key), value)| key.len() + value.len()).sum();
        if bytes_max < u64::try_from(bytes).unwrap() {
            return Ok(Committed::Full);
        }
        *map = next;
        Ok(Committed::Yes)
    }

    async fn keys(
        &self,
        account: &AccountId,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> storage::Result<Vec<String>> {
        let map = self.0.lock().unwrap();
        let own = map.keys().filter(|(owner, _)| owner == account).map(|(_, key)| key);
        let wanted = own.filter(|key| {
            key.starts_with(prefix) && after.is_none_or(|after| after < key.as_str())
        });
        Ok(wanted.take(usize::try_from(limit).unwrap()).cloned().collect())
    }
}

/// Turns without a burst.
#[derive(Debug, Default)]
struct MemoryTurns(Mutex<BTreeMap<AccountId, Timestamp>>);

#[async_trait]
impl Turns for MemoryTurns {
    async fn take(
        &self,
        account: &AccountId,
        rate: Rate,
        now: Timestamp,
    ) -> storage::Result<Timestamp> {
        let at = self.peek(account, rate, now).await?;
        let next = at + Duration::from_secs_f64(rate.per_second.recip());
        self.0.lock().unwrap().insert(account.clone(), next);
        Ok(at)
    }

    async fn peek(
        &self,
        account: &AccountId,
        _rate: Rate,
        now: Timestamp,
    ) -> storage::Result<Timestamp> {
        Ok(self.0.lock().unwrap().get(account).copied().unwrap_or(now).max(now))
    }
}

pub(crate) struct Stage {
    pub(crate) plugins: Plugins,
    pub(crate) folder: TempDir,
}

/// The limits of the tests: the defaults, with a pool that fits beside many others.
pub(crate) fn limits() -> Limits {
    Limits { calls: 8.try_into().unwrap(), ..Limits::default() }
}

impl Stage {
    pub(crate) fn new(limits: Limits) -> Self {
        Self::with_compiler(limits, PathBuf::from(env!("CARGO_BIN_EXE_patchbay")))
    }

    pub(crate) fn with_compiler(limits: Limits, compiler: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plugins = floor(limits, folder.path().join("compiled"), compiler);
        Self { plugins, folder }
    }

    /// The hostile plugin, through the whole gate.
    pub(crate) async fn hostile(&self) -> Arc<Plugin> {
        self.plugins.admit(guest("guest_hostile"), Timestamp::UNIX_EPOCH).await.unwrap().1
    }

    pub(crate) async fn adapter(&self) -> Arc<Adapter> {
        self.plugins.bind(self.hostile().await, account("shop")).unwrap()
    }
}

pub(crate) fn floor(limits: Limits, cache: PathBuf, compiler: PathBuf) -> Plugins {
    let egress = config::Egress::default();
    let trust = Trust::new(Vec::new(), Unsigned::Warn);
    let options = Options { limits, egress, trust, compiled: cache, compiler };
    let (kv, turns) = (Arc::<MemoryKv>::default(), Arc::<MemoryTurns>::default());
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("patchbay.db");
    let stores = Sqlite::open(&database, &config::Storage::default()).unwrap().stores();
    // Open as long as the floor is; nobody opens it again.
    drop(folder);
    Plugins::new(options, kv, turns, stores.tokens, Arc::new(SystemClock)).unwrap()
}

/// A guest's bytes, as `cargo xtask plugins` builds it.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    let folder = env::var_os("PATCHBAY_GUESTS").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_patchbay")).with_file_name("../wasm32-wasip2/guest"),
        PathBuf::from,
    );
    let path = folder.join(format!("{name}.wasm"));
    fs::read(&path).unwrap_or_else(|_| {
        panic!("{} is missing: run `cargo xtask plugins` first", path.display())
    })
}

pub(crate) fn account(id: &str) -> Arc<Account> {
    Arc::new(Account {
        settings: BTreeMap::from([("shown".to_owned(), "plain".to_owned())]),
        secrets: BTreeMap::from([("hidden".to_owned(), Secret::new(SECRET.to_owned()))]),
        grants: vec![Grant::new("https://allowed.example")],
        reply_deadline_ms: 2500,
        ..Account::new(id.parse().unwrap(), "guest-hostile".parse().unwrap())
    })
}

pub(crate) fn request(attack: &str, target: &str) -> Request {
    Request {
        method: "POST".to_owned(),
        path: format!("/{attack}"),
        query: target.to_owned(),
        headers: Vec::new(),
        body: bytes::Bytes::new(),
        received_at: Timestamp::UNIX_EPOCH,
        remote_address: "192.0.2.1".to_owned(),
    }
}

/// What an attack in the pure `receive` says.
pub(crate) async fn pure(adapter: &Adapter, attack: &str, target: &str) -> Result<String, Error> {
    match adapter.receive(&request(attack, target)).await? {
        Received::Events(intake) => Ok(String::from_utf8(intake.fallback.body).unwrap()),
        other => panic!("{other:?}"),
    }
}

/// What an attack says in a function that may reach out.
pub(crate) async fn reaching(
    adapter: &Adapter,
    attack: &str,
    target: &str,
) -> Result<String, Error> {
    let any_of = [Identifier::Card(attack.to_owned()), Identifier::Email(target.to_owned())];
    let cards: Vec<Card> = adapter.lookup_client(&any_of).await?;
    Ok(cards.first().unwrap().url.clone().unwrap())
}

/// The floor still serves: the same plugin at once, in both kinds of functions.
pub(crate) async fn still_works(adapter: &Adapter) {
    assert_eq!(pure(adapter, "nothing", "").await.unwrap(), "nothing");
    assert_eq!(reaching(adapter, "kv", "").await.unwrap(), "Ok(false)");
}
