//! What plugins keep on disk: states whose manifests say `restart = "keep"`.
//!
//! A worker never waits for a disk. Once a second a thread of its own takes a copy of each state,
//! which shares all that has not changed since the last, and writes the difference. So what waits
//! to be written is bounded by the states themselves, however long the disk does not take it.

mod file;

pub use file::{Place, StoreError};

use super::{
    outcome::{Health, Outcome},
    services::{Shared, Standing, Watched},
    state::{Entry, Key, State},
};
use crate::{live::boot_time, manifest::OWN_ID};
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use file::{File, Write};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// How often what has changed is written: what an agent that is killed can lose.
const EACH: Duration = Duration::from_secs(1);
/// After a failure the disk is left alone for so long.
const RETRY: Duration = Duration::from_secs(30);
/// Most states of plugins that are gone and wait for their last writing: stops a disk that does
/// not take them from filling memory. The oldest goes first.
const MAX_LEAVING: usize = 64;

/// How the state of a plugin stands on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The file.
    pub file: String,
    /// As of when it was last written, RFC 3339; none where that has not been since the agent started.
    pub saved: Option<String>,
    /// Keys that the agent's start brought back.
    pub loaded: usize,
    /// Other forms of the plugin's state that stand in the file and are not read.
    pub other_forms: usize,
    /// Why it is not on disk, if it is not.
    pub failing: Option<String>,
}

/// The store of an agent.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    outcomes: Sender<Outcome>,
    /// Locked first, and while the disk is waited for.
    access: Mutex<Access>,
    /// Locked for moments alone.
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Access {
    file: Option<File>,
    /// Not to be tried again before.
    retry: Option<Instant>,
}

#[derive(Debug, Default)]
struct Book {
    states: BTreeMap<Place, Slot>,
    /// To be removed from the file.
    forgotten: BTreeSet<Place>,
    /// Of plugins that are gone: held until they were written as their last call left them.
    leaving: Vec<(Place, Shared)>,
    /// What was last said to be wrong.
    failing: Option<String>,
}

#[derive(Debug)]
struct Slot {
    kept: Watched,
    /// Whether anything of it may be on disk.
    there: bool,
    /// What stands on disk, as far as it is known.
    base: Option<Arc<State>>,
    saved: Option<Timestamp>,
    loaded: usize,
    other_forms: usize,
}

/// A state as it is to be on disk.
struct Job {
    place: Place,
    now: State,
    base: Option<Arc<State>>,
}

impl Store {
    /// One in this file, which is opened when a plugin first needs it. What goes wrong is said in
    /// the outcomes.
    pub fn new(path: PathBuf, outcomes: Sender<Outcome>) -> Store {
        Store {
            path,
            outcomes,
            access: Mutex::default(),
            book: Mutex::default(),
        }
    }

    fn access(&self) -> MutexGuard<'_, Access> {
        self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a state from now on. One that is new is given what an earlier agent has kept there.
    pub fn keep(&self, place: &Place, kept: &Shared, new: bool) {
        let mut access = self.access();
        let new = {
            let mut book = self.book();
            let known = book.states.get(place);
            if known.is_some_and(|slot| slot.kept.is(kept)) {
                return;
            }
            // One that comes back at once begins with nothing all the same.
            new && !book.forgotten.remove(place)
        };
        let mut slot = Slot {
            kept: kept.watch(),
            there: true,
            base: None,
            saved: None,
            loaded: 0,
            other_forms: 0,
        };
        match self.open(&mut access) {
            Ok(Some(file)) if new => match file.read(place, wall_ahead(), boot_time()) {
                Ok((entries, other_forms)) => {
                    slot.other_forms = other_forms;
                    self.load(place, kept, entries, &mut slot);
                }
                Err(error) => self.fail(&mut access, &error),
            },
            Ok(_) => {}
            Err(error) => self.fail(&mut access, &error),
        }
        self.book().states.insert(place.clone(), slot);
    }

    fn load(&self, place: &Place, kept: &Shared, entries: Vec<(Key, Entry)>, slot: &mut Slot) {
        let found = entries.len();
        let (state, unloaded) = kept.load(entries, boot_time());
        slot.loaded = found - unloaded.ended - unloaded.beyond_quota;
        let plugin = &place.plugin;
        if found > 0 {
            let ended = unloaded.ended;
            tracing::info!(
                "{plugin} goes on with {} keys of an earlier run; {ended} have ended meanwhile",
                slot.loaded
            );
        } else if slot.other_forms > 0 {
            tracing::info!(
                "{plugin} begins with nothing: what is kept of it on disk has another form than {}",
                place.form
            );
        }
        if unloaded.beyond_quota > 0 {
            tracing::warn!(
                "{plugin}: {} keys of an earlier run are dropped, its state has no room for them; raise state in [limits] of its manifest",
                unloaded.beyond_quota
            );
        }
        // What was left out is to go from the disk too.
        slot.base = (slot.loaded == found).then(|| Arc::new(state));
    }

    /// A state is to be kept no longer.
    pub fn forget(&self, place: &Place) {
        let mut book = self.book();
        if book.states.remove(place).is_some() {
            book.forgotten.insert(place.clone());
        }
    }

    /// The plugin is gone; what stands on disk stays there, and is brought up to its last call.
    pub fn leave(&self, place: Place, kept: Shared) {
        let mut book = self.book();
        let slot = book.states.get(&place);
        if slot.is_some_and(|slot| slot.kept.is(&kept)) {
            if book.leaving.len() == MAX_LEAVING {
                book.leaving.remove(0);
            }
            book.leaving.push((place, kept));
        }
    }

    /// A state whose plugin is gone and comes back before it was let go.
    pub fn back(&self, place: &Place) -> Option<Shared> {
        let mut book = self.book();
        let at = book.leaving.iter().position(|(left, _)| left == place)?;
        Some(book.leaving.remove(at).1)
    }

    /// How a state stands on disk, if it is to be there.
    pub fn stored(&self, kept: &Shared) -> Option<Stored> {
        let book = self.book();
        let slot = book.states.values().find(|slot| slot.kept.is(kept))?;
        Some(Stored {
            file: self.path.display().to_string(),
            saved: slot.saved.map(|at| at.to_string()),
            loaded: slot.loaded,
            other_forms: slot.other_forms,
            failing: book.failing.clone(),
        })
    }

    /// The file, unless it was tried in vain of late.
    fn open<'a>(&self, access: &'a mut Access) -> Result<Option<&'a File>, StoreError> {
        if access.retry.is_some_and(|retry| Instant::now() < retry) {
            return Ok(None);
        }
        if access.file.is_none() {
            access.file = Some(File::open(&self.path)?);
            access.retry = None;
        }
        Ok(access.file.as_ref())
    }

    /// The disk does not do what it should: all goes on without it, and that is said.
    fn fail(&self, access: &mut Access, error: &StoreError) {
        access.file = None;
        access.retry = Some(Instant::now() + RETRY);
        let reason = error.to_string();
        let mut book = self.book();
        // What stands on disk is known no longer.
        book.states.values_mut().for_each(|slot| slot.base = None);
        if book.failing.as_ref() == Some(&reason) {
            return;
        }
        tracing::warn!("{reason}");
        let message =
            format!("plugins run on, and what they keep is lost with the agent: {reason}");
        let finding = Health::StateNotKept.finding(OWN_ID, message, "store", boot_time());
        // Nobody listens any more only when the agent is on its way out.
        let _ = self.outcomes.send(Outcome::Finding(Box::new(finding)));
        book.failing = Some(reason);
    }

    /// Writes what has changed since the last time.
    pub fn save(&self) {
        let mut access = self.access();
        let now = Timestamp::now();
        let ended = self.ended();
        let (jobs, forgotten) = self.jobs();
        if self.write(&mut access, now, jobs, forgotten) {
            let mut book = self.book();
            (book.leaving).retain(|(place, kept)| !ended.contains(place) || kept.is_held());
        }
    }

    /// Those whose plugins are gone and have ended: nobody changes them any more.
    fn ended(&self) -> Vec<Place> {
        let book = self.book();
        let ended = book.leaving.iter().filter(|(_, kept)| !kept.is_held());
        ended.map(|(place, _)| place.clone()).collect()
    }

    /// Writes this; returns whether it is on disk.
    fn write(
        &self,
        access: &mut Access,
        now: Timestamp,
        jobs: Vec<Job>,
        forgotten: Vec<Place>,
    ) -> bool {
        if jobs.is_empty() && forgotten.is_empty() {
            return true;
        }
        let places: Vec<&Place> = jobs.iter().map(|job| &job.place).collect();
        let nothing = State::default();
        let writes = jobs.iter().filter_map(|job| {
            let changes = job
                .now
                .changes_since(job.base.as_deref().unwrap_or(&nothing));
            let afresh = job.base.is_none();
            (afresh || !changes.is_empty()).then_some(Write {
                place: &job.place,
                afresh,
                changes,
            })
        });
        let writes: Vec<Write<'_>> = writes.collect();
        if writes.is_empty() && forgotten.is_empty() {
            return true;
        }
        let written = match self.open(access) {
            Ok(None) => {
                self.book().forgotten.extend(forgotten);
                return false;
            }
            Ok(Some(file)) => {
                let second = now.as_second().unsigned_abs();
                file.write(&writes, &places, &forgotten, wall_ahead(), second)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            self.book().forgotten.extend(forgotten);
            self.fail(access, &error);
            return false;
        }
        let written: Vec<Place> = writes.iter().map(|write| write.place.clone()).collect();
        drop(writes);
        let mut book = self.book();
        if book.failing.take().is_some() {
            tracing::info!(
                "{}: what plugins keep is on disk again",
                self.path.display()
            );
        }
        for Job {
            place, now: state, ..
        } in jobs
        {
            if written.contains(&place)
                && let Some(slot) = book.states.get_mut(&place)
            {
                slot.base = Some(Arc::new(state));
                slot.there = true;
                slot.saved = Some(now);
            }
        }
        true
    }

    /// The states as they are now, and what is to be removed.
    fn jobs(&self) -> (Vec<Job>, Vec<Place>) {
        let mut book = self.book();
        let mut forgotten = std::mem::take(&mut book.forgotten);
        let mut jobs = Vec::new();
        book.states.retain(|place, slot| {
            match slot.kept.standing() {
                Standing::Gone => return false,
                Standing::Early => {}
                Standing::Now(now) => jobs.push(Job {
                    place: place.clone(),
                    now,
                    base: slot.base.clone(),
                }),
                // The generation in service does not want it kept any more.
                Standing::NotKept if slot.there => {
                    forgotten.insert(place.clone());
                    slot.there = false;
                    slot.base = None;
                }
                Standing::NotKept => {}
            }
            true
        });
        (jobs, forgotten.into_iter().collect())
    }
}

/// What the wall's clock is ahead of the clock of events, ns.
fn wall_ahead() -> u64 {
    let wall = u64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(0);
    wall.saturating_sub(boot_time())
}

/// The thread that writes. When it is dropped, everything is written once more.
#[derive(Debug)]
pub struct Saver {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Saver {
    /// Starts it.
    ///
    /// # Errors
    /// No thread can be made.
    pub fn start(store: Arc<Store>) -> std::io::Result<Saver> {
        let (end, ended) = bounded(0);
        let thread = std::thread::Builder::new()
            .name("plugin-state".to_owned())
            .spawn(move || {
                while ended.recv_timeout(EACH) == Err(RecvTimeoutError::Timeout) {
                    store.save();
                }
                store.save();
                // Closed in order, it need not be mended when it is opened again.
                store.access().file = None;
            })?;
        Ok(Saver {
            end: Some(end),
            thread: Some(thread),
        })
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            // It ended, by itself or by a panic that was printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}

/// The file of what an agent's plugins keep.
pub fn file_of(state: &Path, instance: &str) -> PathBuf {
    state.join(format!("{instance}.state.redb"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests;
