//! What services answer from the machine, and from a capture in its place.
//!
//! A file, or the sockets of a process, are looked at a moment after the event, so what is seen
//! there is not in the stream by itself. Each answer is put there: as a record of kind `answer`,
//! which a capture keeps and a replay answers from. What a plugin is told goes through the form of
//! that record in either case, so that a replay cannot tell another thing than the agent did. While
//! events are being judged a question has one answer, however often it is asked: again after a
//! trap, or by a generation in the shadow.

mod elf;
pub(crate) mod look;
mod recorded;
mod said;

pub use elf::ElfFacts;
pub use look::{About, Asked, MAX_HEAD, What};
pub use recorded::Recorded;
pub(crate) use said::Told;
pub use said::{FileFacts, Said, Socket};

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};
use vedette_contract::{kind, values::event_mark};
use vedette_sensor::event::Event;

/// Answers of one plugin that are held while events are judged, and bytes of them: stops one that
/// asks without end within its quota from filling memory. The oldest makes room.
const MAX_HELD: usize = 4096;
const MAX_HELD_BYTES: usize = 8 << 20;

/// Answers that wait to be written into a capture, and bytes of them: what the workers add between
/// two looks of the thread that writes. The others are counted and, in a replay, unavailable.
const MAX_WAITING: usize = 16_384;
const MAX_WAITING_BYTES: usize = 16 << 20;

/// Where questions about the machine are answered. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Answers(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    source: Source,
    /// By plugin, what was answered about the events that are being judged.
    held: Mutex<HashMap<String, Held>>,
    /// Answers are kept for a capture.
    keeps: AtomicBool,
    waiting: Mutex<Waiting>,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
enum Source {
    /// Nothing is known: there is neither a machine nor a capture with answers.
    #[default]
    Nowhere,
    Machine,
    Capture(OnceLock<Recorded>),
}

/// Event and question.
type Key = (u64, String);

#[derive(Debug, Default)]
struct Held {
    said: HashMap<Key, Said>,
    order: VecDeque<Key>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    events: Vec<Event>,
    bytes: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No call is made while one is held that could leave it half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Answers {
    /// Answers from this machine.
    pub fn of_machine() -> Answers {
        Answers::from(Source::Machine)
    }

    /// Answers from a capture, once they are [known](Answers::know).
    pub fn of_capture() -> Answers {
        Answers::from(Source::Capture(OnceLock::new()))
    }

    fn from(source: Source) -> Answers {
        Answers(Arc::new(Inner {
            source,
            ..Inner::default()
        }))
    }

    /// Gives what a capture holds, before the first event is judged.
    pub fn know(&self, recorded: Recorded) {
        if let Source::Capture(known) = &self.0.source {
            // What is known already stays: answers do not change while events are judged.
            let _ = known.set(recorded);
        }
    }

    /// Keeps what is answered from now on for a capture.
    pub fn keep(&self) {
        self.0.keeps.store(true, Relaxed);
    }

    /// The answer to a plugin's question about an event.
    pub fn ask(&self, plugin: &str, event: u64, asked: &Asked<'_>) -> Said {
        let question = format!("{plugin} {asked}");
        let known = lock(&self.0.held)
            .get(plugin)
            .and_then(|held| held.said.get(&(event, question.clone())).cloned());
        if let Some(said) = known {
            return said;
        }
        let said = match &self.0.source {
            Source::Nowhere => Said::unavailable(),
            Source::Machine => Said::of(asked.look()),
            Source::Capture(recorded) => recorded
                .get()
                .and_then(|recorded| recorded.said(event, &question))
                .unwrap_or_else(Said::unavailable),
        };
        if self.0.keeps.load(Relaxed) {
            self.wait_for_capture(event, &question, &said);
        }
        let mut held = lock(&self.0.held);
        let held = held.entry(plugin.to_owned()).or_default();
        held.put((event, question), said.clone());
        said
    }

    /// The events that a plugin has asked about are judged.
    pub fn forget(&self, plugin: &str) {
        lock(&self.0.held).remove(plugin);
    }

    fn wait_for_capture(&self, event: u64, question: &str, said: &Said) {
        let mut waiting = lock(&self.0.waiting);
        let size = question.len() + said.as_bytes().len();
        if waiting.events.len() >= MAX_WAITING || waiting.bytes + size > MAX_WAITING_BYTES {
            self.0.lost.fetch_add(1, Relaxed);
            return;
        }
        waiting.bytes += size;
        waiting.events.push(Event {
            kind: kind::ANSWER,
            marks: event_mark::SYNTHETIC,
            a: event,
            text: question.as_bytes().into(),
            text2: said.as_bytes().into(),
            ..Event::default()
        });
    }

    /// The answers that wait for a capture, as events that still need their ids and times, and how
    /// many there was no room for since this was last asked.
    pub fn take(&self) -> (Vec<Event>, u64) {
        let waiting = std::mem::take(&mut *lock(&self.0.waiting));
        (waiting.events, self.0.lost.swap(0, Relaxed))
    }
}

impl Held {
    fn put(&mut self, key: Key, said: Said) {
        self.bytes += said.as_bytes().len();
        self.order.push_back(key.clone());
        self.said.insert(key, said);
        while self.order.len() > MAX_HELD || self.bytes > MAX_HELD_BYTES {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            if let Some(said) = self.said.remove(&oldest) {
                self.bytes -= said.as_bytes().len();
            }
        }
    }
}

#[cfg(test)]
mod tests;
