//! `vedette plugin replay`: one plugin, one capture.

use super::super::lists::IntelArgs;
use super::place::BuildArgs;
use crate::author::trial::{Capture, Trial};
use crate::output::{printable, text};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `vedette plugin replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// The plugin: its component, or its directory, which is built first.
    #[arg(value_name = "FILE|DIR")]
    plugin: PathBuf,

    /// The capture, as `vedette record` wrote it.
    #[arg(value_name = "CAPTURE")]
    capture: PathBuf,

    #[command(flatten)]
    build: BuildArgs,

    #[command(flatten)]
    intel: IntelArgs,

    /// Most events that the plugin gets in one call.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=64))]
    batch: u16,

    /// Print findings and figures as JSON.
    #[arg(long)]
    json: bool,
}

impl Replay {
    /// Replays.
    pub fn execute(self) -> anyhow::Result<()> {
        let mut plugin = self.build.ready(&self.plugin)?;
        if let Some(lists) = &self.intel.intel {
            plugin.subject = plugin.subject.with_lists(lists)?;
        }
        let capture = Capture::read(&self.capture)?;
        let clock = capture.clock();
        let seconds = capture.length() as f64 / 1e9;
        let trial = plugin.subject.run(capture.events, self.batch.into())?;
        if self.json {
            let value = json!({
                "plugin": plugin.manifest.id,
                "findings": trial.told(&clock),
                "repeated": trial.repeated,
                "health": trial.health.iter().map(|f| &f.message).collect::<Vec<_>>(),
                "log": trial.log,
                "events": trial.events,
                "seconds": seconds,
                "stats": trial.stats,
            });
            println!("{value:#}");
            return Ok(());
        }
        for finding in &trial.findings {
            anstream::print!("{}", text::finding(finding, &[], &clock));
        }
        anstream::print!("{}", figures(&plugin.manifest.id, &trial, seconds));
        Ok(())
    }
}

/// The figures, for people.
pub fn figures(plugin: &str, trial: &Trial, seconds: f64) -> String {
    let mut lines = Vec::new();
    for line in &trial.log {
        lines.push(format!("log       {}", printable(line.as_bytes())));
    }
    for health in &trial.health {
        let message = printable(health.message.as_bytes());
        lines.push(format!("FAILED    {message}"));
    }
    let stats = &trial.stats;
    lines.push(format!(
        "found     {} cases ({} more findings were the same cases again)",
        trial.findings.len(),
        trial.repeated
    ));
    lines.push(format!(
        "events    {} in {seconds:.1} s, {} of them for {plugin}, in {} calls",
        trial.events, stats.events, stats.calls
    ));
    lines.push(format!(
        "time      {:.3} ms in the plugin, {:.0} ns an event, longest call {:.3} ms",
        stats.call_ns as f64 / 1e6,
        trial.ns_an_event(),
        stats.longest_call_ns as f64 / 1e6
    ));
    lines.push(format!("memory    {} KiB\n", stats.memory >> 10));
    lines.join("\n")
}
