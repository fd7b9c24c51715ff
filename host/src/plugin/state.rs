//! What the host keeps for one call: its limits, what is left of them, and whom it is for.

use std::{
    sync::Arc,
    thread::{self, ThreadId},
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;
use wasmtime::{ResourceLimiter, component::ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::{
    bind::Bound,
    engine::TICK,
    error::Sharer,
    lines::{Lines, Stream},
    pulse::Beat,
    quota::Payers,
    refusals::Refused,
    stdio::Stdio,
};
use crate::config::Limits;

/// Random bytes in one request of a guest.
const RANDOM_BYTES_MAX: u64 = 64 << 10;

/// An exported function, as the limits see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Export {
    pub(super) name: &'static str,
    /// `http` and `kv` are denied, and processor time is short.
    pub(super) is_pure: bool,
    /// Anybody may cause a call, without a secret.
    pub(super) is_open_to_all: bool,
    /// An answer alone is not good news of the plugin: its caller judges it.
    pub(super) is_judged: bool,
}

impl Export {
    pub(super) const fn pure(name: &'static str) -> Self {
        Self { name, is_pure: true, is_open_to_all: false, is_judged: false }
    }

    pub(super) const fn reaching_out(name: &'static str) -> Self {
        Self { name, is_pure: false, is_open_to_all: false, is_judged: false }
    }

    /// A pure function that strangers can have called.
    pub(super) const fn open_to_all(name: &'static str) -> Self {
        Self { name, is_pure: true, is_open_to_all: true, is_judged: false }
    }

    /// What an answer says of the plugin.
    pub(super) fn good(self) -> Option<Beat> {
        (!self.is_judged).then_some(Beat::Good)
    }
}

/// The data of one call's store.
pub(super) struct CallState {
    pub(super) export: Export,
    /// `None` while a plugin is admitted.
    pub(super) bound: Option<Arc<Bound>>,
    pub(super) limits: Arc<Limits>,
    pub(super) lines: Lines,
    pub(super) memory: MemoryLimiter,
    pub(super) used: Used,
    pub(super) refused: Refused,
    pub(super) cpu: Cpu,
    /// When the call ends, finished or not.
    pub(super) until: Instant,
    /// The instance is there, and may have done something.
    pub(super) is_begun: bool,
    table: ResourceTable,
    wasi: WasiCtx,
}

/// Host calls made so far.
#[derive(Debug, Default)]
pub(super) struct Used {
    pub(super) http: u32,
    pub(super) kv: u32,
    pub(super) vault: u32,
}

/// Processor time of one call, looked at whenever an epoch ends in which no host call waited.
#[derive(Debug)]
pub(super) struct Cpu {
    limit: Duration,
    spent: Duration,
    in_host: Duration,
    /// The thread's clock when the last epoch ended.
    last: Option<ThreadTime>,
    pub(super) is_spent: bool,
}

/// How long a thread has run so far. It stands still while the thread has no processor.
#[derive(Debug, Clone, Copy)]
pub(super) struct ThreadTime {
    thread: ThreadId,
    ran: Duration,
}

impl ThreadTime {
    pub(super) fn now() -> Self {
        let ran = clock_gettime(ClockId::ThreadCPUTime);
        let ran = Duration::try_from(ran).unwrap_or_default();
        Self { thread: thread::current().id(), ran }
    }

    /// How long the thread ran since then; `None` of another one.
    pub(super) fn since(self, earlier: Self) -> Option<Duration> {
        (self.thread == earlier.thread).then(|| self.ran.saturating_sub(earlier.ran))
    }
}

impl Cpu {
    fn new(limit_ms: u32) -> Self {
        let tick_ms = u32::try_from(TICK.as_millis()).unwrap_or(1);
        // The first epoch may have been nearly over when the call began: it is not counted whole.
        let epochs = limit_ms.div_ceil(tick_ms).saturating_add(1);
        let (spent, in_host) = (Duration::ZERO, Duration::ZERO);
        Self { limit: TICK.saturating_mul(epochs), spent, in_host, last: None, is_spent: false }
    }

    /// Time that a host call waited for others.
    pub(super) fn waited(&mut self, time: Duration) {
        self.in_host = self.in_host.saturating_add(time);
    }

    /// Time that the host worked for the guest without a pause. The guest sees only one epoch
    /// end by it, however long it was.
    pub(super) fn worked(&mut self, time: Duration) {
        self.spent = self.spent.saturating_add(time);
        // The epoch in which it was is billed for the rest alone.
        if let Some(last) = &mut self.last {
            last.ran = last.ran.saturating_add(time);
        }
    }

    /// One epoch has passed. False when the call has had its share.
    ///
    /// An epoch is billed with what the thread ran in it: on a busy machine that may be little.
    pub(super) fn tick(&mut self, now: ThreadTime) -> bool {
        let ran = self.last.replace(now).and_then(|last| now.since(last));
        // An epoch that ended while the host waited is not billed. A guest cannot buy time with
        // it: a whole epoch must have been spent waiting, and host calls are counted.
        if TICK <= self.in_host {
            self.in_host = Duration::ZERO;
        } else {
            self.spent = self.spent.saturating_add(ran.unwrap_or(TICK).min(TICK));
        }
        self.is_spent = self.limit <= self.spent;
        !self.is_spent
    }
}

/// Grants or refuses memory and tables, and remembers refusals.
#[derive(Debug)]
pub(super) struct MemoryLimiter {
    bytes_max: usize,
    elements_max: usize,
    bytes: usize,
    elements: usize,
    /// Those that all calls of the account and of the plugin share.
    payers: Payers,
    pub(super) refusals: u64,
    /// The last thing that the guest heard of the host was a refusal.
    end: Option<MemoryEnd>,
}

/// Which limit refused memory or tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemoryEnd {
    /// That of the call.
    OfCall,
    /// That of all calls of the account, or of the plugin.
    OfAll(Sharer),
}

impl MemoryLimiter {
    fn new(limits: &Limits, payers: Payers) -> Self {
        Self {
            bytes_max: limits.memory_bytes,
            elements_max: limits.table_elements,
            bytes: 0,
            elements: 0,
            payers,
            refusals: 0,
            end: None,
        }
    }

    /// The guest has asked the host for something else since: it has coped with the refusal, and
    /// what ends it later is not that.
    pub(super) fn went_on(&mut self) {
        self.end = None;
    }

    /// Why the guest may have ended, where it got no more.
    pub(super) fn end(&self) -> Option<MemoryEnd> {
        self.end
    }

    fn note<T>(&mut self, granted: Result<T, MemoryEnd>) -> Option<T> {
        self.end = granted.as_ref().err().copied();
        self.refusals = self.refusals.saturating_add(u64::from(granted.is_err()));
        granted.ok()
    }

    /// The new sum, taken from all that it counts against.
    fn granted(&self, current: usize, desired: usize) -> Result<usize, MemoryEnd> {
        let grown = grown(self.bytes, current, desired, self.bytes_max);
        let bytes = grown.ok_or(MemoryEnd::OfCall)?;
        let more = bytes.saturating_sub(self.bytes);
        self.payers.take_memory(more).map_err(MemoryEnd::OfAll)?;
        Ok(bytes)
    }

    /// Granted so far: memory never shrinks.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for MemoryLimiter {
    fn drop(&mut self) {
        self.payers.give_memory_back(self.bytes);
    }
}

/// The new sum, where it is within the limit.
fn grown(sum: usize, current: usize, desired: usize, max: usize) -> Option<usize> {
    sum.checked_add(desired.checked_sub(current)?).filter(|sum| *sum <= max)
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = self.note(self.granted(current, desired));
        self.bytes = granted.unwrap_or(self.bytes);
        Ok(granted.is_some())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grown = grown(self.elements, current, desired, self.elements_max);
        let granted = self.note(grown.ok_or(MemoryEnd::OfCall));
        self.elements = granted.unwrap_or(self.elements);
        Ok(granted.is_some())
    }
}

impl CallState {
    pub(super) fn new(
        plugin: &str,
        export: Export,
        bound: Option<Arc<Bound>>,
        payers: Payers,
        limits: Arc<Limits>,
        until: Instant,
    ) -> Self {
        let lines = Lines::new(plugin, bound.clone(), limits.log_lines, limits.log_line_bytes);
        let wasi = WasiCtx::builder()
            .stdout(Stdio::new(lines.clone(), Stream::Output))
            .stderr(Stdio::new(lines.clone(), Stream::Error))
            .max_random_size(RANDOM_BYTES_MAX)
            .allow_tcp(false)
            .allow_udp(false)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        let cpu_ms = if export.is_pure { limits.pure_cpu_ms } else { limits.cpu_ms };
        Self {
            export,
            bound,
            lines,
            memory: MemoryLimiter::new(&limits, payers),
            used: Used::default(),
            refused: Refused::default(),
            cpu: Cpu::new(cpu_ms.get()),
            until,
            is_begun: false,
            table,
            wasi,
            limits,
        }
    }
}

impl std::fmt::Debug for CallState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallState")
            .field("export", &self.export)
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_granted_up_to_the_last_byte_and_summed_over_memories() {
        let limits = Limits { memory_bytes: 100, table_elements: 10, ..Limits::default() };
        let mut memory = MemoryLimiter::new(&limits, Payers::default());
        assert!(memory.memory_growing(0, 60, None).unwrap());
        assert!(memory.memory_growing(0, 40, None).unwrap());
        assert_eq!(memory.end(), None);
        assert!(!memory.memory_growing(40, 41, None).unwrap());
        assert_eq!(memory.end(), Some(MemoryEnd::OfCall));
        assert!(
            memory.memory_growing(40, 40, None).unwrap(),
            "a refusal is remembered and refuses nothing else"
        );
    }

    #[test]
    fn a_guest_that_goes_on_after_a_refusal_has_not_ended_by_it() {
        let limits = Limits { memory_bytes: 100, table_elements: 10, ..Limits::default() };
        let mut memory = MemoryLimiter::new(&limits, Payers::default());
        assert!(!memory.memory_growing(0, 101, None).unwrap());
        assert!(memory.memory_growing(0, 100, None).unwrap());
        assert_eq!(memory.end(), None, "less was enough");
        assert!(!memory.table_growing(0, 11, None).unwrap());
        memory.went_on();
        assert_eq!(memory.end(), None);
        assert_eq!(memory.refusals, 2);
    }

    #[test]
    fn tables_are_summed_too() {
        let limits = Limits { table_elements: 10, ..Limits::default() };
        let mut memory = MemoryLimiter::new(&limits, Payers::default());
        assert!(memory.table_growing(0, 10, None).unwrap());
        assert!(!memory.table_growing(0, 1, None).unwrap());
    }

    /// A thread that runs from one epoch to the next, or as long as it is told.
    struct Runs(ThreadTime);

    impl Runs {
        fn new() -> Self {
            Self(ThreadTime { thread: thread::current().id(), ran: Duration::ZERO })
        }

        fn on(&mut self) -> ThreadTime {
            self.on_for(TICK)
        }

        fn on_for(&mut self, time: Duration) -> ThreadTime {
            self.0.ran += time;
            self.0
        }
    }

    #[test]
    fn epochs_beyond_the_budget_are_refused_and_waiting_is_not_billed() {
        let (mut cpu, mut runs) = (Cpu::new(20), Runs::new());
        for _ in 0..100 {
            cpu.waited(TICK);
            assert!(cpu.tick(runs.on()));
        }
        assert!(cpu.tick(runs.on()) && cpu.tick(runs.on()));
        assert!(!cpu.is_spent);
        assert!(!cpu.tick(runs.on()));
        assert!(cpu.is_spent);
    }

    #[test]
    fn time_in_which_the_thread_did_not_run_is_not_billed() {
        let (mut cpu, mut runs) = (Cpu::new(20), Runs::new());
        assert!(cpu.tick(runs.on()), "the first epoch is billed whole: nobody knows its begin");
        for _ in 0..9 {
            assert!(cpu.tick(runs.on_for(TICK / 5)));
        }
        assert!(!cpu.tick(runs.on_for(TICK / 5)), "ten times a fifth");
    }

    #[test]
    fn no_epoch_is_billed_for_longer_than_it_was_nor_that_of_another_thread_for_less() {
        let (mut cpu, mut runs) = (Cpu::new(20), Runs::new());
        assert!(cpu.tick(runs.on()) && cpu.tick(runs.on_for(TICK * 100)));
        let elsewhere = thread::spawn(ThreadTime::now).join().unwrap();
        assert!(!cpu.tick(elsewhere));
    }

    #[test]
    fn the_threads_clock_goes_on_while_it_works() {
        let begin = ThreadTime::now();
        let mut sum = 0_u64;
        while ThreadTime::now().since(begin).unwrap() < Duration::from_millis(2) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(0 < sum);
    }

    #[test]
    fn work_of_the_host_is_billed_as_long_as_it_took() {
        let (mut cpu, mut runs) = (Cpu::new(50), Runs::new());
        cpu.worked(TICK * 3 + TICK / 2);
        assert!(cpu.tick(runs.on()) && cpu.tick(runs.on()));
        cpu.worked(TICK / 2);
        assert!(!cpu.tick(runs.on()), "four epochs of the host and three of the guest");
    }

    #[test]
    fn work_of_the_host_counts_also_where_the_guest_waited_for_it() {
        let (mut cpu, mut runs) = (Cpu::new(50), Runs::new());
        let instant = Duration::from_nanos(1);
        cpu.worked((TICK * 6).saturating_sub(instant));
        cpu.waited(TICK);
        assert!(cpu.tick(runs.on()), "six epochs all but one instant");
        cpu.worked(instant);
        cpu.waited(TICK);
        assert!(!cpu.tick(runs.on()) && cpu.is_spent);
    }

    #[test]
    fn work_of_the_host_is_not_billed_twice() {
        let (mut cpu, mut runs) = (Cpu::new(50), Runs::new());
        assert!(cpu.tick(runs.on()));
        for _ in 0..8 {
            // The host worked for half of an epoch, and the guest for a tenth of one.
            cpu.worked(TICK / 2);
            assert!(cpu.tick(runs.on_for(TICK * 6 / 10)), "{cpu:?}");
        }
        cpu.worked(TICK / 2);
        assert!(!cpu.tick(runs.on_for(TICK * 6 / 10)), "one epoch, and nine times six tenths");
    }

    #[test]
    fn short_waits_do_not_add_up_to_free_time() {
        let (mut cpu, mut runs) = (Cpu::new(100), Runs::new());
        let mut epochs = 0;
        loop {
            cpu.waited(TICK / 10);
            if !cpu.tick(runs.on()) {
                break;
            }
            epochs += 1;
        }
        assert_eq!(epochs, 11, "ten epochs of the budget and the one for ten short waits");
    }
}
