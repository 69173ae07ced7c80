//! Counters and gauges of a plugin.

use std::collections::BTreeMap;

/// Most metrics of one plugin: stops names made from what events hold.
pub const MAX_METRICS: usize = 256;
/// Longest name in bytes.
pub const MAX_NAME: usize = 64;

/// A counter or a gauge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Sum of what was added.
    Counter(u64),
    /// What was set last.
    Gauge(i64),
}

/// The metrics of one plugin, and changes of a call that has not returned.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    values: BTreeMap<String, Metric>,
    refused: u64,
}

/// A change of one metric.
#[derive(Debug, Clone)]
pub enum Change {
    /// Adds to a counter.
    Add(String, u64),
    /// Sets a gauge.
    Set(String, i64),
}

impl Metrics {
    /// Makes a change effective; counts it as refused if the name is bad or too many are in use.
    pub fn apply(&mut self, change: Change) {
        let (name, metric) = match change {
            Change::Add(name, add) => match self.values.get(&name) {
                Some(Metric::Counter(sum)) => (name, Metric::Counter(sum.saturating_add(add))),
                _ => (name, Metric::Counter(add)),
            },
            Change::Set(name, value) => (name, Metric::Gauge(value)),
        };
        if !self.values.contains_key(&name) && (self.values.len() >= MAX_METRICS || !sound(&name)) {
            self.refused += 1;
            return;
        }
        self.values.insert(name, metric);
    }

    /// Every metric by name.
    pub fn values(&self) -> &BTreeMap<String, Metric> {
        &self.values
    }

    /// Changes that were refused.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

/// Names that every metrics system takes.
fn sound(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded() {
        let mut metrics = Metrics::default();
        metrics.apply(Change::Add("seen".to_owned(), 2));
        metrics.apply(Change::Add("seen".to_owned(), 3));
        metrics.apply(Change::Set("level".to_owned(), -1));
        for n in 0..1000 {
            metrics.apply(Change::Add(format!("m{n}"), 1));
        }
        metrics.apply(Change::Add("two words".to_owned(), 1));
        assert_eq!(metrics.values().get("seen"), Some(&Metric::Counter(5)));
        assert_eq!(metrics.values().get("level"), Some(&Metric::Gauge(-1)));
        assert_eq!(metrics.values().len(), MAX_METRICS);
        assert_eq!(metrics.refused(), 1000 - 254 + 1);
    }
}
