//! First one thing, then another, within a time, by the same one.

use crate::Event;
use crate::bounded::Map;
use serde::{Deserialize, Serialize};
use std::hash::Hash;
use std::time::Duration;

/// For each key how far it has come in a sequence of steps, numbered from 0, of which the last is to
/// follow the first within a time.
///
/// ```
/// use std::time::Duration;
/// use vedette_sdk::prelude::*;
/// use vedette_sdk::sequence::Sequences;
///
/// struct Dropped(Sequences<u64>);
///
/// impl Default for Dropped {
///     fn default() -> Self {
///         Dropped(Sequences::new(2, Duration::from_secs(30), 4096))
///     }
/// }
///
/// impl Plugin for Dropped {
///     fn event(&mut self, event: Event<'_>, findings: &mut Findings) {
///         if let Some(open) = event.as_open() {
///             self.0.step(open.inode(), 0, event);
///         } else if let Some(exec) = event.as_exec()
///             && let Some(events) = self.0.step(exec.inode(), 1, event)
///         {
///             findings
///                 .raise("dropped", Severity::Medium)
///                 .evidence(events[0], "the file was written")
///                 .evidence(events[1], "and executed");
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "K: Hash + Eq + Copy + Serialize + serde::de::DeserializeOwned")]
pub struct Sequences<K> {
    steps: usize,
    within: u64,
    begun: Map<K, Begun>,
}

/// When the first step was, and the events of the steps so far.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Begun {
    at: u64,
    events: Vec<u64>,
}

impl<K: Hash + Eq + Copy> Sequences<K> {
    /// Sequences of so many steps, at least two, for at most `cap` keys that are on their way: one
    /// more evicts the oldest.
    pub fn new(steps: usize, within: Duration, cap: usize) -> Self {
        Sequences {
            steps: steps.max(2),
            within: crate::state::nanos(within),
            begun: Map::new(cap),
        }
    }

    /// A step was made. Returns the ids of all steps' events when it was the last one; one that
    /// comes out of turn counts for nothing. The first step made again begins anew, unless the
    /// sequence has gone on from it.
    pub fn step(&mut self, key: K, step: usize, event: Event<'_>) -> Option<Vec<u64>> {
        let late = |begun: &Begun| event.at().saturating_sub(begun.at) > self.within;
        if self.begun.get(&key).is_some_and(late) {
            self.begun.remove(&key);
        }
        if step == 0 {
            if self
                .begun
                .get(&key)
                .is_none_or(|begun| begun.events.len() == 1)
            {
                self.begun.remove(&key);
                let begun = Begun {
                    at: event.at(),
                    events: vec![event.id()],
                };
                self.begun.insert(key, begun);
            }
            return None;
        }
        let begun = self.begun.get_mut(&key)?;
        if begun.events.len() != step {
            return None;
        }
        begun.events.push(event.id());
        if begun.events.len() < self.steps {
            return None;
        }
        self.begun.remove(&key).map(|begun| begun.events)
    }
}
