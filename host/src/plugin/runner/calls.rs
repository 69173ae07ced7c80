//! What was taken goes to the plugin, call by call.

use super::{Runner, SLOW};
use crate::{
    plugin::{
        budget::Spent,
        instance::Aborted,
        outcome::Outcome,
        queue::Delivery,
        seat::{Called, Said, Seat},
        services::Level,
        stats::Counters,
    },
    record::Record,
};
use std::{slice, sync::Arc};

/// Events of an aborted call, each of which is tried on its own.
#[derive(Debug)]
pub(super) struct Again {
    /// How many are left.
    left: usize,
    /// One of them made the plugin abort on its own.
    skipped: bool,
    /// What ended the call with all of them, and the time of the first.
    abort: Aborted,
    at: u64,
}

impl Runner {
    /// Goes on with what was taken until all is judged, or the others on this worker have waited
    /// long enough; returns whether all is.
    pub(super) fn deliver(&mut self) -> bool {
        let taken = std::mem::take(&mut self.taken);
        let over = self.judge_taken(&taken) && self.rehearse_taken(&taken);
        self.taken = taken;
        if over {
            self.round.end();
            self.taken.clear();
            self.live.forget_answers();
        }
        over
    }

    fn judge_taken(&mut self, taken: &[Delivery]) -> bool {
        let mut round = std::mem::take(&mut self.round);
        let over = loop {
            if !self.revive() {
                break false;
            }
            let abandoned = self.abandoned;
            let wants = |seat: &Seat, delivery: &Delivery| wants(seat, abandoned, delivery);
            let next = round.next(taken, &mut self.live, self.max_batch, wants);
            let Some(records) = next else {
                self.live.forget();
                break true;
            };
            let done = self.attempt(records);
            round.done(done);
            if self.slow || self.again.is_some() {
                break false;
            }
        };
        self.round = round;
        over
    }

    /// The same for the generation on trial.
    fn rehearse_taken(&mut self, taken: &[Delivery]) -> bool {
        let Some(shadow) = &mut self.shadow else {
            return true;
        };
        let over = shadow.deliver(taken, self.max_batch);
        if !over {
            // One of its calls was slow, or it needs a fresh instance.
            self.slow = true;
            self.apart = true;
        }
        over
    }

    /// A fresh instance after an aborted call. Its `init` may take as long as it likes: the plugin
    /// has a thread of its own before that. Returns whether it can be called.
    fn revive(&mut self) -> bool {
        let Some(at) = self.dead else {
            return true;
        };
        if self.moves_first() {
            return false;
        }
        self.dead = None;
        self.restart(at);
        !self.slow
    }

    /// Calls it with the first of these, as many as a batch holds; returns how many are done with.
    /// None are after an aborted call: then each is tried on its own.
    fn attempt(&mut self, records: &[Arc<Record>]) -> usize {
        let at = records[0].event.at;
        if let Some(abort) = self.poison.take() {
            return self.leave_out(&records[0], &abort);
        }
        if self.again.is_some() {
            return self.try_alone(&records[0]);
        }
        self.release_in_time(at);
        if self.slow {
            return 0;
        }
        let (called, abort) = self.call(records, true);
        let Some(abort) = abort else {
            self.take_back(at);
            return called;
        };
        match called {
            1 => self.poison = Some(abort),
            _ => {
                self.again = Some(Again {
                    left: called,
                    skipped: false,
                    abort,
                    at,
                });
            }
        }
        0
    }

    /// Tries one event of an aborted call.
    fn try_alone(&mut self, record: &Arc<Record>) -> usize {
        // It did not start again, and an older generation can judge them all.
        if self.take_back(record.event.at) {
            return 0;
        }
        if let (_, Some(abort)) = self.call(slice::from_ref(record), false) {
            self.poison = Some(abort);
            return 0;
        }
        self.one_less();
        1
    }

    /// An event has made it abort on its own.
    fn leave_out(&mut self, record: &Arc<Record>, abort: &Aborted) -> usize {
        if self.skip(record, abort) {
            return 0;
        }
        if let Some(again) = &mut self.again {
            again.skipped = true;
            self.one_less();
        }
        1
    }

    fn one_less(&mut self) {
        let Some(mut again) = self.again.take() else {
            return;
        };
        again.left -= 1;
        if again.left > 0 {
            self.again = Some(again);
        } else if !again.skipped {
            // What no single event caused is trouble all the same: the batch was too much at once.
            self.judge(&again.abort, again.at);
            self.take_back(again.at);
        }
    }

    /// One call with the first of `records`; returns how many it held, and why it was aborted.
    fn call(&mut self, records: &[Arc<Record>], first: bool) -> (usize, Option<Aborted>) {
        let Some(called) = self.live.call(records, first, &self.counters) else {
            Counters::add(&self.counters.lost, records.len() as u64);
            return (records.len(), None);
        };
        let Called { count, said, spent } = called;
        let at = records[0].event.at;
        self.charge(spent, at);
        match said {
            Ok(said) => {
                self.say(said);
                (count, None)
            }
            Err(abort) => {
                self.dead = self.live.instance.is_some().then_some(at);
                (count, Some(abort))
            }
        }
    }

    /// The plugin has worked for so long: where others would wait for more of that it moves apart,
    /// and what is beyond its share of a processor makes it wait.
    pub(super) fn charge(&mut self, spent: Spent, at: u64) {
        self.slow |= spent.time >= SLOW;
        if self.quarantine.is_none() {
            self.spend(spent.cpu, at);
        }
    }

    fn say(&mut self, said: Said) {
        if let Some(shadow) = &mut self.shadow {
            shadow.said_by_old(&said);
        }
        self.log(said.lines);
        for finding in said.findings {
            self.send(Outcome::Finding(Box::new(finding)));
        }
        // One line a call is enough to find the fault.
        if let Some(message) = said.faults.into_iter().next() {
            if let Some(probation) = &mut self.probation {
                self.guilty = self.guilty.take().or(probation.fault(&message));
            }
            self.send(Outcome::Log {
                plugin: self.live.id.clone(),
                level: Level::Warn,
                message,
            });
        }
    }
}

/// Whether the generation in service wants an event. What was chosen for one that has been taken
/// back is chosen anew.
fn wants(seat: &Seat, abandoned: Option<u32>, delivery: &Delivery) -> bool {
    delivery.wanted_by.contains(&seat.number)
        || abandoned.is_some_and(|number| {
            let record = &delivery.record;
            let subscriptions = &seat.compiled.subscriptions;
            delivery.wanted_by.contains(&number)
                && subscriptions.matches(&record.event, record.in_container())
        })
}
