//! A new generation on trial: it runs beside the one in service, on a fork of its state, and what
//! it finds is compared.

use super::{
    budget::{Budget, Left},
    instance::{Instance, Memory},
    load::Compiled,
    queue::Delivery,
    seat::{Called, Seat},
    services::Shared,
    stats::Counters,
};
use crate::{finding::Finding, intel::Lists, record::Record};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// Most cases that are compared: a generation that floods must not fill memory.
const MAX_CASES: usize = 4096;
/// Most differences that a report names; the others are counted.
const MAX_NAMED: usize = 32;
/// Aborted calls after which a trial has failed.
const MOST_ABORTS: u64 = 3;
/// How long a shadow may use more time than its share: what it uses delays the one in service.
const PATIENCE: Duration = Duration::from_secs(1);

/// Which differences let a generation take over after its trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ShadowAccept {
    /// Whatever it finds.
    Any,
    /// It finds all that the older one finds, and perhaps more.
    #[default]
    NoFewer,
}

/// A case that only one of two generations found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Id of the rule.
    pub rule: String,
    /// Key of the case within it.
    pub dedup: String,
    /// Findings of it.
    pub findings: u64,
}

/// What a trial has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowReport {
    /// Event time that it ran for, ns.
    pub time: u64,
    /// Events that the new generation judged.
    pub events: u64,
    /// Cases that both have found.
    pub both: u64,
    /// Cases that the old generation alone has found.
    pub missing: u64,
    /// Cases that the new generation alone has found.
    pub new: u64,
    /// The first of the missing.
    pub missing_cases: Vec<Case>,
    /// The first of the new.
    pub new_cases: Vec<Case>,
    /// Findings that were not compared because there were too many cases.
    pub not_compared: u64,
    /// ns an event that the new generation took.
    pub ns_an_event: u64,
    /// Why the trial itself has failed, if it has.
    pub failed: Option<String>,
}

impl ShadowReport {
    /// Why the generation must not take over under this policy, if so.
    pub fn objection(&self, accept: ShadowAccept) -> Option<String> {
        if let Some(failed) = &self.failed {
            return Some(format!("it failed in its shadow: {failed}"));
        }
        (accept == ShadowAccept::NoFewer && self.missing > 0).then(|| {
            format!("it does not find what the generation in service does ({self}); --shadow-accept any lets it take over all the same")
        })
    }
}

impl fmt::Display for ShadowReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "shadow of {:.1} s, {} events: {} cases found by both, {} missing, {} new",
            self.time as f64 / 1e9,
            self.events,
            self.both,
            self.missing,
            self.new
        )?;
        let named = [("missing", &self.missing_cases), ("new", &self.new_cases)];
        for (what, cases) in named {
            for case in cases.iter().take(3) {
                write!(f, "; {what} {} {}", case.rule, case.dedup)?;
            }
        }
        if self.not_compared > 0 {
            write!(f, "; {} findings not compared", self.not_compared)?;
        }
        Ok(())
    }
}

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
    cases: BTreeMap<(String, String), [u64; 2]>,
    not_compared: u64,
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
            cases: BTreeMap::new(),
            not_compared: 0,
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

    /// The generation in service has found something.
    pub fn found_by_old(&mut self, finding: &Finding) {
        self.note(finding, 0);
    }

    fn note(&mut self, finding: &Finding, whose: usize) {
        let case = (finding.rule.clone(), finding.dedup.clone());
        if self.cases.len() >= MAX_CASES && !self.cases.contains_key(&case) {
            self.not_compared += 1;
            return;
        }
        self.cases.entry(case).or_default()[whose] += 1;
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
            Ok(said) => {
                for finding in &said.findings {
                    self.note(finding, 1);
                }
            }
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
        let mut report = ShadowReport {
            time: at.saturating_sub(self.begun),
            events: stats.events,
            ns_an_event: stats.call_ns / stats.events.max(1),
            not_compared: self.not_compared,
            failed: self.failed,
            ..ShadowReport::default()
        };
        for ((rule, dedup), [old, new]) in self.cases {
            let (count, named, findings) = match (old, new) {
                (findings, 0) => (&mut report.missing, &mut report.missing_cases, findings),
                (0, findings) => (&mut report.new, &mut report.new_cases, findings),
                _ => {
                    report.both += 1;
                    continue;
                }
            };
            *count += 1;
            if named.len() < MAX_NAMED {
                named.push(Case {
                    rule,
                    dedup,
                    findings,
                });
            }
        }
        report
    }
}
