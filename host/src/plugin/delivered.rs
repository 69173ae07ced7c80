//! What a plugin was sent of late: only that proves anything.
//!
//! What is kept changes between two blocks of events alone, and no call spans two of them. So the same
//! proves the same, however events fall into batches.

use super::{batch::AddressHasher, engine::MAX_PLUGINS};
use crate::{
    context::{container::Container, process::Process},
    record::Record,
};
use std::{
    collections::{HashMap, VecDeque},
    hash::BuildHasherDefault,
    sync::Arc,
};

/// Events in a block: as many as a batch holds.
pub(super) const BLOCK: u64 = 64;
/// Newest events before a block that are kept for evidence, whoever acted: each one kept costs up to a
/// kilobyte.
pub(super) const MAX_NEWEST: usize = 2048;
/// Older events of processes that live. Those of the dead make way first, so that a process cannot
/// push out what shows another's act by making children that die.
const MAX_OLDER: usize = 2048;
/// Processes in one of the two halves of the table of those that were sent of late, before a block.
const MAX_PROCESSES: usize = 512;
/// Within one: those of its events with all their lineages, and no more, whatever a plugin asks for
/// besides.
const MAX_IN_BLOCK: usize = 8192;
/// Processes that were sent earlier and live.
const MAX_LIVING: usize = 8192;
/// Most findings in a second of event time, so that a plugin does not bury others' findings.
pub(super) const MAX_PER_SECOND: u32 = 1000;
// One line on memory: every plugin at its bounds keeps about half a million records.
const _: () = assert!(MAX_PLUGINS * (MAX_NEWEST + MAX_OLDER) <= 1 << 19);

type Processes = HashMap<u64, Sent, BuildHasherDefault<AddressHasher>>;

/// The rows of one process that were sent. Which of them a finding without evidence tells of must
/// not depend on what else was in its batch, so that it is not simply the newest.
#[derive(Debug, Clone)]
struct Sent {
    /// The newest of those before this step of the clock.
    before: Option<Arc<Process>>,
    step: u64,
    /// The first in this step, and the place of the event that it was sent for.
    first: (u64, Arc<Process>),
    /// The newest in this step.
    newest: Arc<Process>,
}

impl Sent {
    fn new(step: u64, place: u64, row: &Arc<Process>) -> Sent {
        Sent {
            before: None,
            step,
            first: (place, row.clone()),
            newest: row.clone(),
        }
    }

    fn add(&mut self, step: u64, place: u64, row: &Arc<Process>) {
        if self.step < step {
            *self = Sent {
                before: Some(self.as_of(step).clone()),
                ..Sent::new(step, place, row)
            };
            return;
        }
        if place < self.first.0 {
            self.first = (place, row.clone());
        }
        if self.newest.revision <= row.revision {
            self.newest = row.clone();
        }
    }

    /// The row as it was when a step began, or else as it was first sent in it.
    fn as_of(&self, step: u64) -> &Arc<Process> {
        match &self.before {
            Some(before) if self.step == step || before.revision > self.newest.revision => before,
            None if self.step == step => &self.first.1,
            _ => &self.newest,
        }
    }
}

/// What a plugin was sent, as far as it is kept.
#[derive(Debug, Default, Clone)]
pub struct Delivered {
    newest: VecDeque<Arc<Record>>,
    /// Those that were among the newest, of processes that lived then.
    older: VecDeque<Arc<Record>>,
    /// Those sent since the halves were last swapped, and those sent before.
    young: Processes,
    old: Processes,
    /// Those that were in the halves, and lived then.
    living: Processes,
    /// Time of the newest event, ns since boot.
    now: u64,
    /// Step of the clock that is on.
    step: u64,
    /// Events sent so far: the place of each.
    places: u64,
    /// The block that is on.
    block: u64,
    /// Second of event time, and findings in it.
    second: (u64, u32),
}

impl Delivered {
    /// What is sent from now on is of this step of the clock, and begins at this place.
    pub fn turn_to(&mut self, step: u64, place: u64) {
        self.step = step;
        if self.block < place / BLOCK {
            self.block = place / BLOCK;
            self.pass_events();
            if self.young.len() >= MAX_PROCESSES {
                self.pass_processes();
            }
        }
    }

    /// The place that the next event will have.
    pub fn next_place(&self) -> u64 {
        self.places
    }

    /// How many more events are of its block.
    pub fn left_in_block(&self) -> usize {
        (BLOCK - self.places % BLOCK) as usize
    }

    /// The place of an event that was sent of late: looked for from the newest on.
    pub fn place_of(&self, event: u64) -> u64 {
        let mut newest = self.newest.iter().rev();
        let behind = newest.position(|record| record.event.id == event);
        behind.map_or(self.places, |behind| self.places - 1 - behind as u64)
    }

    /// An event was sent.
    pub fn record(&mut self, record: &Arc<Record>) {
        self.places += 1;
        self.now = self.now.max(record.event.at);
        self.newest.push_back(record.clone());
    }

    /// What the living did passes to the older events, the rest is forgotten.
    fn pass_events(&mut self) {
        let beyond = self.newest.len().saturating_sub(MAX_NEWEST);
        for passed in self.newest.drain(..beyond) {
            if is_of_living(&passed, self.now) {
                self.older.push_back(passed);
            }
        }
        self.make_room();
    }

    /// Drops older events where there are too many: those of the dead, then the oldest. A quarter
    /// is free afterwards, so that this is not done for each event.
    fn make_room(&mut self) {
        if self.older.len() > MAX_OLDER {
            self.older.retain(|record| is_of_living(record, self.now));
            let surplus = self.older.len().saturating_sub(MAX_OLDER / 4 * 3);
            self.older.drain(..surplus);
        }
    }

    /// A process row was sent, for the event with this place.
    pub fn process(&mut self, process: &Arc<Process>, place: u64) {
        let (key, step) = (process.key, self.step);
        if let Some(sent) = self.young.get_mut(&key) {
            return sent.add(step, place, process);
        }
        let earlier = self.old.get(&key).or_else(|| self.living.get(&key));
        let sent = match earlier.cloned() {
            Some(mut sent) => {
                sent.add(step, place, process);
                sent
            }
            None => Sent::new(step, place, process),
        };
        if self.young.len() == MAX_IN_BLOCK {
            self.pass_processes();
        }
        self.young.insert(key, sent);
    }

    /// The halves are swapped: those that live pass on, the others are forgotten.
    fn pass_processes(&mut self) {
        let now = self.now;
        let lives = |sent: &Sent| !sent.newest.life.is_over(now);
        self.living.retain(|_, sent| lives(sent));
        let passed = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
        for (key, sent) in passed {
            if lives(&sent) && self.living.len() < MAX_LIVING {
                self.living.insert(key, sent);
            }
        }
    }

    fn sent(&self, key: u64) -> Option<&Sent> {
        let tables = [&self.young, &self.old, &self.living];
        tables.into_iter().find_map(|table| table.get(&key))
    }

    /// The row of a process that was sent: as it was when the step that is on began, or else as
    /// it was first sent in it.
    pub(super) fn find(&self, key: u64) -> Option<&Arc<Process>> {
        Some(self.sent(key)?.as_of(self.step))
    }

    /// The container with this key, of the processes that were sent. Seldom asked for: a plugin
    /// most often leaves it to the process.
    pub(super) fn find_container(&self, key: u64) -> Option<&Arc<Container>> {
        let tables = [&self.young, &self.old, &self.living];
        let sent = tables.into_iter().flat_map(|table| table.values());
        // Of a process that was known before the step began, if there is one; else of the first
        // in it: later ones of the same batch do not matter.
        let place = |sent: &Sent| match sent.before.is_some() || sent.step < self.step {
            true => 0,
            false => sent.first.0 + 1,
        };
        let rows = sent.map(|sent| (place(sent), sent.as_of(self.step)));
        rows.filter_map(|(place, row)| Some(((place, row.key), row.container.as_ref()?)))
            .filter(|(_, container)| container.key == key)
            .min_by_key(|(order, _)| *order)
            .map(|(_, container)| container)
    }

    /// The records with these ids, in one pass from the newest.
    pub(super) fn records(&self, ids: impl Iterator<Item = u64>) -> HashMap<u64, &Arc<Record>> {
        let mut missing: std::collections::HashSet<u64> = ids.collect();
        let mut found = HashMap::new();
        for record in self.newest.iter().rev().chain(self.older.iter().rev()) {
            if missing.is_empty() {
                break;
            }
            if missing.remove(&record.event.id) {
                found.insert(record.event.id, record);
            }
        }
        found
    }

    /// Findings of this second count from now on.
    pub fn give_room(&mut self) {
        self.second.1 = 0;
    }

    /// Whether one more finding fits into this second.
    pub(super) fn has_room(&mut self, at: u64) -> bool {
        let second = at / 1_000_000_000;
        if self.second.0 != second {
            self.second = (second, 0);
        }
        self.second.1 += 1;
        self.second.1 <= MAX_PER_SECOND
    }
}

/// Whether who acted or who was acted upon lives.
fn is_of_living(record: &Record, now: u64) -> bool {
    let rows = [&record.process, &record.target];
    rows.into_iter().flatten().any(|row| !row.life.is_over(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;
    use vedette_contract::kind;
    use vedette_sensor::event::{Event, TaskRef};

    /// An event of a process, and its record.
    fn acts(context: &mut Context, kind: u16, pid: u32, at: u64) -> Arc<Record> {
        let mut event = Event {
            id: at,
            at,
            kind,
            ..Event::default()
        };
        event.task.process = TaskRef { pid, start: 1 };
        let process = context.apply(&event).process;
        Arc::new(Record {
            event,
            process,
            target: None,
        })
    }

    #[test]
    fn what_the_living_did_outlasts_a_flood_of_those_that_die() {
        let mut context = Context::default();
        let mut delivered = Delivered::default();
        let mut send = |record: &Arc<Record>| {
            let process = record.process.as_ref().expect("somebody acted");
            delivered.turn_to(0, delivered.next_place());
            delivered.process(process, delivered.next_place());
            delivered.record(record);
            process.key
        };
        let mut at = 0;
        let mut next = || {
            at += 1;
            at
        };
        let living = send(&acts(&mut context, kind::CONNECT, 1, next()));
        let dead = send(&acts(&mut context, kind::CONNECT, 2, next()));
        acts(&mut context, kind::EXIT, 2, next());
        for pid in 3..20_000 {
            send(&acts(&mut context, kind::CONNECT, pid, next()));
            acts(&mut context, kind::EXIT, pid, next());
        }
        assert!(delivered.find(living).is_some() && delivered.find(dead).is_none());
        let found = delivered.records([1, 2].into_iter());
        assert_eq!(found.into_keys().collect::<Vec<_>>(), [1]);
        let room = BLOCK as usize;
        assert!((MAX_NEWEST..=MAX_NEWEST + room).contains(&delivered.newest.len()));
        assert_eq!(delivered.older.len(), 1);
        assert!(delivered.young.len() + delivered.old.len() <= 2 * (MAX_PROCESSES + room));
        assert_eq!(delivered.living.len(), 1);
    }

    #[test]
    fn the_living_have_bounds_too() {
        let mut context = Context::default();
        let mut delivered = Delivered::default();
        for pid in 1..50_000 {
            let record = acts(&mut context, kind::CONNECT, pid, u64::from(pid));
            delivered.turn_to(0, delivered.next_place());
            delivered.process(record.process.as_ref().expect("somebody acted"), 0);
            delivered.record(&record);
            let room = BLOCK as usize;
            assert!(delivered.newest.len() <= MAX_NEWEST + room);
            assert!(delivered.older.len() <= MAX_OLDER);
            let halves = [&delivered.young, &delivered.old];
            assert!(halves.iter().all(|half| half.len() <= MAX_PROCESSES + room));
            assert!(delivered.living.len() <= MAX_LIVING);
        }
        // Many in one block, as answers of `context` are.
        let place = delivered.next_place();
        for pid in 50_000..80_000 {
            let record = acts(&mut context, kind::CONNECT, pid, u64::from(pid));
            delivered.process(record.process.as_ref().expect("somebody acted"), place);
            assert!(delivered.young.len() <= MAX_IN_BLOCK && delivered.old.len() <= MAX_IN_BLOCK);
        }
        assert!(delivered.older.len() >= MAX_OLDER / 2 && delivered.living.len() == MAX_LIVING);
    }
}
