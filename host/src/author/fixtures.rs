//! The fixtures of a manifest, tried: what must be found is, and nothing else.

use super::trial::{Capture, Subject, Trial, TrialError};
use crate::finding::Finding;
use crate::manifest::{Fixture, Manifest};
use crate::output::printable;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many events a call gets, in turn: what a plugin finds must not depend on it.
const BATCHES: [usize; 3] = [64, 7, 1];

/// How a fixture went.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verdict {
    /// The capture, as the manifest names it.
    pub capture: String,
    /// Whether the manifest expects findings in it.
    pub malicious: bool,
    /// Events of the capture.
    pub events: u64,
    /// Events of it that the plugin got.
    pub delivered: u64,
    /// Cases found, by rule.
    pub found: BTreeMap<String, u32>,
    /// What is wrong; nothing if the fixture passed.
    pub faults: Vec<String>,
    /// Time in the plugin for each event that it got, ns.
    pub ns_an_event: f64,
    /// How long it took to try.
    pub seconds: f64,
}

impl Verdict {
    /// Whether it went as declared.
    pub fn passed(&self) -> bool {
        self.faults.is_empty()
    }
}

/// How something beside the fixtures went: the plugin's own tests, or a build that failed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Step {
    /// What it was: `build`, or the program that ran the tests.
    pub name: String,
    /// What is wrong; nothing if it passed.
    pub faults: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

impl Step {
    /// How something went that was `begun` then.
    pub fn new(name: impl Into<String>, faults: Vec<String>, begun: Instant) -> Step {
        Step {
            name: name.into(),
            faults,
            seconds: round(begun.elapsed()),
        }
    }

    /// Whether nothing is wrong.
    pub fn passed(&self) -> bool {
        self.faults.is_empty()
    }
}

/// How a plugin stood its tests.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The plugin.
    pub plugin: String,
    /// Its version; empty where the manifest cannot be read.
    pub version: String,
    /// What was done beside the fixtures.
    pub steps: Vec<Step>,
    /// Each fixture.
    pub fixtures: Vec<Verdict>,
    /// Rules that no fixture raises: nothing shows that they work.
    pub untried_rules: Vec<String>,
}

impl Report {
    /// How many fixtures failed.
    pub fn failed(&self) -> usize {
        self.fixtures.iter().filter(|f| !f.passed()).count()
    }

    /// What failed beside the fixtures.
    pub fn failed_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| !step.passed())
    }
}

/// Tries every fixture, `tell`ing of each as it ends. Captures are looked for from `directory`.
pub fn test(
    manifest: &Manifest,
    directory: &Path,
    subject: &Subject,
    mut tell: impl FnMut(&Verdict),
) -> Report {
    let mut fixtures = Vec::new();
    for fixture in &manifest.fixtures {
        let verdict = try_fixture(fixture, directory, subject);
        tell(&verdict);
        fixtures.push(verdict);
    }
    let expects = |rule: &str| {
        let all = manifest.fixtures.iter().flat_map(|f| &f.findings);
        all.into_iter().any(|expected| expected.rule == rule)
    };
    Report {
        plugin: manifest.id.clone(),
        version: manifest.version.clone(),
        steps: Vec::new(),
        untried_rules: manifest
            .findings
            .iter()
            .filter(|rule| !expects(&rule.id))
            .map(|rule| rule.id.clone())
            .collect(),
        fixtures,
    }
}

fn try_fixture(fixture: &Fixture, directory: &Path, subject: &Subject) -> Verdict {
    let begun = Instant::now();
    let mut verdict = Verdict {
        capture: fixture.capture.clone(),
        malicious: !fixture.findings.is_empty(),
        events: 0,
        delivered: 0,
        found: BTreeMap::new(),
        faults: Vec::new(),
        ns_an_event: 0.0,
        seconds: 0.0,
    };
    if let Err(error) = fill_in(&mut verdict, fixture, directory, subject) {
        verdict.faults.push(error.to_string());
    }
    verdict.seconds = round(begun.elapsed());
    verdict
}

fn fill_in(
    verdict: &mut Verdict,
    fixture: &Fixture,
    directory: &Path,
    subject: &Subject,
) -> Result<(), TrialError> {
    let capture = Capture::read(&directory.join(&fixture.capture))?;
    let clock = capture.clock();
    let subject = match &fixture.intel {
        Some(lists) => &subject.with_lists(&directory.join(lists))?,
        None => subject,
    };
    let mut told = None;
    for batch in BATCHES {
        let trial = subject.run(capture.events.iter().cloned(), batch)?;
        let now = trial.told(&clock);
        match &told {
            None => {
                judge(verdict, fixture, &trial);
                told = Some(now);
            }
            Some(first) if *first != now => verdict.faults.push(format!(
                "batches of {} give {} findings and batches of {batch} give {}, or other ones: what is found must not depend on how events are batched",
                BATCHES[0],
                first.len(),
                now.len()
            )),
            Some(_) => {}
        }
    }
    Ok(())
}

/// Compares what was found with what was expected.
fn judge(verdict: &mut Verdict, fixture: &Fixture, trial: &Trial) {
    verdict.events = trial.events;
    verdict.delivered = trial.stats.events;
    verdict.ns_an_event = trial.ns_an_event();
    for finding in &trial.findings {
        *verdict.found.entry(finding.rule.clone()).or_default() += 1;
    }
    let faults = &mut verdict.faults;
    for expected in &fixture.findings {
        let found = verdict.found.get(&expected.rule).copied().unwrap_or(0);
        if found != expected.count {
            let times = if expected.count == 1 { "time" } else { "times" };
            let rule = &expected.rule;
            let mut fault = format!(
                "{rule} was to be found {} {times} and was found {found} times",
                expected.count
            );
            if found > 0 {
                // Writing to a String cannot fail.
                let _ = write!(
                    fault,
                    "; if that is right, write {{ rule = \"{rule}\", count = {found} }}"
                );
            }
            faults.push(fault);
        }
    }
    for finding in &trial.findings {
        if !fixture.findings.iter().any(|e| e.rule == finding.rule) {
            faults.push(format!("not to be found: {}", in_short(finding)));
        }
    }
    for finding in &trial.health {
        faults.push(format!("the plugin failed: {}", finding.message));
    }
    let stats = &trial.stats;
    for (count, what) in [
        (stats.refused, "findings were refused"),
        (
            stats.unproven,
            "pieces of evidence or proposals name what the plugin was not sent",
        ),
    ] {
        if count > 0 {
            let said = trial.log.first().map_or("", String::as_str);
            faults.push(format!("{count} {what}: {}", printable(said.as_bytes())));
        }
    }
}

/// A finding on one line.
pub fn in_short(finding: &Finding) -> String {
    let process = finding.process.as_ref();
    let of = process.map_or_else(String::new, |p| {
        format!(" (pid {}, {})", p.id.pid, printable(&p.exe))
    });
    format!(
        "{} {}{of}",
        finding.rule,
        printable(finding.message.as_bytes())
    )
}

fn round(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e3).round() / 1e3
}
