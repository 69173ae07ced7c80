//! What a plugin returns, checked against what it declared and what it was sent.

use super::{
    bindings::vedette::detect::types as wit,
    delivered::{Delivered, MAX_PER_SECOND},
    stats::Counters,
};
use crate::{
    context::process::Process,
    finding::{Action, Detail, Evidence, Finding, Proposal, Severity},
    manifest::{Manifest, Rule},
};
use std::sync::Arc;
use vedette_contract::values::finding_detail;

/// Longest message and dedup key in bytes.
pub(super) const MAX_MESSAGE: usize = 1024;
/// Longest note in bytes.
pub(super) const MAX_NOTE: usize = 512;
/// Most pieces of evidence of one finding.
pub(super) const MAX_EVIDENCE: usize = 64;
/// Most proposals of one finding.
pub(super) const MAX_PROPOSALS: usize = 16;
/// Most details of one finding.
pub(super) const MAX_DETAILS: usize = 32;
/// Longest detail in bytes.
pub(super) const MAX_DETAIL: usize = 512;

/// Who returned what, for what.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The plugin.
    pub plugin: &'a Arc<str>,
    /// Its version.
    pub version: &'a Arc<str>,
    /// What it declares.
    pub manifest: &'a Manifest,
    /// Time of the step of the clock that its events are of, ns since boot.
    pub at: u64,
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
    let mut given = answer.findings.into_iter();
    while let Some(raw) = given.next() {
        // The second alone limits how many there are: were there a limit for each call, it would
        // depend on how many events a batch holds.
        if !delivered.has_room(answer.at) {
            faults.push(format!(
                "it raised more than {MAX_PER_SECOND} findings in a second"
            ));
            Counters::add(&counters.refused, 1 + given.len() as u64);
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
        let about = match raw.container {
            0 => None,
            key => {
                let Some(container) = delivered.find_container(key) else {
                    faults.push(format!(
                        "its finding {:?} names a container that it was not sent",
                        rule.id
                    ));
                    Counters::add(&counters.refused, 1);
                    continue;
                };
                Some(container.clone())
            }
        };
        let (details, techniques) = details(raw.details, rule, counters);
        let evidence = evidence(raw.evidence, delivered, counters);
        let process = process.map(|row| at_that_moment(&evidence, row));
        let mut proposals = proposals(raw.proposals, &rule.response, delivered, counters);
        for proposal in &mut proposals {
            proposal.target = at_that_moment(&evidence, proposal.target.clone());
        }
        let at = evidence
            .iter()
            .filter_map(|e| Some(e.record.as_ref()?.event.at))
            .max()
            .unwrap_or(answer.at);
        accepted.push(Finding {
            plugin: answer.plugin.clone(),
            version: answer.version.clone(),
            rule: rule.id.clone(),
            title: rule.title.clone(),
            category: rule.category,
            severity: severity(raw.severity).min(rule.severity),
            confidence: raw.confidence.min(100),
            techniques,
            process,
            about,
            details,
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
/// one that it had when the step of the clock began.
fn at_that_moment(evidence: &[Evidence], row: Arc<Process>) -> Arc<Process> {
    let records = evidence.iter().filter_map(|e| e.record.as_ref());
    records
        .flat_map(|record| {
            let rows = [&record.process, &record.target];
            rows.into_iter().flatten().map(|row| (record.event.at, row))
        })
        .filter(|(_, of_then)| of_then.key == row.key)
        .max_by_key(|(at, _)| *at)
        .map_or_else(|| row.clone(), |(_, of_then)| of_then.clone())
}

/// Only events that the plugin was sent prove anything.
fn evidence(raw: Vec<wit::Evidence>, delivered: &Delivered, counters: &Counters) -> Vec<Evidence> {
    let records = delivered.records(raw.iter().take(MAX_EVIDENCE).map(|e| e.event));
    let given = raw.len();
    let mut accepted: Vec<Evidence> = raw
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
    accepted.shrink_to_fit();
    accepted
}

/// Details of known keys, and the techniques of the case: those that it names, which must be the
/// rule's or part of them, or else the rule's.
fn details(raw: Vec<wit::Detail>, rule: &Rule, counters: &Counters) -> (Vec<Detail>, Vec<String>) {
    let (mut details, mut techniques) = (Vec::new(), Vec::new());
    let beyond = raw.len().saturating_sub(MAX_DETAILS);
    let mut dropped = beyond as u64;
    for detail in raw.into_iter().take(MAX_DETAILS) {
        match detail.key {
            finding_detail::TECHNIQUE => {
                if !is_part(&detail.text, &rule.techniques) {
                    dropped += 1;
                } else if !techniques.contains(&detail.text) {
                    techniques.push(detail.text);
                }
            }
            finding_detail::NOTE => match detail.text.split_once('=') {
                Some((key, value)) if !key.is_empty() => details.push(Detail {
                    key: cut(key.to_owned(), MAX_DETAIL),
                    value: cut(value.to_owned(), MAX_DETAIL),
                }),
                _ => dropped += 1,
            },
            // Of a later contract: this host has no place for it.
            _ => {}
        }
    }
    Counters::add(&counters.unproven, dropped);
    if techniques.is_empty() {
        techniques = rule.techniques.clone();
    }
    (details, techniques)
}

/// Whether a technique is one of these, or a sub-technique of one.
fn is_part(technique: &str, declared: &[String]) -> bool {
    let of = |whole: &String| {
        technique == whole
            || technique
                .split_once('.')
                .is_some_and(|(parent, _)| parent == whole)
    };
    crate::manifest::is_technique(technique) && declared.iter().any(of)
}

/// Only declared actions on processes and events that the plugin was sent.
fn proposals(
    raw: Vec<wit::Proposal>,
    declared: &[Action],
    delivered: &Delivered,
    counters: &Counters,
) -> Vec<Proposal> {
    let given = raw.len();
    let named = raw.iter().take(MAX_PROPOSALS).map(|p| p.event);
    let events = delivered.records(named.filter(|id| *id != 0));
    let mut accepted: Vec<Proposal> = raw
        .into_iter()
        .take(MAX_PROPOSALS)
        .filter_map(|proposal| {
            let action = Action::of(proposal.action)?;
            let target = delivered.find(proposal.target)?.clone();
            let event = match proposal.event {
                0 => None,
                id => Some((*events.get(&id)?).clone()),
            };
            declared.contains(&action).then_some(Proposal {
                action,
                target,
                event,
            })
        })
        .collect();
    Counters::add(&counters.unproven, (given - accepted.len()) as u64);
    // Collected in place, it has the room of all that the guest has given.
    accepted.shrink_to_fit();
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

/// A text of at most so many bytes. What is cut off is not held either: a finding may wait for its
/// verdict for long.
fn cut(mut text: String, max: usize) -> String {
    text.truncate(text.floor_char_boundary(max));
    text.shrink_to_fit();
    text
}

#[cfg(test)]
mod tests;
