//! The one wasmtime engine: what guests may use, the pool of instances, and the ticker.

use std::{thread, time::Duration};

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

use crate::config::Limits;

/// The length of one epoch: so long a guest keeps its thread from others, and so exactly its
/// processor time is limited.
const TICK: Duration = Duration::from_millis(1);
pub(super) const MEMORIES_MAX: u32 = 4;
pub(super) const TABLES_MAX: u32 = 16;
/// Core instances of one component. A Rust component has about five, one from Python dozens.
pub(super) const CORE_INSTANCES_MAX: u32 = 64;
const MEMORY_KEEP_RESIDENT: usize = 2 << 20;
const TABLE_KEEP_RESIDENT: usize = 64 << 10;
const STACK_KEEP_RESIDENT: usize = 64 << 10;

/// The engine that runs guests. Where the pool cannot be reserved, instances are made on demand.
pub(super) fn running(limits: &Limits) -> Result<Engine, wasmtime::Error> {
    let mut config = base();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)));
    let engine = match Engine::new(&config) {
        Ok(engine) => engine,
        Err(error) => {
            tracing::warn!(
                error = format!("{error:#}"),
                "the pool of instances cannot be reserved, every call is slower: raise the limit on virtual memory \
                 or lower `limits.calls`"
            );
            Engine::new(&base())?
        }
    };
    start_ticker(&engine);
    Ok(engine)
}

/// The engine that only compiles, in a process of its own: same code, no pool, one thread.
pub(super) fn compiling() -> Result<Engine, wasmtime::Error> {
    let mut config = base();
    config.parallel_compilation(false);
    Engine::new(&config)
}

/// Everything that shapes compiled code; equal for both engines.
fn base() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable)
        .memory_init_cow(true)
        .concurrency_support(false)
        .wasm_component_model(true)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_stack_switching(false);
    // Exceptions, GC and threads are also absent from the build; said here so that a feature
    // pulled in by a dependency does not turn them on.
    config.wasm_features(unwanted(), false);
    config
}

fn unwanted() -> wasmtime::WasmFeatures {
    use wasmtime::WasmFeatures as F;
    F::CM_ASYNC
        | F::GC
        | F::THREADS
        | F::SHARED_EVERYTHING_THREADS
        | F::EXCEPTIONS
        | F::LEGACY_EXCEPTIONS
}

/// A quarter more than the calls of all plugins; the quarter is for pure functions, so that
/// slow peers never hold up `receive`.
pub(super) fn pure_slots(limits: &Limits) -> u32 {
    limits.calls.get().div_ceil(4)
}

fn pool(limits: &Limits) -> PoolingAllocationConfig {
    let calls = limits.calls.get().saturating_add(pure_slots(limits));
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_stacks(calls)
        .total_memories(calls.saturating_mul(2))
        .total_tables(calls.saturating_mul(4))
        .total_core_instances(calls.saturating_mul(CORE_INSTANCES_MAX))
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_module(1)
        .max_tables_per_module(MEMORIES_MAX)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        .max_unused_warm_slots(calls)
        .linear_memory_keep_resident(MEMORY_KEEP_RESIDENT)
        .table_keep_resident(TABLE_KEEP_RESIDENT)
        .async_stack_keep_resident(STACK_KEEP_RESIDENT)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Moves the epoch on every [`TICK`] until the engine is gone. A thread of its own: a busy
/// runtime must not stop the clock that bounds it.
fn start_ticker(engine: &Engine) {
    let engine = engine.weak();
    #[expect(clippy::disallowed_methods, reason = "a thread of its own, not one of the runtime's")]
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    };
    let ticker = thread::Builder::new().name("epoch".to_owned()).spawn(tick);
    // Without the ticker no limit on processor time holds: better not to start at all.
    ticker.expect("the operating system can start one more thread");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_makes_code_that_the_runner_takes() {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};

        let digest = |engine: &Engine| {
            let mut hasher = DefaultHasher::new();
            engine.precompile_compatibility_hash().hash(&mut hasher);
            hasher.finish()
        };
        let limits = Limits { calls: std::num::NonZeroU32::MIN, ..Limits::default() };
        assert_eq!(digest(&running(&limits).unwrap()), digest(&compiling().unwrap()));
    }

    #[test]
    fn the_ticker_ends_with_its_engine() {
        let limits = Limits { calls: std::num::NonZeroU32::MIN, ..Limits::default() };
        let engine = running(&limits).unwrap();
        let weak = engine.weak();
        drop(engine);
        // The ticker holds the engine only while it counts, never while it sleeps.
        while weak.upgrade().is_some() {
            std::hint::spin_loop();
        }
    }
}
