//! What a plugin asks for, what it would see of a machine, and what it would cost there.

use super::trial::{Capture, Trial};
use crate::explain::{Explanation, OfKind};
use crate::manifest::{Manifest, Sensitive, Service};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use vedette_contract::{KINDS, Kind, kind};

/// An hour of a machine's work, and more, has this many of a kind a second at least if to want
/// them all is dear.
const FREQUENT: f64 = 20.0;

/// Kinds of which a machine has thousands a second in a storm, whatever a quiet one shows.
const STORMS: [u16; 4] = [kind::OPEN, kind::SENT, kind::RECEIVED, kind::LIBRARY];

/// What was found out of a plugin.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Check {
    /// Its id.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// Host services that it asks for.
    pub services: Vec<&'static str>,
    /// Sensitive fields that it asks for.
    pub fields: Vec<&'static str>,
    /// The kinds that it would see, with what the kernel filters.
    pub sees: Vec<OfKind>,
    /// What it would cost.
    pub cost: Option<Cost>,
    /// What its author should look at.
    pub warnings: Vec<String>,
}

/// What a plugin would cost on a machine like that of a capture.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cost {
    /// The capture.
    pub on: String,
    /// How long it is, in seconds.
    pub seconds: f64,
    /// Events a second in all.
    pub offered: f64,
    /// Events a second that the plugin gets.
    pub delivered: f64,
    /// Time of an event in the plugin, ns, first calls included.
    pub ns_an_event: f64,
    /// Share of one core.
    pub core_share: f64,
    /// Findings in it.
    pub findings: usize,
}

impl Cost {
    /// From a trial over a capture.
    pub fn of(name: &str, capture: &Capture, trial: &Trial) -> Cost {
        let seconds = (capture.length() as f64 / 1e9).max(0.001);
        Cost {
            on: name.to_owned(),
            seconds,
            offered: trial.events as f64 / seconds,
            delivered: trial.stats.events as f64 / seconds,
            ns_an_event: trial.ns_an_event(),
            core_share: trial.stats.call_ns as f64 / 1e9 / seconds,
            findings: trial.findings.len(),
        }
    }
}

/// Judges a manifest. Fixtures are looked for from `directory`, where there is one.
pub fn check(manifest: &Manifest, directory: Option<&Path>) -> Check {
    Check {
        plugin: manifest.id.clone(),
        version: manifest.version.clone(),
        services: manifest.services.iter().map(|s| s.name()).collect(),
        fields: manifest.fields.iter().map(|f| f.name()).collect(),
        sees: Explanation::of_manifest(manifest),
        cost: None,
        warnings: warnings(manifest, directory),
    }
}

fn warnings(manifest: &Manifest, directory: Option<&Path>) -> Vec<String> {
    let mut warnings = Vec::new();
    for subscription in &manifest.subscriptions {
        let kind = subscription.kind;
        if subscription.predicates.is_empty() && STORMS.contains(&kind.number) {
            warnings.push(format!(
                "it wants every {}: of these a machine has thousands a second; narrow it with where = […]",
                kind.name
            ));
        }
    }
    for rule in &manifest.findings {
        if rule.false_positives.is_empty() {
            warnings.push(format!(
                "finding {}: no false-positives; say what honest behaviour may look like it",
                rule.id
            ));
        }
        if rule.techniques.is_empty() {
            warnings.push(format!(
                "finding {}: no techniques; name those of ATT&CK that it shows",
                rule.id
            ));
        }
        let tried = |f: &crate::manifest::Fixture| f.findings.iter().any(|e| e.rule == rule.id);
        if !manifest.fixtures.iter().any(tried) {
            warnings.push(format!(
                "finding {}: no [[fixture]] raises it; record one with `vedette record`",
                rule.id
            ));
        }
    }
    if manifest.findings.is_empty() {
        warnings.push("it declares no [[finding]], so it can raise none".to_owned());
    }
    if !manifest.fixtures.is_empty() && manifest.fixtures.iter().all(|f| !f.findings.is_empty()) {
        warnings.push(
            "no [[fixture]] is benign: record honest work that looks like the act".to_owned(),
        );
    }
    if let Some(directory) = directory {
        for fixture in &manifest.fixtures {
            if !directory.join(&fixture.capture).is_file() {
                warnings.push(format!(
                    "fixture {}: there is no such file; record the act with `vedette record FILE -- COMMAND`",
                    directory.join(&fixture.capture).display()
                ));
            }
        }
    }
    warnings
}

/// What to look at once it is known what the plugin gets of a machine's work.
pub fn warnings_of_cost(manifest: &Manifest, capture: &Capture, cost: &Cost) -> Vec<String> {
    let mut counts: BTreeMap<u16, u64> = BTreeMap::new();
    for event in &capture.events {
        *counts.entry(event.kind).or_default() += 1;
    }
    let mut warnings = Vec::new();
    for subscription in manifest
        .subscriptions
        .iter()
        .filter(|s| s.predicates.is_empty())
    {
        let kind: &Kind = subscription.kind;
        let rate = counts.get(&kind.number).copied().unwrap_or(0) as f64 / cost.seconds;
        if rate >= FREQUENT && !STORMS.contains(&kind.number) && kind.number != kind::TICK {
            warnings.push(format!(
                "it wants every {}, {rate:.0} a second here; narrow it with where = […] if it can",
                kind.name
            ));
        }
    }
    warnings
}

impl Check {
    /// As text for people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(out, "{name:<14}{value}");
        };
        line("plugin", &format!("{} {}", self.plugin, self.version));
        if self.services.is_empty() && self.fields.is_empty() {
            line("asks for", "nothing but its events");
        }
        for service in Service::ALL {
            if self.services.contains(&service.name()) {
                line("asks for", &format!("the service {}", service.name()));
            }
        }
        for field in Sensitive::ALL {
            if self.fields.contains(&field.name()) {
                line(
                    "asks for",
                    &format!("the field {}, which is sensitive", field.name()),
                );
            }
        }
        for of in &self.sees {
            let doc = KINDS.iter().find(|k| k.number == of.number);
            line(
                "sees",
                &format!("{}: {}", of.kind, doc.map_or("", |k| k.doc)),
            );
            for wish in of.wanted_by.iter().filter(|w| w.by == self.plugin) {
                let which = wish.r#where.as_deref().unwrap_or("every one");
                line("", &format!("  which      {which}"));
            }
            match of.passes.is_empty() {
                true => line("", "  kernel     sends every one"),
                false => line(
                    "",
                    &format!("  kernel     sends {}", of.passes.join(", or ")),
                ),
            }
        }
        if let Some(cost) = &self.cost {
            line(
                "cost",
                &format!(
                    "{:.1} of {:.0} events a second, {:.0} ns each, {:.4} % of a core ({}, {:.0} s)",
                    cost.delivered,
                    cost.offered,
                    cost.ns_an_event,
                    cost.core_share * 100.0,
                    cost.on,
                    cost.seconds
                ),
            );
            line("found there", &cost.findings.to_string());
        }
        for warning in &self.warnings {
            line("warning", warning);
        }
        if self.warnings.is_empty() {
            line("verdict", "nothing to complain of");
        }
        out
    }
}
