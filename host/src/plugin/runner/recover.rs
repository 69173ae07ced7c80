//! What becomes of a plugin whose calls are aborted: skipped events, quarantine, the way back.

use super::Runner;
use crate::{
    plugin::{
        budget::Stopwatch,
        instance::Aborted,
        life::Stage,
        outcome::{Health, Outcome},
        stats::Counters,
        trouble::{Trouble, Verdict},
    },
    record::Record,
};
use std::sync::{Arc, atomic::Ordering::Relaxed};
use vedette_contract::Kind;

/// Quarantines of one generation after which it is not released any more.
const MOST_QUARANTINES: u32 = 5;

/// Out of service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quarantine {
    /// Event time at which it is released, ns; none where somebody has to do something.
    until: Option<u64>,
}

impl Runner {
    /// An event made the plugin abort on its own: it is left out, and said. Returns whether the
    /// generation was taken back, so that another one can judge the event.
    pub(super) fn skip(&mut self, record: &Arc<Record>, abort: &Aborted) -> bool {
        let event = &record.event;
        self.judge(abort, event.at);
        let (id, version) = (self.live.id.clone(), self.live.version.clone());
        let taken_back = self.take_back(event.at);
        if taken_back {
            return true;
        }
        Counters::add(&self.counters.skipped, 1);
        let kind = Kind::by_number(event.kind).map_or("unknown", |kind| kind.name);
        let mut finding = Health::EventAborted.finding(
            &id,
            format!(
                "{id} {version} did not judge event {:#x} ({kind} of pid {}): {abort}",
                event.id, event.task.process.pid
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
        false
    }

    /// Puts a fresh instance in the place of a dead one.
    pub(super) fn restart(&mut self, at: u64) {
        let watch = Stopwatch::start();
        let restarted = self.live.restart();
        let spent = watch.stop();
        Counters::add(&self.counters.cpu_ns, spent.cpu.as_nanos() as u64);
        match restarted {
            Ok(lines) => self.log(lines),
            Err(error) => self.condemn(&error.to_string(), at),
        }
        self.charge(spent, at);
    }

    /// Decides what an abort means for the plugin's service.
    pub(super) fn judge(&mut self, abort: &Aborted, at: u64) {
        if self.quarantine.is_some() {
            return;
        }
        if let Some(probation) = &mut self.probation {
            self.guilty = self.guilty.take().or(probation.abort(&abort.to_string()));
        }
        if self.trouble.strike(at) == Verdict::Quarantine {
            self.condemn(&format!("too many aborted calls, the last: {abort}"), at);
        }
    }

    /// The generation must not serve on: taken back within its probation, else in quarantine.
    pub(super) fn condemn(&mut self, reason: &str, at: u64) {
        let on_probation = self.probation.as_ref().is_some_and(|p| !p.is_over(at));
        if on_probation && !self.history.is_empty() {
            self.guilty.get_or_insert_with(|| reason.to_owned());
            return;
        }
        self.quarantines += 1;
        let doublings = self.quarantines - 1;
        let until = (self.quarantines < MOST_QUARANTINES)
            .then(|| at.saturating_add(self.terms.quarantine << doublings));
        self.hold(reason, at, until);
    }

    /// Puts it into quarantine, until this event time if any.
    pub(super) fn hold(&mut self, reason: &str, at: u64, until: Option<u64>) {
        self.live.instance = None;
        self.dead = None;
        self.trouble = Trouble::new(self.terms.pause);
        self.quarantine = Some(Quarantine { until });
        self.counters.quarantined.store(true, Relaxed);
        let (id, version) = (&self.live.id, &self.live.version);
        let remedy = match until {
            Some(until) => format!(
                "It is tried again in {} s; replace the component, or `vedette plugin enable {id}` to bring it back at once",
                until.saturating_sub(at) / 1_000_000_000
            ),
            None => {
                format!("Replace the component, or `vedette plugin enable {id}` to bring it back")
            }
        };
        let life = &self.live.compiled.life;
        life.enter(Stage::Quarantined, format!("{reason}. {remedy}"));
        let message = format!("{id} {version} is out of service: {reason}. {remedy}");
        let finding = Health::PluginQuarantined.finding(id, message, "quarantine", at);
        self.send(Outcome::Finding(Box::new(finding)));
    }

    /// Lets it out of a quarantine whose time is over.
    pub(super) fn release_in_time(&mut self, at: u64) {
        let until = self.quarantine.and_then(|quarantine| quarantine.until);
        if until.is_some_and(|until| at >= until) {
            self.release("its quarantine is over");
            if self.quarantine.is_none() {
                let (id, version) = (&self.live.id, &self.live.version);
                let message = format!(
                    "{id} {version} serves again with what it keeps; {} events were not judged",
                    self.counters.lost.load(Relaxed)
                );
                let finding = Health::PluginReleased.finding(id, message, "released", at);
                self.send(Outcome::Finding(Box::new(finding)));
            }
        }
    }

    /// Lets it out of quarantine, if it starts.
    pub(super) fn release(&mut self, reason: &str) {
        if self.quarantine.take().is_none() {
            return;
        }
        self.restart(self.live.time());
        if self.live.instance.is_some() {
            self.counters.quarantined.store(false, Relaxed);
            self.live.compiled.life.enter(Stage::Active, reason);
        }
    }
}
