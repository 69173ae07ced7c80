//! Finds acts by which a process leaves its container.
//!
//! `act` says what an event is worth by itself; here that is weighed with what else happened in
//! the same container, and raised.

mod act;

use act::Act;
use vedette_sdk::bounded::Map;
use vedette_sdk::prelude::*;

/// Containers whose acts are remembered. Stops whoever starts containers in masses from filling
/// the plugin's memory; the oldest is forgotten.
const MAX_CONTAINERS: usize = 1024;

/// Acts that are remembered of one container, as evidence for the next one.
const MAX_STEPS: usize = 8;

/// Something that happened in a container before.
#[derive(Debug, Clone, Copy)]
struct Step {
    rule: &'static str,
    what: &'static str,
    event: u64,
}

/// The detection.
#[plugin]
struct Escape {
    chains: Map<u64, Vec<Step>>,
}

impl Default for Escape {
    fn default() -> Self {
        Escape {
            chains: Map::new(MAX_CONTAINERS),
        }
    }
}

impl Plugin for Escape {
    fn event(&mut self, event: Event<'_>, findings: &mut Findings) {
        let Some(process) = event.process() else {
            return;
        };
        let Some(container) = process.container() else {
            return;
        };
        // The runtime does most of these things itself to set a container up.
        if process.is_joining() || !event.succeeded() {
            return;
        }
        let Some(mut act) = act::of(event, process) else {
            return;
        };
        // The execution that was lost may be that of a runtime, which does these two.
        let may_join = process.has(process_mark::INCOMPLETE);
        if may_join && matches!(act.rule, "host-file" | "kernel-filesystem") {
            act.severity = act.severity.min(Severity::Medium);
            act.confidence = act.confidence.min(40);
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
            });
        }
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
    let (severity, confidence) = match others().count() {
        0 => (act.severity, act.confidence),
        // Two steps of one way out support each other.
        _ => (above(act.severity), act.confidence.max(80)),
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
    finding = finding.dedup(format!("{container:x} {} {}", act.what, act.object));
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
