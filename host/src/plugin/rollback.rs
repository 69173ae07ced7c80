//! The generations before the one in service, and the time in which that one has to prove itself.

use super::{instance::Memory, load::Compiled, services::Saved};
use std::{collections::VecDeque, sync::Arc};

/// Generations that are kept for a rollback, with their compiled code and what they knew.
pub const GENERATIONS: usize = 3;
/// Aborted calls within the probation after which a generation is taken back.
const MOST_ABORTS: u32 = 3;
/// Calls within the probation with findings that were refused, after which it is.
const MOST_FAULTY: u32 = 3;

/// A generation that was in service.
#[derive(Debug)]
pub(super) struct Former {
    pub number: u32,
    pub compiled: Arc<Compiled>,
    /// What the plugin kept when its successor took over.
    pub saved: Saved,
    /// What its successor found, where that keeps a state of another form.
    pub successor: Option<Saved>,
    /// What it remembered then, where it can say so.
    pub memory: Option<Memory>,
    /// Event time of that, ns.
    pub at: u64,
}

/// Those that are kept, the newest first.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<Former>);

impl History {
    /// Keeps one that has just been replaced; returns the one that there is no room for.
    pub fn push(&mut self, former: Former) -> Option<Former> {
        self.0.push_front(former);
        match self.0.len() > GENERATIONS {
            true => self.0.pop_back(),
            false => None,
        }
    }

    /// Takes the newest out.
    pub fn pop(&mut self) -> Option<Former> {
        self.0.pop_front()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What was learned since a switch, and is lost when it is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unlearned {
    /// Keys that were new or had changed, or were gone.
    pub keys: usize,
    /// Bytes of those that were new or had changed.
    pub bytes: usize,
    /// Event time since the switch, ns.
    pub time: u64,
}

impl std::fmt::Display for Unlearned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} keys ({} bytes) that changed in {:.1} s are as they were at the switch",
            self.keys,
            self.bytes,
            self.time as f64 / 1e9
        )
    }
}

/// The time after a switch in which the new generation has to prove itself.
#[derive(Debug)]
pub(super) struct Probation {
    /// Event time of its end, ns.
    until: u64,
    aborts: u32,
    faulty: u32,
}

impl Probation {
    /// One that ends then.
    pub fn new(until: u64) -> Probation {
        Probation {
            until,
            aborts: 0,
            faulty: 0,
        }
    }

    /// Whether it is over at this event time.
    pub fn is_over(&self, at: u64) -> bool {
        at >= self.until
    }

    /// A call was aborted; returns why the generation is to be taken back, if it is.
    pub fn abort(&mut self, reason: &str) -> Option<String> {
        self.aborts += 1;
        (self.aborts >= MOST_ABORTS).then(|| {
            format!(
                "{} of its calls were aborted, the last: {reason}",
                self.aborts
            )
        })
    }

    /// Findings of a call were refused; the same.
    pub fn fault(&mut self, reason: &str) -> Option<String> {
        self.faulty += 1;
        (self.faulty >= MOST_FAULTY).then(|| {
            format!(
                "findings of {} of its calls were refused, the last: {reason}",
                self.faulty
            )
        })
    }
}
