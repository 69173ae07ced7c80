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

/// The metrics of one plugin.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    values: BTreeMap<String, Metric>,
    refused: u64,
}

/// What one call does to a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Adds to what was counted.
    Add(u64),
    /// Counts from the beginning.
    Count(u64),
    /// Sets a gauge.
    Set(i64),
}

/// What one call has done to metrics so far: what does not count is refused at once, so that
/// nothing that a guest says is held for longer than its call lasts.
#[derive(Debug, Default)]
pub struct Changes {
    changes: BTreeMap<String, Change>,
    /// Names among them that the plugin does not have yet.
    new: usize,
    refused: u64,
}

impl Changes {
    /// The call has done nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.refused == 0
    }

    /// Adds to a counter.
    pub fn add(&mut self, metrics: &Metrics, name: String, add: u64) {
        self.change(metrics, name, |before| match before {
            None => Change::Add(add),
            Some(Change::Add(sum)) => Change::Add(sum.saturating_add(add)),
            Some(Change::Count(sum)) => Change::Count(sum.saturating_add(add)),
            Some(Change::Set(_)) => Change::Count(add),
        });
    }

    /// Sets a gauge.
    pub fn set(&mut self, metrics: &Metrics, name: String, value: i64) {
        self.change(metrics, name, |_| Change::Set(value));
    }

    fn change(
        &mut self,
        metrics: &Metrics,
        name: String,
        change: impl Fn(Option<Change>) -> Change,
    ) {
        if let Some(before) = self.changes.get_mut(&name) {
            *before = change(Some(*before));
            return;
        }
        let new = !metrics.values.contains_key(&name);
        if new && (metrics.values.len() + self.new >= MAX_METRICS || !sound(&name)) {
            self.refused += 1;
            return;
        }
        self.new += usize::from(new);
        self.changes.insert(name, change(None));
    }
}

impl Metrics {
    /// Makes what a call did effective.
    pub fn commit(&mut self, call: &mut Changes) {
        let Changes {
            changes, refused, ..
        } = std::mem::take(call);
        self.refused += refused;
        for (name, change) in changes {
            let metric = match (change, self.values.get(&name)) {
                (Change::Add(add), Some(Metric::Counter(sum))) => {
                    Metric::Counter(sum.saturating_add(add))
                }
                (Change::Add(sum) | Change::Count(sum), _) => Metric::Counter(sum),
                (Change::Set(value), _) => Metric::Gauge(value),
            };
            self.values.insert(name, metric);
        }
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
        let mut call = Changes::default();
        call.add(&metrics, "seen".to_owned(), 2);
        call.add(&metrics, "seen".to_owned(), 3);
        call.set(&metrics, "level".to_owned(), -1);
        for n in 0..500 {
            call.add(&metrics, format!("m{n}"), 1);
        }
        metrics.commit(&mut call);
        for n in 500..1000 {
            call.add(&metrics, format!("m{n}"), 1);
        }
        call.add(&metrics, "two words".to_owned(), 1);
        metrics.commit(&mut call);
        assert!(call.is_empty());
        assert_eq!(metrics.values().get("seen"), Some(&Metric::Counter(5)));
        assert_eq!(metrics.values().get("level"), Some(&Metric::Gauge(-1)));
        assert_eq!(metrics.values().len(), MAX_METRICS);
        assert_eq!(metrics.refused(), 1000 - 254 + 1);
    }

    /// A guest that names a metric after all its memory, again and again in one call.
    #[test]
    fn a_name_that_is_none_is_not_held_until_the_call_ends() {
        let mut metrics = Metrics::default();
        let mut call = Changes::default();
        for n in 0..100 {
            call.add(&metrics, "x".repeat(n << 10), 1);
            call.set(&metrics, format!("{n} {}", "y".repeat(1 << 10)), 1);
        }
        assert!(call.changes.is_empty());
        metrics.commit(&mut call);
        assert_eq!(metrics.refused(), 200);
    }

    /// What a metric says does not depend on how acts fall into calls.
    #[test]
    fn one_call_does_what_many_do() {
        let acts: [(bool, i64); 7] = [
            (true, 3),
            (true, 4),
            (false, -2),
            (true, 5),
            (true, 6),
            (false, 1),
            (false, 9),
        ];
        for until in 0..=acts.len() {
            let (mut once, mut often) = (Metrics::default(), Metrics::default());
            let (mut call, mut calls) = (Changes::default(), Changes::default());
            for (add, value) in &acts[..until] {
                for (metrics, call) in [(&once, &mut call), (&often, &mut calls)] {
                    match add {
                        true => call.add(metrics, "m".to_owned(), value.unsigned_abs()),
                        false => call.set(metrics, "m".to_owned(), *value),
                    }
                }
                often.commit(&mut calls);
            }
            once.commit(&mut call);
            assert_eq!(once.values(), often.values(), "{until} acts");
        }
    }
}
