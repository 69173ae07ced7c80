//! `vedette plugin test`: the fixtures, replayed.

use super::place::BuildArgs;
use crate::author::fixtures::{self, Report, Verdict};
use crate::author::junit::junit;
use crate::plugin::build::Language;
use anyhow::Context as _;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    /// Tries every fixture; fails where one does.
    pub fn execute(self) -> anyhow::Result<()> {
        if !self.directory.is_dir() {
            anyhow::bail!(
                "{}: no directory; name that of the plugin, where its plugin.toml is",
                self.directory.display()
            );
        }
        let plugin = self.build.ready(&self.directory)?;
        let manifest = &plugin.manifest;
        if self.unit {
            self.own_tests(&plugin.subject.path)?;
        }
        if manifest.fixtures.is_empty() && self.unit {
            return Ok(());
        }
        if manifest.fixtures.is_empty() {
            anyhow::bail!(
                "{}: it declares no [[fixture]], so nothing is tested; record one with `vedette record`, make it small with `vedette plugin minimise`, and name it",
                self.directory.join("plugin.toml").display()
            );
        }
        let tell = |verdict: &Verdict| {
            if !self.json {
                print(verdict);
            }
        };
        let report = fixtures::test(manifest, &self.directory, &plugin.subject, tell);
        if let Some(path) = &self.junit {
            std::fs::write(path, junit(&report))
                .with_context(|| format!("{}: cannot write the report", path.display()))?;
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            close(&report);
        }
        match report.failed() {
            0 => Ok(()),
            failed => anyhow::bail!(
                "{} {}: {failed} of {} fixtures failed",
                report.plugin,
                report.version,
                report.fixtures.len()
            ),
        }
    }
}

impl Test {
    /// The plugin's own tests: natively, and in the sandbox.
    fn own_tests(&self, component: &Path) -> anyhow::Result<()> {
        let language = Language::of(&self.directory).with_context(|| {
            let place = self.directory.display();
            format!("{place}: no sources of a plugin, so it has no tests of its own")
        })?;
        let (program, arguments): (_, &[&str]) = match language {
            Language::Rust => ("cargo", &["test", "--quiet", "--release"]),
            Language::Python => ("python3", &["-m", "unittest"]),
            Language::JavaScript => ("node", &["--test"]),
        };
        let component = std::path::absolute(component)?;
        let own = std::env::current_exe().context("the agent's own binary is not to be found")?;
        let mut tests = Command::new(program);
        tests
            .args(arguments)
            .current_dir(&self.directory)
            .env("VEDETTE_COMPONENT", component)
            .env("VEDETTE", own)
            // The report alone goes to standard output.
            .stdout(std::io::stderr());
        if let (Language::Rust, Some(target)) = (language, &self.build.target_dir) {
            tests.env("CARGO_TARGET_DIR", std::path::absolute(target)?);
        }
        let status = tests
            .status()
            .with_context(|| format!("{program} cannot be run; install it"))?;
        match status.success() {
            true => Ok(()),
            false => anyhow::bail!("the plugin's own tests ({program}): {status}"),
        }
    }
}

/// A fixture on one line, with what is wrong below.
pub fn print(verdict: &Verdict) {
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
    anstream::println!(
        "{word}  {}: {found} in {} of {} events{time}",
        verdict.capture,
        verdict.delivered,
        verdict.events,
    );
    for fault in &verdict.faults {
        anstream::println!("          {fault}");
    }
}

/// What there is to say at the end.
pub fn close(report: &Report) {
    if !report.untried_rules.is_empty() {
        anstream::println!(
            "note: no fixture raises {}",
            report.untried_rules.join(", ")
        );
    }
    if report.fixtures.iter().all(|f| f.malicious) {
        anstream::println!("note: no fixture is benign: false alarms would not be noticed");
    }
    let failed = report.failed();
    anstream::println!(
        "{} {}: {} passed, {failed} failed, in batches of 1, 7 and 64",
        report.plugin,
        report.version,
        report.fixtures.len() - failed
    );
}
