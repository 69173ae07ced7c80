//! A new generation on trial: it runs beside the one in service, on a fork of its state, and what
//! it finds is compared.

mod cases;

pub use cases::{Case, ShadowAccept, ShadowReport};

use super::{
    budget::{Budget, Left},
    instance::{Instance, Memory},
    load::Compiled,
    queue::Delivery,
    seat::{Called, Said, Seat},
    services::Shared,
    stats::Counters,
};
use crate::{intel::Lists, record::Record};
use cases::{Cases, Whose};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Aborted calls after which a trial has failed.
const MOST_ABORTS: u64 = 3;
/// How long a shadow may use more time than its share: what it uses delays the one in service.
const PATIENCE: Duration = Duration::from_secs(1);

/// An instance for a trial, with keys of its own that the fork is put into.
#[derive(Debug)]
pub struct Rehearsal {
    /// The instance, initialised.
    pub instance: Instance,
    /// What its services act on.
    pub kept: Shared,
}

/// A generation on trial.
#[derive(Debug)]
pub(super) struct Shadow {
    seat: Seat,
    counters: Counters,
    budget: Budget,
    begun: u64,
    /// By rule and key: findings of the old and of the new generation.
    cases: Cases,
    failed: Option<String>,
}

impl Shadow {
    /// Begins a trial beside the generation in service, from what that one knows now.
    pub fn begin(
        live: &Seat,
        compiled: Arc<Compiled>,
        number: u32,
        rehearsal: Rehearsal,
        memory: Option<Memory>,
    ) -> Shadow {
        let Rehearsal { mut instance, kept } = rehearsal;
        // Where its state has another form, that is not what the one in service has.
        kept.follow(compiled.kept(), live.time());
        let restored = memory.map_or(Ok(()), |memory| instance.restore(memory));
        // What its init has written lands on the fork.
        instance.commit();
        let share = compiled.manifest.limits.cpu;
        let delivered = live.delivered.clone();
        Shadow {
            seat: Seat::new(compiled, number, instance, delivered, live.clock())
                .with_lists(live.lists().clone())
                .on_trial(kept),
            counters: Counters::default(),
            budget: Budget::new(share, PATIENCE, Instant::now()),
            begun: live.time(),
            cases: Cases::default(),
            failed: restored.err().map(|reason| {
                format!("it cannot take over what the older generation remembers: {reason}")
            }),
        }
    }

    /// Number of the generation.
    pub fn number(&self) -> u32 {
        self.seat.number
    }

    /// What it was compiled to.
    pub fn compiled(&self) -> &Arc<Compiled> {
        &self.seat.compiled
    }

    /// The generation in service has said something.
    pub fn said_by_old(&mut self, said: &Said) {
        self.note(said, Whose::Old);
    }

    fn note(&mut self, said: &Said, whose: Whose) {
        for finding in &said.findings {
            self.cases.note(finding, whose);
        }
        self.cases.refused(&said.faults, whose);
    }

    /// It is answered from these lists from now on.
    pub fn turn_lists(&mut self, lists: Option<Arc<Lists>>) {
        self.seat.turn_lists(lists);
    }

    /// Gives it what it wants of what the one in service was given.
    pub fn deliver(&mut self, taken: &[Delivery]) {
        if self.failed.is_some() {
            return;
        }
        let number = self.seat.number;
        self.seat.remember(taken);
        let mut wanted = Vec::new();
        for delivery in taken {
            if delivery.wanted_by.contains(&number) {
                wanted.push(delivery.record.clone());
            } else if self.seat.follows(&delivery.record) {
                self.judge(&std::mem::take(&mut wanted));
                self.reach(&delivery.record);
            }
        }
        self.judge(&wanted);
        self.seat.forget();
    }

    /// Calls it with these.
    fn judge(&mut self, records: &[Arc<Record>]) {
        let mut rest = records;
        while !rest.is_empty() && self.failed.is_none() {
            self.reach(&rest[0]);
            let step = self.seat.one_step(rest);
            rest = &rest[self.call(&rest[..step])..];
        }
    }

    /// Its clock comes to this event: timers that are due by then are told first.
    fn reach(&mut self, record: &Arc<Record>) {
        let due = self.seat.reach(record);
        let mut rest = &due[..];
        while !rest.is_empty() && self.failed.is_none() {
            rest = &rest[self.call(rest)..];
        }
    }

    /// One call; returns how many events are done with.
    fn call(&mut self, records: &[Arc<Record>]) -> usize {
        let Some(Called {
            count, said, cpu, ..
        }) = self.seat.call(records, true, &self.counters)
        else {
            return records.len();
        };
        match said {
            Ok(said) => self.note(&said, Whose::New),
            Err(abort) => {
                let aborts = self.counters.read().aborts;
                if aborts >= MOST_ABORTS {
                    self.failed = Some(format!("{aborts} calls were aborted, the last: {abort}"));
                } else if let Err(error) = self.seat.restart() {
                    self.failed = Some(error.to_string());
                }
            }
        }
        if self.budget.spend(cpu, Instant::now()) == Left::Exhausted {
            self.failed = Some("it uses more time on a processor than it may".to_owned());
        }
        count
    }

    /// Ends the trial at this event time.
    pub fn end(self, at: u64) -> ShadowReport {
        let stats = self.counters.read();
        ShadowReport {
            time: at.saturating_sub(self.begun),
            events: stats.events,
            ns_an_event: stats.call_ns / stats.events.max(1),
            failed: self.failed,
            ..self.cases.report()
        }
    }
}
