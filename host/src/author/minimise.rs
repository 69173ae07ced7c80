//! A capture made small: what a finding needs, and nothing else.
//!
//! First what belongs to the findings' processes is cut out; of the rest, pieces that get ever
//! smaller are left out for as long as the plugin finds the same (delta debugging). What tells who
//! the processes of the findings and their ancestors are stays whole, so that a later agent, which
//! may make more of it, still understands the capture.

use super::trial::{Capture, Subject, Trial, TrialError};
use crate::context::process::Process;
use crate::context::{Context, Rows};
use crate::finding::Finding;
use crate::manifest::Manifest;
use crate::record::Record;
use crate::selection::Selection;
use crate::subscription::Subscriptions;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap, HashSet};
use vedette_contract::kind;
use vedette_sensor::event::{Event, Image, TaskRef};
use vedette_sensor::filter::KindSet;

/// ns of a clock tick, in which /proc tells when a process began.
const START_TICK: u64 = 10_000_000;

/// Events that say who a process is: they are kept of every process that matters.
const CONTEXT: KindSet = KindSet::CONTEXT.with(kind::EXISTING);

/// A process by its pid and the clock tick of its start: what is known of processes that were
/// there before is no finer.
type Who = (u32, u64);

fn who(process: TaskRef) -> Who {
    (process.pid, process.start / START_TICK)
}

/// What is to be kept of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aim {
    /// The findings of this rule, or all of them.
    Findings(Option<String>),
    /// What the plugin gets to see; it must find nothing in it.
    Benign,
}

/// A capture cannot be made small.
#[derive(Debug, thiserror::Error)]
pub enum MinimiseError {
    /// A trial failed.
    #[error(transparent)]
    Trial(#[from] TrialError),
    /// There is nothing to keep.
    #[error(
        "the plugin finds nothing of {0} in this capture; name another rule, or give --benign if that is right"
    )]
    NothingFound(String),
    /// It is not benign.
    #[error("the plugin finds something in this capture, so it is not benign: {0}")]
    Found(String),
    /// The plugin sees none of it.
    #[error(
        "the plugin gets no event of this capture: it proves nothing; record work that comes near to what the plugin looks for"
    )]
    NothingSeen,
}

/// A capture's size at one point of the way.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Events that are left.
    pub left: usize,
    /// Runs of the plugin so far.
    pub runs: usize,
}

/// What a reduced capture is held against.
struct Judge<'a> {
    subject: &'a Subject,
    capture: &'a Capture,
    aim: &'a Aim,
    wanted: Vec<Value>,
    /// All that the whole capture raises: the reduced one must raise nothing besides.
    known: Vec<Value>,
    delivered: u64,
    runs: usize,
}

impl Judge<'_> {
    /// Whether these events, by their numbers, still give what is wanted.
    fn holds(&mut self, kept: &[usize]) -> Result<bool, TrialError> {
        self.runs += 1;
        let events = kept.iter().map(|n| self.capture.events[*n].clone());
        let trial = self.subject.run(events, 64)?;
        if !trial.health.is_empty() {
            return Ok(false);
        }
        let told = trial.told(&self.capture.clock());
        Ok(match self.aim {
            // What is delivered to the plugin is what the capture is for.
            Aim::Benign => told.is_empty() && trial.stats.events == self.delivered,
            Aim::Findings(rule) => {
                of_rule(&told, rule.as_deref()) == self.wanted
                    && told.iter().all(|one| self.known.contains(one))
            }
        })
    }
}

impl Judge<'_> {
    /// What of the selected work the plugin gets, which must be something, and harmless.
    fn begin_benign(
        &mut self,
        kept: Vec<usize>,
        fixed: HashSet<usize>,
    ) -> Result<Cut, MinimiseError> {
        let events = kept.iter().map(|n| self.capture.events[*n].clone());
        let trial = self.subject.run(events, 64)?;
        if let Some(first) = trial.findings.first() {
            return Err(MinimiseError::Found(super::fixtures::in_short(first)));
        }
        if trial.stats.events == 0 {
            return Err(MinimiseError::NothingSeen);
        }
        self.delivered = trial.stats.events;
        Ok((kept, fixed))
    }
}

/// The events that are left, by their numbers, and those of them that stay.
type Cut = (Vec<usize>, HashSet<usize>);

/// The findings of a rule, or all.
fn of_rule(told: &[Value], rule: Option<&str>) -> Vec<Value> {
    let of = |one: &&Value| rule.is_none_or(|rule| one["rule"] == rule);
    told.iter().filter(of).cloned().collect()
}

/// Makes a capture small, `tell`ing how far it is. Of a benign one only what is selected counts.
///
/// # Errors
/// See [`MinimiseError`].
pub fn minimise(
    subject: &Subject,
    manifest: &Manifest,
    capture: &Capture,
    aim: &Aim,
    selection: &Selection,
    mut tell: impl FnMut(Step),
) -> Result<Vec<Event>, MinimiseError> {
    let whole = subject.run(capture.events.iter().cloned(), 64)?;
    let known = whole.told(&capture.clock());
    let mut judge = Judge {
        subject,
        capture,
        aim,
        wanted: match aim {
            Aim::Findings(rule) => of_rule(&known, rule.as_deref()),
            Aim::Benign => Vec::new(),
        },
        known,
        delivered: whole.stats.events,
        runs: 1,
    };
    match aim {
        Aim::Findings(rule) if judge.wanted.is_empty() => {
            let what = rule.as_deref().unwrap_or("what it declares");
            return Err(MinimiseError::NothingFound(what.to_owned()));
        }
        _ => {}
    }
    let mut seen = delivered(&capture.events, manifest);
    if !selection.is_all() {
        let chosen = chosen(&capture.events, selection);
        seen.retain(|n| chosen.contains(n));
    }
    let (mut kept, fixed) = begin(&mut judge, &whole, &seen)?;
    let mut size = kept.len().div_ceil(2);
    loop {
        tell(Step {
            left: kept.len(),
            runs: judge.runs,
        });
        let before = kept.len();
        // From the end: what comes late is needed by nothing before it.
        let mut end = kept.len();
        while end > 0 {
            let begin = end.saturating_sub(size);
            let without: Vec<usize> = kept
                .iter()
                .enumerate()
                .filter(|(at, n)| !(begin..end).contains(at) || fixed.contains(n))
                .map(|(_, n)| *n)
                .collect();
            if without.len() < kept.len() && judge.holds(&without)? {
                kept = without;
            }
            end = begin.min(kept.len());
        }
        if size > 1 {
            size = (size / 2).min(kept.len()).max(1);
        } else if kept.len() == before {
            break;
        }
    }
    Ok(kept.iter().map(|n| capture.events[*n].clone()).collect())
}

/// Which events the plugin gets at most: whether a process is in a container is left open.
fn delivered(events: &[Event], manifest: &Manifest) -> HashSet<usize> {
    let subscriptions = Subscriptions::compile(manifest);
    let wants = |e: &Event| subscriptions.matches(e, true) || subscriptions.matches(e, false);
    let numbered = events.iter().enumerate();
    numbered.filter(|(_, e)| wants(e)).map(|(n, _)| n).collect()
}

/// The events that somebody selected.
fn chosen(events: &[Event], selection: &Selection) -> HashSet<usize> {
    let mut context = Context::default();
    let mut chosen = HashSet::new();
    for (n, event) in events.iter().enumerate() {
        let Rows { process, target } = context.apply(event);
        let record = Record {
            event: event.clone(),
            process,
            target,
        };
        if event.kind == kind::TICK || selection.fits(&record) {
            chosen.insert(n);
        }
    }
    chosen
}

/// The events to begin with, and those of them that stay: what belongs to the processes of the
/// findings if that is enough, what belongs to all that the plugin sees if not, else everything.
fn begin(
    judge: &mut Judge<'_>,
    whole: &Trial,
    seen: &HashSet<usize>,
) -> Result<Cut, MinimiseError> {
    let events = &judge.capture.events;
    let parents = parents(events);
    let of_rule = |finding: &&Finding| match judge.aim {
        Aim::Findings(Some(rule)) => finding.rule == *rule,
        _ => true,
    };
    let mut named: HashSet<Who> = HashSet::new();
    for finding in whole.findings.iter().filter(of_rule) {
        let evidence = finding.evidence.iter().filter_map(|e| e.record.as_ref());
        let rows = evidence.flat_map(|r| [&r.process, &r.target]);
        let proposed = finding.proposals.iter().map(|p| &p.target);
        let rows: Vec<&Process> = rows
            .chain([&finding.process])
            .flatten()
            .chain(proposed)
            .flat_map(|row| row.lineage())
            .collect();
        named.extend(rows.iter().map(|row| who(row.id)));
    }
    let found = with_ancestors(named, &parents);
    let acting = seen.iter().flat_map(|n| {
        let event = &events[*n];
        [Some(event.task.process), event.target]
    });
    let all = with_ancestors(acting.flatten().map(who).collect(), &parents);
    let mut tries = Vec::new();
    tries.push((slice(events, &found), fixed(events, &found)));
    let whole = slice(events, &all);
    if *judge.aim == Aim::Benign {
        return judge.begin_benign(whole, fixed(events, &all));
    }
    tries.push((whole, fixed(events, &found)));
    for (kept, fixed) in tries {
        if judge.holds(&kept)? {
            return Ok((kept, fixed));
        }
    }
    Ok(((0..events.len()).collect(), fixed(events, &found)))
}

/// Each process's parent, as far as the events tell.
fn parents(events: &[Event]) -> HashMap<Who, Who> {
    let mut parents = HashMap::new();
    for event in events {
        if event.kind == kind::FORK
            && let Some(child) = event.target
        {
            parents.insert(who(child), who(event.task.process));
        }
        parents
            .entry(who(event.task.process))
            .or_insert(who(event.task.parent));
    }
    parents
}

fn with_ancestors(mut processes: HashSet<Who>, parents: &HashMap<Who, Who>) -> HashSet<Who> {
    let mut open: Vec<Who> = processes.iter().copied().collect();
    while let Some(process) = open.pop() {
        if let Some(parent) = parents.get(&process)
            && processes.insert(*parent)
        {
            open.push(*parent);
        }
    }
    // Ticks and losses are nobody's.
    processes.remove(&who(TaskRef::default()));
    processes
}

/// All that these processes do and suffer, which containers they are in, and the time.
fn slice(events: &[Event], processes: &HashSet<Who>) -> Vec<usize> {
    let groups = groups(events, processes);
    let theirs = |e: &Event| {
        processes.contains(&who(e.task.process))
            || e.target.is_some_and(|t| processes.contains(&who(t)))
    };
    let numbered = events.iter().enumerate();
    let kept = numbered.filter(|(_, e)| match e.kind {
        kind::TICK | kind::LOSS => true,
        kind::CGROUP | kind::CONTAINER => groups.contains(&e.a) || theirs(e),
        _ => is_reference(e) || theirs(e),
    });
    kept.map(|(n, _)| n).collect()
}

/// The machine's init: what is in its namespaces is in the machine's own.
fn is_reference(event: &Event) -> bool {
    event.kind == kind::EXISTING && event.task.process.pid == 1
}

fn groups(events: &[Event], processes: &HashSet<Who>) -> BTreeSet<u64> {
    let of = events
        .iter()
        .filter(|e| processes.contains(&who(e.task.process)));
    of.flat_map(|e| [e.task.cgroup, e.task.cgroup_v1]).collect()
}

/// The events that say who these processes are.
fn fixed(events: &[Event], processes: &HashSet<Who>) -> HashSet<usize> {
    let groups = groups(events, processes);
    let numbered = events.iter().enumerate();
    let fixed = numbered.filter(|(_, e)| match e.kind {
        _ if is_reference(e) => true,
        // A fork tells who the child is, not who the parent is.
        kind::FORK => e.target.is_some_and(|t| processes.contains(&who(t))),
        kind::CGROUP | kind::CONTAINER => groups.contains(&e.a),
        _ => CONTEXT.has(e.kind) && processes.contains(&who(e.task.process)),
    });
    fixed.map(|(n, _)| n).collect()
}

/// Takes out of a capture what tells of the machine that it was recorded on, and not of what
/// happened there: the build of its kernel, and arguments, directory and open files of processes
/// that were there before.
pub fn anonymise(capture: &mut Capture) {
    let kernel = &mut capture.header.kernel;
    kernel.truncate(kernel.find('-').unwrap_or(kernel.len()));
    for event in &mut capture.events {
        if event.kind != kind::EXISTING {
            continue;
        }
        event.task.comm = [0; 16];
        if event.task.process.pid == 1 {
            event.text = b"/sbin/init"[..].into();
        }
        if let Some(image) = &mut event.image {
            **image = Image {
                class: image.class,
                marks: image.marks,
                ..Image::default()
            };
        }
    }
}
