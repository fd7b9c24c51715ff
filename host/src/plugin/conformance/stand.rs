//! What a case's call stands on: an account of its own, an empty store, and a tape for the network.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use jiff::Timestamp;
use url::Url;

use super::Case;
use crate::{
    account::{Account, Grant, Rate},
    capability::{Ask, Rule},
    card,
    id::AccountId,
    plugin::{
        Adapter, Plugin, Plugins,
        bind::{self, Bound},
        egress::Tape,
        quota::{Capacity, Quota},
        turnstile::Turnstile,
    },
    storage::{self, Change, Committed, Kv, Turns},
};

const ACCOUNT: &str = "conformance";

/// An adapter whose calls reach nothing but the tape, and are counted nowhere.
pub(super) fn adapter(
    plugins: &Plugins,
    plugin: &Arc<Plugin>,
    case: &Case,
) -> Result<(Adapter, Arc<Tape>), String> {
    let inner = &plugins.0;
    let manifest = &plugin.record.manifest;
    let account = Arc::new(account(plugin, case));
    let tape = Arc::new(Tape::new(case.exchanges.clone()));
    let problems = bind::problems(manifest, &account);
    let door = match inner.egress.door_to(manifest, &account, Arc::<Tape>::clone(&tape)) {
        Ok(door) if problems.is_empty() => door,
        door => {
            let problems = bind::joined(problems, door.err().unwrap_or_default());
            return Err(format!("its settings do not fit: {}", card::sentence(&problems)));
        }
    };
    let clock = Arc::clone(&inner.clock);
    let bound = Bound {
        turnstile: Turnstile::new(Arc::new(NoTurns), Arc::clone(&clock), manifest, &account),
        account,
        door,
        kv: Arc::<Store>::default(),
        capacity: Capacity::of_account(&inner.limits, Quota::of_account(&inner.limits)),
        clock,
        refusal: Mutex::default(),
    };
    let adapter = Adapter {
        plugin: Arc::clone(plugin),
        bound: Arc::new(bound),
        caller: Arc::clone(&inner.caller),
        tally: Arc::default(),
        former: Vec::new(),
    };
    Ok((adapter, tape))
}

/// All that the plugin asks for is granted, and each place on the tape by its own origin.
fn account(plugin: &Plugin, case: &Case) -> Account {
    let id = ACCOUNT.parse().expect("it is an id");
    let manifest = &plugin.record.manifest;
    let of_setting = |key: &str| {
        let declared = manifest.settings.iter().find(|setting| setting.key == key);
        let default = declared.and_then(|setting| setting.default_value.as_ref());
        let value = case.settings.get(key).or(default)?;
        Url::parse(value).ok().as_ref().and_then(Rule::of_origin)
    };
    let asked = manifest.egress.iter().filter_map(|text| match text.parse().ok()? {
        Ask::Place(rule) => Some(rule),
        Ask::Setting(key) => of_setting(&key),
    });
    let recorded = case.exchanges.iter();
    let recorded = recorded.filter_map(|exchange| Rule::of_origin(&exchange.request.url));
    let origins: BTreeSet<String> = asked.chain(recorded).map(|rule| rule.to_string()).collect();
    let grant = |allow| Grant { private: true, ..Grant::new(allow) };
    Account {
        settings: case.settings.clone(),
        secrets: case.secrets.clone(),
        grants: origins.into_iter().map(grant).collect(),
        ..Account::new(id, plugin.record.manifest.name.clone())
    }
}

/// A tape is never asked too fast.
#[derive(Debug)]
struct NoTurns;

#[async_trait]
impl Turns for NoTurns {
    async fn take(&self, _: &AccountId, _: Rate, now: Timestamp) -> storage::Result<Timestamp> {
        Ok(now)
    }

    async fn peek(&self, _: &AccountId, _: Rate, now: Timestamp) -> storage::Result<Timestamp> {
        Ok(now)
    }
}

/// The store of one call, gone with it.
#[derive(Debug, Default)]
struct Store(Mutex<BTreeMap<String, Vec<u8>>>);

impl Store {
    fn values(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Kv for Store {
    async fn get(&self, _: &AccountId, key: &str) -> storage::Result<Option<Vec<u8>>> {
        Ok(self.values().get(key).cloned())
    }

    async fn commit(
        &self,
        _: &AccountId,
        changes: Vec<Change>,
        bytes_max: u64,
    ) -> storage::Result<Committed> {
        let mut values = self.values();
        let mut next = values.clone();
        for change in changes {
            match change {
                Change::Set(key, value) => drop(next.insert(key, value)),
                Change::Delete(key) => drop(next.remove(&key)),
                Change::Expect(key, value) if values.get(&key) != value.as_ref() => {
                    return Ok(Committed::Conflict);
                }
                Change::Expect(..) => {}
            }
        }
        let bytes: usize = next.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes_max < u64::try_from(bytes).unwrap_or(u64::MAX) {
            return Ok(Committed::Full);
        }
        *values = next;
        Ok(Committed::Yes)
    }

    async fn keys(
        &self,
        _: &AccountId,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> storage::Result<Vec<String>> {
        let values = self.values();
        let is_wanted = |key: &&String| {
            key.starts_with(prefix) && after.is_none_or(|after| after < key.as_str())
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(values.keys().filter(is_wanted).take(limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, value: &str) -> Change {
        Change::Set(key.to_owned(), value.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn the_store_of_a_case_behaves_as_that_of_an_account() {
        let store = Store::default();
        let account: AccountId = ACCOUNT.parse().unwrap();
        let commit = async |changes, max| store.commit(&account, changes, max).await.unwrap();
        assert_eq!(commit(vec![set("a", "1"), set("ab", "2")], 5).await, Committed::Yes);
        assert_eq!(commit(vec![set("c", "3")], 6).await, Committed::Full);
        let expect = |value: Option<&str>| {
            Change::Expect("a".to_owned(), value.map(|value| value.as_bytes().to_vec()))
        };
        assert_eq!(commit(vec![expect(None), set("a", "9")], 9).await, Committed::Conflict);
        assert_eq!(commit(vec![expect(Some("1")), set("b", "3")], 9).await, Committed::Yes);
        let keys = async |prefix, after, limit| {
            store.keys(&account, prefix, after, limit).await.unwrap().join(" ")
        };
        assert_eq!(keys("", None, 9).await, "a ab b");
        assert_eq!(keys("a", Some("a"), 9).await, "ab");
        assert_eq!(keys("", None, 1).await, "a");
        let gone = Change::Delete("a".to_owned());
        assert_eq!(commit(vec![gone], 9).await, Committed::Yes);
        assert_eq!(store.get(&account, "a").await.unwrap(), None);
        assert_eq!(store.get(&account, "ab").await.unwrap(), Some(b"2".to_vec()));
    }
}
