//! The host's services, in the memory of the test's thread.

use super::lists::Lists;
use super::scene::Told;
use super::tables::Rows;
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
    /// Timers that are set: by token, when each is due.
    pub timers: BTreeMap<u64, u64>,
    /// Timers that were told.
    fired: u64,
    /// The operator's lists, where the story has some.
    lists: Option<Lists>,
    /// What was at the events of the call that is being made, by their ids.
    moments: BTreeMap<u64, Rows>,
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
    SERVICES.with_borrow_mut(|s| {
        if s.now == 0 {
            // What `init` did before there was a time.
            s.timers.values_mut().for_each(|due| *due += now);
            let ends = s.state.values_mut().map(|(_, ends)| ends);
            ends.filter(|ends| **ends > 0).for_each(|ends| *ends += now);
            s.counts.values_mut().for_each(|(_, ends)| *ends += now);
        }
        s.now = now;
    });
}

/// A call begins, with these events.
pub(super) fn judge(told: &[Told], lists: Option<&Lists>) {
    SERVICES.with_borrow_mut(|s| {
        s.moments = told.iter().map(|t| (t.id, t.rows.clone())).collect();
        s.lists = lists.cloned();
    });
}

/// It has returned.
pub(super) fn judged() {
    judge(&[], None);
}

/// The next timer that is due: its count among those that were told, its token, and when it was
/// due.
pub(super) fn fire() -> Option<(u64, u64, u64)> {
    SERVICES.with_borrow_mut(|s| {
        let due = s.timers.iter().filter(|(_, due)| **due <= s.now);
        let (due, token) = due.map(|(token, due)| (*due, *token)).min()?;
        s.timers.remove(&token);
        s.fired += 1;
        Some((s.fired, token, due))
    })
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

pub(crate) mod context {
    use super::super::tables::{MomentRow, Rows, Tables};
    use super::SERVICES;
    pub use crate::bindings::plugin::vedette::detect::context::Socket;
    use crate::raw;
    use crate::values::{failure, process_mark};

    fn moment(event: u64) -> Result<Rows, u32> {
        SERVICES.with_borrow(|s| s.moments.get(&event).cloned().ok_or(failure::NOT_SENT))
    }

    pub fn process(event: u64, key: u64) -> Result<raw::Batch, u32> {
        let rows = moment(event)?;
        let row = rows.iter().find(|row| row.key == key);
        let row = row.ok_or(failure::NOT_FOUND)?;
        Ok(Tables::rows(std::slice::from_ref(row)))
    }

    pub fn children(event: u64, key: u64, most: u32) -> Result<(u32, raw::Batch), u32> {
        living(event, most, |row| {
            row.parent.as_ref().is_some_and(|p| p.key == key)
        })
    }

    pub fn sockets(event: u64, _: u64) -> Result<Vec<Socket>, u32> {
        moment(event)?;
        Err(failure::UNAVAILABLE)
    }

    pub fn members(event: u64, key: u64, most: u32) -> Result<(u32, raw::Batch), u32> {
        living(event, most, |row| row.container == key)
    }

    fn living(
        event: u64,
        most: u32,
        fits: impl Fn(&MomentRow) -> bool,
    ) -> Result<(u32, raw::Batch), u32> {
        let rows = moment(event)?;
        let living = rows
            .iter()
            .filter(|row| row.marks & process_mark::EXITED == 0 && fits(row));
        let found: Vec<_> = living.take(most as usize).cloned().collect();
        Ok((found.len() as u32, Tables::rows(&found)))
    }
}

/// Files and sockets are of the machine, and a test has none: as in a replay without answers.
pub(crate) mod file {
    pub use crate::bindings::plugin::vedette::detect::file::{ElfFacts, Facts};
    use crate::values::failure;

    pub fn stat(_: u64, _: u32) -> Result<Facts, u32> {
        Err(failure::UNAVAILABLE)
    }

    pub fn sha256(_: u64, _: u32) -> Result<Vec<u8>, u32> {
        Err(failure::UNAVAILABLE)
    }

    pub fn head(_: u64, _: u32, _: u32) -> Result<Vec<u8>, u32> {
        Err(failure::UNAVAILABLE)
    }

    pub fn elf(_: u64, _: u32) -> Result<ElfFacts, u32> {
        Err(failure::UNAVAILABLE)
    }
}

pub(crate) mod intel {
    use super::SERVICES;
    pub use crate::bindings::plugin::vedette::detect::intel::Hit;
    use crate::values::failure;

    pub fn look_up(kind: u32, value: &[u8]) -> Result<Vec<Hit>, u32> {
        SERVICES.with_borrow(|s| {
            let lists = s.lists.as_ref().ok_or(failure::UNAVAILABLE)?;
            lists.look_up(kind, value)
        })
    }
}

pub(crate) mod timer {
    use super::SERVICES;
    use crate::values::failure;

    /// Most timers of a plugin, as in the agent.
    const MAX_TIMERS: usize = 4096;

    pub fn set(token: u64, after: u64) -> Result<(), u32> {
        SERVICES.with_borrow_mut(|s| {
            if s.timers.len() >= MAX_TIMERS && !s.timers.contains_key(&token) {
                return Err(failure::QUOTA);
            }
            s.timers.insert(token, s.now.saturating_add(after.max(1)));
            Ok(())
        })
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
