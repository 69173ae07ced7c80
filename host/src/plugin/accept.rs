//! What a plugin returns, checked against what it declared and what it was sent.

use super::{
    batch::AddressHasher, bindings::vedette::detect::types as wit, engine::MAX_PLUGINS,
    stats::Counters,
};
use crate::{
    context::process::Process,
    finding::{Action, Evidence, Finding, Proposal, Severity},
    manifest::Manifest,
    record::Record,
};
use std::{
    collections::{HashMap, VecDeque},
    hash::BuildHasherDefault,
    sync::Arc,
};

/// Newest events that are kept for evidence, whoever acted: each one kept costs up to a kilobyte.
const MAX_NEWEST: usize = 2048;
/// Older events of processes that live. Those of the dead make way first, so that a process cannot
/// push out what shows another's act by making children that die.
const MAX_OLDER: usize = 2048;
/// Processes in one of the two halves of the table of those that were sent of late.
const MAX_PROCESSES: usize = 512;
/// Processes that were sent earlier and live.
const MAX_LIVING: usize = 8192;
/// Most findings for each event of a batch: stops a plugin from burying others' findings.
const MAX_PER_EVENT: usize = 16;
/// Most findings in a second of event time, for the same reason.
const MAX_PER_SECOND: u32 = 1000;
/// Longest message and dedup key in bytes.
const MAX_MESSAGE: usize = 1024;
/// Longest note in bytes.
const MAX_NOTE: usize = 512;
/// Most pieces of evidence of one finding.
const MAX_EVIDENCE: usize = 64;
/// Most proposals of one finding.
const MAX_PROPOSALS: usize = 16;

// One line on memory: every plugin at its bounds keeps about half a million records.
const _: () = assert!(MAX_PLUGINS * (MAX_NEWEST + MAX_OLDER) <= 1 << 19);

type Processes = HashMap<u64, Arc<Process>, BuildHasherDefault<AddressHasher>>;

/// What a plugin was sent, as far as it is kept.
#[derive(Debug, Default, Clone)]
pub struct Delivered {
    newest: VecDeque<Arc<Record>>,
    /// Those that were among the newest, of processes that lived then.
    older: VecDeque<Arc<Record>>,
    /// Those sent since the halves were last swapped, and those sent before.
    young: Processes,
    old: Processes,
    /// Those that were in the halves, and lived then.
    living: Processes,
    /// Time of the newest event, ns since boot.
    now: u64,
    /// Second of event time, and findings in it.
    second: (u64, u32),
}

impl Delivered {
    /// An event was sent.
    pub fn record(&mut self, record: &Arc<Record>) {
        self.now = self.now.max(record.event.at);
        if self.newest.len() == MAX_NEWEST
            && let Some(passed) = self.newest.pop_front()
            && is_of_living(&passed, self.now)
        {
            self.older.push_back(passed);
            self.make_room();
        }
        self.newest.push_back(record.clone());
    }

    /// Drops older events where there are too many: those of the dead, then the oldest. A quarter
    /// is free afterwards, so that this is not done for each event.
    fn make_room(&mut self) {
        if self.older.len() > MAX_OLDER {
            self.older.retain(|record| is_of_living(record, self.now));
            let surplus = self.older.len().saturating_sub(MAX_OLDER / 4 * 3);
            self.older.drain(..surplus);
        }
    }

    /// A process row was sent; a later row of the same process takes its place.
    pub fn process(&mut self, process: &Arc<Process>) {
        if self.young.len() == MAX_PROCESSES && !self.young.contains_key(&process.key) {
            let now = self.now;
            self.living.retain(|_, row| !row.life.is_over(now));
            let passed = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            for (key, row) in passed {
                if !row.life.is_over(now) && self.living.len() < MAX_LIVING {
                    self.living.insert(key, row);
                }
            }
        }
        self.young.insert(process.key, process.clone());
    }

    fn find(&self, key: u64) -> Option<&Arc<Process>> {
        let tables = [&self.young, &self.old, &self.living];
        tables.into_iter().find_map(|table| table.get(&key))
    }

    /// The records with these ids, in one pass from the newest.
    fn records(&self, ids: impl Iterator<Item = u64>) -> HashMap<u64, &Arc<Record>> {
        let mut missing: std::collections::HashSet<u64> = ids.collect();
        let mut found = HashMap::new();
        for record in self.newest.iter().rev().chain(self.older.iter().rev()) {
            if missing.is_empty() {
                break;
            }
            if missing.remove(&record.event.id) {
                found.insert(record.event.id, record);
            }
        }
        found
    }

    /// Whether one more finding fits into this second.
    fn has_room(&mut self, at: u64) -> bool {
        let second = at / 1_000_000_000;
        if self.second.0 != second {
            self.second = (second, 0);
        }
        self.second.1 += 1;
        self.second.1 <= MAX_PER_SECOND
    }
}

/// Whether who acted or who was acted upon lives.
fn is_of_living(record: &Record, now: u64) -> bool {
    let rows = [&record.process, &record.target];
    rows.into_iter().flatten().any(|row| !row.life.is_over(now))
}

/// Who returned what, for what.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The plugin.
    pub plugin: &'a Arc<str>,
    /// Its version.
    pub version: &'a Arc<str>,
    /// What it declares.
    pub manifest: &'a Manifest,
    /// The events of the batch.
    pub batch: &'a [Arc<Record>],
    /// What it returned.
    pub findings: Vec<wit::Finding>,
}

/// Checks an answer. What is not declared or not proven is dropped and counted; the second list
/// says so, in words for the plugin's author.
pub fn accept(
    answer: Answer<'_>,
    delivered: &mut Delivered,
    counters: &Counters,
) -> (Vec<Finding>, Vec<String>) {
    let mut accepted = Vec::new();
    let mut faults = Vec::new();
    if answer.findings.is_empty() {
        return (accepted, faults);
    }
    let at_of_batch = answer.batch.iter().map(|r| r.event.at).max().unwrap_or(0);
    let most = answer.batch.len() * MAX_PER_EVENT;
    for raw in answer.findings.into_iter().take(most + 1) {
        if accepted.len() == most {
            faults.push(format!(
                "it returned more than {MAX_PER_EVENT} findings an event"
            ));
            Counters::add(&counters.refused, 1);
            break;
        }
        if !delivered.has_room(at_of_batch) {
            faults.push(format!(
                "it raised more than {MAX_PER_SECOND} findings in a second"
            ));
            Counters::add(&counters.refused, 1);
            break;
        }
        let Some(rule) = answer.manifest.rule(&raw.rule) else {
            faults.push(format!(
                "it raised {:?}, which its manifest does not declare",
                cut(raw.rule, 64)
            ));
            Counters::add(&counters.refused, 1);
            continue;
        };
        let process = match raw.process {
            0 => None,
            key => {
                let Some(process) = delivered.find(key) else {
                    faults.push(format!(
                        "its finding {:?} names a process that it was not sent",
                        rule.id
                    ));
                    Counters::add(&counters.refused, 1);
                    continue;
                };
                Some(process.clone())
            }
        };
        let evidence = evidence(raw.evidence, delivered, counters);
        let process = process.map(|newest| at_that_moment(&evidence, newest));
        let proposals = proposals(raw.proposals, &rule.response, delivered, counters);
        let at = evidence
            .iter()
            .filter_map(|e| Some(e.record.as_ref()?.event.at))
            .max()
            .unwrap_or(at_of_batch);
        accepted.push(Finding {
            plugin: answer.plugin.clone(),
            version: answer.version.clone(),
            rule: rule.id.clone(),
            title: rule.title.clone(),
            category: rule.category,
            severity: severity(raw.severity).min(rule.severity),
            confidence: raw.confidence.min(100),
            techniques: rule.techniques.clone(),
            process,
            message: cut(raw.message, MAX_MESSAGE),
            evidence,
            dedup: cut(raw.dedup, MAX_MESSAGE),
            proposals,
            at,
        });
    }
    Counters::add(&counters.findings, accepted.len() as u64);
    (accepted, faults)
}

/// The row that the process had at the newest event of the evidence that is about it, or else the
/// newest row that was sent. That one depends on which events shared a batch.
fn at_that_moment(evidence: &[Evidence], newest: Arc<Process>) -> Arc<Process> {
    let records = evidence.iter().filter_map(|e| e.record.as_ref());
    records
        .flat_map(|record| {
            let rows = [&record.process, &record.target];
            rows.into_iter().flatten().map(|row| (record.event.at, row))
        })
        .filter(|(_, row)| row.key == newest.key)
        .max_by_key(|(at, _)| *at)
        .map_or_else(|| newest.clone(), |(_, row)| row.clone())
}

/// Only events that the plugin was sent prove anything.
fn evidence(raw: Vec<wit::Evidence>, delivered: &Delivered, counters: &Counters) -> Vec<Evidence> {
    let records = delivered.records(raw.iter().take(MAX_EVIDENCE).map(|e| e.event));
    let given = raw.len();
    let accepted: Vec<Evidence> = raw
        .into_iter()
        .take(MAX_EVIDENCE)
        .filter_map(|e| {
            let record = records.get(&e.event)?;
            Some(Evidence {
                event: e.event,
                record: Some((*record).clone()),
                note: cut(e.note, MAX_NOTE),
            })
        })
        .collect();
    Counters::add(&counters.unproven, (given - accepted.len()) as u64);
    accepted
}

/// Only declared actions on processes that the plugin was sent.
fn proposals(
    raw: Vec<wit::Proposal>,
    declared: &[Action],
    delivered: &Delivered,
    counters: &Counters,
) -> Vec<Proposal> {
    let given = raw.len();
    let accepted: Vec<Proposal> = raw
        .into_iter()
        .take(MAX_PROPOSALS)
        .filter_map(|proposal| {
            let action = Action::of(proposal.action)?;
            let target = delivered.find(proposal.target)?.clone();
            declared
                .contains(&action)
                .then_some(Proposal { action, target })
        })
        .collect();
    Counters::add(&counters.unproven, (given - accepted.len()) as u64);
    accepted
}

fn severity(raw: wit::Severity) -> Severity {
    match raw {
        wit::Severity::Info => Severity::Info,
        wit::Severity::Low => Severity::Low,
        wit::Severity::Medium => Severity::Medium,
        wit::Severity::High => Severity::High,
        wit::Severity::Critical => Severity::Critical,
    }
}

fn cut(mut text: String, max: usize) -> String {
    text.truncate(text.floor_char_boundary(max));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;
    use proptest::prelude::*;
    use vedette_contract::kind;
    use vedette_sensor::event::{Event, TaskRef};

    const MANIFEST: &str = r#"
        [plugin]
        id = "t"
        version = "1"
        title = "t"
        description = "t"
        contract = "0.1.0"
        [[subscribe]]
        kind = "exec"
        [[finding]]
        id = "seen"
        title = "seen"
        category = "execution"
        severity = "medium"
        response = ["kill"]
    "#;

    fn record(id: u64) -> Arc<Record> {
        Arc::new(Record {
            event: Event {
                id,
                at: id,
                ..Event::default()
            },
            process: None,
            target: None,
        })
    }

    /// An event of a process, and its record.
    fn acts(context: &mut Context, kind: u16, pid: u32, at: u64) -> Arc<Record> {
        let mut event = Event {
            id: at,
            at,
            kind,
            ..Event::default()
        };
        event.task.process = TaskRef { pid, start: 1 };
        let process = context.apply(&event).process;
        Arc::new(Record {
            event,
            process,
            target: None,
        })
    }

    #[test]
    fn what_the_living_did_outlasts_a_flood_of_those_that_die() {
        let mut context = Context::default();
        let mut delivered = Delivered::default();
        let mut send = |record: &Arc<Record>| {
            let process = record.process.as_ref().expect("somebody acted");
            delivered.process(process);
            delivered.record(record);
            process.key
        };
        let mut at = 0;
        let mut next = || {
            at += 1;
            at
        };
        let living = send(&acts(&mut context, kind::CONNECT, 1, next()));
        let dead = send(&acts(&mut context, kind::CONNECT, 2, next()));
        acts(&mut context, kind::EXIT, 2, next());
        for pid in 3..20_000 {
            send(&acts(&mut context, kind::CONNECT, pid, next()));
            acts(&mut context, kind::EXIT, pid, next());
        }
        assert!(delivered.find(living).is_some() && delivered.find(dead).is_none());
        let found = delivered.records([1, 2].into_iter());
        assert_eq!(found.into_keys().collect::<Vec<_>>(), [1]);
        assert_eq!(delivered.newest.len(), MAX_NEWEST);
        assert_eq!(delivered.older.len(), 1);
        assert!(delivered.young.len() + delivered.old.len() <= 2 * MAX_PROCESSES);
        assert_eq!(delivered.living.len(), 1);
    }

    #[test]
    fn the_living_have_bounds_too() {
        let mut context = Context::default();
        let mut delivered = Delivered::default();
        for pid in 1..50_000 {
            let record = acts(&mut context, kind::CONNECT, pid, u64::from(pid));
            delivered.process(record.process.as_ref().expect("somebody acted"));
            delivered.record(&record);
            assert!(delivered.newest.len() <= MAX_NEWEST && delivered.older.len() <= MAX_OLDER);
            assert!(delivered.young.len() <= MAX_PROCESSES && delivered.old.len() <= MAX_PROCESSES);
            assert!(delivered.living.len() <= MAX_LIVING);
        }
        assert!(delivered.older.len() >= MAX_OLDER / 2 && delivered.living.len() == MAX_LIVING);
    }

    fn finding() -> impl Strategy<Value = wit::Finding> {
        let severity = prop_oneof![
            Just(wit::Severity::Info),
            Just(wit::Severity::Medium),
            Just(wit::Severity::Critical)
        ];
        let evidence = proptest::collection::vec((0..3000u64, "\\PC{0,9}"), 0..100);
        let proposals = proptest::collection::vec((0..3u32, any::<u64>()), 0..30);
        let texts = ("(seen|other)", "\\PC{0,900}", "\\PC{0,900}");
        (
            texts,
            severity,
            any::<u8>(),
            prop_oneof![Just(0), any::<u64>()],
            evidence,
            proposals,
        )
            .prop_map(
                |((rule, message, dedup), severity, confidence, process, evidence, proposals)| {
                    wit::Finding {
                        rule,
                        severity,
                        confidence,
                        process,
                        container: 0,
                        message,
                        evidence: evidence
                            .into_iter()
                            .map(|(event, note)| wit::Evidence { event, note })
                            .collect(),
                        dedup,
                        proposals: proposals
                            .into_iter()
                            .map(|(action, target)| wit::Proposal {
                                action,
                                target,
                                event: 0,
                            })
                            .collect(),
                        details: Vec::new(),
                    }
                },
            )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]
        /// Whatever a guest returns: no panic, and what is let out is declared, proven, bounded.
        #[test]
        fn what_is_accepted_is_sound(findings in proptest::collection::vec(finding(), 0..40)) {
            let manifest = Manifest::parse(MANIFEST, "plugin.toml").expect("sound");
            let mut delivered = Delivered::default();
            let batch: Vec<_> = (0..MAX_NEWEST as u64 + 100).map(record).collect();
            batch.iter().for_each(|r| delivered.record(r));
            let (plugin, version) = ("t".into(), "1".into());
            let counters = Counters::default();
            let (accepted, _) = accept(
                Answer {
                    plugin: &plugin,
                    version: &version,
                    manifest: &manifest,
                    batch: &batch[..2],
                    findings,
                },
                &mut delivered,
                &counters,
            );
            prop_assert!(accepted.len() <= 2 * MAX_PER_EVENT);
            for f in &accepted {
                prop_assert_eq!(&*f.rule, "seen");
                prop_assert!(f.process.is_none() && f.proposals.is_empty());
                prop_assert!(f.severity <= Severity::Medium && f.confidence <= 100);
                prop_assert!(f.message.len() <= MAX_MESSAGE && f.dedup.len() <= MAX_MESSAGE);
                prop_assert!(f.evidence.len() <= MAX_EVIDENCE);
                for e in &f.evidence {
                    // The first hundred were pushed out of the ring.
                    prop_assert!((100..MAX_NEWEST as u64 + 100).contains(&e.event));
                    prop_assert_eq!(e.record.as_ref().map(|r| r.event.id), Some(e.event));
                }
            }
        }
    }
}
