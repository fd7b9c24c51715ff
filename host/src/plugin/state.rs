//! What the host keeps for one call: its limits, what is left of them, and whom it is for.

use std::sync::Arc;

use tokio::time::Instant;
use wasmtime::{ResourceLimiter, component::ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::{
    bind::Bound,
    cpu::{Cpu, CpuTime},
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
    /// Made when the guest asks for something of WASI, which few calls ever do: it takes a seed of
    /// the random numbers, for one.
    wasi: Option<Box<WasiCtx>>,
}

/// Host calls made so far.
#[derive(Debug, Default)]
pub(super) struct Used {
    pub(super) http: u32,
    pub(super) kv: u32,
    pub(super) vault: u32,
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
        (payers, cpu): (Payers, Arc<CpuTime>),
        limits: Arc<Limits>,
        until: Instant,
    ) -> Self {
        let lines = Lines::new(plugin, bound.clone(), limits.log_lines, limits.log_line_bytes);
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
            cpu: Cpu::new(cpu_ms.get(), cpu),
            until,
            is_begun: false,
            table,
            wasi: None,
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
        let wasi = self.wasi.get_or_insert_with(|| Box::new(wasi(&self.lines)));
        WasiCtxView { ctx: wasi, table: &mut self.table }
    }
}

/// No files, no environment, no network: clocks, random numbers, and streams that end in the lines.
fn wasi(lines: &Lines) -> WasiCtx {
    WasiCtx::builder()
        .stdout(Stdio::new(lines.clone(), Stream::Output))
        .stderr(Stdio::new(lines.clone(), Stream::Error))
        .max_random_size(RANDOM_BYTES_MAX)
        .allow_tcp(false)
        .allow_udp(false)
        .build()
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
}
