//! One plugin on its worker: takes what waits, calls, accepts answers, recovers from aborts.

mod calls;
mod recover;
mod switch;

use super::{
    budget::{Budget, Left},
    delivered::Delivered,
    instance::Aborted,
    life::Stage,
    load::{Generation, named},
    outcome::{Health, Outcome},
    queue::{Delivery, Queue, Taken},
    remains::Remains,
    rollback::{History, Probation},
    round::Round,
    seat::Seat,
    services::Line,
    shadow::Shadow,
    stats::Counters,
    terms::Terms,
    trouble::Trouble,
};
use calls::Again;
use crossbeam_channel::Sender;
use recover::Quarantine;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

/// A plugin with a call this long gets a thread of its own: the others on its worker waited.
pub(super) const SLOW: Duration = Duration::from_millis(20);

/// What a turn of a plugin came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing waited.
    Idle,
    /// It did something.
    Worked,
    /// It did something, and is to have a thread of its own: others have waited, or would.
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
    /// What comes before the queue: what was taken and is not done with.
    held: Option<Taken>,
    taken: Vec<Delivery>,
    /// How far that is judged.
    round: Round,
    /// A call was aborted at this time of events, and the instance with it.
    dead: Option<u64>,
    /// Why, where the call held one event.
    poison: Option<Aborted>,
    /// What it held, where that were several.
    again: Option<Again>,
    trouble: Trouble,
    /// None where nothing is shed: a replay takes the time that it takes.
    budget: Option<Budget>,
    /// Where generations that have served are left.
    remains: Remains,
    /// It waits for its time until then.
    throttled: Option<Instant>,
    slow: bool,
    /// It was to have a thread of its own.
    apart: bool,
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
            held: None,
            taken: Vec::new(),
            round: Round::default(),
            dead: None,
            poison: None,
            again: None,
            trouble: Trouble::new(terms.pause),
            budget: None,
            remains,
            throttled: None,
            slow: false,
            apart: false,
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
    pub fn is_alone(&mut self) {
        self.apart = true;
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

    /// Does what is next in the queue, or goes on with it: no more at a time than others on the
    /// same worker can wait for.
    pub fn turn(&mut self) -> Turn {
        // What an aborted call held is tried at once: pauses are for what comes after.
        let pause = match self.again {
            None => self.trouble.waits(),
            Some(_) => None,
        };
        if let Some(until) = pause.or_else(|| self.waits()) {
            return Turn::Waiting(until);
        }
        self.slow = false;
        let next = match self.held.take() {
            Some(held) => held,
            // No more than one call: what is left over would make the next ones small, too.
            None => {
                let most = self.max_batch.min(self.live.room());
                self.queue.take(most, &mut self.taken)
            }
        };
        if self.may_be_long(&next) && self.moves_first() {
            self.held = Some(next);
            return Turn::Slow;
        }
        let turn = match next {
            Taken::Nothing => return Turn::Idle,
            Taken::Events => {
                if !self.deliver() {
                    self.held = Some(Taken::Events);
                    return self.worked();
                }
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
        self.queue.done();
        match turn {
            Turn::Worked => self.worked(),
            other => other,
        }
    }

    fn worked(&self) -> Turn {
        match self.slow {
            true => Turn::Slow,
            false => Turn::Worked,
        }
    }

    /// Whether that is the plugin's work, of which nobody knows how long it takes: a start, or a
    /// hand-over of what it remembers.
    fn may_be_long(&self, taken: &Taken) -> bool {
        match taken {
            Taken::Switch(_) | Taken::Rehearse(_) => self.live.compiled.snapshot,
            Taken::Rollback { .. } => true,
            Taken::Release => self.quarantine.is_some(),
            _ => false,
        }
    }

    /// Whether it is to have a thread of its own first. It is asked for once: where there is none
    /// to be had, the others wait.
    fn moves_first(&mut self) -> bool {
        let first = !std::mem::replace(&mut self.apart, true);
        self.slow |= first;
        first
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
