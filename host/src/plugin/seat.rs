//! A generation as it is called: its instance, what it was sent, the clock that it sees.

use super::{
    accept::{Answer, accept},
    batch::Builder,
    budget::Spent,
    delivered::Delivered,
    instance::{Aborted, Instance, StartError},
    load::Compiled,
    queue::Delivery,
    services::{CLOCK_STEP, Known, Line, Shared},
    stats::Counters,
};
use crate::{finding::Finding, intel::Lists, manifest::Service, record::Record};
use std::{
    cell::Cell,
    sync::{Arc, atomic::Ordering::Relaxed},
};
use vedette_contract::kind;

/// What a call that returned has said.
#[derive(Debug)]
pub(super) struct Said {
    /// Findings that were accepted.
    pub findings: Vec<Finding>,
    /// What was wrong with others, for the plugin's author.
    pub faults: Vec<String>,
    /// What it logged.
    pub lines: Vec<Line>,
}

/// What a call came to.
#[derive(Debug)]
pub(super) struct Called {
    /// Events that it held.
    pub count: usize,
    /// What it said, or why it did not return.
    pub said: Result<Said, Aborted>,
    /// How long it took.
    pub spent: Spent,
}

/// A generation with its instance.
#[derive(Debug)]
pub(super) struct Seat {
    pub compiled: Arc<Compiled>,
    pub number: u32,
    pub id: Arc<str>,
    pub version: Arc<str>,
    /// What its instances keep: the plugin's own, or a fork for a trial.
    kept: Shared,
    /// None while it is out of service.
    pub instance: Option<Instance>,
    /// What it was sent, and what the generation before it was.
    pub delivered: Delivered,
    builder: Builder,
    clock: u64,
    /// What it may ask about the events that are being judged.
    known: Known,
}

impl Seat {
    /// A generation with an instance of it, in the place of one that was sent this.
    pub fn new(
        compiled: Arc<Compiled>,
        number: u32,
        instance: Instance,
        delivered: Delivered,
        clock: u64,
    ) -> Seat {
        Seat {
            id: compiled.manifest.id.as_str().into(),
            version: compiled.manifest.version.as_str().into(),
            kept: compiled.kept().clone(),
            builder: Builder::new(&compiled.manifest.fields),
            instance: Some(instance),
            known: Known {
                answers: compiled.answers.clone(),
                ..Known::default()
            },
            compiled,
            number,
            delivered,
            clock,
        }
    }

    /// The same with these lists.
    pub fn with_lists(mut self, lists: Option<Arc<Lists>>) -> Seat {
        self.known.lists = lists;
        self
    }

    /// The operator's lists that it is answered from.
    pub fn lists(&self) -> &Option<Arc<Lists>> {
        &self.known.lists
    }

    /// From now on it is answered from these.
    pub fn turn_lists(&mut self, lists: Option<Arc<Lists>>) {
        self.known.lists = lists;
    }

    /// The same on trial: what it keeps is a fork.
    pub fn on_trial(self, kept: Shared) -> Seat {
        kept.allow(&self.compiled.manifest);
        Seat { kept, ..self }
    }

    /// The same in service: the limits of its manifest hold now.
    pub fn in_service(self) -> Seat {
        self.kept.allow(&self.compiled.manifest);
        self
    }

    /// Step of the clock that `state` sees.
    pub fn clock(&self) -> u64 {
        self.clock
    }

    /// The time of that step, ns of event time.
    pub fn time(&self) -> u64 {
        self.clock * CLOCK_STEP
    }

    /// Whether it is to hear of an event that it does not want: of the ticks, for its timers.
    pub fn follows(&self, record: &Record) -> bool {
        record.event.kind == kind::TICK && self.compiled.has(Service::Timer)
    }

    /// Remembers what was when these events happened, for the plugin to ask, until
    /// [`forget`](Seat::forget).
    pub fn remember(&mut self, deliveries: &[Delivery]) {
        let moment = |d: &Delivery| Some((d.record.event.id, d.moment.clone()?));
        self.known
            .moments
            .extend(deliveries.iter().filter_map(moment));
    }

    /// What has been taken is judged, by whoever was to: a question may have another answer now.
    pub fn forget_answers(&self) {
        if self.compiled.has(Service::File) || self.compiled.has(Service::Context) {
            self.known.answers.forget(&self.id);
        }
    }

    /// Forgets it: whoever holds a moment keeps what was then in memory.
    pub fn forget(&mut self) {
        self.known.moments.clear();
    }

    /// The clock comes to the step that this event is in. Returns the timers that are due by
    /// then, as events: they are told before anything else of that step.
    pub fn reach(&mut self, record: &Record) -> Vec<Arc<Record>> {
        let step = record.event.at / CLOCK_STEP;
        if step <= self.clock {
            return Vec::new();
        }
        self.clock = step;
        // Out of service its timers wait.
        if self.instance.is_none() || !self.compiled.has(Service::Timer) {
            return Vec::new();
        }
        let due = self.kept.lock().due(self.time());
        // They come before the event, and what is asked about them is as of then.
        if let Some(moment) = self.known.moments.get(&record.event.id).cloned() {
            let of_timer = due.iter().map(|timer| (timer.event.id, moment.clone()));
            self.known.moments.extend(of_timer);
        }
        due
    }

    /// How many events the next call can hold.
    pub fn room(&self) -> usize {
        self.delivered.left_in_block()
    }

    /// How many events are of the step of the clock that is on.
    pub fn one_step(&self, records: &[Arc<Record>]) -> usize {
        let step = |record: &Record| record.event.at / CLOCK_STEP;
        records.iter().take_while(|r| step(r) <= self.clock).count()
    }

    /// One call with the first of `records`, as many as a batch holds and all of one block; `first`
    /// where they were not sent before. None where there is no instance.
    pub fn call(
        &mut self,
        records: &[Arc<Record>],
        first: bool,
        counters: &Counters,
    ) -> Option<Called> {
        let instance = self.instance.as_mut()?;
        let delivered = &mut self.delivered;
        let place = match first {
            true => delivered.next_place(),
            false => delivered.place_of(records.first()?.event.id),
        };
        delivered.turn_to(self.clock, place);
        let most = match first {
            true => records.len().min(delivered.left_in_block()),
            false => records.len(),
        };
        let records = &records[..most];
        let next = Cell::new(place);
        let counted = records.iter().inspect(|_| next.set(next.get() + 1));
        let (batch, count) = self.builder.build(counted, |process| {
            delivered.process(process, next.get() - 1);
        });
        let records = &records[..count];
        if first {
            records.iter().for_each(|record| delivered.record(record));
        }
        let answer = instance.detect_as_of(&batch, records, &self.known, self.clock * CLOCK_STEP);
        let spent = instance.spent();
        self.builder.reuse(batch);
        Counters::add(&counters.cpu_ns, spent.cpu.as_nanos() as u64);
        let said = answer
            .map(|findings| {
                counters.call(count, spent.time.as_nanos() as u64);
                let memory = instance.memory_used() as u64;
                counters.memory.store(memory, Relaxed);
                for (event, process) in instance.take_shown() {
                    let place = self.delivered.place_of(event);
                    self.delivered.process(&process, place);
                }
                let lines = instance.commit();
                let answer = Answer {
                    plugin: &self.id,
                    version: &self.version,
                    manifest: &self.compiled.manifest,
                    at: self.clock * CLOCK_STEP,
                    findings,
                };
                let (findings, faults) = accept(answer, &mut self.delivered, counters);
                Said {
                    findings,
                    faults,
                    lines,
                }
            })
            .map_err(|abort| Aborted {
                logged: instance.last_error(),
                abort,
            });
        if said.is_err() {
            Counters::add(&counters.aborts, 1);
        }
        Some(Called { count, said, spent })
    }

    /// What the last call but a batch did takes effect; returns the lines that it logged.
    pub fn commit(&mut self) -> Vec<Line> {
        self.instance.as_mut().map_or(Vec::new(), Instance::commit)
    }

    /// Puts a fresh instance in the place of a dead one.
    pub fn restart(&mut self) -> Result<Vec<Line>, StartError> {
        self.instance = None;
        self.instance = Some(self.compiled.start_on(&self.kept)?);
        Ok(self.commit())
    }
}
