//! One plugin on its worker: takes what waits, calls, accepts answers, recovers from aborts.

use super::{
    accept::{Answer, Delivered, accept},
    batch::Builder,
    instance::{Abort, Instance},
    life::Stage,
    load::{Compiled, Generation, named},
    outcome::{Health, Outcome},
    queue::{Delivery, Queue, Settled, Taken},
    services::{CLOCK_STEP, Level, Line},
    stats::Counters,
    trouble::{Trouble, Verdict},
};
use crate::record::Record;
use crossbeam_channel::Sender;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};
use vedette_contract::Kind;

/// A plugin with a call this long gets a thread of its own: the others on its worker waited.
const SLOW: Duration = Duration::from_millis(20);

/// What a turn of a plugin came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing waited.
    Idle,
    /// It did something.
    Worked,
    /// It did something, and a call was slow.
    Slow,
    /// It waits until then, after aborts.
    Waiting(Instant),
    /// It has ended.
    Ended,
}

/// One plugin with its instance.
#[derive(Debug)]
pub struct Runner {
    id: Arc<str>,
    version: Arc<str>,
    generation: u32,
    compiled: Arc<Compiled>,
    /// What served before, for a rollback.
    previous: Option<Arc<Compiled>>,
    /// None while in quarantine, or before a new start after an abort.
    instance: Option<Instance>,
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    outcomes: Sender<Outcome>,
    max_batch: usize,
    taken: Vec<Delivery>,
    wanted: Vec<Arc<Record>>,
    builder: Builder,
    delivered: Delivered,
    trouble: Trouble,
    clock: u64,
    slow: bool,
}

impl Runner {
    /// Puts a first generation on its queue.
    pub fn new(
        generation: Generation,
        queue: Arc<Queue>,
        counters: Arc<Counters>,
        outcomes: Sender<Outcome>,
        max_batch: usize,
    ) -> Runner {
        let Generation {
            compiled,
            instance,
            number,
        } = generation;
        let mut runner = Runner {
            id: compiled.manifest.id.as_str().into(),
            version: compiled.manifest.version.as_str().into(),
            generation: number,
            builder: Builder::new(&compiled.manifest.fields),
            previous: None,
            instance: Some(instance),
            compiled,
            queue,
            counters,
            outcomes,
            max_batch,
            taken: Vec::new(),
            wanted: Vec::new(),
            delivered: Delivered::default(),
            trouble: Trouble::default(),
            clock: 0,
            slow: false,
        };
        runner.commit();
        runner
    }

    /// Its queue.
    pub fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// It has a thread of its own from now on.
    pub fn is_alone(&self) {
        self.counters.own_thread.store(true, Relaxed);
    }

    /// What served before the current generation.
    pub fn previous(&self) -> Option<&Arc<Compiled>> {
        self.previous.as_ref()
    }

    /// The host itself failed in a turn: the plugin ends, and that is said.
    pub fn fail(&mut self) {
        self.queue.close();
        self.quarantine(
            "the agent failed while serving it; please report it",
            self.clock * CLOCK_STEP,
        );
    }

    /// Does what is next in the queue.
    pub fn turn(&mut self) -> Turn {
        if let Some(until) = self.trouble.waits() {
            return Turn::Waiting(until);
        }
        self.slow = false;
        let mut taken = std::mem::take(&mut self.taken);
        let turn = match self.queue.take(self.max_batch, &mut taken) {
            Taken::Nothing => Turn::Idle,
            Taken::Events => {
                self.deliver(&mut taken);
                Turn::Worked
            }
            Taken::Switch(generation) => {
                self.switch(*generation);
                Turn::Worked
            }
            Taken::Hold => {
                let at = self.clock * CLOCK_STEP;
                self.quarantine("the operator put it into quarantine", at);
                Turn::Worked
            }
            Taken::Release => {
                if self.instance.is_none() {
                    self.restart(self.clock * CLOCK_STEP);
                }
                if self.instance.is_some() {
                    self.counters.quarantined.store(false, Relaxed);
                    self.compiled
                        .life
                        .enter(Stage::Active, "the operator released it");
                }
                Turn::Worked
            }
            Taken::Stop => {
                self.compiled.life.enter(Stage::Ended, "it was removed");
                self.send(Outcome::Removed {
                    plugin: named(&self.compiled, self.generation),
                });
                self.queue.close();
                Turn::Ended
            }
        };
        taken.clear();
        self.taken = taken;
        if turn != Turn::Idle {
            self.queue.done();
        }
        if self.slow && turn == Turn::Worked {
            return Turn::Slow;
        }
        turn
    }

    /// Calls the plugin with what it wants of what was taken.
    fn deliver(&mut self, taken: &mut Vec<Delivery>) {
        let mut wanted = std::mem::take(&mut self.wanted);
        let generation = self.generation;
        wanted.extend(
            taken
                .drain(..)
                .filter(|delivery| delivery.wanted_by.contains(&generation))
                .map(|delivery| delivery.record),
        );
        let mut rest = &wanted[..];
        while !rest.is_empty() {
            let step = self.one_step(rest);
            let done = self.attempt(&rest[..step]);
            rest = &rest[done..];
        }
        wanted.clear();
        self.wanted = wanted;
    }

    /// How many events are of the same step of the clock that `state` sees.
    fn one_step(&mut self, records: &[Arc<Record>]) -> usize {
        let step = |record: &Record| record.event.at / CLOCK_STEP;
        self.clock = self.clock.max(records.first().map_or(0, |r| step(r)));
        records.iter().take_while(|r| step(r) <= self.clock).count()
    }

    /// Delivers the first of `records`, as many as a batch holds; returns how many. If the call
    /// is aborted, each event is tried on its own.
    fn attempt(&mut self, records: &[Arc<Record>]) -> usize {
        if self.instance.is_none() {
            Counters::add(&self.counters.lost, records.len() as u64);
            return records.len();
        }
        let (called, abort) = self.call(records, true);
        let Some(abort) = abort else {
            return called;
        };
        let at = records[0].event.at;
        if called == 1 {
            self.skip(&records[0], &abort);
            return 1;
        }
        self.restart(at);
        let mut skipped = false;
        for record in &records[..called] {
            if self.instance.is_none() {
                Counters::add(&self.counters.lost, 1);
                continue;
            }
            if let (_, Some(abort)) = self.call(std::slice::from_ref(record), false) {
                self.skip(record, &abort);
                skipped = true;
            }
        }
        // What no single event caused is trouble all the same: the batch was too much at once.
        if !skipped {
            self.judge(&abort, at);
        }
        called
    }

    /// An event made the plugin abort on its own: it is left out, and said.
    fn skip(&mut self, record: &Arc<Record>, abort: &Abort) {
        let event = &record.event;
        Counters::add(&self.counters.skipped, 1);
        let kind = Kind::by_number(event.kind).map_or("unknown", |kind| kind.name);
        let mut finding = Health::EventAborted.finding(
            &self.id,
            format!(
                "{} {} did not judge event {:#x} ({kind} of pid {}): {abort}",
                self.id, self.version, event.id, event.task.process.pid
            ),
            &format!("{:#x}", event.id),
            event.at,
        );
        finding.process = record.process.clone();
        finding.evidence.push(crate::finding::Evidence {
            event: event.id,
            record: Some(record.clone()),
            note: "not judged".to_owned(),
        });
        self.send(Outcome::Finding(Box::new(finding)));
        self.restart(event.at);
        self.judge(abort, event.at);
    }

    /// Puts a fresh instance in the place of a dead one.
    fn restart(&mut self, at: u64) {
        self.instance = None;
        match self.compiled.start() {
            Ok(instance) => {
                self.instance = Some(instance);
                self.commit();
            }
            Err(error) => self.quarantine(&error.to_string(), at),
        }
    }

    /// Decides what an abort means for the plugin's service.
    fn judge(&mut self, abort: &Abort, at: u64) {
        if self.instance.is_some() && self.trouble.strike(at) == Verdict::Quarantine {
            self.quarantine(&format!("too many aborted calls, the last: {abort}"), at);
        }
    }

    fn quarantine(&mut self, reason: &str, at: u64) {
        self.instance = None;
        self.trouble = Trouble::default();
        self.counters.quarantined.store(true, Relaxed);
        self.compiled.life.enter(Stage::Quarantined, reason);
        let message = format!(
            "{} {} is out of service: {reason}. Replace the component to bring it back",
            self.id, self.version
        );
        self.send(Outcome::Finding(Box::new(
            Health::PluginQuarantined.finding(&self.id, message, "quarantine", at),
        )));
    }

    /// One call with the first of `records`; returns how many it held, and why it was aborted.
    fn call(&mut self, records: &[Arc<Record>], first: bool) -> (usize, Option<Abort>) {
        let Some(instance) = &mut self.instance else {
            return (records.len(), None);
        };
        let delivered = &mut self.delivered;
        let (batch, count) = self
            .builder
            .build(records, |process| delivered.process(process));
        let records = &records[..count];
        if first {
            records.iter().for_each(|record| delivered.record(record));
        }
        let begun = Instant::now();
        let answer = instance.detect(&batch, self.clock * CLOCK_STEP);
        let time = begun.elapsed();
        self.slow |= time >= SLOW;
        self.builder.reuse(batch);
        match answer {
            Ok(findings) => {
                self.counters.call(count, time.as_nanos() as u64);
                self.counters
                    .memory
                    .store(instance.memory_used() as u64, Relaxed);
                self.commit();
                self.answer(records, findings);
                (count, None)
            }
            Err(abort) => {
                Counters::add(&self.counters.aborts, 1);
                (count, Some(abort))
            }
        }
    }

    fn answer(
        &mut self,
        batch: &[Arc<Record>],
        findings: Vec<super::bindings::vedette::detect::types::Finding>,
    ) {
        if findings.is_empty() {
            return;
        }
        let (findings, faults) = accept(
            Answer {
                plugin: &self.id,
                version: &self.version,
                manifest: &self.compiled.manifest,
                batch,
                findings,
            },
            &mut self.delivered,
            &self.counters,
        );
        for finding in findings {
            self.send(Outcome::Finding(Box::new(finding)));
        }
        // One line a call is enough to find the fault.
        if let Some(message) = faults.into_iter().next() {
            self.send(Outcome::Log {
                plugin: self.id.clone(),
                level: Level::Warn,
                message,
            });
        }
    }

    /// What the last call did takes effect.
    fn commit(&mut self) {
        let Some(instance) = &mut self.instance else {
            return;
        };
        for Line { level, message } in instance.commit() {
            self.send(Outcome::Log {
                plugin: self.id.clone(),
                level,
                message,
            });
        }
    }

    /// A new generation takes over, with what the old one remembers where both can.
    fn switch(&mut self, mut new: Generation) {
        let begun = Instant::now();
        if new.compiled.snapshot
            && let Some(old) = &mut self.instance
        {
            let handed = match old.save() {
                Ok(Some(memory)) => new.instance.restore(memory),
                Ok(None) => Ok(()),
                Err(abort) => {
                    self.restart(self.clock * CLOCK_STEP);
                    Err(format!("the generation in service cannot save: {abort}"))
                }
            };
            if let Err(reason) = handed {
                let reason =
                    format!("it cannot take over what the older generation remembers: {reason}");
                new.compiled.life.enter(Stage::Refused, reason.clone());
                self.compiled
                    .life
                    .enter(Stage::Active, "its successor was refused");
                self.send(Outcome::Refused {
                    path: new.compiled.path.clone(),
                    reason: reason.clone(),
                });
                self.queue.settle(Settled {
                    generation: new.number,
                    result: Err(reason),
                });
                return;
            }
        }
        let plugin = new.named();
        self.version = plugin.version.clone();
        self.generation = new.number;
        let life = &new.compiled.life;
        life.enter(Stage::Active, "it took over between two events");
        self.compiled
            .life
            .enter(Stage::Kept, format!("generation {} took over", new.number));
        self.previous = Some(std::mem::replace(&mut self.compiled, new.compiled));
        let retired = self.instance.replace(new.instance);
        self.commit();
        self.builder = Builder::new(&self.compiled.manifest.fields);
        self.trouble = Trouble::default();
        self.counters.quarantined.store(false, Relaxed);
        let pause_ns = begun.elapsed().as_nanos() as u64;
        self.queue.settle(Settled {
            generation: new.number,
            result: Ok(pause_ns),
        });
        self.send(Outcome::Reloaded { plugin, pause_ns });
        drop(retired);
    }

    fn send(&self, outcome: Outcome) {
        // Nobody listens any more only when the agent is on its way out.
        let _ = self.outcomes.send(outcome);
    }
}
