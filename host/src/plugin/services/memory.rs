//! How much memory an instance may have.

use super::Services;
use wasmtime::ResourceLimiter;

/// Most elements of all tables of one instance: host memory beside the linear one.
const MAX_TABLE_ELEMENTS: usize = 64 << 10;

/// What an instance may have, and what is left of it.
#[derive(Debug)]
pub(super) struct Memory {
    limit: usize,
    left: usize,
    elements_left: usize,
}

impl Memory {
    pub fn new(limit: usize) -> Memory {
        Memory {
            limit,
            left: limit,
            elements_left: MAX_TABLE_ELEMENTS,
        }
    }

    pub fn used(&self) -> usize {
        self.limit - self.left
    }
}

/// The limit on memory is one for all of a component's memories: several small ones must not add
/// up to more. What goes beyond traps, so that it is seen as what it is.
impl ResourceLimiter for Services {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let Some(left) = self.memory.left.checked_sub(more) else {
            return Err(wasmtime::Error::new(OutOfMemory {
                limit: self.memory.limit,
            }));
        };
        self.memory.left = left;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let Some(left) = self.memory.elements_left.checked_sub(more) else {
            return Err(wasmtime::Error::new(OutOfTable));
        };
        self.memory.elements_left = left;
        Ok(true)
    }
}

/// A plugin wanted more memory than it declared.
#[derive(Debug, thiserror::Error)]
#[error("it needs more than its {limit} bytes of memory")]
struct OutOfMemory {
    limit: usize,
}

/// A plugin's tables grew beyond what any plugin needs.
#[derive(Debug, thiserror::Error)]
#[error("its tables hold more than {MAX_TABLE_ELEMENTS} elements")]
struct OutOfTable;

/// Whether a call ended because the instance wanted more than it may have.
pub fn is_limit(error: &wasmtime::Error) -> bool {
    error.is::<OutOfMemory>() || error.is::<OutOfTable>()
}
