//! What the agent knows beyond a batch, as it was when an event of this batch happened.
//!
//! ```
//! use vedette_sdk::prelude::*;
//!
//! /// How many shells a process has started that live.
//! fn shells(event: Event<'_>, process: Process<'_>) -> Result<usize, Failure> {
//!     let children = context::children(event, process, 100)?;
//!     Ok(children.iter().filter(|child| child.is_shell()).count())
//! }
//! ```

#[cfg(target_arch = "wasm32")]
use crate::bindings::plugin::vedette::detect::context as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::testkit::services::context as host;

use crate::{Batch, Container, Event, Failure, Process, Subject, raw};

/// The rows of processes with their lineages, as they were at an event.
pub struct Rows {
    batch: raw::Batch,
    len: u32,
}

impl Rows {
    /// How many processes were asked for and found.
    pub fn len(&self) -> usize {
        (self.len as usize).min(self.batch.processes.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The processes.
    pub fn iter(&self) -> impl Iterator<Item = Process<'_>> {
        (0..self.len).filter_map(|row| Batch::new(&self.batch).process(row))
    }

    /// The first of them.
    pub fn first(&self) -> Option<Process<'_>> {
        self.iter().next()
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The process with this key and its lineage, as one row.
///
/// # Errors
/// [`Failure::NotFound`] where nothing was known of it then; see [`Failure`] for the others.
pub fn process(event: Event<'_>, process: impl Subject) -> Result<Rows, Failure> {
    let batch = host::process(event.id(), process.key()).map_err(Failure::from_number)?;
    Ok(Rows { batch, len: 1 })
}

/// The living children of a process, oldest first, at most so many.
///
/// # Errors
/// See [`Failure`].
pub fn children(event: Event<'_>, process: impl Subject, most: u32) -> Result<Rows, Failure> {
    rows(host::children(event.id(), process.key(), most))
}

/// The living processes of a container, oldest first, at most so many.
///
/// # Errors
/// See [`Failure`].
pub fn members(event: Event<'_>, container: Container<'_>, most: u32) -> Result<Rows, Failure> {
    rows(host::members(event.id(), container.key(), most))
}

fn rows(answer: Result<(u32, raw::Batch), u32>) -> Result<Rows, Failure> {
    let (len, batch) = answer.map_err(Failure::from_number)?;
    Ok(Rows { batch, len })
}
