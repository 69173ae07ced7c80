//! From one generation to another, and back.

use super::Runner;
use crate::plugin::{
    budget::Stopwatch,
    instance::Memory,
    life::Stage,
    load::{Generation, named},
    outcome::{Health, Outcome},
    queue::{Settled, Trial, Turned},
    rollback::{Former, Probation, Unlearned},
    seat::Seat,
    shadow::Shadow,
    trouble::Trouble,
};
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

impl Runner {
    /// A new generation takes over, with what the old one remembers where both can.
    pub(super) fn switch(&mut self, new: Generation) {
        let watch = Stopwatch::start();
        self.hand_over(new);
        self.charge(watch.stop(), self.live.time());
    }

    fn hand_over(&mut self, mut new: Generation) {
        let begun = Instant::now();
        let memory = match self.remembered(&mut new) {
            Ok(memory) => memory,
            Err(reason) => return self.refuse(&new, reason),
        };
        let at = self.live.time();
        let saved = self.live.compiled.kept().save();
        let other_form = !new.compiled.kept().is(self.live.compiled.kept());
        let successor = other_form.then(|| new.compiled.kept().save());
        let plugin = new.named();
        let life = &new.compiled.life;
        life.enter(Stage::Active, "it took over between two events");
        let reason = format!("generation {} took over", new.number);
        self.live.compiled.life.enter(Stage::Kept, reason);
        let Generation {
            compiled,
            instance,
            number,
            ..
        } = new;
        let retired = self.sit(compiled, number, instance);
        let lines = self.live.commit();
        self.log(lines);
        let beyond = self.history.push(Former {
            number: retired.number,
            compiled: retired.compiled,
            saved,
            successor,
            memory,
            at,
        });
        self.probation = Some(Probation::new(at.saturating_add(self.terms.probation)));
        self.quarantines = 0;
        self.abandoned = None;
        self.remains.leave((retired.instance, beyond));
        let pause_ns = begun.elapsed().as_nanos() as u64;
        self.queue.settle(Settled {
            generation: number,
            turned: Turned::Switched { pause_ns },
        });
        self.send(Outcome::Reloaded { plugin, pause_ns });
    }

    /// What the generation in service remembers, after the new one has taken it over.
    fn remembered(&mut self, new: &mut Generation) -> Result<Option<Memory>, String> {
        let inherits = new.compiled.inherits(&self.live.compiled);
        if !self.live.compiled.snapshot {
            return Ok(None);
        }
        let Some(old) = &mut self.live.instance else {
            return Ok(None);
        };
        match old.save() {
            Ok(Some(memory)) if inherits => {
                let cannot = |reason| {
                    format!("it cannot take over what the older generation remembers: {reason}")
                };
                new.instance.restore(memory.clone()).map_err(cannot)?;
                Ok(Some(memory))
            }
            Ok(memory) => Ok(memory),
            Err(abort) => {
                self.restart(self.live.time());
                match inherits {
                    true => Err(format!("the generation in service cannot save: {abort}")),
                    // The new one does not ask for it.
                    false => Ok(None),
                }
            }
        }
    }

    fn refuse(&mut self, new: &Generation, reason: String) {
        new.compiled.life.enter(Stage::Refused, reason.clone());
        let life = &self.live.compiled.life;
        life.enter(Stage::Active, "its successor was refused");
        self.send(Outcome::Refused {
            path: new.compiled.path.clone(),
            reason: reason.clone(),
        });
        self.queue.settle(Settled {
            generation: new.number,
            turned: Turned::Refused(reason),
        });
    }

    /// Puts a generation in the place of the one that serves; returns that one.
    fn sit(
        &mut self,
        compiled: Arc<crate::plugin::load::Compiled>,
        number: u32,
        instance: crate::plugin::instance::Instance,
    ) -> Seat {
        let delivered = std::mem::take(&mut self.live.delivered);
        let clock = self.live.clock();
        let seat = Seat::new(compiled, number, instance, delivered, clock)
            .with_lists(self.live.lists().clone())
            .in_service();
        let retired = std::mem::replace(&mut self.live, seat);
        self.trouble = Trouble::new(self.terms.pause);
        self.quarantine = None;
        self.guilty = None;
        self.dead = None;
        self.poison = None;
        self.again = None;
        self.counters.quarantined.store(false, Relaxed);
        self.fresh_budget();
        retired
    }

    /// The operator wants the generation before `from` back.
    pub(super) fn roll_back_asked(&mut self, from: u32) {
        if self.live.number != from {
            let reason = format!("generation {from} does not serve any more");
            return self.queue.settle(Settled {
                generation: from,
                turned: Turned::Refused(reason),
            });
        }
        if let Err(reason) = self.roll_back("the operator asked for it", self.live.time(), false) {
            self.queue.settle(Settled {
                generation: from,
                turned: Turned::Refused(reason),
            });
        }
    }

    /// Takes a generation back that has not stood its probation; returns whether it did.
    pub(super) fn take_back(&mut self, at: u64) -> bool {
        if self.probation.as_ref().is_some_and(|p| p.is_over(at)) {
            self.probation = None;
        }
        let Some(reason) = self.guilty.take() else {
            return false;
        };
        if self.probation.is_none() {
            return false;
        }
        match self.roll_back(&reason, at, true) {
            Ok(()) => true,
            Err(cannot) => {
                self.probation = None;
                self.condemn(&format!("{reason}; {cannot}"), at);
                false
            }
        }
    }

    /// The generation before the one in service comes back, with what was known at the switch.
    fn roll_back(&mut self, reason: &str, at: u64, by_itself: bool) -> Result<(), String> {
        let former = self.history.pop().ok_or("no earlier generation is kept")?;
        let watch = Stopwatch::start();
        let started = former
            .compiled
            .start()
            .map_err(|error| error.to_string())
            .and_then(|mut instance| {
                let memory = former.memory.clone();
                memory.map_or(Ok(()), |memory| instance.restore(memory))?;
                Ok(instance)
            });
        let instance = match started {
            Ok(instance) => instance,
            Err(error) => {
                let cannot = format!("generation {} does not start again: {error}", former.number);
                self.history.push(former);
                return Err(cannot);
            }
        };
        let unlearned = {
            let (keys, bytes) = former.compiled.kept().restore(&former.saved);
            let of_other = former.successor.as_ref().map_or((0, 0), |successor| {
                self.live.compiled.kept().restore(successor)
            });
            Unlearned {
                keys: keys + of_other.0,
                bytes: bytes + of_other.1,
                time: at.saturating_sub(former.at),
            }
        };
        let retired = self.sit(former.compiled, former.number, instance);
        // What the other has used up in a flood is not its fault.
        self.live.delivered.give_room();
        self.abandoned = Some(retired.number);
        self.probation = None;
        let lines = self.live.commit();
        self.log(lines);
        let from = named(&retired.compiled, retired.number);
        let plugin = named(&self.live.compiled, self.live.number);
        let life = &retired.compiled.life;
        life.enter(Stage::Refused, format!("rolled back: {reason}"));
        let life = &self.live.compiled.life;
        let back = format!(
            "generation {} was rolled back: {reason}; {unlearned}",
            from.generation
        );
        life.enter(Stage::Active, back.clone());
        if by_itself {
            let message = format!(
                "{} {} serves again as generation {}: {back}. Mend the component, or `vedette plugin reload --force {}`",
                plugin.id, plugin.version, plugin.generation, plugin.id
            );
            let key = format!("rollback {}", from.generation);
            let finding = Health::PluginRolledBack.finding(&plugin.id, message, &key, at);
            self.send(Outcome::Finding(Box::new(finding)));
        }
        // A start is work that the others on this worker wait for.
        self.charge(watch.stop(), at);
        self.queue.settle(Settled {
            generation: retired.number,
            turned: Turned::Back {
                to: self.live.number,
                told: format!(
                    "{} {} serves again as generation {}; {unlearned}",
                    plugin.id, plugin.version, plugin.generation
                ),
            },
        });
        self.send(Outcome::RolledBack {
            plugin,
            from,
            reason: reason.to_owned(),
            unlearned,
        });
        self.remains.leave((retired.instance, retired.compiled));
        Ok(())
    }

    /// A generation is to run beside the one in service.
    pub(super) fn rehearse(&mut self, trial: Trial) {
        let Trial {
            compiled,
            number,
            rehearsal,
        } = trial;
        let watch = Stopwatch::start();
        let mut memory = None;
        if compiled.inherits(&self.live.compiled)
            && let Some(old) = &mut self.live.instance
        {
            match old.save() {
                Ok(saved) => memory = saved,
                // The switch will tell, if there is one.
                Err(_) => self.restart(self.live.time()),
            }
        }
        compiled.life.enter(
            Stage::Shadow,
            format!(
                "it runs beside generation {}, whose state wins",
                self.live.number
            ),
        );
        self.shadow = Some(Shadow::begin(
            &self.live, compiled, number, rehearsal, memory,
        ));
        self.charge(watch.stop(), self.live.time());
    }

    /// The time of the generation on trial is over.
    pub(super) fn end_shadow(&mut self, at: u64) {
        let Some(shadow) = self.shadow.take() else {
            return;
        };
        let plugin = named(shadow.compiled(), shadow.number());
        let report = shadow.end(at);
        self.queue.settle(Settled {
            generation: plugin.generation,
            turned: Turned::Rehearsed(Box::new(report)),
        });
    }
}
