//! What one event costs a plugin: its calls timed one by one, over the mix of the design or a
//! capture.

use super::trial::{Capture, Subject, TrialError};
use crate::context::{Context, Rows};
use crate::grants::Grants;
use crate::plugin::batch::Builder;
use crate::plugin::cache::Cache;
use crate::plugin::engine::{self, EngineError};
use crate::plugin::load::{Compiled, Loader};
use crate::plugin::services::CLOCK_STEP;
use crate::record::Record;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vedette_contract::kind;
use vedette_sensor::event::{Event, Image, Task, TaskRef};

/// What an event may cost a Rust plugin on the mix of the design, ns.
pub const BUDGET_NS: f64 = 150.0;

/// Most events that a call gets.
const BATCH: usize = 64;

/// Most events that are kept for timing: bounds the memory of a bench over a long capture.
const MAX_EVENTS: usize = 500_000;

/// Calls that are made before any is timed.
const WARM_UP: usize = 200;

/// Processes of the mix.
const PROCESSES: u32 = 12;

/// Events of the mix.
const MIX: u32 = 64 * 100;

/// A bench could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The capture cannot be read.
    #[error(transparent)]
    Capture(#[from] TrialError),
    /// An agent would refuse the plugin too.
    #[error("{path}: {reason}")]
    Refused {
        /// The component.
        path: String,
        /// Why.
        reason: String,
    },
    /// Nothing to measure.
    #[error(
        "the plugin wants none of these events, so there is nothing to time; give a capture that holds what it looks for with --capture FILE: `vedette record FILE -- COMMAND` makes one"
    )]
    NothingWanted,
    /// A call failed.
    #[error("a call was aborted: {0}; `vedette plugin replay` tells which event does it")]
    Aborted(String),
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Figures {
    /// What it was measured on.
    pub on: String,
    /// Events of it.
    pub offered: usize,
    /// Those that the plugin wants.
    pub delivered: usize,
    /// Calls that were timed.
    pub calls: usize,
    /// Events of a call, on average.
    pub events_a_call: f64,
    /// Time of an event: over all calls, and the median and 99th percentile of calls, ns.
    pub mean_ns: f64,
    /// See `mean_ns`.
    pub p50_ns: f64,
    /// See `mean_ns`.
    pub p99_ns: f64,
    /// What an event may cost, ns.
    pub budget_ns: f64,
    /// The longest call, ns.
    pub longest_call_ns: u64,
    /// How long a call may take by the manifest, ns.
    pub deadline_ns: u64,
    /// Bytes of linear memory that it takes.
    pub memory: u64,
    /// What it may take by the manifest.
    pub memory_limit: u64,
    /// From its bytes to its first instance, ns; without compilation where that is kept.
    pub start_ns: u64,
}

/// Times the calls of a plugin for about this long.
///
/// # Errors
/// See [`BenchError`].
pub fn bench(
    subject: &Subject,
    capture: Option<(&str, Capture)>,
    time: Duration,
) -> Result<Figures, BenchError> {
    let engine = engine::start()?;
    let cache = match &subject.cache {
        Some(path) => Cache::open(&engine, path).unwrap_or_else(|_| Cache::none(&engine)),
        None => Cache::none(&engine),
    };
    let loader = Loader::new(engine, cache, Grants::default());
    let begun = Instant::now();
    let generation = loader.load_bytes(&subject.path, subject.bytes.clone());
    let generation = generation.map_err(|error| BenchError::Refused {
        path: subject.path.display().to_string(),
        reason: error.to_string(),
    })?;
    let start_ns = begun.elapsed().as_nanos() as u64;
    let compiled = generation.compiled;
    let (on, events) = match capture {
        Some((name, capture)) => (name.to_owned(), capture.events),
        None => ("the mix of the design".to_owned(), mix()),
    };
    let offered = events.len();
    let records = wanted(events, &compiled);
    if records.is_empty() {
        return Err(BenchError::NothingWanted);
    }
    let mut calls = Calls::default();
    let begun = Instant::now();
    while begun.elapsed() < time || calls.timed.is_empty() {
        calls.round(&compiled, &records)?;
    }
    calls.timed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let at = |share: f64| {
        let last = calls.timed.len() - 1;
        calls.timed[(last as f64 * share) as usize].0
    };
    let manifest = &compiled.manifest;
    Ok(Figures {
        on,
        offered,
        delivered: records.len(),
        calls: calls.timed.len(),
        events_a_call: calls.events as f64 / calls.timed.len() as f64,
        mean_ns: calls.ns as f64 / calls.events.max(1) as f64,
        p50_ns: at(0.5),
        p99_ns: at(0.99),
        budget_ns: BUDGET_NS,
        longest_call_ns: calls.timed.iter().map(|c| c.1).max().unwrap_or(0),
        deadline_ns: manifest.limits.deadline.as_nanos() as u64,
        memory: calls.memory,
        memory_limit: manifest.limits.memory,
        start_ns,
    })
}

/// The events that the plugin wants, with their context.
fn wanted(events: Vec<Event>, compiled: &Compiled) -> Vec<Arc<Record>> {
    let mut context = Context::default();
    let mut records = Vec::new();
    for event in events {
        let Rows { process, target } = context.apply(&event);
        let inside = process.as_ref().is_some_and(|p| p.container.is_some());
        if records.len() < MAX_EVENTS && compiled.subscriptions.matches(&event, inside) {
            records.push(Arc::new(Record {
                event,
                process,
                target,
            }));
        }
    }
    records
}

/// The calls that were made.
#[derive(Default)]
struct Calls {
    made: usize,
    /// ns an event, ns of the call.
    timed: Vec<(f64, u64)>,
    events: u64,
    ns: u64,
    memory: u64,
}

impl Calls {
    /// All events once, through a fresh instance: what it remembers of one round must not
    /// quicken the next.
    fn round(&mut self, compiled: &Compiled, records: &[Arc<Record>]) -> Result<(), BenchError> {
        let mut instance = compiled.start().map_err(|error| BenchError::Refused {
            path: compiled.path.display().to_string(),
            reason: error.to_string(),
        })?;
        let mut builder = Builder::new(&compiled.manifest.fields);
        let mut left = records;
        while let Some(first) = left.first() {
            // As in an agent, no call gets events of two steps of the clock.
            let step = first.event.at / CLOCK_STEP;
            let same = |r: &&Arc<Record>| r.event.at / CLOCK_STEP == step;
            let most = left.iter().take(BATCH).take_while(same).count();
            let (batch, count) = builder.build(&left[..most], |_| {});
            let begun = Instant::now();
            let answer = instance.detect(&batch, step * CLOCK_STEP);
            let ns = begun.elapsed().as_nanos() as u64;
            answer.map_err(|abort| BenchError::Aborted(abort.to_string()))?;
            instance.commit();
            builder.reuse(batch);
            // Always gets on, whatever a builder may refuse to take.
            left = &left[count.max(1)..];
            self.made += 1;
            // A round that is shorter than the warm-up is timed from its second time on.
            if self.made > WARM_UP {
                self.timed.push((ns as f64 / count.max(1) as f64, ns));
                self.events += count as u64;
                self.ns += ns;
            }
        }
        self.memory = self.memory.max(instance.memory_used() as u64);
        Ok(())
    }
}

/// The mix of the design: 10 % exec, 40 % open, 30 % connect, the rest fork and exit, of a dozen
/// processes.
pub fn mix() -> Vec<Event> {
    let process = |pid: u32| TaskRef {
        pid,
        start: 1_000_000 + u64::from(pid),
    };
    let mut id = 0;
    let mut event = |kind: u16, pid: u32, parent: u32, text: &[u8]| {
        id += 1;
        let image = matches!(kind, kind::EXEC | kind::EXISTING).then(|| {
            Box::new(Image {
                args: b"/usr/bin/python3\0/srv/app/worker.py\0--verbose"[..].into(),
                args_len: 45,
                inode: 77,
                device: 1,
                ..Image::default()
            })
        });
        Event {
            kind,
            id,
            at: 10 * CLOCK_STEP,
            task: Task {
                process: process(pid),
                parent: process(parent),
                tid: pid,
                ..Task::default()
            },
            text: text.into(),
            image,
            ..Event::default()
        }
    };
    let mut events = vec![
        event(kind::EXISTING, 1, 0, b"/sbin/init"),
        event(kind::EXISTING, 50, 1, b"/usr/bin/containerd-shim"),
    ];
    for n in 0..PROCESSES {
        events.push(event(kind::EXISTING, 100 + n, 50, b"/usr/bin/python3"));
    }
    for n in 0..MIX {
        let pid = 100 + n % PROCESSES;
        let child = 1000 + n;
        events.push(match n % 10 {
            0 => Event {
                // One name on device 1.
                b: 1 | 1 << 32,
                ..event(kind::EXEC, pid, 50, b"/usr/bin/python3")
            },
            1..=4 => event(
                kind::OPEN,
                pid,
                50,
                b"/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0",
            ),
            5..=7 => Event {
                // AF_INET and SOCK_STREAM, port 443.
                a: 443 | 0x1_0002 << 32,
                ..event(kind::CONNECT, pid, 50, &[10, 1, 2, 3])
            },
            8 => Event {
                target: Some(process(child)),
                ..event(kind::FORK, pid, 50, b"")
            },
            _ => event(kind::EXIT, child - 1, pid, b""),
        });
    }
    events
}

impl Figures {
    /// Whether an event costs no more than it may: by the median, since the mean holds all the
    /// times at which the machine did something else.
    pub fn within_budget(&self) -> bool {
        self.p50_ns <= self.budget_ns
    }
}
