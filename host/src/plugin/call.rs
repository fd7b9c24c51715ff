//! One call: a slot, a fresh store and instance, its limits, and what a failure means.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time,
};
use wasmtime::{
    Engine, Store, Trap, UpdateDeadline,
    component::{Instance, InstancePre, ResourceTableError},
};

use super::{
    bind::Bound,
    engine,
    error::{Error, Scarce, Share, Sharer},
    quota::{Bill, Capacity, Payers, Quotas},
    refusals::{Refusals, Refused},
    state::{CallState, Export, MemoryEnd},
};
use crate::config::Limits;

/// What a call does with its instance. Boxed: the future borrows the store it is given.
pub(super) type Answer<'a, R> = Pin<Box<dyn Future<Output = wasmtime::Result<R>> + Send + 'a>>;

/// What all calls of the host share.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) limits: Arc<Limits>,
    pub(super) refusals: Refusals,
    pub(super) quotas: Quotas,
    reaching_out: Semaphore,
    pure: Semaphore,
    in_flight: AtomicU32,
}

/// The name and the code of the plugin that is called.
#[derive(Clone, Copy)]
pub(super) struct Callee<'a> {
    pub(super) name: &'a str,
    pub(super) engine: &'a Engine,
    pub(super) pre: &'a InstancePre<CallState>,
    /// `None` while the plugin is admitted.
    pub(super) capacity: Option<&'a Capacity>,
}

/// Held as long as a call runs; dropped in any order.
struct Slots<'a> {
    in_flight: &'a AtomicU32,
    _permits: [Option<SemaphorePermit<'a>>; 3],
}

impl Drop for Slots<'_> {
    fn drop(&mut self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Caller {
    pub(super) fn new(limits: Arc<Limits>) -> Self {
        Self {
            refusals: Refusals::default(),
            quotas: Quotas::default(),
            reaching_out: Semaphore::new(count(limits.calls.get())),
            pure: Semaphore::new(count(engine::pure_slots(&limits))),
            in_flight: AtomicU32::new(0),
            limits,
        }
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Runs `body` in a fresh instance, which is dropped afterwards whatever happened.
    pub(super) async fn call<R: Send>(
        &self,
        callee: Callee<'_>,
        bound: Option<&Arc<Bound>>,
        export: Export,
        body: impl for<'a> FnOnce(&'a mut Store<CallState>, &'a Instance) -> Answer<'a, R> + Send,
    ) -> Result<R, Error> {
        let wall = Duration::from_millis(u64::from(self.limits.wall_ms.get()));
        let account = bound.map(|bound| &bound.capacity);
        let payers = Payers::of(account, callee.capacity);
        let mut bill = Bill::new(&payers);
        let _slots = self.admitted(callee, account, export, wall, &mut bill).await?;
        let until = time::Instant::now() + wall;
        let limits = Arc::clone(&self.limits);
        let billed = (payers.clone(), bill.cpu());
        let state = CallState::new(callee.name, export, bound.cloned(), billed, limits, until);
        let mut store = self.store(callee.engine, state);
        let answer = {
            let run = async {
                let instance = callee.pre.instantiate_async(&mut store).await?;
                store.data_mut().is_begun = true;
                body(&mut store, &instance).await
            };
            // A pure call is short, and would keep its place from others while it paused.
            time::timeout_at(until, bill.run(!export.is_pure, run)).await
        };
        let panic = self.close(callee.name, store.data_mut(), bill.refused());
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.classify(store.data(), &error, panic)),
            Err(_elapsed) => Err(Error::TimedOut { limit_ms: self.limits.wall_ms.get() }),
        }
    }

    /// Flushes the lines of a call, counts what it was refused, and gives its first panic.
    fn close(&self, plugin: &str, state: &mut CallState, held_back: Refused) -> Option<String> {
        self.refusals.add(plugin, held_back);
        let (panic, dropped) = state.lines.finish();
        let mut refused = std::mem::take(&mut state.refused);
        refused.note_many("log-lines", dropped);
        refused.note_many("memory", state.memory.refusals);
        self.refusals.add(plugin, refused);
        panic
    }

    /// Its share of the processors, then its places.
    async fn admitted<'a>(
        &'a self,
        callee: Callee<'a>,
        account: Option<&'a Capacity>,
        export: Export,
        wall: Duration,
        bill: &mut Bill<'_>,
    ) -> Result<Slots<'a>, Error> {
        let until = time::Instant::now() + wall;
        if let Err(whose) = bill.admit(until).await {
            self.refusals.add(callee.name, bill.refused());
            return Err(Error::Busy(Scarce::Processors(whose)));
        }
        self.slots(callee, account, export, until).await
    }

    /// A place among the calls of the account, then of the plugin, then of the host: who waits
    /// for the wider one keeps nobody else from it.
    async fn slots<'a>(
        &'a self,
        callee: Callee<'a>,
        account: Option<&'a Capacity>,
        export: Export,
        until: time::Instant,
    ) -> Result<Slots<'a>, Error> {
        let all = if export.is_pure { &self.pure } else { &self.reaching_out };
        let account = permit(account.map(|account| &account.slots), until, Sharer::Account).await?;
        let plugin =
            permit(callee.capacity.map(|plugin| &plugin.slots), until, Sharer::Plugin).await?;
        let host = permit(Some(all), until, Sharer::Host).await?;
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Ok(Slots { in_flight: &self.in_flight, _permits: [account, plugin, host] })
    }

    /// A store with every limit set: the one place that makes one.
    fn store(&self, engine: &Engine, state: CallState) -> Store<CallState> {
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(self.limits.hostcall_bytes);
        store.set_max_component_handles(self.limits.handles);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| {
            if store.data_mut().cpu.goes_on() {
                // Other calls, timeouts and cancellation get their turn.
                Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
            } else {
                Ok(UpdateDeadline::Interrupt)
            }
        });
        store
    }

    fn classify(&self, state: &CallState, error: &wasmtime::Error, panic: Option<String>) -> Error {
        let trap = error.downcast_ref::<Trap>();
        if state.cpu.is_spent && trap == Some(&Trap::Interrupt) {
            let limit =
                if state.export.is_pure { self.limits.pure_cpu_ms } else { self.limits.cpu_ms };
            return Error::CpuSpent { limit_ms: limit.get() };
        }
        // wasmtime keeps this error's type to itself.
        let text = format!("{error:#}");
        if text.contains("fuel allocated for hostcalls has been exhausted") {
            return Error::TooLarge { limit_bytes: self.limits.hostcall_bytes };
        }
        if let Some(share) = spent_share(error, &text) {
            return Error::Spent(share);
        }
        if let Some(end) = state.memory.end()
            && may_be_of_memory(trap, panic.as_deref())
        {
            return match end {
                MemoryEnd::OfCall => Error::MemorySpent { limit_bytes: self.limits.memory_bytes },
                MemoryEnd::OfAll(whose) if state.is_begun => Error::MemorySharedOut(whose),
                // Nothing was done yet.
                MemoryEnd::OfAll(whose) => Error::Busy(Scarce::Memory(whose)),
            };
        }
        Error::Trapped { message: self.message(state, error, panic) }
    }

    /// What the operator and the author need: the panic, or else the cause and the place.
    fn message(&self, state: &CallState, error: &wasmtime::Error, panic: Option<String>) -> String {
        let cause = error.root_cause().to_string();
        let text = match panic {
            Some(panic) => format!("{panic} ({cause})"),
            None => match innermost_frame(error) {
                Some(place) => format!("{cause} in `{place}`"),
                None => cause,
            },
        };
        let text = state.bound.as_ref().map_or(text.clone(), |bound| bound.door.scrub(&text));
        let end = text.floor_char_boundary(self.limits.log_line_bytes);
        text.get(..end).unwrap_or_default().to_owned()
    }
}

/// What there was no more of, where that is why the call ended.
fn spent_share(error: &wasmtime::Error, text: &str) -> Option<Share> {
    let is_table_full =
        matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full));
    // This error has no type.
    if is_table_full || text.contains("store handle limit exceeded") {
        return Some(Share::Handles);
    }
    if error.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
        return Some(Share::Stack);
    }
    error.downcast_ref::<Share>().copied()
}

/// Whether a guest that has just been refused memory may have ended for that: a language's runtime
/// gives up by `unreachable`, or by the touch of what is not there, and says so or says nothing.
fn may_be_of_memory(trap: Option<&Trap>, panic: Option<&str>) -> bool {
    let is_usual = matches!(
        trap,
        None | Some(
            Trap::UnreachableCodeReached | Trap::MemoryOutOfBounds | Trap::TableOutOfBounds
        )
    );
    let says_so = |text: &str| {
        ["memory allocation", "AllocError", "out of memory"].iter().any(|word| text.contains(word))
    };
    is_usual && panic.is_none_or(says_so)
}

fn innermost_frame(error: &wasmtime::Error) -> Option<String> {
    let frames = error.downcast_ref::<wasmtime::WasmBacktrace>()?.frames();
    let name = frames.first()?.func_name()?;
    Some(name.to_owned())
}

async fn permit(
    slots: Option<&Semaphore>,
    until: time::Instant,
    whose: Sharer,
) -> Result<Option<SemaphorePermit<'_>>, Error> {
    let Some(slots) = slots else { return Ok(None) };
    // Nobody is overtaken by it: a place that somebody waits for is never free. It needs no timer.
    if let Ok(permit) = slots.try_acquire() {
        return Ok(Some(permit));
    }
    match time::timeout_at(until, slots.acquire()).await {
        Ok(permit) => Ok(Some(permit.expect("these semaphores are never closed"))),
        Err(_elapsed) => Err(Error::Busy(Scarce::Calls(whose))),
    }
}

/// A number of slots as a semaphore counts them.
pub(super) fn count(slots: u32) -> usize {
    usize::try_from(slots).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS)
}
