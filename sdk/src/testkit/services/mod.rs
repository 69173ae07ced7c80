//! The host's services, in the memory of the test's thread.

use super::given::{Given, Said};
use super::scene::Told;
use crate::log::Level;
use crate::values::failure;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

pub(crate) mod context;
pub(crate) mod file;
pub(crate) mod state;

/// What the plugin gave to the host's services on this thread.
#[derive(Debug, Default, Clone)]
pub struct Services {
    /// Lines that were logged.
    pub log: Vec<String>,
    /// Counters.
    pub counters: BTreeMap<String, u64>,
    /// Gauges.
    pub gauges: BTreeMap<String, i64>,
    /// Keys and values, and when each ends (0: never). A counter is its 8 bytes, the lowest first.
    pub state: BTreeMap<Vec<u8>, (Vec<u8>, u64)>,
    /// Those among the keys that are counters.
    counters_of_state: BTreeSet<Vec<u8>>,
    /// Timers that are set: by token, when each is due.
    pub timers: BTreeMap<u64, u64>,
    /// Timers that were told.
    fired: u64,
    /// What the story gives to answer from.
    given: Rc<Given>,
    /// The events of the call that is being made, by their ids.
    told: BTreeMap<u64, Told>,
    /// What was answered to questions about the machine: by event and question.
    answered: BTreeMap<(u64, String), Result<Said, u32>>,
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
        }
        s.now = now;
        s.state.retain(|_, (_, ends)| *ends == 0 || *ends > now);
    });
}

/// What the services answer from until they are [`reset`].
pub(super) fn give(given: &Rc<Given>) {
    SERVICES.with_borrow_mut(|s| s.given = given.clone());
}

/// A call begins, with these events.
pub(super) fn judge(told: &[Told]) {
    SERVICES.with_borrow_mut(|s| s.told = told.iter().map(|t| (t.id, t.clone())).collect());
}

/// It has returned.
pub(super) fn judged() {
    judge(&[]);
}

/// What was answered to questions about the machine since the services were [`reset`].
pub(super) fn answered() -> BTreeMap<(u64, String), Result<Said, u32>> {
    SERVICES.with_borrow(|s| s.answered.clone())
}

/// The answer to a question about the machine, and about an event of the call.
fn answer(
    event: u64,
    question: String,
    ask: impl FnOnce(&Given, &Told) -> Result<Said, u32>,
) -> Result<Said, u32> {
    SERVICES.with_borrow_mut(|s| {
        let told = s.told.get(&event).ok_or(failure::NOT_SENT)?;
        let said = ask(&s.given, told);
        s.answered.insert((event, question), said.clone());
        said
    })
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

pub(crate) mod intel {
    use super::SERVICES;
    pub use crate::bindings::plugin::vedette::detect::intel::Hit;
    use crate::values::failure;

    pub fn look_up(kind: u32, value: &[u8]) -> Result<Vec<Hit>, u32> {
        SERVICES.with_borrow(|s| {
            let lists = s.given.lists.as_ref().ok_or(failure::UNAVAILABLE)?;
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
