//! The host's services, in the memory of the test's thread.

use crate::log::Level;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What the plugin gave to the host's services on this thread.
#[derive(Debug, Default, Clone)]
pub struct Services {
    /// Lines that were logged.
    pub log: Vec<String>,
    /// Counters.
    pub counters: BTreeMap<String, u64>,
    /// Gauges.
    pub gauges: BTreeMap<String, i64>,
    /// Keys and values, and when each ends (0: never).
    pub state: BTreeMap<Vec<u8>, (Vec<u8>, u64)>,
    counts: BTreeMap<Vec<u8>, (u64, u64)>,
    /// Timers that are set: by token, when each is due. A test gives the plugin their events.
    pub timers: BTreeMap<u64, u64>,
    /// Event time of the call that is being made.
    now: u64,
}

thread_local! {
    static SERVICES: RefCell<Services> = RefCell::default();
}

/// Forgets everything, as for a plugin that was never loaded before.
pub fn reset() {
    SERVICES.take();
}

/// A copy of what there is.
pub fn seen() -> Services {
    SERVICES.with_borrow(Clone::clone)
}

pub(crate) fn set_time(now: u64) {
    SERVICES.with_borrow_mut(|s| s.now = now);
}

pub(crate) fn write(level: Level, message: &str) {
    SERVICES.with_borrow_mut(|s| s.log.push(format!("{level:?}: {message}")));
}

pub(crate) fn add(name: &str, value: u64) {
    SERVICES.with_borrow_mut(|s| *s.counters.entry(name.to_owned()).or_default() += value);
}

pub(crate) fn set(name: &str, value: i64) {
    SERVICES.with_borrow_mut(|s| s.gauges.insert(name.to_owned(), value));
}

pub(crate) mod timer {
    use super::SERVICES;

    pub fn set(token: u64, after: u64) -> Result<(), u32> {
        SERVICES.with_borrow_mut(|s| s.timers.insert(token, s.now.saturating_add(after.max(1))));
        Ok(())
    }

    pub fn clear(token: u64) {
        SERVICES.with_borrow_mut(|s| s.timers.remove(&token));
    }
}

pub(crate) mod state {
    use super::SERVICES;

    pub fn get(key: &[u8]) -> Option<Vec<u8>> {
        SERVICES.with_borrow(|s| {
            let (value, ends) = s.state.get(key)?;
            (*ends == 0 || *ends > s.now).then(|| value.clone())
        })
    }

    pub fn set(key: &[u8], value: &[u8], ttl: u64) -> Result<(), u32> {
        SERVICES.with_borrow_mut(|s| {
            let ends = if ttl == 0 {
                0
            } else {
                s.now.saturating_add(ttl)
            };
            s.state.insert(key.to_owned(), (value.to_owned(), ends));
        });
        Ok(())
    }

    pub fn keys(prefix: &[u8], after: &[u8], most: u32) -> Vec<Vec<u8>> {
        SERVICES.with_borrow(|s| {
            let keys = s.state.iter().filter(|(key, (_, ends))| {
                key.starts_with(prefix) && key.as_slice() > after && (*ends == 0 || *ends > s.now)
            });
            keys.take(most as usize)
                .map(|(key, _)| key.clone())
                .collect()
        })
    }

    pub fn delete(key: &[u8]) {
        SERVICES.with_borrow_mut(|s| s.state.remove(key));
    }

    pub fn count(key: &[u8], add: u64, window: u64) -> Result<u64, u32> {
        SERVICES.with_borrow_mut(|s| {
            let now = s.now;
            let (sum, ends) = s.counts.entry(key.to_owned()).or_default();
            if now >= *ends {
                *sum = 0;
                *ends = now.saturating_add(window);
            }
            *sum += add;
            Ok(*sum)
        })
    }
}
