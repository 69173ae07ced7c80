//! Finds acts by which a process leaves its container.
//!
//! `act` says what an event is worth by itself: `file`, `mount` and `process` for their kinds, by
//! what the container was `given` of the machine. Here that is weighed with what else happened in
//! the same container, and raised.

mod act;
mod early;
mod file;
mod given;
mod mount;
mod process;

use act::Act;
use early::Early;
use file::STARTS_PROGRAMS;
use mount::MACHINE_ROOT;
use vedette_sdk::bounded::Map;
use vedette_sdk::prelude::*;

/// Containers whose acts are remembered. Stops whoever starts containers in masses from filling
/// the plugin's memory; the oldest is forgotten.
const MAX_CONTAINERS: usize = 1024;

/// Acts that are remembered of one container, as evidence for the next one.
const MAX_STEPS: usize = 8;

/// Processes that are remembered as having made the machine's root directory their own. Stops
/// whoever does so in masses; the oldest is forgotten.
const MAX_ROOTED: usize = 4096;

/// Something that happened in a container before.
#[derive(Debug, Clone, Copy)]
struct Step {
    grave: bool,
    rule: &'static str,
    what: &'static str,
    event: u64,
}

/// The detection.
#[plugin]
struct Escape {
    chains: Map<u64, Vec<Step>>,
    rooted: Map<u64, ()>,
    early: Early,
}

impl Default for Escape {
    fn default() -> Self {
        Escape {
            chains: Map::new(MAX_CONTAINERS),
            rooted: Map::new(MAX_ROOTED),
            early: Early::default(),
        }
    }
}

impl Plugin for Escape {
    fn event(&mut self, event: Event<'_>, findings: &mut Findings) {
        let Some(process) = event.process() else {
            self.described(event, findings);
            return;
        };
        let Some(container) = process.container() else {
            return;
        };
        // The runtime does most of these things itself to set a container up.
        if process.is_joining() || !event.succeeded() {
            return;
        }
        let rooted = process
            .lineage()
            .any(|above| self.rooted.contains(&above.key()));
        let Some(mut act) = act::of(event, process, container, rooted) else {
            self.early.hold(event, process, container);
            return;
        };
        if event
            .as_mount()
            .is_some_and(|mount| mount::new_root(mount).is_some())
        {
            self.rooted.insert(process.key(), ());
        }
        if is_runtimes(process, &act) {
            act.soften();
        }
        let steps = self.chains.get_or_insert_with(container.key(), Vec::new);
        raise(event, process, container.key(), &act, steps, findings);
        if !steps.iter().any(|step| step.what == act.what) {
            if steps.len() >= MAX_STEPS {
                steps.remove(0);
            }
            steps.push(Step {
                rule: act.rule,
                what: act.what,
                event: event.id(),
                grave: act.is_grave(),
            });
        }
    }
}

impl Escape {
    /// A runtime says what it has mounted into a container: what was done there before is judged.
    fn described(&mut self, event: Event<'_>, findings: &mut Findings) {
        let Some(container) = event.as_container() else {
            return;
        };
        let (held, mounts) = self.early.described(container, event);
        for early in held {
            let mut lineage = early.lineage.iter();
            let rooted = lineage.any(|key| self.rooted.contains(key));
            let act = if early.changes_root {
                mounts.are_root_at(&early.path).then_some(MACHINE_ROOT)
            } else {
                let path = match rooted {
                    true => Some(early.path.clone()),
                    false => mounts.on_machine(&early.path),
                };
                let starts = path.is_some_and(|path| file::starts_programs(&path));
                starts.then_some(STARTS_PROGRAMS)
            };
            let (Some(act), Some(key)) = (act, early.lineage.first()) else {
                continue;
            };
            if early.changes_root {
                self.rooted.insert(*key, ());
            }
            let [exe, path] = [&early.exe, &early.path].map(|text| String::from_utf8_lossy(text));
            let id = String::from_utf8_lossy(container.id());
            findings
                .raise(act.rule, act.severity)
                .confidence(act.confidence)
                .process(*key)
                .message(format!("{exe} in a container {}: {path}", act.what))
                .evidence(early.event, act.what)
                .dedup(format!("{id} {} {path}", act.what));
        }
    }
}

/// Whether a runtime may be doing that: one whose execution was lost, or one that runs inside of a
/// container. Marks cannot tell the latter from who wants to pass for it.
fn is_runtimes(process: Process<'_>, act: &Act) -> bool {
    match act.rule {
        "host-file" | "kernel-filesystem" => {
            process.has(process_mark::INCOMPLETE | process_mark::JOINING_INNER)
        }
        // It makes the devices of the container that it sets up.
        "host-memory" | "host-disk" => process.has(process_mark::JOINING_INNER),
        _ => false,
    }
}

fn raise(
    event: Event<'_>,
    process: Process<'_>,
    container: u64,
    act: &Act,
    steps: &[Step],
    findings: &mut Findings,
) {
    let others = || steps.iter().filter(|step| step.what != act.what);
    // A grave step supports what follows it. That many weak ones come together in one container
    // is what agents of the machine's own do when they start.
    let (severity, confidence) = match others().any(|step| step.grave) {
        true => (above(act.severity), act.confidence.max(80)),
        false => (act.severity, act.confidence),
    };
    let exe = String::from_utf8_lossy(process.exe());
    let mut finding = findings
        .raise(act.rule, severity)
        .confidence(confidence)
        .process(process)
        .message(format!("{exe} in a container {}: {}", act.what, act.object))
        .evidence(event.id(), act.what);
    for step in others() {
        let relation = if step.rule == act.rule {
            "before"
        } else {
            "earlier in this container"
        };
        finding = finding.evidence(step.event, format!("{relation}, a process {}", step.what));
    }
    // Once more where it weighs more: what was given is known later, and acts support each other.
    finding = finding.dedup(format!(
        "{container:x} {severity:?} {} {}",
        act.what, act.object
    ));
    if severity >= Severity::High && confidence >= 75 {
        finding.propose_kill(process);
    }
}

fn above(severity: Severity) -> Severity {
    match severity {
        Severity::Info => Severity::Low,
        Severity::Low => Severity::Medium,
        Severity::Medium => Severity::High,
        Severity::High | Severity::Critical => Severity::Critical,
    }
}

#[cfg(test)]
mod tests;
