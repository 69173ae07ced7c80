//! `vedette plugin test`: the fixtures, replayed.

use super::place::{BuildArgs, Ready};
use crate::author::fixtures::{self, Report, Step, Verdict};
use crate::author::junit::junit;
use crate::plugin::build::{Language, manifest_of};
use anyhow::Context as _;
use clap::Args;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Most of what the plugin's own tests say that stands in the report, bytes of its end: tests that
/// print without end must not fill memory.
const MAX_TOLD: usize = 64 << 10;

/// Fewest events of which it is told how long one takes.
const TIMED: u64 = 1000;

/// Arguments of `vedette plugin test`.
#[derive(Debug, Args)]
pub struct Test {
    /// Directory of the plugin, with its plugin.toml and its fixtures.
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,

    #[command(flatten)]
    build: BuildArgs,

    /// Print the report as JSON.
    #[arg(long)]
    json: bool,

    /// Write the report to this file in JUnit's form as well.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Run the plugin's own tests as well: natively, and each story that they tell through the
    /// component too.
    #[arg(long)]
    unit: bool,
}

impl Test {
    /// Tries every fixture; fails where one does, and where the plugin's own tests or its build
    /// do. Whatever fails stands in the report.
    pub fn execute(self) -> anyhow::Result<()> {
        if !self.directory.is_dir() {
            anyhow::bail!(
                "{}: no directory; name that of the plugin, where its plugin.toml is",
                self.directory.display()
            );
        }
        let begun = Instant::now();
        let (report, ended) = match self.build.ready(&self.directory) {
            Ok(plugin) => {
                let report = self.try_out(&plugin)?;
                let ended = verdict(&report);
                (report, ended)
            }
            Err(error) => (self.not_built(&error, begun), Err(error)),
        };
        if let Some(path) = &self.junit {
            std::fs::write(path, junit(&report))
                .with_context(|| format!("{}: cannot write the report", path.display()))?;
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else if !report.fixtures.is_empty() {
            anstream::print!("{}", end(&report));
        }
        ended
    }

    /// The plugin's own tests, if they are asked for, and its fixtures.
    fn try_out(&self, plugin: &Ready) -> anyhow::Result<Report> {
        let manifest = &plugin.manifest;
        let mut steps = Vec::new();
        if self.unit {
            steps.push(self.own_tests(&plugin.subject.path)?);
        } else if manifest.fixtures.is_empty() {
            let fault = format!(
                "{}: it declares no [[fixture]], so nothing is tested; record one with `vedette record`, make it small with `vedette plugin minimise`, and name it",
                self.directory.join("plugin.toml").display()
            );
            steps.push(Step::new("fixtures", vec![fault], Instant::now()));
        }
        let tell = |verdict: &Verdict| {
            if !self.json {
                anstream::print!("{}", line(verdict));
            }
        };
        let report = fixtures::test(manifest, &self.directory, &plugin.subject, tell);
        Ok(Report { steps, ..report })
    }

    /// The report on a plugin that there is no component of.
    fn not_built(&self, error: &anyhow::Error, begun: Instant) -> Report {
        let manifest = manifest_of(&self.directory).ok();
        let place = std::path::absolute(&self.directory).unwrap_or_default();
        let name = || place.file_name().map(|name| name.display().to_string());
        Report {
            plugin: match &manifest {
                Some(manifest) => manifest.id.clone(),
                None => name().unwrap_or_default(),
            },
            version: manifest.map_or_else(String::new, |manifest| manifest.version.clone()),
            steps: vec![Step::new("build", vec![format!("{error:#}")], begun)],
            fixtures: Vec::new(),
            untried_rules: Vec::new(),
        }
    }

    /// The plugin's own tests: natively, and in the sandbox.
    fn own_tests(&self, component: &Path) -> anyhow::Result<Step> {
        let language = Language::of(&self.directory).with_context(|| {
            let place = self.directory.display();
            format!("{place}: no sources of a plugin, so it has no tests of its own")
        })?;
        let mut programs: Vec<&[&str]> = match language {
            Language::Rust => vec![&["cargo", "test", "--quiet", "--release"]],
            Language::Python => vec![&["python3", "-m", "unittest"]],
            Language::JavaScript => vec![&["node", "--test"]],
        };
        if language == Language::JavaScript && !self.directory.join("node_modules").is_dir() {
            // It links the SDK to where the tests import it from.
            programs.insert(0, &["npm", "install", "--no-audit", "--no-fund"]);
        }
        let begun = Instant::now();
        let name = programs.last().map(|program| program.join(" "));
        let mut faults = Vec::new();
        for program in programs {
            faults = self.ran(program, language, component)?;
            if !faults.is_empty() {
                break;
            }
        }
        Ok(Step::new(name.unwrap_or_default(), faults, begun))
    }

    /// Runs a program in the plugin's directory, with what a test kit needs to know; returns what
    /// it has to complain of.
    fn ran(
        &self,
        program: &[&str],
        language: Language,
        component: &Path,
    ) -> anyhow::Result<Vec<String>> {
        let Some((name, arguments)) = program.split_first() else {
            return Ok(Vec::new());
        };
        let own = std::env::current_exe().context("the agent's own binary is not to be found")?;
        let (said, says) = std::io::pipe()?;
        let mut tests = Command::new(name);
        tests
            .args(arguments)
            .current_dir(&self.directory)
            .env("VEDETTE_COMPONENT", std::path::absolute(component)?)
            .env("VEDETTE", own)
            .stdin(Stdio::null())
            .stdout(says.try_clone()?)
            .stderr(says);
        if let (Language::Rust, Some(target)) = (language, &self.build.target_dir) {
            tests.env("CARGO_TARGET_DIR", std::path::absolute(target)?);
        }
        let mut child = tests
            .spawn()
            .with_context(|| format!("{name} cannot be run; install it"))?;
        // The pipe ends with the last who writes into it.
        drop(tests);
        let said = pass_on(said)?;
        let status = child.wait()?;
        Ok(match status.success() {
            true => Vec::new(),
            false => vec![format!("the plugin's own tests ({name}): {status}"), said],
        })
    }
}

/// Passes on what tests say to standard error, where only the report goes to standard output;
/// returns the end of it.
fn pass_on(mut from: impl Read) -> std::io::Result<String> {
    let mut kept = Vec::new();
    let mut buffer = [0; 8 << 10];
    loop {
        let len = from.read(&mut buffer)?;
        if len == 0 {
            return Ok(String::from_utf8_lossy(&kept).into_owned());
        }
        // Who does not listen still gets the report.
        let _ = std::io::stderr().write_all(&buffer[..len]);
        kept.extend_from_slice(&buffer[..len]);
        kept.drain(..kept.len().saturating_sub(MAX_TOLD));
    }
}

/// Whether all went well, and what did not.
fn verdict(report: &Report) -> anyhow::Result<()> {
    let steps = report
        .failed_steps()
        .filter_map(|step| step.faults.first().cloned());
    let fixtures = (report.failed() > 0).then(|| {
        format!(
            "{} {}: {} of {} fixtures failed",
            report.plugin,
            report.version,
            report.failed(),
            report.fixtures.len()
        )
    });
    let faults: Vec<String> = steps.chain(fixtures).collect();
    match faults.is_empty() {
        true => Ok(()),
        false => Err(anyhow::anyhow!(faults.join("; "))),
    }
}

/// A fixture on one line, with what is wrong below.
pub fn line(verdict: &Verdict) -> String {
    let found: Vec<String> = verdict
        .found
        .iter()
        .map(|(rule, count)| match count {
            1 => rule.clone(),
            _ => format!("{rule} ×{count}"),
        })
        .collect();
    let found = match found.is_empty() {
        true => "nothing found".to_owned(),
        false => found.join(", "),
    };
    let word = if verdict.passed() { "ok    " } else { "FAILED" };
    let time = match verdict.delivered {
        // The first calls warm up: of a few events the time says nothing.
        0..TIMED => String::new(),
        _ => format!(", {:.0} ns an event", verdict.ns_an_event),
    };
    let mut text = format!(
        "{word}  {}: {found} in {} of {} events{time}\n",
        verdict.capture, verdict.delivered, verdict.events,
    );
    for fault in &verdict.faults {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "          {fault}");
    }
    text
}

/// What there is to say at the end.
pub fn end(report: &Report) -> String {
    let mut text = String::new();
    if !report.untried_rules.is_empty() {
        let rules = report.untried_rules.join(", ");
        let _ = writeln!(text, "note: no fixture raises {rules}");
    }
    if report.fixtures.iter().all(|f| f.malicious) {
        text.push_str("note: no fixture is benign: false alarms would not be noticed\n");
    }
    let failed = report.failed();
    let _ = writeln!(
        text,
        "{} {}: {} passed, {failed} failed, in batches of 1, 7 and 64",
        report.plugin,
        report.version,
        report.fixtures.len() - failed
    );
    text
}
