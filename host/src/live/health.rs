//! What the source of live events says of itself: what it cannot sense, keeps back or has lost, as
//! health findings.

use super::{Live, boot_time};
use crate::agent::Agent;
use crate::finding::{Category, Finding, Severity};
use crate::loss;
use crate::manifest::OWN_ID;
use crate::plugin::outcome::Outcome;
use crate::repair;
use std::sync::Arc;
use vedette_contract::{KINDS, kind};
use vedette_sensor::event::Event;
use vedette_sensor::filter::KindSet;

impl Live {
    /// What is wanted and cannot be sensed, or not all of it, is among the findings.
    pub(super) fn tell_gaps(&self, wanted: KindSet) {
        let gaps = self.sensor.gaps();
        for kind in KINDS.iter().filter(|kind| wanted.has(kind.number)) {
            let mut reasons: Vec<String> = gaps
                .iter()
                .filter(|gap| gap.blinds && gap.kinds.has(kind.number))
                .map(|gap| format!("{}: {}", gap.program, gap.reason))
                .collect();
            let none = !self.sensor.senses(kind.number);
            if !none && reasons.is_empty() {
                continue;
            }
            if reasons.is_empty() {
                reasons.push("this sensor has no program for it".to_owned());
            }
            let what = if none { "no" } else { "not every" };
            self.say(
                "kind-not-sensed",
                "A plugin wants what this kernel does not show",
                format!(
                    "{what} `{}` event can be sensed here ({}): see `vedette doctor`",
                    kind.name,
                    reasons.join("; ")
                ),
                kind.name.to_owned(),
                boot_time(),
            );
        }
    }

    /// What is kept from plugins at the operator's wish is told too: nobody shall think that
    /// nothing happened.
    pub(super) fn tell_mutes(&mut self, now: u64, agent: &mut Agent) {
        if agent.mutes.rules().is_empty() {
            return;
        }
        match self.sensor.not_sent() {
            Ok(not_sent) => agent.mutes.count(not_sent),
            Err(error) => tracing::error!("what is muted cannot be counted: {error}"),
        }
        for said in agent.mutes.say(now / 60_000_000_000) {
            self.say_as(
                Severity::Info,
                "events-muted",
                "Events are kept from the plugins",
                said.message,
                said.case,
                now,
            );
        }
    }

    /// What the context has no room for is not known to plugins: somebody may have made room scarce.
    pub(super) fn tell_left_out(&mut self, now: u64, agent: &Agent) {
        let counters = agent.context().counters();
        let left_out = [
            counters.evicted,
            counters.groups_left_out,
            counters.containers_left_out,
        ];
        if left_out == self.left_out {
            return;
        }
        self.left_out = left_out;
        let [processes, groups, containers] = left_out;
        self.say(
            "context-full",
            "There is more on this machine than the agent keeps",
            format!(
                "{processes} processes, {groups} control groups and {containers} containers had no \
                 room so far: what runs in such a group counts for the container of who made it, \
                 and such containers have no names"
            ),
            (now / 60_000_000_000).to_string(),
            now,
        );
    }

    /// A loss stands in the stream, in the counters and among the findings; where it makes the
    /// process table doubtful, that is mended.
    pub(super) fn tell_losses(&mut self, now: u64, agent: &mut Agent) {
        let events = loss::events(self.sensor.losses());
        // One case a minute: a storm is told as it goes on, but not each second.
        let minute = now / 60_000_000_000;
        for said in loss::say(&events, agent.context()) {
            let dedup = format!("{} {minute}", said.case);
            self.say("events-lost", "Events were lost", said.message, dedup, now);
        }
        for event in events {
            if repair::concerns((event.b >> 32) as u16) {
                self.repair.want();
            }
            self.lost.add(&event);
            let own = agent.own_event(kind::LOSS, now);
            agent.take(Event {
                at: own.at,
                id: own.id,
                marks: own.marks,
                ..event
            });
        }
    }

    /// Raises a health finding of the agent itself.
    pub(super) fn say(&self, rule: &str, title: &str, message: String, dedup: String, at: u64) {
        self.say_as(Severity::Medium, rule, title, message, dedup, at);
    }

    /// The same, as severe as that.
    pub(super) fn say_as(
        &self,
        severity: Severity,
        rule: &str,
        title: &str,
        message: String,
        dedup: String,
        at: u64,
    ) {
        let finding = Finding {
            plugin: Arc::from(OWN_ID),
            version: Arc::from(env!("CARGO_PKG_VERSION")),
            rule: rule.to_owned(),
            title: title.to_owned(),
            category: Category::Health,
            severity,
            confidence: 100,
            techniques: Vec::new(),
            process: None,
            message,
            evidence: Vec::new(),
            dedup,
            proposals: Vec::new(),
            about: None,
            details: Vec::new(),
            at,
        };
        // The receiver only ends after this loop has.
        let _ = self.outcomes.send(Outcome::Finding(Box::new(finding)));
    }
}
