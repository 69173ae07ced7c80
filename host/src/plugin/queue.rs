//! The queue of one plugin: filled by the pipeline, emptied by the worker that owns the plugin.

use super::{
    load::{Compiled, Generation},
    shadow::{Rehearsal, ShadowReport},
    stats::Counters,
};
use crate::{context::Moment, intel::Lists, record::Record};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool,
            Ordering::{AcqRel, Relaxed},
        },
    },
    thread::Thread,
    time::Duration,
};
use vedette_contract::{Kind, Lane};

/// Most events that wait for one plugin: some tens of ms of a storm, and a bound on memory.
pub const CAP: usize = 16_384;
/// From here on only events of the security lane are taken: bulk sheds first.
const BULK_CAP: usize = CAP / 4 * 3;

/// What a full queue does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// It sheds, bulk first, and counts: on a live system nothing may wait for a plugin.
    #[default]
    Shed,
    /// The pipeline waits: a replay loses nothing.
    Wait,
}

/// An event on its way, and the generations that want it: 0 is none.
#[derive(Debug)]
pub struct Delivery {
    /// The event.
    pub record: Arc<Record>,
    /// Generations that want it: that in service, and that which is about to be.
    pub wanted_by: [u32; 2],
    /// What was when it happened, for plugins that ask.
    pub moment: Option<Moment>,
}

/// One item of a queue, in the order in which it is to happen.
#[derive(Debug)]
enum Item {
    Event(Delivery),
    Switch(Box<Generation>),
    Rehearse(Box<Trial>),
    EndShadow { at: u64 },
    Rollback { from: u32 },
    Lists(Option<Arc<Lists>>),
    Hold,
    Release,
    Stop,
}

/// What a worker took out of a queue.
#[derive(Debug)]
pub enum Taken {
    /// Nothing waits.
    Nothing,
    /// Events, in the worker's own buffer.
    Events,
    /// A new generation is to take over.
    Switch(Box<Generation>),
    /// A new generation is to run beside the one in service.
    Rehearse(Box<Trial>),
    /// That is over.
    EndShadow {
        /// Event time, ns.
        at: u64,
    },
    /// The generation before is to come back.
    Rollback {
        /// The one that serves.
        from: u32,
    },
    /// It is to be answered from these lists.
    Lists(Option<Arc<Lists>>),
    /// The plugin is to be put into quarantine.
    Hold,
    /// The plugin is to serve again.
    Release,
    /// The plugin is to end.
    Stop,
}

/// A generation that is to run beside the one in service.
#[derive(Debug)]
pub struct Trial {
    /// What it was compiled to.
    pub compiled: Arc<Compiled>,
    /// Its number.
    pub number: u32,
    /// Its instance for the trial.
    pub rehearsal: Rehearsal,
}

/// What a generation has come to.
#[derive(Debug)]
pub enum Turned {
    /// It took over.
    Switched {
        /// From the end of the old one's last call to its own readiness, ns.
        pause_ns: u64,
    },
    /// It did not, and why.
    Refused(String),
    /// It was taken back.
    Back {
        /// The generation that serves again.
        to: u32,
        /// That, in words.
        told: String,
    },
    /// Its trial is over.
    Rehearsed(Box<ShadowReport>),
}

/// How a switch ended.
#[derive(Debug)]
pub struct Settled {
    /// The generation that it is about.
    pub generation: u32,
    /// What it has come to.
    pub turned: Turned,
}

#[derive(Debug, Default)]
struct Inner {
    items: VecDeque<Item>,
    /// What was taken last is still being worked on.
    busy: bool,
    /// Nobody takes anything any more.
    closed: bool,
    settled: Vec<Settled>,
    signal: Option<Arc<Signal>>,
}

/// The queue of one plugin.
#[derive(Debug)]
pub struct Queue {
    inner: Mutex<Inner>,
    /// Items were taken, or the worker became idle.
    moved: Condvar,
    overflow: Overflow,
    counters: Arc<Counters>,
    /// Somebody waits for its end.
    ends: AtomicBool,
}

impl Queue {
    /// An empty queue, whose losses are counted there.
    pub fn new(overflow: Overflow, counters: Arc<Counters>) -> Queue {
        Queue {
            inner: Mutex::default(),
            moved: Condvar::new(),
            overflow,
            counters,
            ends: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No call is made while it is held that could leave it half changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'q>(&self, guard: MutexGuard<'q, Inner>) -> MutexGuard<'q, Inner> {
        self.moved
            .wait(guard)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Names the worker that is to be woken.
    pub fn serve(&self, signal: Arc<Signal>) {
        self.lock().signal = Some(signal);
    }

    /// Appends events, wakes the worker, and returns how many there was no room for.
    pub fn push(&self, events: &mut Vec<Delivery>) -> u64 {
        let mut shed = 0;
        let mut inner = self.lock();
        for event in events.drain(..) {
            if inner.closed {
                Counters::add(&self.counters.lost, 1);
                continue;
            }
            while self.overflow == Overflow::Wait && inner.items.len() >= CAP && !inner.closed {
                wake(&inner);
                inner = self.wait(inner);
            }
            // Below the bulk cap the lane need not be known.
            if inner.items.len() >= BULK_CAP && self.overflow == Overflow::Shed {
                let lane = lane(&event.record);
                if lane == Lane::Bulk || inner.items.len() >= CAP {
                    self.counters.shed(lane);
                    shed += 1;
                    continue;
                }
            }
            inner.items.push_back(Item::Event(event));
        }
        wake(&inner);
        shed
    }

    /// Appends a switch behind what waits.
    pub fn switch(&self, generation: Box<Generation>) {
        self.append(Item::Switch(generation));
    }

    /// Appends a trial behind what waits.
    pub fn rehearse(&self, trial: Box<Trial>) {
        self.append(Item::Rehearse(trial));
    }

    /// Appends the end of a trial, at this event time.
    pub fn end_shadow(&self, at: u64) {
        self.append(Item::EndShadow { at });
    }

    /// Appends a rollback from this generation behind what waits.
    pub fn roll_back(&self, from: u32) {
        self.append(Item::Rollback { from });
    }

    /// Appends a change of the operator's lists behind what waits.
    pub fn turn_lists(&self, lists: Option<Arc<Lists>>) {
        self.append(Item::Lists(lists));
    }

    /// Appends a quarantine behind what waits.
    pub fn hold(&self) {
        self.append(Item::Hold);
    }

    /// Appends the end of a quarantine.
    pub fn release(&self) {
        self.append(Item::Release);
    }

    /// Appends the end.
    pub fn stop(&self) {
        self.append(Item::Stop);
    }

    fn append(&self, item: Item) {
        let mut inner = self.lock();
        if !inner.closed {
            inner.items.push_back(item);
            wake(&inner);
        }
    }

    /// Takes what is next: up to `max` events into `events`, or one item of another sort.
    pub fn take(&self, max: usize, events: &mut Vec<Delivery>) -> Taken {
        let mut inner = self.lock();
        let taken = loop {
            match inner.items.pop_front() {
                Some(Item::Event(event)) => {
                    events.push(event);
                    if events.len() >= max {
                        break Taken::Events;
                    }
                }
                Some(other) if !events.is_empty() => {
                    inner.items.push_front(other);
                    break Taken::Events;
                }
                Some(Item::Switch(generation)) => break Taken::Switch(generation),
                Some(Item::Rehearse(trial)) => break Taken::Rehearse(trial),
                Some(Item::EndShadow { at }) => break Taken::EndShadow { at },
                Some(Item::Rollback { from }) => break Taken::Rollback { from },
                Some(Item::Lists(lists)) => break Taken::Lists(lists),
                Some(Item::Hold) => break Taken::Hold,
                Some(Item::Release) => break Taken::Release,
                Some(Item::Stop) => break Taken::Stop,
                None if events.is_empty() => break Taken::Nothing,
                None => break Taken::Events,
            }
        };
        inner.busy = !matches!(taken, Taken::Nothing);
        if self.overflow == Overflow::Wait {
            self.moved.notify_all();
        }
        taken
    }

    /// What was taken has been worked on.
    pub fn done(&self) {
        let mut inner = self.lock();
        inner.busy = false;
        if inner.items.is_empty() {
            self.moved.notify_all();
        }
    }

    /// Nobody takes anything any more: what waits is lost, and so is what comes.
    pub fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.busy = false;
        let waiting = inner
            .items
            .drain(..)
            .filter(|item| matches!(item, Item::Event(_)));
        Counters::add(&self.counters.lost, waiting.count() as u64);
        self.moved.notify_all();
    }

    /// Whether nobody takes anything any more.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits until nothing waits and nothing is being worked on.
    pub fn wait_until_idle(&self) {
        let mut inner = self.lock();
        self.ends.store(true, Relaxed);
        wake(&inner);
        while inner.busy || !inner.items.is_empty() {
            inner = self.wait(inner);
        }
        self.ends.store(false, Relaxed);
    }

    /// Says how a switch ended.
    pub fn settle(&self, settled: Settled) {
        self.lock().settled.push(settled);
    }

    /// What generations have come to since the last call.
    pub fn settled(&self) -> Vec<Settled> {
        std::mem::take(&mut self.lock().settled)
    }

    /// Whether somebody waits for its end: then nothing is held back.
    pub fn ends(&self) -> bool {
        self.ends.load(Relaxed)
    }

    /// Whether it sheds what it has no room for.
    pub fn sheds(&self) -> bool {
        self.overflow == Overflow::Shed
    }

    /// Number of items that wait.
    pub fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn wake(inner: &Inner) {
    if let Some(signal) = &inner.signal {
        signal.raise();
    }
}

fn lane(record: &Record) -> Lane {
    Kind::by_number(record.event.kind).map_or(Lane::Bulk, |kind| kind.lane)
}

/// Wakes one worker. Raised twice before it looks, it wakes once.
#[derive(Debug)]
pub struct Signal {
    raised: AtomicBool,
    worker: Thread,
}

impl Signal {
    /// A signal for the thread that calls this.
    pub fn here() -> Arc<Signal> {
        Arc::new(Signal {
            raised: AtomicBool::new(false),
            worker: std::thread::current(),
        })
    }

    /// Wakes the worker.
    pub fn raise(&self) {
        if !self.raised.swap(true, AcqRel) {
            self.worker.unpark();
        }
    }

    /// Sleeps until the signal is raised, or the time is over. Only the worker may call it.
    pub fn wait(&self, time: Option<Duration>) {
        if self.raised.swap(false, AcqRel) {
            return;
        }
        match time {
            Some(time) => std::thread::park_timeout(time),
            None => std::thread::park(),
        }
        self.raised.swap(false, AcqRel);
    }
}
