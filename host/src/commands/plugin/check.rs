//! `vedette plugin check`: what a plugin asks for, would see, and would cost.

use super::place::BuildArgs;
use crate::author::check::{Check as Findings, Cost, check, warnings_of_cost};
use crate::author::trial::Capture;
use crate::plugin::build::manifest_of;
use clap::Args;
use std::io::Cursor;
use std::path::PathBuf;

/// Half a minute of honest work on a small machine, for an estimate where no capture is given.
/// Made by `tests/src/bin/record-typical.rs`.
static TYPICAL: &[u8] = include_bytes!("../../../assets/typical.capture");

/// Arguments of `vedette plugin check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The plugin: its directory, which is built first, or its component.
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    plugin: PathBuf,

    /// Estimate the cost on this capture rather than on the bundled one: record it where the
    /// plugin is to run.
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,

    /// Read the manifest alone: build nothing, estimate nothing.
    #[arg(long, conflicts_with = "capture")]
    manifest_only: bool,

    #[command(flatten)]
    build: BuildArgs,

    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

impl Check {
    /// Checks.
    pub fn execute(self) -> anyhow::Result<()> {
        let directory = self.plugin.is_dir().then_some(self.plugin.as_path());
        let checked = match directory {
            Some(directory) if self.manifest_only => {
                let manifest = manifest_of(directory).map_err(super::shown)?;
                check(&manifest, Some(directory))
            }
            _ => self.whole()?,
        };
        if self.json {
            println!("{}", serde_json::to_string_pretty(&checked)?);
        } else {
            print!("{}", checked.text());
        }
        Ok(())
    }

    fn whole(&self) -> anyhow::Result<Findings> {
        let plugin = self.build.ready(&self.plugin)?;
        let directory = self.plugin.is_dir().then_some(self.plugin.as_path());
        let mut checked = check(&plugin.manifest, directory);
        if self.manifest_only {
            return Ok(checked);
        }
        let (name, capture) = match &self.capture {
            Some(path) => (path.display().to_string(), Capture::read(path)?),
            None => (
                "a small machine at work".to_owned(),
                Capture::of(Cursor::new(TYPICAL), "the bundled capture".as_ref())?,
            ),
        };
        let trial = plugin.subject.run(capture.events.iter().cloned(), 64)?;
        let cost = Cost::of(&name, &capture, &trial);
        let costly = warnings_of_cost(&plugin.manifest, &capture, &cost);
        checked.warnings.extend(costly);
        checked.cost = Some(cost);
        Ok(checked)
    }
}
