//! How often something happened lately, in event time.

use crate::Event;
use crate::bounded::Map;
use serde::{Deserialize, Serialize};
use std::hash::Hash;
use std::time::Duration;

/// One time that it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit<V> {
    /// Event time, ns.
    pub at: u64,
    /// Id of the event: evidence.
    pub event: u64,
    /// What was given with it.
    pub value: V,
}

/// For each key what happened within a length of event time, the latest `most` times of it.
///
/// ```
/// use std::time::Duration;
/// use vedette_sdk::prelude::*;
/// use vedette_sdk::window::Windows;
///
/// struct Guessing(Windows<u64>);
///
/// impl Default for Guessing {
///     fn default() -> Self {
///         // Five within a minute, of at most 1024 processes: one more evicts the oldest.
///         Guessing(Windows::new(Duration::from_secs(60), 5, 1024))
///     }
/// }
///
/// impl Plugin for Guessing {
///     fn event(&mut self, event: Event<'_>, findings: &mut Findings) {
///         let Some(process) = event.as_connect().and(event.process()) else { return };
///         let hits = self.0.add(process.key(), event, ());
///         if hits.len() == 5 {
///             let mut finding = findings.raise("guessing", Severity::Medium).process(process);
///             for hit in hits {
///                 finding = finding.evidence(hit.event, "one of five within a minute");
///             }
///             self.0.forget(&process.key());
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(
    bound = "K: Hash + Eq + Copy + Serialize + serde::de::DeserializeOwned, V: Serialize + serde::de::DeserializeOwned"
)]
pub struct Windows<K, V = ()> {
    length: u64,
    most: usize,
    hits: Map<K, Vec<Hit<V>>>,
}

impl<K: Hash + Eq + Copy, V> Windows<K, V> {
    /// Windows of this length, with the latest `most` hits of at most `cap` keys: one more key
    /// evicts the oldest.
    pub fn new(length: Duration, most: usize, cap: usize) -> Self {
        Windows {
            length: crate::state::nanos(length),
            most: most.max(1),
            hits: Map::new(cap),
        }
    }

    /// It happened. Returns what lies within the window now, the oldest first.
    pub fn add(&mut self, key: K, event: Event<'_>, value: V) -> &[Hit<V>] {
        let hits = self.hits.get_or_insert_with(key, Vec::new);
        hits.push(Hit {
            at: event.at(),
            event: event.id(),
            value,
        });
        // Events may come late: the newest is not always the last.
        let newest = hits.iter().map(|hit| hit.at).max().unwrap_or(0);
        let length = self.length;
        hits.retain(|hit| newest - hit.at < length);
        let beyond = hits.len().saturating_sub(self.most);
        hits.drain(..beyond);
        hits
    }

    /// Begins anew with a key: what was found need not be found again.
    pub fn forget(&mut self, key: &K) {
        self.hits.remove(key);
    }
}

/// How many different values were given with them.
pub fn distinct<V: Eq>(hits: &[Hit<V>]) -> usize {
    let is_first = |n: &usize| !hits[..*n].iter().any(|hit| hit.value == hits[*n].value);
    (0..hits.len()).filter(is_first).count()
}
