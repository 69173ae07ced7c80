//! `vedette doctor`: what this kernel offers and what its gaps blind.

use clap::Args;
use vedette_sensor::probe::Features;

/// Arguments of `vedette doctor`.
#[derive(Debug, Args)]
pub struct Doctor {}

impl Doctor {
    /// Probes and prints; fails where the kernel cannot be sensed at all.
    pub fn execute(self) -> anyhow::Result<()> {
        let features = Features::probe();
        anstream::println!("{features}");
        features.sufficient()?;
        Ok(())
    }
}
