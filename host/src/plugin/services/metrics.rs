//! `metrics`: counters and gauges.

use super::{
    super::{bindings::vedette::detect::metrics, metrics::Change},
    Services,
};

/// Most changes of metrics in one call: stops memory without end.
pub(super) const MAX_CHANGES: usize = 4096;

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
