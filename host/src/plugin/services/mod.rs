//! The host services of one instance: what a plugin's imports call, a file each.
//!
//! Everything that a call does is gathered here and takes effect when the call returns.

mod context;
#[cfg(test)]
mod documented;
mod file;
mod intel;
mod log;
mod machine;
mod memory;
mod metrics;
mod quota;
mod state;
mod timer;

pub use log::{Level, Line};
pub use memory::is_limit;
pub use timer::{MAX_TIMERS, Timers};

use super::{
    batch::{AddressHasher, Builder},
    bindings::vedette::detect as contract,
    engine::Term,
    metrics::{Changes, Metrics},
    state::{Entry, Key, Pending, State, Unloaded},
};
use crate::{
    answers::Answers,
    context::{Moment, process::Process},
    intel::Lists,
    manifest::{Manifest, Restart, Service},
    record::Record,
};
use std::{
    collections::{BTreeSet, HashMap},
    hash::BuildHasherDefault,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};
use wasmtime::component::{HasSelf, Linker};

/// Step of the time that `state` and `timer` see: ns. A batch never holds events of two steps, so
/// that what has ended does not depend on how events fall into batches.
pub const CLOCK_STEP: u64 = 100_000_000;

/// What was when events happened, by their ids.
pub type Moments = HashMap<u64, Moment, BuildHasherDefault<AddressHasher>>;

/// What services answer from, beside what a plugin keeps.
#[derive(Debug, Default)]
pub struct Known {
    /// The moments of the events that are being judged.
    pub moments: Moments,
    /// The operator's lists, if there are any, as they are between these events and the next.
    pub lists: Option<Arc<Lists>>,
    /// Where questions about the machine are answered.
    pub answers: Answers,
}

/// What belongs to a plugin and not to one of its instances.
#[derive(Debug, Default)]
pub struct Kept {
    /// Its keys and values.
    pub state: State,
    /// Its counters and gauges.
    pub metrics: Metrics,
    /// Its timers.
    pub timers: Timers,
    /// The step of the clock that was seen last; 0 before the first event.
    clock: u64,
    /// Its state is to outlast the agent.
    lasting: bool,
    logged: log::Logged,
    used: quota::Used,
}

impl Kept {
    /// Lines that were dropped because there were too many.
    pub fn lines_dropped(&self) -> u64 {
        self.logged.dropped
    }

    /// The timers that are due by this step, as events.
    pub fn due(&mut self, now: u64) -> Vec<Arc<Record>> {
        self.set_clock(now);
        std::iter::from_fn(|| self.timers.fire(now)).collect()
    }

    /// Brings the clock to a step. It never goes back: an event that comes late belongs to the
    /// step that is on.
    fn set_clock(&mut self, now: u64) {
        if now <= self.clock {
            return;
        }
        if self.clock == 0 {
            // What `init` wrote before there was a time.
            self.state.begin(now);
            self.timers.begin(now);
        }
        self.clock = now;
        self.state.expire(now);
    }
}

/// [`Kept`], shared by the generations of a plugin and by who asks for its figures.
#[derive(Debug, Clone, Default)]
pub struct Shared(Arc<Mutex<Kept>>);

/// What a plugin had kept at one moment, to go back to.
#[derive(Debug, Clone)]
pub struct Saved {
    state: State,
    timers: Timers,
}

impl Shared {
    /// The lock on it. A panic while it was held left nothing half done that matters here.
    pub fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy for a generation that runs beside the one in service: what it writes is its own. It
    /// shares all that neither writes, so its cost does not depend on the size of the state.
    pub fn fork(&self) -> Shared {
        let kept = self.lock();
        Shared(Arc::new(Mutex::new(Kept {
            state: kept.state.clone(),
            timers: kept.timers.clone(),
            clock: kept.clock,
            ..Kept::default()
        })))
    }

    /// What is kept now, to go back to with [`restore`](Shared::restore). As cheap as a fork.
    pub fn save(&self) -> Saved {
        let kept = self.lock();
        Saved {
            state: kept.state.clone(),
            timers: kept.timers.clone(),
        }
    }

    /// Goes on from where another is: a trial begins with what the one in service knows.
    pub fn follow(&self, other: &Shared, at: u64) {
        let Saved { state, timers } = other.save();
        let mut kept = self.lock();
        kept.state = state;
        kept.timers = timers;
        kept.set_clock(at);
    }

    /// Whether it is the same.
    pub fn is(&self, other: &Shared) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether another has it too.
    pub fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Holds it to the limits of this manifest.
    pub fn allow(&self, manifest: &Manifest) {
        let mut kept = self.lock();
        kept.state.set_quota(manifest.limits.state as usize);
        kept.lasting = manifest.state.restart == Restart::Keep;
    }

    /// Gives it what an earlier run of the agent has kept; `at` is the time, ns of event time.
    /// Returns a copy of what it has then, and how much was left out.
    pub fn load(&self, entries: Vec<(Key, Entry)>, at: u64) -> (State, Unloaded) {
        let mut kept = self.lock();
        let now = at / CLOCK_STEP * CLOCK_STEP;
        if !entries.is_empty() {
            // Its time goes on, and does not begin with the first event.
            kept.set_clock(now);
        }
        let unloaded = kept.state.load(entries, now);
        (kept.state.clone(), unloaded)
    }

    /// The same, to be looked at for as long as others hold it.
    pub fn watch(&self) -> Watched {
        Watched(Arc::downgrade(&self.0))
    }

    /// Goes back to what was kept then; metrics go on. Returns how many keys, and bytes of them,
    /// had changed.
    pub fn restore(&self, saved: &Saved) -> (usize, usize) {
        let mut kept = self.lock();
        let now = kept.clock;
        let changed = kept.state.differs_from(&saved.state);
        kept.state.restore(&saved.state);
        kept.state.expire(now);
        kept.timers = saved.timers.clone();
        changed
    }
}

/// A [`Shared`] that others hold.
#[derive(Debug)]
pub struct Watched(Weak<Mutex<Kept>>);

/// How a state stands that is to outlast the agent.
#[derive(Debug)]
pub enum Standing {
    /// Nobody has it any more.
    Gone,
    /// The generation in service does not ask for it to last.
    NotKept,
    /// It has seen no event yet, so that its times mean nothing.
    Early,
    /// As it is now. The copy shares all that is not written afterwards.
    Now(State),
}

impl Watched {
    /// Whether it is that.
    pub fn is(&self, shared: &Shared) -> bool {
        std::ptr::eq(self.0.as_ptr(), Arc::as_ptr(&shared.0))
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        let Some(kept) = self.0.upgrade() else {
            return Standing::Gone;
        };
        let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        match (kept.lasting, kept.clock) {
            (false, _) => Standing::NotKept,
            (true, 0) => Standing::Early,
            (true, _) => Standing::Now(kept.state.clone()),
        }
    }
}

/// What an instance's imports act on, and what it may take.
#[derive(Debug)]
pub struct Services {
    kept: Shared,
    now: u64,
    /// Builds answers of the context; none where the plugin does not ask.
    answers: Option<Builder>,
    /// The moments of the events of the batch, where it may ask about them.
    moments: Vec<(u64, Moment)>,
    /// The operator's lists, during a call that may ask them.
    lists: Option<Arc<Lists>>,
    asks_lists: bool,
    /// The machine, where it may ask about that.
    machine: Option<machine::Machine>,
    /// Processes that the call was shown beyond its batch, with the event that it asked about.
    shown: Vec<(u64, Arc<Process>)>,
    pending: Pending,
    timers: timer::Pending,
    changes: Changes,
    lines: log::Lines,
    asked: quota::Asked,
    memory: memory::Memory,
    /// The time that the call has.
    pub term: Term,
}

impl Services {
    /// Services over what the plugin has kept, for an instance of it.
    pub fn new(kept: Shared, manifest: &Manifest) -> Services {
        let now = kept.lock().clock;
        Services {
            kept,
            now,
            answers: manifest
                .services
                .contains(&Service::Context)
                .then(|| Builder::new(&manifest.fields)),
            moments: Vec::new(),
            lists: None,
            asks_lists: manifest.services.contains(&Service::Intel),
            machine: machine::Machine::of(manifest),
            shown: Vec::new(),
            pending: Pending::default(),
            timers: timer::Pending::default(),
            changes: Changes::default(),
            lines: log::Lines::default(),
            asked: quota::Asked::default(),
            memory: memory::Memory::new(manifest.limits.memory as usize),
            term: Term::begin(manifest.limits.deadline),
        }
    }

    /// A call begins, with these events, all of one step of the clock: that which `at` is in.
    pub fn begin(&mut self, records: &[Arc<Record>], known: &Known, at: u64) {
        let now = at / CLOCK_STEP * CLOCK_STEP;
        if now > self.now {
            self.kept.lock().set_clock(now);
            self.now = now;
        }
        self.moments.clear();
        if self.answers.is_some() {
            let ids = records.iter().map(|record| record.event.id);
            let moments = ids.filter_map(|id| Some((id, known.moments.get(&id)?.clone())));
            self.moments.extend(moments);
        }
        if self.asks_lists {
            self.lists.clone_from(&known.lists);
        }
        if let Some(machine) = &mut self.machine {
            machine.begin(records, &known.answers);
        }
    }

    /// The processes that the last call was shown beyond its batch, with the event that it asked
    /// about.
    pub fn take_shown(&mut self) -> Vec<(u64, Arc<Process>)> {
        std::mem::take(&mut self.shown)
    }

    /// The call returned: what it did takes effect. Returns the lines that it logged.
    pub fn commit(&mut self) -> Vec<Line> {
        // Whoever holds a moment keeps what was then in memory; so do lists.
        self.moments.clear();
        self.lists = None;
        if let Some(machine) = &mut self.machine {
            machine.end();
        }
        if self.lines.is_empty()
            && self.changes.is_empty()
            && self.pending.is_empty()
            && self.timers.is_empty()
            && self.asked.is_empty()
        {
            return Vec::new();
        }
        let mut kept = self.kept.lock();
        let kept = &mut *kept;
        kept.state.commit(&mut self.pending);
        self.timers.commit(&mut kept.timers);
        self.asked.commit(&mut kept.used, self.now);
        kept.metrics.commit(&mut self.changes);
        kept.logged.take(&mut self.lines, self.now)
    }

    /// The last error that a call has logged which did not return.
    pub fn last_error(&mut self) -> Option<String> {
        self.lines.last_error()
    }

    /// Bytes of linear memory that the instance has.
    pub fn memory_used(&self) -> usize {
        self.memory.used()
    }
}

/// Gives the linker the services that a plugin declares and has been granted, and no others.
pub fn link(linker: &mut Linker<Services>, services: &BTreeSet<Service>) -> wasmtime::Result<()> {
    for service in services {
        match service {
            Service::Log => contract::log::add_to_linker::<_, HasSelf<_>>(linker, |s| s)?,
            Service::Metrics => contract::metrics::add_to_linker::<_, HasSelf<_>>(linker, |s| s)?,
            Service::State => contract::state::add_to_linker::<_, HasSelf<_>>(linker, |s| s)?,
            Service::Context => context::link(linker)?,
            Service::Intel => contract::intel::add_to_linker::<_, HasSelf<_>>(linker, |s| s)?,
            Service::Timer => contract::timer::add_to_linker::<_, HasSelf<_>>(linker, |s| s)?,
            Service::File => contract::file::add_to_linker::<_, HasSelf<_>>(linker, |s| s)?,
        }
    }
    Ok(())
}
