//! A plugin in service, as the pipeline feeds it: what it wants now, what waits for it, and what it
//! is about to want.

use super::{
    cache::Source,
    command::{GenerationReport, LimitsReport, Reply, Report},
    component::Digest,
    life::{Entered, Stage},
    load::{Compiled, Generation},
    metrics::Metric,
    outcome::{Health, Outcome},
    queue::{Delivery, Overflow, Queue},
    stats::{Counters, Stats},
};
use crate::{manifest::Manifest, record::Record};
use crossbeam_channel::Sender;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};
use vedette_contract::kind;
use vedette_sensor::{event::Event, filter::Filter};

/// Time between two findings that say that a plugin's queue overflows, ns of event time.
const SHED_REPORT: u64 = 10_000_000_000;

/// A plugin in service, for people and for the control socket.
#[derive(Debug, Clone)]
pub struct PluginInfo {
    /// Its id.
    pub id: Arc<str>,
    /// The file that it came from.
    pub path: PathBuf,
    /// Digest of its component.
    pub digest: Digest,
    /// Number of its generation.
    pub generation: u32,
    /// Its manifest: version, subscriptions, what it may raise.
    pub manifest: Arc<Manifest>,
    /// Whether it was compiled for this start.
    pub source: Source,
    /// Its figures, over all generations.
    pub stats: Stats,
    /// Its own counters and gauges.
    pub metrics: BTreeMap<String, Metric>,
    /// Keys and bytes that it keeps.
    pub state: (usize, usize),
    /// Events that wait for it.
    pub waiting: usize,
}

/// A generation by its number.
type Numbered = (u32, Arc<Compiled>);

/// One plugin in service.
#[derive(Debug)]
pub(super) struct Service {
    pub id: Arc<str>,
    pub live: Numbered,
    /// The generation that was sent down the queue and has not settled.
    pub next: Option<Numbered>,
    /// Who asked for it.
    reply: Option<Reply>,
    pub queue: Arc<Queue>,
    counters: Arc<Counters>,
    waiting: Vec<Delivery>,
    batch: usize,
    outcomes: Sender<Outcome>,
    /// Events shed since the last finding that said so, and the time of that.
    shed: u64,
    shed_said: Option<u64>,
}

impl Service {
    /// A plugin with its first generation; its runner is to be given the same queue and counters.
    pub fn new(
        first: &Generation,
        overflow: Overflow,
        batch: usize,
        outcomes: Sender<Outcome>,
    ) -> (Service, Arc<Counters>) {
        let counters = Arc::new(Counters::default());
        let service = Service {
            id: first.compiled.manifest.id.as_str().into(),
            live: (first.number, first.compiled.clone()),
            next: None,
            reply: None,
            queue: Arc::new(Queue::new(overflow, counters.clone())),
            counters: counters.clone(),
            waiting: Vec::new(),
            batch,
            outcomes,
            shed: 0,
            shed_said: None,
        };
        (service, counters)
    }

    /// Which generations want an event: none is 0.
    #[inline]
    pub fn wants(&self, event: &Event, container: bool) -> [u32; 2] {
        let of = |(number, compiled): &Numbered| {
            if compiled.subscriptions.matches(event, container) {
                *number
            } else {
                0
            }
        };
        [of(&self.live), self.next.as_ref().map_or(0, of)]
    }

    /// What it wants from the kernel, or is about to want.
    pub fn filter(&self) -> Filter {
        let mut filter = self.live.1.subscriptions.filter();
        if let Some((_, next)) = &self.next {
            filter.union(&next.subscriptions.filter());
        }
        filter
    }

    /// Lets a record wait for it; a whole batch is handed over at once.
    pub fn offer(&mut self, record: Arc<Record>, wanted_by: [u32; 2]) {
        let at = record.event.at;
        self.waiting.push(Delivery { record, wanted_by });
        if self.waiting.len() >= self.batch {
            self.hand_over(at);
        }
    }

    /// Hands what waits to the worker, if anything does.
    pub fn flush(&mut self) {
        if let Some(last) = self.waiting.last() {
            self.hand_over(last.record.event.at);
        }
    }

    /// Hands what waits to the worker; says so if there was no room.
    fn hand_over(&mut self, at: u64) {
        self.shed += self.queue.push(&mut self.waiting);
        let said_lately = self
            .shed_said
            .is_some_and(|said| at.saturating_sub(said) < SHED_REPORT);
        if self.shed > 0 && !said_lately {
            let message = format!(
                "{} does not keep up: {} events did not reach it. Narrow its subscriptions, or give the agent another worker",
                self.id, self.shed
            );
            let finding = Health::EventsShed.finding(&self.id, message, "shed", at);
            // Nobody listens any more only when the agent is on its way out.
            let _ = self.outcomes.send(Outcome::Finding(Box::new(finding)));
            self.shed = 0;
            self.shed_said = Some(at);
        }
    }

    /// Sends a new generation down the queue, behind what waits. Returns whether it is to be
    /// offered the processes that live: not where it takes over what the old one remembers.
    pub fn replace(&mut self, generation: Box<Generation>, reply: Option<Reply>) -> bool {
        self.flush();
        let new = generation.compiled.clone();
        // One in quarantine has no memory to hand over.
        let restored = new.snapshot && self.live.1.snapshot && !self.counters.read().quarantined;
        let existing = new.subscriptions.kinds().has(kind::EXISTING);
        let number = generation.number;
        let waiting = self.queue.len();
        self.live.1.life.enter(
            Stage::Draining,
            format!("generation {number} takes over behind the {waiting} events that wait"),
        );
        self.next = Some((number, new));
        self.reply = reply;
        self.queue.switch(generation);
        existing && !restored
    }

    /// Sends the end down the queue, behind what waits; returns the queue.
    pub fn end(mut self) -> Arc<Queue> {
        self.flush();
        self.queue.stop();
        self.queue
    }

    /// Puts it into quarantine, behind what waits.
    pub fn hold(&mut self) {
        self.flush();
        self.queue.hold();
    }

    /// Lets it serve again if it is in quarantine.
    pub fn release(&mut self) {
        self.flush();
        self.queue.release();
    }

    /// Takes note of a switch that has ended; returns whether one has.
    pub fn settle(&mut self) -> bool {
        let Some(settled) = self.queue.settled() else {
            return false;
        };
        let expected = |next: &mut Numbered| next.0 == settled.generation;
        let Some(next) = self.next.take_if(expected) else {
            return false;
        };
        let reply = self.reply.take();
        match settled.result {
            Ok(pause_ns) => {
                if let Some(reply) = reply {
                    reply.done(format!(
                        "plugin {} {} is in service as generation {}, pause {:.3} ms",
                        self.id,
                        next.1.manifest.version,
                        next.0,
                        pause_ns as f64 / 1e6
                    ));
                }
                self.live = next;
            }
            Err(reason) => {
                if let Some(reply) = reply {
                    reply.refuse(reason);
                }
            }
        }
        true
    }

    /// What is to be known of it.
    pub fn info(&self) -> PluginInfo {
        let (generation, compiled) = &self.live;
        let kept = compiled.kept().lock();
        PluginInfo {
            id: self.id.clone(),
            path: compiled.path.clone(),
            digest: compiled.digest,
            generation: *generation,
            manifest: compiled.manifest.clone(),
            source: compiled.source,
            stats: self.counters.read(),
            metrics: kept.metrics.values().clone(),
            state: kept.state.size(),
            waiting: self.queue.len(),
        }
    }

    /// The same for the operator.
    pub fn report(&self) -> Report {
        let PluginInfo {
            id,
            path,
            digest,
            generation,
            manifest,
            stats,
            metrics,
            state: (state_keys, state_bytes),
            waiting,
            ..
        } = self.info();
        let stages = self.live.1.life.stages();
        let at = stages.last().cloned();
        let at = at.unwrap_or_else(|| Entered::now(Stage::Active, ""));
        let mut kinds: Vec<String> = manifest
            .subscriptions
            .iter()
            .map(|subscription| subscription.kind.name.to_owned())
            .collect();
        kinds.sort();
        kinds.dedup();
        let generations = self.next.iter().chain([&self.live]);
        Report {
            title: manifest.title.clone(),
            generation: Some(generation),
            generations: generations.map(told).collect(),
            stats: Some(stats),
            metrics,
            state_keys,
            state_bytes,
            waiting,
            kinds,
            limits: Some(LimitsReport {
                memory: manifest.limits.memory,
                deadline_ms: manifest.limits.deadline.as_millis() as u64,
            }),
            ..Report::idle(&path, &id, &manifest.version, Some(digest), at)
        }
    }
}

fn told((number, compiled): &Numbered) -> GenerationReport {
    GenerationReport {
        number: Some(*number),
        version: compiled.manifest.version.clone(),
        digest: compiled.digest.to_string(),
        stages: compiled.life.stages(),
    }
}
