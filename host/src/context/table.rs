//! The rows of processes by pid, with their bounds.

use super::{past::Past, process::Process};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use vedette_contract::values::process_mark;
use vedette_sensor::event::TaskRef;

/// Rows that are kept. A fork bomb fills the kernel's own table first: `pid_max` defaults to
/// 32,768 on small machines and to 4 M on large ones, where this is the limit that holds.
const ROWS_CAP: usize = 131_072;

/// How long a dead process can still be looked up, ns of event time: records of other CPUs that
/// name it may be behind.
const EXITED_KEPT: u64 = 2_000_000_000;

/// Entries of processes that were forgotten, in the order of arrival: it is not put right for each.
const ORDER_SLACK: usize = 1_024;

/// Start times from /proc are cut to clock ticks of 10 ms.
const TICK: u64 = 10_000_000;

/// What happened to the table beyond plain events.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counters {
    /// Rows made or mended because a life event was missing.
    pub repaired: u64,
    /// Rows of living processes given up because the table was full.
    pub evicted: u64,
    /// Control groups that are not known because there were too many.
    pub groups_left_out: u64,
    /// Containers that are not known by name, for the same reason.
    pub containers_left_out: u64,
    /// Rows now in the table.
    pub rows: usize,
}

/// Current rows by pid. A row whose start differs is another process.
#[derive(Debug, Default)]
pub struct Table {
    rows: HashMap<u32, Arc<Process>>,
    /// Told of every change.
    past: Past,
    /// Dead processes in the order of their death, with its time.
    exited: VecDeque<(u64, TaskRef)>,
    /// All processes in the order in which they came, for eviction when the table is full.
    order: VecDeque<TaskRef>,
    /// Rows made so far.
    revision: u64,
    counters: Counters,
}

impl Table {
    /// The current row of a process.
    pub fn get(&self, id: TaskRef) -> Option<Arc<Process>> {
        self.rows
            .get(&id.pid)
            .filter(|row| same(row, id.start))
            .cloned()
    }

    /// Makes it the current row of its process.
    pub fn put(&mut self, mut row: Process) -> Arc<Process> {
        let id = row.id;
        self.revision += 1;
        row.revision = self.revision;
        let row = Arc::new(row);
        let before = self.rows.insert(id.pid, row.clone());
        if let Some(before) = before.as_ref().filter(|before| before.id != id) {
            self.past.gone(before.key);
        }
        self.past.put(&row);
        if before.is_none_or(|b| b.id != id) {
            self.order.push_back(id);
            self.shrink();
        }
        row
    }

    /// Notes a death.
    pub fn exited(&mut self, id: TaskRef, at: u64) {
        self.exited.push_back((at, id));
    }

    /// Forgets processes that died long enough before `now`.
    pub fn expire(&mut self, now: u64) {
        while let Some(&(at, id)) = self.exited.front() {
            if at.saturating_add(EXITED_KEPT) > now {
                break;
            }
            self.exited.pop_front();
            self.forget(id);
        }
    }

    /// Rows of processes that are not known to be dead.
    pub fn living(&self) -> impl Iterator<Item = &Arc<Process>> {
        self.rows
            .values()
            .filter(|p| p.marks & process_mark::EXITED == 0)
    }

    /// The rows with earlier ones, where they are kept.
    pub fn past(&self) -> &Past {
        &self.past
    }

    /// Begins to keep earlier rows, or ends.
    pub fn keep_past(&self, on: bool) {
        if self.past.is_on() != on {
            self.past.turn(on, self.rows.values());
        }
    }

    /// Counts a row that was mended.
    pub fn repaired(&mut self) {
        self.counters.repaired += 1;
    }

    /// The counters and the size.
    pub fn counters(&self) -> Counters {
        Counters {
            rows: self.rows.len(),
            ..self.counters
        }
    }

    fn forget(&mut self, id: TaskRef) -> bool {
        let mine = self.rows.get(&id.pid).filter(|row| row.id == id);
        let key = mine.map(|row| row.key);
        if let Some(key) = key {
            self.rows.remove(&id.pid);
            self.past.gone(key);
        }
        key.is_some()
    }

    /// Keeps the table and the order of arrival within their bounds: first the dead go, then the
    /// oldest of the living, which are counted.
    fn shrink(&mut self) {
        while self.rows.len() > ROWS_CAP {
            if let Some((_, id)) = self.exited.pop_front() {
                self.forget(id);
            } else if let Some(id) = self.order.pop_front() {
                self.counters.evicted += u64::from(self.forget(id));
            } else {
                break;
            }
        }
        if self.order.len() > 2 * self.rows.len() + ORDER_SLACK {
            let rows = &self.rows;
            self.order
                .retain(|id| rows.get(&id.pid).is_some_and(|row| row.id == *id));
        }
    }
}

/// Whether a row is of the process that began at `start`: exactly, or within a tick where the
/// row's or the asked start came from /proc.
fn same(row: &Process, start: u64) -> bool {
    let own = row.id.start;
    if own == start {
        return true;
    }
    let coarse = own.is_multiple_of(TICK) || start.is_multiple_of(TICK);
    coarse && own / TICK == start / TICK
}
