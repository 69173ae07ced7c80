//! `vedette plugin minimise`: from a recording to a fixture.

use super::super::lists::IntelArgs;
use super::place::BuildArgs;
use crate::author::minimise::{Aim, Step, anonymise, minimise};
use crate::author::trial::Capture;
use crate::commands::operate::print_json;
use crate::selection::Selection;
use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use vedette_sensor::capture::Writer;

/// Arguments of `vedette plugin minimise`.
#[derive(Debug, Args)]
pub struct Minimise {
    /// The capture to make small.
    #[arg(value_name = "CAPTURE")]
    capture: PathBuf,

    /// The plugin: its component, or its directory, which is built first.
    #[arg(long, value_name = "FILE|DIR", default_value = ".")]
    plugin: PathBuf,

    /// Keep what the findings of this rule need, rather than those of all rules.
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,

    /// Keep what the plugin gets to see of work that it must find nothing in.
    #[arg(long, conflicts_with = "rule")]
    benign: bool,

    /// Take out what tells of this machine and not of what happened: the build of its kernel;
    /// arguments, directories and open files of processes that were there before the recording.
    #[arg(long)]
    anonymise: bool,

    /// The file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    build: BuildArgs,

    #[command(flatten)]
    intel: IntelArgs,

    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Minimise {
    /// Makes it small.
    pub fn execute(self) -> anyhow::Result<()> {
        let mut plugin = self.build.ready(&self.plugin)?;
        if let Some(lists) = &self.intel.intel {
            plugin.subject = plugin.subject.with_lists(lists)?;
        }
        let manifest = &plugin.manifest;
        if let Some(rule) = &self.rule
            && manifest.rule(rule).is_none()
        {
            let rules: Vec<&str> = manifest.findings.iter().map(|r| r.id.as_str()).collect();
            anyhow::bail!(
                "{} declares no finding {rule:?}; it has {}",
                manifest.id,
                rules.join(", ")
            );
        }
        let mut capture = Capture::read(&self.capture)?;
        if !self.benign && !self.selection.is_all() {
            anyhow::bail!(
                "what a finding needs is not a matter of choice: --kind, --container and --process go with --benign"
            );
        }
        if self.anonymise {
            anonymise(&mut capture);
        }
        let aim = match self.benign {
            true => Aim::Benign,
            false => Aim::Findings(self.rule),
        };
        let terminal = std::io::stderr().is_terminal();
        let before = capture.events.len();
        let tell = |Step { left, runs }: Step| {
            if terminal {
                eprint!("\r{left} of {before} events left after {runs} runs ");
            }
        };
        let kept = minimise(
            &plugin.subject,
            manifest,
            &capture,
            &aim,
            &self.selection,
            tell,
        );
        if terminal {
            eprintln!();
        }
        let kept = kept.with_context(|| self.capture.display().to_string())?;
        let mut writer = Writer::create(&self.output, &capture.header)?;
        for event in &kept {
            writer.write(event)?;
        }
        writer.finish()?;
        if self.json {
            return print_json(&json!({
                "capture": self.output,
                "events": kept.len(),
                "size": size(&self.output),
                "of": { "events": before, "size": size(&self.capture) },
            }));
        }
        println!(
            "{}: {} of {before} events, {} of {} bytes",
            self.output.display(),
            kept.len(),
            size(&self.output),
            size(&self.capture)
        );
        Ok(())
    }
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |meta| meta.len())
}
