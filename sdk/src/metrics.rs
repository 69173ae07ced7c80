//! Counters and gauges, shown by the agent under the plugin's id.

#[cfg(target_arch = "wasm32")]
use crate::bindings::plugin::vedette::detect::metrics as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::testkit::services as host;

/// Adds to a counter.
pub fn add(name: &str, value: u64) {
    host::add(name, value);
}

/// Sets a gauge.
pub fn set(name: &str, value: i64) {
    host::set(name, value);
}
