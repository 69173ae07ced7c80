//! `vedette doctor`: what this kernel offers and what its gaps blind.

use super::RuntimeArgs;
use crate::runtimes;
use clap::Args;
use vedette_sensor::probe::Features;

/// Arguments of `vedette doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    runtimes: RuntimeArgs,
}

impl Doctor {
    /// Probes and prints; fails where the kernel cannot be sensed at all.
    pub fn execute(self) -> anyhow::Result<()> {
        let features = Features::probe();
        anstream::println!("{features}");
        let sockets = runtimes::sockets(&self.runtimes.container_runtime);
        anstream::println!(
            "container runtimes\n{}",
            runtimes::survey(&sockets)?.trim_end()
        );
        features.sufficient()?;
        Ok(())
    }
}
