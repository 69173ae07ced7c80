//! The context as it was when an event happened, for plugins that ask while the stream goes on.
//!
//! Plugins judge an event some time after the context took it in. What they are told must not
//! depend on how long that was, so earlier rows stay for as long as a moment that needs them is
//! held: that is, until the events of that moment have been judged. Nothing of this is built while
//! no plugin asks.

use super::process::Process;
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};
use vedette_contract::values::process_mark;

/// Most rows that are kept for moments gone by: a plugin that falls far behind a storm of forks
/// must not fill memory. Of earlier moments nothing is known then.
const EARLIER_CAP: usize = 262_144;

/// A moment of the context. While it is held, what was known then can be asked for.
#[derive(Debug, Clone)]
pub struct Moment {
    past: Past,
    version: Arc<u64>,
}

/// The rows of the context, with earlier ones. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Past(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    on: AtomicBool,
    tables: Mutex<Tables>,
}

/// Start, pid and key: the oldest first.
type Place = (u64, u32, u64);

/// A version, and the row of a process from then on.
type Since = (u64, Option<Arc<Process>>);

#[derive(Debug, Default)]
struct Tables {
    version: u64,
    /// The moment of this version, if somebody has asked for it.
    moment: Option<Arc<u64>>,
    /// Moments that are held, in order.
    held: VecDeque<Weak<u64>>,
    /// By key, each with the version from which on it holds; none where the row was forgotten.
    rows: HashMap<u64, Vec<Since>>,
    children: HashMap<u64, BTreeSet<Place>>,
    members: HashMap<u64, BTreeSet<Place>>,
    /// Versions that made an earlier row superfluous, and whose.
    changes: VecDeque<(u64, u64)>,
    /// Nothing is known of versions before this one.
    floor: u64,
}

impl Past {
    /// Whether it is kept at all.
    pub fn is_on(&self) -> bool {
        self.0.on.load(Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins with these rows, or ends.
    pub(crate) fn turn<'r>(&self, on: bool, rows: impl Iterator<Item = &'r Arc<Process>>) {
        let mut tables = self.lock();
        let version = tables.version + 1;
        *tables = Tables {
            version,
            floor: version,
            ..Tables::default()
        };
        if on {
            rows.for_each(|row| tables.put(row));
        }
        self.0.on.store(on, Relaxed);
    }

    /// A row is the current one of its process.
    #[inline]
    pub(crate) fn put(&self, row: &Arc<Process>) {
        if self.is_on() {
            self.lock().put(row);
        }
    }

    /// A process was forgotten.
    #[inline]
    pub(super) fn gone(&self, key: u64) {
        if self.is_on() {
            self.lock().gone(key);
        }
    }

    /// This moment, if the past is kept.
    pub fn now(&self) -> Option<Moment> {
        self.is_on().then(|| Moment {
            past: self.clone(),
            version: self.lock().now(),
        })
    }

    /// Rows that are kept for moments gone by.
    pub fn earlier(&self) -> usize {
        self.lock().changes.len()
    }
}

impl Moment {
    /// The row of a process, with its lineage.
    pub fn process(&self, key: u64) -> Option<Arc<Process>> {
        self.past.lock().row(*self.version, key).cloned()
    }

    /// The living children of a process, oldest first, and how many rows were looked at.
    pub fn children(&self, key: u64, most: usize) -> (Vec<Arc<Process>>, usize) {
        let tables = self.past.lock();
        let is_child = |row: &Process| row.parent.as_ref().is_some_and(|p| p.key == key);
        tables.living(*self.version, tables.children.get(&key), is_child, most)
    }

    /// The living processes of a container, oldest first, and how many rows were looked at.
    pub fn members(&self, key: u64, most: usize) -> (Vec<Arc<Process>>, usize) {
        let tables = self.past.lock();
        let is_in = |row: &Process| row.container.as_ref().is_some_and(|c| c.key == key);
        tables.living(*self.version, tables.members.get(&key), is_in, most)
    }

    /// Whether it is known what was then.
    pub fn is_known(&self) -> bool {
        *self.version >= self.past.lock().floor
    }
}

impl Tables {
    fn now(&mut self) -> Arc<u64> {
        let version = self.version;
        let held = &mut self.held;
        self.moment
            .get_or_insert_with(|| {
                let moment = Arc::new(version);
                held.push_back(Arc::downgrade(&moment));
                moment
            })
            .clone()
    }

    /// What comes now must not be seen by whoever holds the last moment.
    fn step(&mut self) {
        if self.moment.take().is_some() {
            self.version += 1;
        }
    }

    fn put(&mut self, row: &Arc<Process>) {
        self.step();
        let place = (row.id.start, row.id.pid, row.key);
        if let Some(parent) = &row.parent {
            self.children.entry(parent.key).or_default().insert(place);
        }
        if let Some(container) = &row.container {
            self.members.entry(container.key).or_default().insert(place);
        }
        self.note(row.key, Some(row.clone()));
    }

    fn gone(&mut self, key: u64) {
        if self.rows.contains_key(&key) {
            self.step();
            self.note(key, None);
        }
    }

    fn note(&mut self, key: u64, row: Option<Arc<Process>>) {
        let forgotten = row.is_none();
        let rows = self.rows.entry(key).or_default();
        match rows.last_mut() {
            Some((version, last)) if *version == self.version => {
                // Nobody holds a moment between the two; but where it was listed goes with it.
                if let Some(last) = std::mem::replace(last, row) {
                    self.unlist(&last);
                }
            }
            _ => rows.push((self.version, row)),
        }
        let earlier = self.rows.get(&key).map_or(0, Vec::len) > 1;
        if earlier || forgotten {
            self.changes.push_back((self.version, key));
        }
        self.forget();
    }

    /// Takes a row that is gone out of the lists that no other row of its process stands in.
    fn unlist(&mut self, row: &Process) {
        let place = (row.id.start, row.id.pid, row.key);
        let parent = |row: &Process| row.parent.as_ref().map(|p| p.key);
        let container = |row: &Process| row.container.as_ref().map(|c| c.key);
        let others = self.rows.get(&row.key).map_or(&[][..], Vec::as_slice);
        let others = others.iter().filter_map(|(_, other)| other.as_deref());
        let (mut as_child, mut as_member) = (false, false);
        for other in others {
            as_child |= parent(other) == parent(row);
            as_member |= container(other) == container(row);
        }
        if !as_child {
            remove(&mut self.children, parent(row), place);
        }
        if !as_member {
            remove(&mut self.members, container(row), place);
        }
    }

    /// Forgets what no moment needs any more.
    fn forget(&mut self) {
        while let Some(first) = self.held.front() {
            if first.strong_count() > 0 && self.held.len() <= EARLIER_CAP {
                break;
            }
            if let Some(version) = first.upgrade() {
                self.floor = *version + 1;
            }
            self.held.pop_front();
        }
        let oldest = self.held.front().and_then(Weak::upgrade);
        let mut needed = oldest.map_or(self.version, |moment| *moment);
        while let Some(&(version, key)) = self.changes.front() {
            if version > needed {
                if self.changes.len() <= EARLIER_CAP {
                    break;
                }
                needed = version;
                self.floor = version;
            }
            self.changes.pop_front();
            self.forget_row(key, needed);
        }
    }

    /// Forgets the rows of a process that hold for versions before this one alone.
    fn forget_row(&mut self, key: u64, needed: u64) {
        let Some(rows) = self.rows.get_mut(&key) else {
            return;
        };
        let superfluous = rows.partition_point(|(version, _)| *version <= needed);
        let dropped: Vec<_> = rows.drain(..superfluous.saturating_sub(1)).collect();
        let ended = matches!(rows[..], [(_, None)]);
        for row in dropped.into_iter().filter_map(|(_, row)| row) {
            self.unlist(&row);
        }
        if ended {
            self.rows.remove(&key);
        }
    }

    fn row(&self, version: u64, key: u64) -> Option<&Arc<Process>> {
        let rows = self.rows.get(&key)?;
        let at = rows.partition_point(|(since, _)| *since <= version);
        rows[..at].last()?.1.as_ref()
    }

    fn living(
        &self,
        version: u64,
        places: Option<&BTreeSet<Place>>,
        fits: impl Fn(&Process) -> bool,
        most: usize,
    ) -> (Vec<Arc<Process>>, usize) {
        let mut looked = 0;
        let living = places
            .into_iter()
            .flatten()
            .inspect(|_| looked += 1)
            .filter_map(|(_, _, key)| self.row(version, *key))
            .filter(|row| row.marks & process_mark::EXITED == 0 && fits(row))
            .take(most)
            .cloned()
            .collect();
        (living, looked)
    }
}

/// Takes a process out of one list.
fn remove(lists: &mut HashMap<u64, BTreeSet<Place>>, key: Option<u64>, place: Place) {
    let Some(key) = key else { return };
    if let Some(list) = lists.get_mut(&key) {
        list.remove(&place);
        if list.is_empty() {
            lists.remove(&key);
        }
    }
}
