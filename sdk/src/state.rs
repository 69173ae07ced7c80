//! Keys and values that survive a trap and a reload. Writes take effect when the call returns.

#[cfg(target_arch = "wasm32")]
use crate::bindings::plugin::vedette::detect::state as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::testkit::services::state as host;

use crate::Failure;
use std::time::Duration;

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The value of a key.
pub fn get(key: &[u8]) -> Option<Vec<u8>> {
    host::get(key)
}

/// Sets the value of a key, for this long of event time; for good if `ttl` is none.
pub fn set(key: &[u8], value: &[u8], ttl: Option<Duration>) -> Result<(), Failure> {
    // 0 means "for good" to the host, so a lifetime that rounds to nothing is made 1 ns.
    host::set(key, value, ttl.map_or(0, |ttl| nanos(ttl).max(1))).map_err(Failure::from_number)
}

/// Forgets a key.
pub fn delete(key: &[u8]) {
    host::delete(key);
}

/// Adds to a counter that starts again at 0 when `window` of event time has passed since its
/// first addition; returns the sum.
pub fn count(key: &[u8], add: u64, window: Duration) -> Result<u64, Failure> {
    host::count(key, add, nanos(window)).map_err(Failure::from_number)
}

/// Keys that begin with `prefix` and lie behind `after`, in the order of their bytes, at most
/// `most` of them: the last one of an answer is the next question's `after`.
pub fn keys(prefix: &[u8], after: &[u8], most: u32) -> Vec<Vec<u8>> {
    host::keys(prefix, after, most)
}
