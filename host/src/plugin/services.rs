//! The host services of one instance: what a plugin's imports call.
//!
//! Everything that a call does is gathered here and takes effect when the call returns.

use super::{
    bindings::vedette::detect::{log, metrics, state},
    metrics::{Change, Metrics},
    state::{Pending, State, StateError},
};
use crate::manifest::Service;
use serde::Serialize;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use vedette_contract::values::failure;
use wasmtime::{
    ResourceLimiter,
    component::{HasSelf, Linker},
};

/// Step of the time that `state` sees: ns. A batch never holds events of two steps, so that what
/// has ended does not depend on how events fall into batches.
pub const CLOCK_STEP: u64 = 100_000_000;

/// Most lines that one call may log: stops a call that logs without end.
const MAX_LINES: usize = 64;
/// Longest line in bytes.
const MAX_LINE: usize = 1024;
/// Most lines of a plugin in a second of event time: stops floods of the agent's log.
const MAX_LINES_PER_SECOND: u32 = 100;
/// Most changes of metrics in one call: stops memory without end.
const MAX_CHANGES: usize = 4096;
/// Most elements of all tables of one instance: host memory beside the linear one.
const MAX_TABLE_ELEMENTS: usize = 64 << 10;

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// A line that a plugin logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How important it is.
    pub level: Level,
    /// The text, cut to what is allowed.
    pub message: String,
}

/// What belongs to a plugin and not to one of its instances.
#[derive(Debug, Default)]
pub struct Kept {
    /// Its keys and values.
    pub state: State,
    /// Its counters and gauges.
    pub metrics: Metrics,
    /// Lines that were dropped because there were too many.
    pub lines_dropped: u64,
    /// Second of event time, and lines logged in it.
    second: (u64, u32),
}

/// [`Kept`], shared by the generations of a plugin and by who asks for its figures.
#[derive(Debug, Clone, Default)]
pub struct Shared(Arc<Mutex<Kept>>);

impl Shared {
    /// The lock on it. A panic while it was held left nothing half done that matters here.
    pub fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an instance's imports act on, and what it may take.
#[derive(Debug)]
pub struct Services {
    kept: Shared,
    now: u64,
    pending: Pending,
    changes: Vec<Change>,
    lines: Vec<Line>,
    lines_dropped: u64,
    memory: usize,
    memory_left: usize,
    elements_left: usize,
}

impl Services {
    /// Services over what the plugin has kept, for an instance with so much memory.
    pub fn new(kept: Shared, memory: u64) -> Services {
        Services {
            kept,
            now: 0,
            pending: Pending::default(),
            changes: Vec::new(),
            lines: Vec::new(),
            lines_dropped: 0,
            memory: memory as usize,
            memory_left: memory as usize,
            elements_left: MAX_TABLE_ELEMENTS,
        }
    }

    /// Puts the clock to the step that `at` is in. It never goes back: an event that comes late
    /// belongs to the step that is on.
    pub fn set_clock(&mut self, at: u64) {
        let now = at / CLOCK_STEP * CLOCK_STEP;
        if now > self.now {
            self.now = now;
            self.kept.lock().state.expire(now);
        }
    }

    /// The call returned: what it did takes effect. Returns the lines that it logged.
    pub fn commit(&mut self) -> Vec<Line> {
        if self.lines.is_empty()
            && self.changes.is_empty()
            && self.lines_dropped == 0
            && self.pending.is_empty()
        {
            return Vec::new();
        }
        let mut kept = self.kept.lock();
        kept.state.commit(&mut self.pending);
        for change in self.changes.drain(..) {
            kept.metrics.apply(change);
        }
        let second = self.now / 1_000_000_000;
        if kept.second.0 != second {
            kept.second = (second, 0);
        }
        let room = MAX_LINES_PER_SECOND.saturating_sub(kept.second.1) as usize;
        let mut lines = std::mem::take(&mut self.lines);
        let dropped = lines.len().saturating_sub(room);
        lines.truncate(room);
        kept.second.1 += lines.len() as u32;
        kept.lines_dropped += dropped as u64 + std::mem::take(&mut self.lines_dropped);
        lines
    }

    /// Bytes of linear memory that the instance has.
    pub fn memory_used(&self) -> usize {
        self.memory - self.memory_left
    }
}

/// Gives the linker the services that a plugin declares and has been granted, and no others.
pub fn link(linker: &mut Linker<Services>, services: &BTreeSet<Service>) -> wasmtime::Result<()> {
    for service in services {
        match service {
            Service::Log => log::add_to_linker::<_, HasSelf<_>>(linker, |s| s)?,
            Service::Metrics => metrics::add_to_linker::<_, HasSelf<_>>(linker, |s| s)?,
            Service::State => state::add_to_linker::<_, HasSelf<_>>(linker, |s| s)?,
            Service::Context | Service::File | Service::Intel | Service::Timer => {}
        }
    }
    Ok(())
}

impl log::Host for Services {
    fn write(&mut self, level: log::Level, mut message: String) {
        if self.lines.len() >= MAX_LINES {
            self.lines_dropped += 1;
            return;
        }
        message.truncate(message.floor_char_boundary(MAX_LINE));
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.lines.push(Line { level, message });
    }
}

impl metrics::Host for Services {
    fn add(&mut self, name: String, value: u64) {
        if self.changes.len() < MAX_CHANGES {
            self.changes.push(Change::Add(name, value));
        }
    }

    fn set(&mut self, name: String, value: i64) {
        if self.changes.len() < MAX_CHANGES {
            self.changes.push(Change::Set(name, value));
        }
    }
}

impl From<StateError> for u32 {
    fn from(error: StateError) -> u32 {
        match error {
            StateError::Quota => failure::QUOTA,
            StateError::TooLarge => failure::TOO_LARGE,
        }
    }
}

impl state::Host for Services {
    fn get(&mut self, key: Vec<u8>) -> Option<Vec<u8>> {
        self.kept.lock().state.get(&self.pending, &key, self.now)
    }

    fn set(&mut self, key: Vec<u8>, value: Vec<u8>, ttl: u64) -> Result<(), u32> {
        let kept = self.kept.lock();
        Ok(kept
            .state
            .set(&mut self.pending, key, value, ttl, self.now)?)
    }

    fn delete(&mut self, key: Vec<u8>) {
        self.kept.lock().state.delete(&mut self.pending, key);
    }

    fn count(&mut self, key: Vec<u8>, add: u64, window: u64) -> Result<u64, u32> {
        let kept = self.kept.lock();
        Ok(kept
            .state
            .count(&mut self.pending, key, add, window, self.now)?)
    }

    fn keys(&mut self, prefix: Vec<u8>, after: Vec<u8>, most: u32) -> Vec<Vec<u8>> {
        let kept = self.kept.lock();
        kept.state
            .keys(&self.pending, &prefix, &after, most as usize, self.now)
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
        let Some(left) = self.memory_left.checked_sub(more) else {
            return Err(wasmtime::Error::new(OutOfMemory { limit: self.memory }));
        };
        self.memory_left = left;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let Some(left) = self.elements_left.checked_sub(more) else {
            return Err(wasmtime::Error::new(OutOfTable));
        };
        self.elements_left = left;
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
