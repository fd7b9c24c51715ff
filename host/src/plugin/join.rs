//! Plugins and accounts joined to adapters.

use std::sync::Arc;

use super::{
    Plugin, Plugins,
    adapter::Adapter,
    bind::{self, Bound},
    egress::{Answering, Answers, Door},
    quota::Capacity,
    tally::Tally,
    turnstile::Turnstile,
};
use crate::{
    account::{Account, Manifest},
    card::Problem,
};

impl Plugins {
    /// Joins a plugin and an account, or tells every fault of the account's settings and grants.
    pub fn bind(
        &self,
        plugin: Arc<Plugin>,
        account: Arc<Account>,
    ) -> Result<Arc<Adapter>, Vec<Problem>> {
        self.bind_counting(plugin, account, &self.0.tally)
    }

    /// Joins a plugin and an account for a trial: its calls are counted nowhere, and open no
    /// breaker and no watch of the work that goes on.
    pub fn bind_apart(
        &self,
        plugin: &Plugin,
        account: Arc<Account>,
    ) -> Result<Arc<Adapter>, Vec<Problem>> {
        let apart = Arc::new(self.unwatched(plugin.record.clone(), &plugin.pre, &plugin.exports));
        self.bind_counting(apart, account, &Arc::default())
    }

    /// The same without a network: `answers` answers whatever may go out, and the host obtains no
    /// tokens. So benches measure a plugin and its sandbox without the speed of a CRM.
    pub fn bind_answered(
        &self,
        plugin: &Plugin,
        account: Arc<Account>,
        answers: Arc<Answers>,
    ) -> Result<Adapter, Vec<Problem>> {
        let apart = Arc::new(self.unwatched(plugin.record.clone(), &plugin.pre, &plugin.exports));
        let peer = Arc::new(Answering(answers));
        let door = self.0.egress.door_to(&apart.record.manifest, &account, peer);
        self.bind_once(apart, account, door, &Arc::default())
    }

    /// Every fault of an account's settings and grants for a plugin with this manifest.
    pub fn problems(&self, manifest: &Manifest, account: &Account) -> Vec<Problem> {
        let problems = bind::problems(manifest, account);
        bind::joined(problems, self.0.egress.door(manifest, account).err().unwrap_or_default())
    }

    fn bind_counting(
        &self,
        plugin: Arc<Plugin>,
        account: Arc<Account>,
        tally: &Arc<Tally>,
    ) -> Result<Arc<Adapter>, Vec<Problem>> {
        let mut formers = Vec::new();
        for (key, former) in &account.former_secrets {
            let mut before = Account::clone(&account);
            before.former_secrets.clear();
            before.secrets.insert(key.clone(), former.value.clone());
            // A value that the plugin does not take any more counts for nothing.
            let door = self.0.egress.door(&plugin.record.manifest, &before);
            let before = self.bind_once(Arc::clone(&plugin), Arc::new(before), door, tally);
            formers.extend(before.ok().map(|before| (former.until, before)));
        }
        let door = self.0.egress.door(&plugin.record.manifest, &account);
        let adapter = self.bind_once(plugin, account, door, tally)?;
        Ok(Arc::new(Adapter { former: formers, ..adapter }))
    }

    fn bind_once(
        &self,
        plugin: Arc<Plugin>,
        account: Arc<Account>,
        door: Result<Door, Vec<Problem>>,
        tally: &Arc<Tally>,
    ) -> Result<Adapter, Vec<Problem>> {
        let problems = bind::problems(&plugin.record.manifest, &account);
        let door = match door {
            Ok(door) if problems.is_empty() => door,
            door => return Err(bind::joined(problems, door.err().unwrap_or_default())),
        };
        let limits = &self.0.limits;
        let quota = self.0.caller.quotas.of_account(&account.id, limits);
        let capacity = Capacity::of_account(limits, quota);
        let (turns, clock) = (Arc::clone(&self.0.turns), Arc::clone(&self.0.clock));
        let manifest = &plugin.record.manifest;
        let turnstile = Turnstile::new(turns, Arc::clone(&clock), manifest, &account);
        let kv = Arc::clone(&self.0.kv);
        let refusal = std::sync::Mutex::default();
        let bound = Bound { account, door, kv, capacity, turnstile, clock, refusal };
        Ok(Adapter {
            plugin,
            bound: Arc::new(bound),
            caller: Arc::clone(&self.0.caller),
            tally: Arc::clone(tally),
            former: Vec::new(),
        })
    }
}
