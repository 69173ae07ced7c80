//! One plugin on its worker: takes what waits, calls, accepts answers, recovers from aborts.

mod recover;
mod switch;

use super::{
    budget::{Budget, Left},
    delivered::Delivered,
    life::Stage,
    load::{Generation, named},
    outcome::{Health, Outcome},
    queue::{Delivery, Queue, Taken},
    remains::Remains,
    rollback::{History, Probation},
    seat::{Called, Said, Seat},
    services::{Level, Line},
    shadow::Shadow,
    stats::Counters,
    terms::Terms,
    trouble::Trouble,
};
use crate::record::Record;
use crossbeam_channel::Sender;
use recover::Quarantine;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

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
    /// It waits until then, after aborts or because it has used too much time.
    Waiting(Instant),
    /// It has ended.
    Ended,
}

/// One plugin with its instance.
#[derive(Debug)]
pub struct Runner {
    live: Seat,
    /// A generation that is on trial beside it.
    shadow: Option<Shadow>,
    /// What served before, for a rollback.
    history: History,
    probation: Option<Probation>,
    /// It is out of service.
    quarantine: Option<Quarantine>,
    /// How often it was, since a new generation came.
    quarantines: u32,
    /// The generation that was taken back last.
    abandoned: Option<u32>,
    /// What a generation did for which it is to be taken back.
    guilty: Option<String>,
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    outcomes: Sender<Outcome>,
    terms: Terms,
    max_batch: usize,
    taken: Vec<Delivery>,
    wanted: Vec<Arc<Record>>,
    /// Where each of the wanted stands among the taken.
    places: Vec<usize>,
    trouble: Trouble,
    /// None where nothing is shed: a replay takes the time that it takes.
    budget: Option<Budget>,
    /// Where generations that have served are left.
    remains: Remains,
    /// It waits for its time until then.
    throttled: Option<Instant>,
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
        terms: Terms,
        remains: Remains,
    ) -> Runner {
        let Generation {
            compiled,
            instance,
            number,
            ..
        } = generation;
        let live = Seat::new(compiled, number, instance, Delivered::default(), 0).in_service();
        let mut runner = Runner {
            live,
            shadow: None,
            history: History::default(),
            probation: None,
            quarantine: None,
            quarantines: 0,
            abandoned: None,
            guilty: None,
            queue,
            counters,
            outcomes,
            terms,
            max_batch,
            taken: Vec::new(),
            wanted: Vec::new(),
            places: Vec::new(),
            trouble: Trouble::new(terms.pause),
            budget: None,
            remains,
            throttled: None,
            slow: false,
        };
        runner.fresh_budget();
        let lines = runner.live.commit();
        runner.log(lines);
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

    /// The host itself failed in a turn: the plugin ends, and that is said.
    pub fn fail(&mut self) {
        self.queue.close();
        let at = self.live.time();
        self.hold(
            "the agent failed while serving it; please report it",
            at,
            None,
        );
    }

    /// Does what is next in the queue.
    pub fn turn(&mut self) -> Turn {
        if let Some(until) = self.trouble.waits().or_else(|| self.waits()) {
            return Turn::Waiting(until);
        }
        self.slow = false;
        let mut taken = std::mem::take(&mut self.taken);
        let turn = match self.queue.take(self.max_batch, &mut taken) {
            Taken::Nothing => Turn::Idle,
            Taken::Events => {
                self.deliver(&taken);
                if let Some(shadow) = &mut self.shadow {
                    shadow.deliver(&taken);
                }
                self.live.forget_answers();
                Turn::Worked
            }
            Taken::Switch(generation) => {
                self.switch(*generation);
                Turn::Worked
            }
            Taken::Rehearse(trial) => {
                self.rehearse(*trial);
                Turn::Worked
            }
            Taken::EndShadow { at } => {
                self.end_shadow(at);
                Turn::Worked
            }
            Taken::Rollback { from } => {
                self.roll_back_asked(from);
                Turn::Worked
            }
            Taken::Lists(lists) => {
                if let Some(shadow) = &mut self.shadow {
                    shadow.turn_lists(lists.clone());
                }
                self.live.turn_lists(lists);
                Turn::Worked
            }
            Taken::Hold => {
                let at = self.live.time();
                self.hold("the operator put it into quarantine", at, None);
                Turn::Worked
            }
            Taken::Release => {
                self.release("the operator released it");
                Turn::Worked
            }
            Taken::Stop => {
                self.live
                    .compiled
                    .life
                    .enter(Stage::Ended, "it was removed");
                self.send(Outcome::Removed {
                    plugin: named(&self.live.compiled, self.live.number),
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

    /// Until when it waits for time on a processor, if it does. At the end nobody waits.
    fn waits(&mut self) -> Option<Instant> {
        let until = self.throttled?;
        let now = Instant::now();
        if now >= until || self.queue.ends() {
            self.throttled = None;
        }
        self.throttled
    }

    /// Calls the plugin with what it wants of what was taken.
    fn deliver(&mut self, taken: &[Delivery]) {
        let mut wanted = std::mem::take(&mut self.wanted);
        let mut places = std::mem::take(&mut self.places);
        let mut begin = 0;
        // Once more from where a generation was taken back: the other one wants other events.
        while begin < taken.len() {
            let number = self.live.number;
            wanted.clear();
            places.clear();
            self.live.remember(&taken[begin..]);
            // Up to an event that it does not want but has to hear of.
            let mut heard = None;
            for (place, delivery) in taken.iter().enumerate().skip(begin) {
                if self.wants(delivery) {
                    wanted.push(delivery.record.clone());
                    places.push(place);
                } else if self.live.follows(&delivery.record) {
                    heard = Some(place);
                    break;
                }
            }
            let mut done = 0;
            while done < wanted.len() && self.live.number == number {
                self.reach(&wanted[done]);
                if self.live.number == number {
                    let step = self.live.one_step(&wanted[done..]);
                    done += self.attempt(&wanted[done..done + step]);
                }
            }
            if self.live.number != number {
                begin = done.checked_sub(1).map_or(begin, |last| places[last] + 1);
                continue;
            }
            let Some(place) = heard else { break };
            self.reach(&taken[place].record);
            begin = place + 1;
        }
        self.live.forget();
        wanted.clear();
        self.wanted = wanted;
        self.places = places;
    }

    /// The clock comes to this event: timers that are due by then are told first, for as long as
    /// the generation whose they are serves.
    fn reach(&mut self, record: &Arc<Record>) {
        let number = self.live.number;
        let due = self.live.reach(record);
        let mut rest = &due[..];
        while !rest.is_empty() && self.live.number == number {
            let batch = rest.len().min(self.max_batch);
            rest = &rest[self.attempt(&rest[..batch])..];
        }
    }

    /// Whether the generation in service wants an event. What was chosen for one that has been
    /// taken back is chosen anew.
    fn wants(&self, delivery: &Delivery) -> bool {
        delivery.wanted_by.contains(&self.live.number)
            || self.abandoned.is_some_and(|number| {
                let record = &delivery.record;
                let subscriptions = &self.live.compiled.subscriptions;
                delivery.wanted_by.contains(&number)
                    && subscriptions.matches(&record.event, record.in_container())
            })
    }

    /// Delivers the first of `records`, as many as a batch holds; returns how many are done with:
    /// fewer if the generation was taken back. If the call is aborted, each event is tried on its
    /// own.
    fn attempt(&mut self, records: &[Arc<Record>]) -> usize {
        let at = records[0].event.at;
        self.release_in_time(at);
        let (called, abort) = self.call(records, true);
        let Some(abort) = abort else {
            self.take_back(at);
            return called;
        };
        if called == 1 {
            return usize::from(!self.skip(&records[0], &abort));
        }
        self.restart(at);
        let mut skipped = false;
        for (n, record) in records[..called].iter().enumerate() {
            if let (_, Some(abort)) = self.call(std::slice::from_ref(record), false) {
                skipped = true;
                if self.skip(record, &abort) {
                    return n;
                }
            }
        }
        // What no single event caused is trouble all the same: the batch was too much at once.
        if !skipped {
            self.judge(&abort, at);
            self.take_back(at);
        }
        called
    }

    /// One call with the first of `records`; returns how many it held, and why it was aborted.
    fn call(
        &mut self,
        records: &[Arc<Record>],
        first: bool,
    ) -> (usize, Option<super::instance::Aborted>) {
        let Some(called) = self.live.call(records, first, &self.counters) else {
            Counters::add(&self.counters.lost, records.len() as u64);
            return (records.len(), None);
        };
        let Called {
            count,
            said,
            time,
            cpu,
        } = called;
        self.slow |= time >= SLOW;
        self.spend(cpu, records[0].event.at);
        match said {
            Ok(said) => {
                self.say(said);
                (count, None)
            }
            Err(abort) => (count, Some(abort)),
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

    /// A call has used time on a processor: what is beyond the plugin's share makes it wait, on a
    /// thread of its own, while its queue sheds bulk first.
    fn spend(&mut self, cpu: Duration, at: u64) {
        let Some(budget) = &mut self.budget else {
            return;
        };
        let now = Instant::now();
        let was_short = budget.is_short(now);
        match budget.spend(cpu, now) {
            Left::Some => {
                if was_short && !budget.is_short(now) {
                    let life = &self.live.compiled.life;
                    life.enter(Stage::Active, "it is within its time again");
                }
            }
            Left::None(until) => {
                self.throttled = Some(until);
                self.slow = true;
                if !was_short {
                    self.say_throttled(at);
                }
            }
            Left::Exhausted => {
                let reason = "it always wants more time on a processor than it may use";
                self.fresh_budget();
                self.condemn(reason, at);
            }
        }
    }

    fn say_throttled(&mut self, at: u64) {
        Counters::add(&self.counters.throttled, 1);
        let share = self.live.compiled.manifest.limits.cpu.as_millis();
        let (id, version) = (&self.live.id, &self.live.version);
        self.live.compiled.life.enter(
            Stage::Throttled,
            format!("it used more than {share} ms of a processor a second"),
        );
        let message = format!(
            "{id} {version} uses more than its {share} ms of a processor a second and waits; events that its queue has no room for do not reach it. Narrow its subscriptions, or raise cpu in [limits] of its manifest"
        );
        let finding = Health::PluginThrottled.finding(id, message, "throttled", at);
        self.send(Outcome::Finding(Box::new(finding)));
    }

    /// Gives it the time of a plugin that has just come.
    fn fresh_budget(&mut self) {
        let share = self.live.compiled.manifest.limits.cpu;
        self.budget = self
            .queue
            .sheds()
            .then(|| Budget::new(share, self.terms.throttled, Instant::now()));
        self.throttled = None;
    }

    fn log(&self, lines: Vec<Line>) {
        for Line { level, message } in lines {
            self.send(Outcome::Log {
                plugin: self.live.id.clone(),
                level,
                message,
            });
        }
    }

    fn send(&self, outcome: Outcome) {
        // Nobody listens any more only when the agent is on its way out.
        let _ = self.outcomes.send(outcome);
    }
}
