//! A plugin in service, as the pipeline feeds it: what it wants now, what waits for it, and what it
//! is about to want.

mod info;

pub use info::PluginInfo;

use super::{
    command::Reply,
    component::Digest,
    life::Stage,
    load::{Compiled, Generation},
    outcome::{Health, Outcome},
    queue::{Delivery, Overflow, Queue, Settled, Trial, Turned},
    remains::Remains,
    rollback::GENERATIONS,
    shadow::{ShadowAccept, ShadowReport},
    stats::Counters,
};
use crate::{context::Past, intel::Lists, manifest, record::Record};
use crossbeam_channel::Sender;
use std::{collections::VecDeque, path::PathBuf, sync::Arc};
use vedette_contract::kind;
use vedette_sensor::{event::Event, filter::Filter};

/// Time between two findings that say that a plugin's queue overflows, ns of event time.
const SHED_REPORT: u64 = 10_000_000_000;

/// Longest trial that who asked for it waits for, ns of event time: a reload that shows nothing for
/// longer looks like one that hangs.
const MOST_AWAITED: u64 = 60_000_000_000;

/// A generation by its number.
type Numbered = (u32, Arc<Compiled>);

/// A generation that runs beside the one in service and may take over then.
#[derive(Debug)]
struct Candidate {
    generation: Box<Generation>,
    reply: Option<Reply>,
    accept: ShadowAccept,
    /// Event time of the end of its trial, ns; none where that was asked for.
    until: Option<u64>,
}

/// What has come of a plugin's generations.
#[derive(Debug)]
pub(super) enum Came {
    /// A switch has ended, or a time has.
    Settled,
    /// A component was rolled back.
    RuledOut(Digest),
    /// One was refused after its trial.
    Refused(Arc<Compiled>, String),
    /// One could not take over from this file's plugin, which serves on.
    TurnedDown(PathBuf, String),
    /// One is to take over after its trial.
    Ready(Box<Generation>, Option<Reply>),
}

/// One plugin in service.
#[derive(Debug)]
pub(super) struct Service {
    pub id: Arc<str>,
    pub live: Numbered,
    /// The generation that was sent down the queue and has not settled.
    pub next: Option<Numbered>,
    /// Who asked for it.
    reply: Option<Reply>,
    /// It is one that served before.
    returning: bool,
    /// Those that served before and are kept, the newest first.
    former: VecDeque<Numbered>,
    /// Event time until which the newest of them is kept ready: what it wants is wanted.
    probation: Option<u64>,
    /// Length of that, ns.
    probation_time: u64,
    /// A generation whose trial is on.
    candidate: Option<Candidate>,
    /// What the last trial has shown.
    shadow: Option<ShadowReport>,
    pub queue: Arc<Queue>,
    counters: Arc<Counters>,
    waiting: Vec<Delivery>,
    batch: usize,
    outcomes: Sender<Outcome>,
    /// Where generations that have served are left.
    remains: Remains,
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
        probation_time: u64,
        remains: Remains,
    ) -> (Service, Arc<Counters>) {
        let counters = Arc::new(Counters::default());
        let service = Service {
            id: first.compiled.manifest.id.as_str().into(),
            live: (first.number, first.compiled.clone()),
            next: None,
            reply: None,
            returning: false,
            former: VecDeque::new(),
            probation: None,
            probation_time,
            candidate: None,
            shadow: None,
            queue: Arc::new(Queue::new(overflow, counters.clone())),
            counters: counters.clone(),
            waiting: Vec::new(),
            batch,
            outcomes,
            remains,
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
        [of(&self.live), self.other().map_or(0, of)]
    }

    /// The generation beside the one in service that events are kept for: that which is about to
    /// take over, or else that which a rollback would bring back.
    fn other(&self) -> Option<&Numbered> {
        let fallback = || self.former.front().filter(|_| self.probation.is_some());
        self.next.as_ref().or_else(fallback)
    }

    /// Whether it is to be offered what it did not subscribe to: the ticks, for its timers.
    #[inline]
    pub fn follows(&self, kind: u16) -> bool {
        kind == kind::TICK && self.has(manifest::Service::Timer)
    }

    /// Whether it declares a service, or a generation does that events are kept for.
    pub fn has(&self, service: manifest::Service) -> bool {
        let other = self.other().is_some_and(|(_, other)| other.has(service));
        other || self.live.1.has(service)
    }

    /// What it wants from the kernel, or is about to want.
    pub fn filter(&self) -> Filter {
        let mut filter = self.live.1.subscriptions.filter();
        if let Some((_, other)) = self.other() {
            filter.union(&other.subscriptions.filter());
        }
        filter
    }

    /// Lets a record wait for it; a whole batch is handed over at once.
    pub fn offer(&mut self, record: Arc<Record>, wanted_by: [u32; 2], past: &Past) {
        let at = record.event.at;
        let asks = self.has(manifest::Service::Context);
        self.waiting.push(Delivery {
            record,
            wanted_by,
            moment: asks.then(|| past.now()).flatten(),
        });
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

    /// Lets a new generation take over, or begins its trial where it is to have one. Returns
    /// whether it is to be offered the processes that live.
    pub fn follow_with(
        &mut self,
        mut generation: Box<Generation>,
        mut reply: Option<Reply>,
        accept: ShadowAccept,
        now: u64,
    ) -> bool {
        let serves = !self.counters.read().quarantined;
        let Some((time, rehearsal)) = generation.rehearsal.take().filter(|_| serves) else {
            return self.replace(generation, reply);
        };
        self.flush();
        let compiled = generation.compiled.clone();
        let number = generation.number;
        let existing = compiled.subscriptions.kinds().has(kind::EXISTING);
        let restored = compiled.inherits(&self.live.1);
        if time > MOST_AWAITED
            && let Some(reply) = reply.take()
        {
            let (id, version) = (&self.id, &compiled.manifest.version);
            reply.done(format!(
                "plugin {id} {version} runs in its shadow as generation {number}, for {} s of events; `vedette plugin info {id}` shows what comes of it",
                time / 1_000_000_000
            ));
        }
        self.next = Some((number, compiled.clone()));
        self.returning = false;
        self.queue.rehearse(Box::new(Trial {
            compiled,
            number,
            rehearsal,
        }));
        self.candidate = Some(Candidate {
            generation,
            reply,
            accept,
            until: Some(now.saturating_add(time)),
        });
        existing && !restored
    }

    /// Ends a trial early: something newer has come.
    pub fn give_up_trial(&mut self, now: u64) {
        if let Some(candidate) = self.candidate.take() {
            let reason = "something newer came while it ran in its shadow";
            let life = &candidate.generation.compiled.life;
            life.enter(Stage::Refused, reason);
            if let Some(reply) = candidate.reply {
                reply.refuse(reason);
            }
            self.flush();
            self.queue.end_shadow(now);
        }
    }

    /// Brings the generation before back, behind what waits.
    pub fn roll_back(&mut self, reply: Reply) {
        if self.next.is_some() {
            return reply.refuse("another generation is about to take over; try again when it has");
        }
        let Some(former) = self.former.front() else {
            return reply.refuse(format!(
                "no earlier generation of plugin {} is kept since the agent started",
                self.id
            ));
        };
        self.next = Some(former.clone());
        self.returning = true;
        self.reply = Some(reply);
        self.flush();
        self.queue.roll_back(self.live.0);
    }

    /// Sends a new generation down the queue, behind what waits. Returns whether it is to be
    /// offered the processes that live: not where it takes over what the old one remembers.
    pub fn replace(&mut self, generation: Box<Generation>, reply: Option<Reply>) -> bool {
        self.flush();
        let new = generation.compiled.clone();
        // One in quarantine has no memory to hand over.
        let restored = new.inherits(&self.live.1) && !self.counters.read().quarantined;
        let existing = new.subscriptions.kinds().has(kind::EXISTING);
        let number = generation.number;
        let waiting = self.queue.len();
        self.live.1.life.enter(
            Stage::Draining,
            format!("generation {number} takes over behind the {waiting} events that wait"),
        );
        self.next = Some((number, new));
        self.returning = false;
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

    /// Has it answered from these lists, behind what waits.
    pub fn turn_lists(&mut self, lists: Option<Arc<Lists>>) {
        self.flush();
        self.queue.turn_lists(lists);
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

    /// Takes note of what has come of generations by this event time.
    pub fn settle(&mut self, now: u64) -> Vec<Came> {
        let mut came = Vec::new();
        if self.probation.take_if(|until| now >= *until).is_some() {
            came.push(Came::Settled);
        }
        let candidate = self.candidate.as_mut();
        if candidate.is_some_and(|c| c.until.take_if(|until| now >= *until).is_some()) {
            self.flush();
            self.queue.end_shadow(now);
        }
        for settled in self.queue.settled() {
            came.push(self.turn(settled, now));
        }
        came
    }

    fn turn(&mut self, settled: Settled, now: u64) -> Came {
        let Settled { generation, turned } = settled;
        let expected = |next: &mut Numbered| next.0 == generation;
        match turned {
            Turned::Switched { pause_ns } => {
                let Some(next) = self.next.take_if(expected) else {
                    return Came::Settled;
                };
                let former = std::mem::replace(&mut self.live, next);
                self.former.push_front(former);
                let beyond = self.former.len() > GENERATIONS;
                if let Some(beyond) = beyond.then(|| self.former.pop_back()).flatten() {
                    self.remains.leave(beyond);
                }
                self.probation = Some(now.saturating_add(self.probation_time));
                if let Some(reply) = self.reply.take() {
                    let (number, live) = &self.live;
                    let (id, version) = (&self.id, &live.manifest.version);
                    let pause = pause_ns as f64 / 1e6;
                    reply.done(format!(
                        "plugin {id} {version} is in service as generation {number}, pause {pause:.3} ms"
                    ));
                }
            }
            Turned::Refused(reason) => {
                let returning = std::mem::take(&mut self.returning);
                if returning {
                    self.next = None;
                } else if self.next.take_if(expected).is_none() {
                    return Came::Settled;
                }
                if let Some(reply) = self.reply.take() {
                    reply.refuse(reason.clone());
                }
                if !returning {
                    return Came::TurnedDown(self.live.1.path.clone(), reason);
                }
            }
            Turned::Back { to, told } => return self.back(to, told),
            Turned::Rehearsed(report) => return self.rehearsed(generation, *report),
        }
        Came::Settled
    }

    /// An earlier generation serves again.
    fn back(&mut self, to: u32, told: String) -> Came {
        let ruled_out = self.live.1.digest;
        while let Some(former) = self.former.pop_front() {
            let found = former.0 == to;
            self.live = former;
            if found {
                break;
            }
        }
        self.probation = None;
        if std::mem::take(&mut self.returning) {
            self.next = None;
            if let Some(reply) = self.reply.take() {
                reply.done(told);
            }
        }
        match self.live.1.digest == ruled_out {
            // The same component was loaded again.
            true => Came::Settled,
            false => Came::RuledOut(ruled_out),
        }
    }

    /// A trial is over: the generation takes over, or does not.
    fn rehearsed(&mut self, generation: u32, report: ShadowReport) -> Came {
        self.next.take_if(|next| next.0 == generation);
        let is_it = |c: &mut Candidate| c.generation.number == generation;
        let Some(candidate) = self.candidate.take_if(is_it) else {
            return Came::Settled;
        };
        let objection = report.objection(candidate.accept);
        self.shadow = Some(report.clone());
        // Nobody listens any more only when the agent is on its way out.
        let _ = self.outcomes.send(Outcome::Shadowed {
            plugin: candidate.generation.named(),
            report: Box::new(report),
            accepted: objection.is_none(),
        });
        match objection {
            None => Came::Ready(candidate.generation, candidate.reply),
            Some(reason) => {
                if let Some(reply) = candidate.reply {
                    reply.refuse(reason.clone());
                }
                Came::Refused(candidate.generation.compiled, reason)
            }
        }
    }
}
