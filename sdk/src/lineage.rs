//! What is remembered of a process, for its descendants.

use crate::bounded::Map;
use crate::{Process, Subject};
use serde::{Deserialize, Serialize};

/// Values put on processes, found again from their descendants.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "V: Serialize + serde::de::DeserializeOwned")]
pub struct Flags<V>(Map<u64, V>);

impl<V> Flags<V> {
    /// At most `cap` processes: one more evicts the oldest.
    pub fn new(cap: usize) -> Self {
        Flags(Map::new(cap))
    }

    /// Puts a value on a process, in place of an earlier one.
    pub fn put(&mut self, process: impl Subject, value: V) {
        self.0.insert(process.key(), value);
    }

    /// Takes the value from a process.
    pub fn take(&mut self, process: impl Subject) -> Option<V> {
        self.0.remove(&process.key())
    }

    /// The nearest of the process itself and its ancestors that has a value, of at most so many.
    pub fn nearest<'a>(&self, process: Process<'a>, most: usize) -> Option<(Process<'a>, &V)> {
        let mut lineage = process.lineage().take(most);
        lineage.find_map(|one| Some((one, self.0.get(&one.key())?)))
    }
}
