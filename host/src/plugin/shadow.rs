//! A new generation on trial: it runs beside the one in service, on a fork of its state, and what
//! it finds is compared.

mod cases;

pub use cases::{Case, ShadowAccept, ShadowReport};

use super::{
    budget::{Budget, Left, Spent, Stopwatch},
    instance::{Instance, Memory},
    load::Compiled,
    queue::Delivery,
    round::Round,
    runner::SLOW,
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
    /// How far what was taken is judged.
    round: Round,
    /// A call was aborted, and the instance with it.
    dead: bool,
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
            round: Round::default(),
            dead: false,
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

    /// Gives it what it wants of what the one in service was given, `most` at a time. Returns
    /// whether all is judged: not after a call that was slow or was aborted, so that no other plugin
    /// on this worker waits for more of them, or for a start. It goes on where it was.
    pub fn deliver(&mut self, taken: &[Delivery], most: usize) -> bool {
        let mut round = std::mem::take(&mut self.round);
        let over = loop {
            if self.failed.is_none() {
                self.revive();
            }
            if self.failed.is_some() {
                break true;
            }
            let wants =
                |seat: &Seat, delivery: &Delivery| delivery.wanted_by.contains(&seat.number);
            let Some(records) = round.next(taken, &mut self.seat, most, wants) else {
                break true;
            };
            let (count, slow) = self.call(records);
            round.done(count);
            if slow {
                break false;
            }
        };
        if over {
            round.end();
            self.seat.forget();
        }
        self.round = round;
        over
    }

    /// A fresh instance after an aborted call.
    fn revive(&mut self) {
        if !std::mem::take(&mut self.dead) {
            return;
        }
        let watch = Stopwatch::start();
        if let Err(error) = self.seat.restart() {
            self.failed = Some(error.to_string());
        }
        self.spend(watch.stop());
    }

    /// One call; returns how many events are done with, and whether others have waited for it.
    fn call(&mut self, records: &[Arc<Record>]) -> (usize, bool) {
        let Some(called) = self.seat.call(records, true, &self.counters) else {
            return (records.len(), false);
        };
        let Called { count, said, spent } = called;
        match said {
            Ok(said) => self.note(&said, Whose::New),
            Err(abort) => {
                self.dead = true;
                let aborts = self.counters.read().aborts;
                if aborts >= MOST_ABORTS {
                    self.failed = Some(format!("{aborts} calls were aborted, the last: {abort}"));
                }
            }
        }
        self.spend(spent);
        (count, self.dead || spent.time >= SLOW)
    }

    fn spend(&mut self, spent: Spent) {
        if self.budget.spend(spent.cpu, Instant::now()) == Left::Exhausted {
            let reason = "it uses more time on a processor than it may";
            self.failed.get_or_insert_with(|| reason.to_owned());
        }
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
