//! What the host keeps for one call: its limits, what is left of them, and whom it is for.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use wasmtime::{ResourceLimiter, component::ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::{
    bind::Bound,
    engine::TICK,
    lines::{Lines, Stream},
    pulse::Beat,
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

/// Processor time of one call, counted in epochs in which no host call waited.
#[derive(Debug)]
pub(super) struct Cpu {
    ticks_max: u32,
    ticks: u32,
    in_host: Duration,
    /// Worked by the host for the guest, and not billed yet.
    worked: Duration,
    pub(super) is_spent: bool,
}

impl Cpu {
    fn new(limit_ms: u32) -> Self {
        let tick_ms = u32::try_from(TICK.as_millis()).unwrap_or(1);
        Self {
            ticks_max: limit_ms.div_ceil(tick_ms),
            ticks: 0,
            in_host: Duration::ZERO,
            worked: Duration::ZERO,
            is_spent: false,
        }
    }

    /// Time that a host call waited for others.
    pub(super) fn waited(&mut self, time: Duration) {
        self.in_host = self.in_host.saturating_add(time);
    }

    /// Time that the host worked for the guest without a pause. The guest sees only one epoch
    /// end by it, however long it was.
    pub(super) fn worked(&mut self, time: Duration) {
        self.worked = self.worked.saturating_add(time);
        while TICK <= self.worked {
            self.worked = self.worked.saturating_sub(TICK);
            self.ticks = self.ticks.saturating_add(1);
        }
    }

    /// One epoch has passed. False when the call has had its share.
    pub(super) fn tick(&mut self) -> bool {
        // An epoch that ended while the host worked is not billed. A guest cannot buy time with
        // it: a whole epoch must have been spent waiting, and host calls are counted.
        if TICK <= self.in_host {
            self.in_host = Duration::ZERO;
            return true;
        }
        self.ticks = self.ticks.saturating_add(1);
        // The first epoch may have been nearly over when the call began: it is not counted whole.
        self.is_spent = self.ticks_max < self.ticks;
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
    pub(super) refusals: u64,
    /// The last thing that the guest heard of the host was a refusal.
    is_at_end: bool,
}

impl MemoryLimiter {
    fn new(limits: &Limits) -> Self {
        Self {
            bytes_max: limits.memory_bytes,
            elements_max: limits.table_elements,
            bytes: 0,
            elements: 0,
            refusals: 0,
            is_at_end: false,
        }
    }

    /// The guest has asked the host for something else since: it has coped with the refusal, and
    /// what ends it later is not that.
    pub(super) fn went_on(&mut self) {
        self.is_at_end = false;
    }

    /// Whether the guest may have ended because it got no more.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    fn note(&mut self, is_granted: bool) {
        self.refusals = self.refusals.saturating_add(u64::from(!is_granted));
        self.is_at_end = !is_granted;
    }

    /// Granted so far: memory never shrinks.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
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
        let grown = grown(self.bytes, current, desired, self.bytes_max);
        self.bytes = grown.unwrap_or(self.bytes);
        self.note(grown.is_some());
        Ok(grown.is_some())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grown = grown(self.elements, current, desired, self.elements_max);
        self.elements = grown.unwrap_or(self.elements);
        self.note(grown.is_some());
        Ok(grown.is_some())
    }
}

impl CallState {
    pub(super) fn new(
        plugin: &str,
        export: Export,
        bound: Option<Arc<Bound>>,
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
            memory: MemoryLimiter::new(&limits),
            used: Used::default(),
            refused: Refused::default(),
            cpu: Cpu::new(cpu_ms.get()),
            until,
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
        let mut memory = MemoryLimiter::new(&limits);
        assert!(memory.memory_growing(0, 60, None).unwrap());
        assert!(memory.memory_growing(0, 40, None).unwrap());
        assert!(!memory.is_at_end());
        assert!(!memory.memory_growing(40, 41, None).unwrap());
        assert!(memory.is_at_end());
        assert!(
            memory.memory_growing(40, 40, None).unwrap(),
            "a refusal is remembered and refuses nothing else"
        );
    }

    #[test]
    fn a_guest_that_goes_on_after_a_refusal_has_not_ended_by_it() {
        let limits = Limits { memory_bytes: 100, table_elements: 10, ..Limits::default() };
        let mut memory = MemoryLimiter::new(&limits);
        assert!(!memory.memory_growing(0, 101, None).unwrap());
        assert!(memory.memory_growing(0, 100, None).unwrap());
        assert!(!memory.is_at_end(), "less was enough");
        assert!(!memory.table_growing(0, 11, None).unwrap());
        memory.went_on();
        assert!(!memory.is_at_end());
        assert_eq!(memory.refusals, 2);
    }

    #[test]
    fn tables_are_summed_too() {
        let limits = Limits { table_elements: 10, ..Limits::default() };
        let mut memory = MemoryLimiter::new(&limits);
        assert!(memory.table_growing(0, 10, None).unwrap());
        assert!(!memory.table_growing(0, 1, None).unwrap());
    }

    #[test]
    fn epochs_beyond_the_budget_are_refused_and_waiting_is_not_billed() {
        let mut cpu = Cpu::new(20);
        for _ in 0..100 {
            cpu.waited(TICK);
            assert!(cpu.tick());
        }
        assert!(cpu.tick() && cpu.tick());
        assert!(!cpu.is_spent);
        assert!(!cpu.tick());
        assert!(cpu.is_spent);
    }

    #[test]
    fn work_of_the_host_is_billed_as_long_as_it_took() {
        let mut cpu = Cpu::new(50);
        cpu.worked(TICK * 3 + TICK / 2);
        assert!(cpu.tick() && cpu.tick());
        cpu.worked(TICK / 2);
        assert!(!cpu.tick(), "four epochs of the host and three of the guest");
    }

    #[test]
    fn short_waits_do_not_add_up_to_free_time() {
        let mut cpu = Cpu::new(10);
        let mut free = 0;
        for _ in 0..10 {
            cpu.waited(TICK / 10);
            free += u32::from(cpu.tick());
        }
        assert_eq!(free, 2, "one epoch of the budget and the one for ten short waits");
    }
}
