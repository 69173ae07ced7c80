//! The wasmtime engine that all plugins share, and the clock of their calls.

use super::{
    budget::{Spent, Stopwatch},
    remains,
};
use crate::manifest::MAX_MEMORY;
use std::{thread, time::Duration};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Most plugins on a node: bounds threads, queues and the pool below.
pub const MAX_PLUGINS: usize = 64;

/// Step of the epoch that ends calls which run too long. A call may take this much longer than
/// its deadline; a finer step would wake an idle machine for nothing.
pub const EPOCH_STEP: Duration = Duration::from_millis(10);

/// Most core instances of one component. A plugin in Rust or JavaScript has a handful, one in Python
/// forty; more is an attempt to use up the pool.
const INSTANCES: u32 = 64;
/// Most linear memories of one component: plugins in each language have one.
const MEMORIES: u32 = 2;
/// Most tables of one component: plugins in each language have two at most.
const TABLES: u32 = 4;
/// Components at a time: of each plugin that which serves, the next one and its trial, and what is
/// just being made or taken apart. The pool has room for all of them at their limits, so that no
/// component can keep another from its start.
const COMPONENTS: u32 = 3 * MAX_PLUGINS as u32 + 2 * remains::MAX_WAITING as u32;

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
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(COMPONENTS)
        .max_core_instances_per_component(INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .total_core_instances(INSTANCES * COMPONENTS)
        .total_memories(MEMORIES * COMPONENTS)
        .total_tables(TABLES * COMPONENTS)
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

/// A call may take this many times its deadline by the clock on the wall: it is not for ever that a
/// machine without time for it keeps its thread.
const ON_THE_WALL: u32 = 10;

/// The time that a call has: its deadline is of time on a processor. A busy machine, on which it
/// waits for one, does not end it.
#[derive(Debug, Clone, Copy)]
pub struct Term {
    watch: Stopwatch,
    deadline: Duration,
}

impl Term {
    /// A call with this deadline begins, on this thread.
    pub fn begin(deadline: Duration) -> Term {
        Term {
            watch: Stopwatch::start(),
            deadline,
        }
    }

    /// What it has taken so far. Only its own thread may ask.
    pub fn spent(&self) -> Spent {
        self.watch.stop()
    }

    /// Epochs that it may see pass before it is asked for again; none where its time is over.
    pub fn epochs(&self) -> Option<u64> {
        self.left(self.spent()).map(epochs)
    }

    fn left(&self, spent: Spent) -> Option<Duration> {
        let on_cpu = self.deadline.checked_sub(spent.cpu)?;
        let on_the_wall = (self.deadline * ON_THE_WALL).checked_sub(spent.time)?;
        Some(on_cpu.min(on_the_wall))
    }
}

/// Epochs that a call may see pass that has so much time left. One more than fit, because the first
/// is already under way.
pub fn epochs(left: Duration) -> u64 {
    (left.as_millis() / EPOCH_STEP.as_millis()) as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_of_time_on_a_processor_and_not_for_ever() {
        const MS: Duration = Duration::from_millis(1);
        let term = Term::begin(100 * MS);
        let left = |time: u32, cpu: u32| {
            term.left(Spent {
                time: time * MS,
                cpu: cpu * MS,
            })
        };
        assert_eq!(left(0, 0), Some(100 * MS));
        assert_eq!(left(500, 60), Some(40 * MS));
        assert_eq!(left(110, 101), None);
        assert_eq!(left(990, 10), Some(10 * MS));
        assert_eq!(left(1001, 10), None);
    }
}
