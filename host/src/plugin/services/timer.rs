//! `timer`: events in event time, for one plugin alone.
//!
//! Timers are the plugin's and not the instance's, and are set when the call returns, like state.
//! One is due with the first step of the clock that lies at or behind its time, and is told before
//! the events of that step: so what a plugin is told, and when, does not depend on batches.

use super::{super::bindings::vedette::detect::timer, Services};
use crate::record::Record;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use vedette_contract::{
    kind,
    values::{event_mark, failure},
};
use vedette_sensor::event::Event;

/// Most timers of one plugin: stops one that sets a timer for every event.
pub const MAX_TIMERS: usize = 4096;
/// Numbers of timers' events begin here, apart from any CPU's and the agent's own. They count for
/// each plugin by itself: no other sees them.
const IDS: u64 = 0xfffe << 48;

/// The timers of one plugin.
#[derive(Debug, Clone, Default)]
pub struct Timers {
    /// When each token is due.
    tokens: BTreeMap<u64, u64>,
    /// The same in the order in which they are due.
    due: BTreeSet<(u64, u64)>,
    fired: u64,
}

impl Timers {
    /// How many are set.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    fn set(&mut self, token: u64, due: Option<u64>) {
        let before = match due {
            Some(due) => self.tokens.insert(token, due),
            None => self.tokens.remove(&token),
        };
        if let Some(before) = before {
            self.due.remove(&(before, token));
        }
        self.due.extend(due.map(|due| (due, token)));
    }

    /// The clock has begun to run: what was set before it did is due that much later.
    pub(super) fn begin(&mut self, now: u64) {
        let later = |(due, token): (u64, u64)| (due.saturating_add(now), token);
        self.due = std::mem::take(&mut self.due)
            .into_iter()
            .map(later)
            .collect();
        self.tokens = self.due.iter().map(|(due, token)| (*token, *due)).collect();
    }

    /// The next that is due by now, as an event; it is set no longer.
    pub fn fire(&mut self, now: u64) -> Option<Arc<Record>> {
        let &(due, token) = self.due.first().filter(|(due, _)| *due <= now)?;
        self.set(token, None);
        self.fired += 1;
        Some(Arc::new(Record {
            event: Event {
                kind: kind::TIMER,
                at: now,
                id: IDS | self.fired,
                marks: event_mark::SYNTHETIC,
                a: token,
                b: due,
                ..Event::default()
            },
            process: None,
            target: None,
        }))
    }
}

/// What one call has done to timers so far: by token, when it is due, or that it is cleared.
#[derive(Debug, Default)]
pub(super) struct Pending {
    changes: BTreeMap<u64, Option<u64>>,
    /// Timers that it adds, or takes away: what fits must not depend on how acts fall into calls.
    more: isize,
}

impl Pending {
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub fn commit(&mut self, timers: &mut Timers) {
        for (token, due) in std::mem::take(&mut self.changes) {
            timers.set(token, due);
        }
        self.more = 0;
    }

    /// Whether a timer is set as this call leaves it.
    fn is_set(&self, timers: &Timers, token: u64) -> bool {
        match self.changes.get(&token) {
            Some(due) => due.is_some(),
            None => timers.tokens.contains_key(&token),
        }
    }

    fn set(&mut self, timers: &Timers, token: u64, due: u64) -> Result<(), u32> {
        let new = !self.is_set(timers, token);
        if new && timers.len() as isize + self.more >= MAX_TIMERS as isize {
            return Err(failure::QUOTA);
        }
        self.more += isize::from(new);
        self.changes.insert(token, Some(due));
        Ok(())
    }

    fn clear(&mut self, timers: &Timers, token: u64) {
        if !self.is_set(timers, token) {
            return;
        }
        self.more -= 1;
        // Of a timer that this very call set nothing is left: a call that sets and clears without
        // end holds nothing.
        match timers.tokens.contains_key(&token) {
            true => self.changes.insert(token, None),
            false => self.changes.remove(&token),
        };
    }
}

impl timer::Host for Services {
    fn set(&mut self, token: u64, after: u64) -> Result<(), u32> {
        // Not within the step that is on: whoever is called again in it would see it sooner.
        let due = self.now.saturating_add(after.max(1));
        self.timers.set(&self.kept.lock().timers, token, due)
    }

    fn clear(&mut self, token: u64) {
        self.timers.clear(&self.kept.lock().timers, token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_fire_once_in_the_order_in_which_they_are_due() {
        let mut timers = Timers::default();
        timers.set(7, Some(300));
        timers.set(8, Some(200));
        timers.set(9, Some(200));
        timers.set(7, Some(100));
        timers.set(9, None);
        timers.begin(1000);
        assert!(timers.fire(1099).is_none());
        let mut fired = std::iter::from_fn(|| timers.fire(2000));
        let told: Vec<_> = fired
            .by_ref()
            .map(|r| (r.event.a, r.event.b, r.event.at))
            .collect();
        assert_eq!(told, [(7, 1100, 2000), (8, 1200, 2000)]);
        assert!(timers.is_empty());
    }

    #[test]
    fn what_a_call_clears_is_room_at_once() {
        let most = MAX_TIMERS as u64;
        let mut timers = Timers::default();
        let mut call = Pending::default();
        for token in 0..most {
            call.set(&timers, token, 9).expect("room");
        }
        assert_eq!(call.set(&timers, most, 9), Err(failure::QUOTA));
        call.commit(&mut timers);
        assert_eq!(call.set(&timers, most, 9), Err(failure::QUOTA));
        call.clear(&timers, 0);
        assert_eq!(call.set(&timers, most, 9), Ok(()));
        assert_eq!(call.set(&timers, 0, 9), Err(failure::QUOTA));
        // Nothing is left of what comes and goes within a call.
        call.clear(&timers, most);
        for token in most..10 * most {
            call.set(&timers, token, 9).expect("room");
            call.clear(&timers, token);
            call.clear(&timers, token);
        }
        assert_eq!(call.changes.len(), 1);
        assert_eq!(call.set(&timers, 0, 9), Ok(()));
        assert_eq!(call.set(&timers, most, 9), Err(failure::QUOTA));
        call.commit(&mut timers);
        assert_eq!(timers.len(), MAX_TIMERS);
    }
}
