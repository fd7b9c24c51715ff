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
        Arc, Mutex, MutexGuard, PoisonError, Weak,
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

use super::{call, engine::TICK, error::Sharer, refusals::Refused, state::ThreadTime};
use crate::{
    config::Limits,
    id::{AccountId, PluginName},
};

/// How long a share may be saved up.
const BURST: Duration = Duration::from_secs(2);
/// What a call pays when it begins, and gets back once it is known what it ran: of many that wait
/// only one at a time goes on.
const DEPOSIT: Duration = TICK;

/// The part of the machine for all calls of one account, or of one plugin.
#[derive(Debug)]
pub(super) struct Quota {
    /// Processor seconds in a second.
    processors: f64,
    bucket: Mutex<Bucket>,
    memory_max: usize,
    memory: AtomicUsize,
    ran_ns: AtomicU64,
}

#[derive(Debug)]
struct Bucket {
    debt: Duration,
    at: Instant,
}

/// A deposit of processor time, which comes back when it is dropped.
#[derive(Debug)]
pub(super) struct Deposit(Arc<Quota>);

/// Those of one call: one for each payer.
type Deposits = [Option<Deposit>; PAYERS_MAX];

const PAYERS_MAX: usize = 2;

impl Drop for Deposit {
    fn drop(&mut self) {
        let mut bucket = self.0.drained(Instant::now());
        bucket.debt = bucket.debt.saturating_sub(DEPOSIT);
    }
}

impl Quota {
    fn new(percent: u32, memory_max: usize) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let cores = u32::try_from(cores).unwrap_or(u32::MAX);
        let bucket = Bucket { debt: Duration::ZERO, at: Instant::now() };
        Self {
            processors: f64::from(cores) * f64::from(percent) / 100.0,
            bucket: Mutex::new(bucket),
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

    fn drained(&self, now: Instant) -> MutexGuard<'_, Bucket> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(bucket.at);
        bucket.debt = bucket.debt.saturating_sub(passed.mul_f64(self.processors));
        bucket.at = bucket.at.max(now);
        bucket
    }

    fn wait(&self, bucket: &Bucket) -> Duration {
        let over = bucket.debt.saturating_sub(BURST.mul_f64(self.processors));
        over.div_f64(self.processors)
    }

    /// A deposit, or how long it is until there may be one.
    fn admit(self: &Arc<Self>) -> Result<Deposit, Duration> {
        let mut bucket = self.drained(Instant::now());
        let wait = self.wait(&bucket);
        if !wait.is_zero() {
            return Err(wait);
        }
        bucket.debt = bucket.debt.saturating_add(DEPOSIT);
        Ok(Deposit(Arc::clone(self)))
    }

    fn charge(&self, ran: Duration) {
        let ns = u64::try_from(ran.as_nanos()).unwrap_or(u64::MAX);
        self.ran_ns.fetch_add(ns, Ordering::Relaxed);
        let mut bucket = self.drained(Instant::now());
        bucket.debt = bucket.debt.saturating_add(ran);
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

/// The quotas that one call is billed to.
#[derive(Debug, Clone, Default)]
pub(super) struct Payers(pub(super) Vec<(Sharer, Arc<Quota>)>);

impl Payers {
    pub(super) fn of(account: Option<&Capacity>, plugin: Option<&Capacity>) -> Self {
        let named = [(Sharer::Account, account), (Sharer::Plugin, plugin)].into_iter();
        let with_quota = |(whose, capacity): (_, Option<&Capacity>)| {
            capacity.map(|capacity| (whose, Arc::clone(&capacity.quota)))
        };
        Self(named.filter_map(with_quota).collect())
    }

    /// All deposits at once, or whose share is used up and for how long.
    fn admit(&self) -> Result<Deposits, (Sharer, Duration)> {
        let mut deposits = Deposits::default();
        for (deposit, (whose, quota)) in deposits.iter_mut().zip(&self.0) {
            *deposit = Some(quota.admit().map_err(|wait| (*whose, wait))?);
        }
        Ok(deposits)
    }

    fn charge(&self, ran: Duration) {
        for (_, quota) in &self.0 {
            quota.charge(ran);
        }
    }

    /// Takes memory of all payers.
    ///
    /// # Errors
    /// Whose share does not have it; then none has given any.
    pub(super) fn take_memory(&self, bytes: usize) -> Result<(), Sharer> {
        for (before, (whose, quota)) in self.0.iter().enumerate() {
            if !quota.take_memory(bytes) {
                for (_, quota) in self.0.iter().take(before) {
                    quota.give_memory_back(bytes);
                }
                return Err(*whose);
            }
        }
        Ok(())
    }

    pub(super) fn give_memory_back(&self, bytes: usize) {
        for (_, quota) in &self.0 {
            quota.give_memory_back(bytes);
        }
    }
}

/// The processor time of one call.
#[derive(Debug)]
pub(super) struct Bill {
    payers: Payers,
    deposits: Option<Deposits>,
    refused: Refused,
}

impl Bill {
    pub(super) fn new(payers: Payers) -> Self {
        Self { payers, deposits: None, refused: Refused::default() }
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
        if let Err((whose, _)) = admitted {
            self.refused.note(if whose == Sharer::Account {
                "cpu-of-account"
            } else {
                "cpu-of-plugin"
            });
        }
        self.deposits = Some(admitted?);
        Ok(())
    }

    /// Runs a call that was admitted and bills what its thread ran. Where it `may_pause`, it goes
    /// on as it began: each step with a deposit.
    pub(super) async fn run<T>(&mut self, may_pause: bool, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        let mut pause: Option<Pin<Box<Sleep>>> = None;
        poll_fn(move |context| {
            while may_pause && self.deposits.is_none() {
                if let Some(pause) = &mut pause {
                    ready!(pause.as_mut().poll(context));
                }
                let admitted = self.try_admit();
                pause = admitted.err().map(|(_, wait)| Box::pin(time::sleep(wait)));
            }
            let begun = ThreadTime::now();
            let polled = call.as_mut().poll(context);
            self.payers.charge(ThreadTime::now().since(begun).unwrap_or_default());
            self.deposits = None;
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
