//! `metrics`: counters and gauges.

use super::{super::bindings::vedette::detect::metrics, Services};

impl metrics::Host for Services {
    fn add(&mut self, name: String, value: u64) {
        self.changes.add(&self.kept.lock().metrics, name, value);
    }

    fn set(&mut self, name: String, value: i64) {
        self.changes.set(&self.kept.lock().metrics, name, value);
    }
}
