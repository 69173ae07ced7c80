//! `vedette plugin inspect`: what a component is.

use crate::plugin::inspect::inspect;
use anyhow::Context as _;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `vedette plugin inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The component.
    #[arg(value_name = "FILE")]
    component: PathBuf,

    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Inspect {
    /// Inspects.
    pub fn execute(self) -> anyhow::Result<()> {
        let inspection = inspect(&self.component)
            .with_context(|| format!("{}: no plugin", self.component.display()))?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&inspection)?);
        } else {
            print!("{}", inspection.text());
        }
        Ok(())
    }
}
