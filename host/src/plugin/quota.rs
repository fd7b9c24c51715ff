//! What all calls of an account, or of a plugin, may use of the machine together.
//!
//! A limit holds for one call; many calls within their limits could still take every processor and
//! all memory from their neighbours. Processor time is a leaky bucket: what a call ran flows in,
//! the share of the processors flows out, and while it is too full no call begins and none that
//! may wait goes on.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::ready,
    thread,
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    time::{self, Instant, Sleep},
};

use super::{
    call,
    cpu::{Clock, CpuTime, nanos},
    error::Sharer,
    refusals::Refused,
};
use crate::{
    config::Limits,
    id::{AccountId, PluginName},
};

/// How long a share may be saved up.
const BURST: Duration = Duration::from_secs(2);
/// What a call pays when it begins, and gets back once it is known what it ran: of many that wait
/// only one at a time goes on.
const DEPOSIT: Duration = Duration::from_millis(10);

/// The part of the machine for all calls of one account, or of one plugin.
#[derive(Debug)]
pub(super) struct Quota {
    /// Hundredths of a processor.
    processors: u64,
    began: Instant,
    /// When the share has paid for all that was run, in nanoseconds since the beginning.
    clear_ns: AtomicU64,
    memory_max: usize,
    memory: AtomicUsize,
    ran_ns: AtomicU64,
}

impl Quota {
    fn new(percent: u32, memory_max: usize) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let cores = u64::try_from(cores).unwrap_or(u64::MAX);
        Self {
            processors: cores.saturating_mul(percent.into()),
            began: Instant::now(),
            clear_ns: AtomicU64::new(0),
            memory_max,
            memory: AtomicUsize::new(0),
            ran_ns: AtomicU64::new(0),
        }
    }

    /// What an account may use.
    pub(super) fn of_account(limits: &Limits) -> Arc<Self> {
        let percent = limits.cpu_percent_per_account.get();
        Arc::new(Self::new(percent, limits.memory_bytes_per_account))
    }

    /// What a plugin may use.
    pub(super) fn of_plugin(limits: &Limits) -> Arc<Self> {
        let percent = limits.cpu_percent_per_plugin.get();
        Arc::new(Self::new(percent, limits.memory_bytes_per_plugin))
    }

    /// Processor time of all its calls so far.
    fn ran(&self) -> Duration {
        Duration::from_nanos(self.ran_ns.load(Ordering::Relaxed))
    }

    fn moment(&self, at: Instant) -> u64 {
        nanos(at.saturating_duration_since(self.began))
    }

    /// How long the share takes to pay for what was run.
    fn price(&self, ran: Duration) -> u64 {
        nanos(ran).saturating_mul(100).checked_div(self.processors).unwrap_or(u64::MAX)
    }

    /// Pays the deposit, or tells how long it is until there is room for it.
    fn admit(&self, now: Instant) -> Result<(), Duration> {
        let (now, deposit) = (self.moment(now), self.price(DEPOSIT));
        let latest = now.saturating_add(nanos(BURST));
        let paid = |clear: u64| (clear <= latest).then(|| clear.max(now).saturating_add(deposit));
        match self.clear_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, paid) {
            Ok(_) => Ok(()),
            Err(clear) => Err(Duration::from_nanos(clear.saturating_sub(latest))),
        }
    }

    /// Bills what ran since `begun`, and gives a deposit back where one `is_paid`.
    fn settle(&self, begun: Instant, ran: Duration, is_paid: bool) {
        self.ran_ns.fetch_add(nanos(ran), Ordering::Relaxed);
        let (begun, price) = (self.moment(begun), self.price(ran));
        let deposit = if is_paid { self.price(DEPOSIT) } else { 0 };
        self.clear_ns.update(Ordering::Relaxed, Ordering::Relaxed, |clear| {
            clear.saturating_sub(deposit).max(begun).saturating_add(price)
        });
    }

    fn give_deposit_back(&self) {
        let deposit = self.price(DEPOSIT);
        self.clear_ns
            .update(Ordering::Relaxed, Ordering::Relaxed, |clear| clear.saturating_sub(deposit));
    }

    /// Takes so many bytes where they are still free.
    fn take_memory(&self, bytes: usize) -> bool {
        let taken = |held: usize| held.checked_add(bytes).filter(|held| *held <= self.memory_max);
        self.memory.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    fn give_memory_back(&self, bytes: usize) {
        self.memory.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The places and the quota of an account or of a plugin.
#[derive(Debug)]
pub(super) struct Capacity {
    pub(super) slots: Semaphore,
    pub(super) quota: Arc<Quota>,
}

impl Capacity {
    pub(super) fn of_account(limits: &Limits, quota: Arc<Quota>) -> Self {
        Self { slots: Semaphore::new(call::count(limits.calls_per_account.get())), quota }
    }

    pub(super) fn of_plugin(limits: &Limits, quota: Arc<Quota>) -> Self {
        Self { slots: Semaphore::new(call::count(limits.calls_per_plugin.get())), quota }
    }
}

/// The quotas that one call is billed to: the account's and the plugin's.
#[derive(Debug, Clone, Default)]
pub(super) struct Payers([Option<(Sharer, Arc<Quota>)>; 2]);

impl Payers {
    pub(super) fn of(account: Option<&Capacity>, plugin: Option<&Capacity>) -> Self {
        let quota = |capacity: &Capacity| Arc::clone(&capacity.quota);
        Self([
            account.map(|account| (Sharer::Account, quota(account))),
            plugin.map(|plugin| (Sharer::Plugin, quota(plugin))),
        ])
    }

    fn each(&self) -> impl Iterator<Item = &(Sharer, Arc<Quota>)> {
        self.0.iter().flatten()
    }

    /// Pays all deposits, or tells whose share is used up and for how long.
    fn admit(&self) -> Result<(), (Sharer, Duration)> {
        let now = Instant::now();
        for (before, (whose, quota)) in self.each().enumerate() {
            if let Err(wait) = quota.admit(now) {
                self.each().take(before).for_each(|(_, quota)| quota.give_deposit_back());
                return Err((*whose, wait));
            }
        }
        Ok(())
    }

    /// Takes memory of all payers.
    ///
    /// # Errors
    /// Whose share does not have it; then none has given any.
    pub(super) fn take_memory(&self, bytes: usize) -> Result<(), Sharer> {
        for (before, (whose, quota)) in self.each().enumerate() {
            if !quota.take_memory(bytes) {
                self.each().take(before).for_each(|(_, quota)| quota.give_memory_back(bytes));
                return Err(*whose);
            }
        }
        Ok(())
    }

    pub(super) fn give_memory_back(&self, bytes: usize) {
        self.each().for_each(|(_, quota)| quota.give_memory_back(bytes));
    }
}

/// The processor time of one call.
#[derive(Debug)]
pub(super) struct Bill<'a> {
    payers: &'a Payers,
    cpu: Arc<CpuTime>,
    /// Dropped so, the deposits go back.
    is_paid: bool,
    refused: Refused,
}

impl Drop for Bill<'_> {
    fn drop(&mut self) {
        if self.is_paid {
            self.payers.each().for_each(|(_, quota)| quota.give_deposit_back());
        }
    }
}

impl<'a> Bill<'a> {
    pub(super) fn new(payers: &'a Payers) -> Self {
        Self { payers, cpu: Arc::default(), is_paid: false, refused: Refused::default() }
    }

    /// The time that is billed, for who keeps the call to its limit.
    pub(super) fn cpu(&self) -> Arc<CpuTime> {
        Arc::clone(&self.cpu)
    }

    /// Pays the deposits, as soon as there is room for them.
    ///
    /// # Errors
    /// Whose share of the processors is used up beyond `until`.
    pub(super) async fn admit(&mut self, until: Instant) -> Result<(), Sharer> {
        loop {
            let Err((whose, wait)) = self.try_admit() else { return Ok(()) };
            let again = Instant::now() + wait;
            if until < again {
                return Err(whose);
            }
            time::sleep_until(again).await;
        }
    }

    fn try_admit(&mut self) -> Result<(), (Sharer, Duration)> {
        let admitted = self.payers.admit();
        self.is_paid = admitted.is_ok();
        if let Err((whose, _)) = admitted {
            let is_account = whose == Sharer::Account;
            self.refused.note(if is_account { "cpu-of-account" } else { "cpu-of-plugin" });
        }
        admitted
    }

    fn settle(&mut self, begun: Instant, ran: Duration) {
        let is_paid = std::mem::take(&mut self.is_paid);
        self.payers.each().for_each(|(_, quota)| quota.settle(begun, ran, is_paid));
    }

    /// Runs a call that was admitted and bills what its thread ran. Where it `may_pause`, it goes
    /// on as it began: each step with a deposit. One that may not is short, and timed by the wall
    /// clock until it lets others go before it.
    pub(super) async fn run<T>(&mut self, may_pause: bool, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        let mut pause: Option<Pin<Box<Sleep>>> = None;
        let mut clock = if may_pause { Clock::Thread } else { Clock::Wall };
        poll_fn(move |context| {
            while may_pause && !self.is_paid {
                if let Some(pause) = &mut pause {
                    ready!(pause.as_mut().poll(context));
                }
                let admitted = self.try_admit();
                pause = admitted.err().map(|(_, wait)| Box::pin(time::sleep(wait)));
            }
            let begun = Instant::now();
            let (polled, ran) = self.cpu.of(clock, || call.as_mut().poll(context));
            clock = Clock::Thread;
            self.settle(begun, ran);
            polled
        })
        .await
    }

    /// How often the call was held back, and for whose share.
    pub(super) fn refused(&mut self) -> Refused {
        std::mem::take(&mut self.refused)
    }
}

/// The quotas of all accounts and plugins. They outlive a change of the account and a new version:
/// neither wipes out a debt.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    accounts: Mutex<BTreeMap<AccountId, Weak<Quota>>>,
    plugins: Mutex<BTreeMap<PluginName, Arc<Quota>>>,
}

impl Quotas {
    pub(super) fn of_account(&self, id: &AccountId, limits: &Limits) -> Arc<Quota> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(quota) = accounts.get(id).and_then(Weak::upgrade) {
            return quota;
        }
        accounts.retain(|_, quota| 0 < quota.strong_count());
        let quota = Quota::of_account(limits);
        accounts.insert(id.clone(), Arc::downgrade(&quota));
        quota
    }

    pub(super) fn of_plugin(&self, name: &PluginName, limits: &Limits) -> Arc<Quota> {
        let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(plugins.entry(name.clone()).or_insert_with(|| Quota::of_plugin(limits)))
    }

    /// Processor time of each plugin so far.
    pub(super) fn ran(&self) -> Vec<(PluginName, Duration)> {
        let plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        plugins.iter().map(|(name, quota)| (name.clone(), quota.ran())).collect()
    }
}

#[cfg(test)]
mod tests;
