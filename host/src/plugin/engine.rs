//! The wasmtime engine that all plugins share, and the clock of their calls.

use crate::manifest::MAX_MEMORY;
use std::{thread, time::Duration};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Most plugins on a node: bounds threads, queues and the pool below.
pub const MAX_PLUGINS: usize = 64;

/// Step of the epoch that ends calls which run too long. A call may take this much longer than
/// its deadline; a finer step would wake an idle machine for nothing.
pub const EPOCH_STEP: Duration = Duration::from_millis(10);

/// Most linear memories, tables and core instances of one component. A Rust plugin has one of
/// each, a Python one some thirty instances; more is an attempt to use up the pool.
const PER_COMPONENT: u32 = 64;

/// Most elements of one table: function pointers of a large guest are some ten thousand.
const TABLE_ELEMENTS: usize = 64 << 10;

/// Deepest recursion of a guest in bytes of stack: well within a thread's own.
const MAX_STACK: usize = 512 << 10;

/// The engine could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Wasmtime refused the configuration on this machine.
    #[error(
        "the WebAssembly engine cannot start: {0:#}; it reserves address space, so raise a limit on virtual memory (ulimit -v) if there is one"
    )]
    Start(wasmtime::Error),
    /// No thread for the clock.
    #[error("no thread for the clock of plugin calls: {0}; raise the limit on tasks")]
    Clock(std::io::Error),
}

/// Makes the engine, and the thread that counts its epochs for as long as it lives.
///
/// # Errors
/// See [`EngineError`].
pub fn start() -> Result<wasmtime::Engine, EngineError> {
    // Old and new generation of each, and one that is being tried.
    let components = 3 * MAX_PLUGINS as u32;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(components)
        .max_core_instances_per_component(PER_COMPONENT)
        .max_memories_per_component(PER_COMPONENT)
        .max_tables_per_component(PER_COMPONENT)
        .total_core_instances(8 * components)
        .total_memories(2 * components)
        .total_tables(4 * components)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(MAX_MEMORY as usize)
        .max_unused_warm_slots(2);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(MAX_STACK)
        // The same event gives the same finding on every processor.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false);
    let engine = wasmtime::Engine::new(&config).map_err(EngineError::Start)?;
    let weak = engine.weak();
    thread::Builder::new()
        .name("plugin-clock".to_owned())
        .spawn(move || {
            loop {
                thread::sleep(EPOCH_STEP);
                match weak.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        })
        .map_err(EngineError::Clock)?;
    Ok(engine)
}

/// Epochs that a call with this deadline may see pass. One more than fit, because the first is
/// already under way.
pub fn epochs(deadline: Duration) -> u64 {
    (deadline.as_millis() / EPOCH_STEP.as_millis()) as u64 + 1
}
