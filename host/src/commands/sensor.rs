//! `vedette sensor`: what an agent has put into the kernel.

use clap::{Args, Subcommand};
use std::path::PathBuf;
use vedette_sensor::live::unpin;

/// Where programs that outlive their agent are pinned, if not said otherwise.
pub const PINS: &str = "/sys/fs/bpf/vedette";

/// Arguments of `vedette sensor`.
#[derive(Debug, Args)]
pub struct Sensor {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Remove the programs and rings that an agent with --pin has left behind.
    Unpin {
        /// The directory that was given to --pin.
        #[arg(value_name = "DIR", default_value = PINS)]
        pin: PathBuf,
    },
}

impl Sensor {
    /// Does it.
    pub fn execute(self) -> anyhow::Result<()> {
        match self.command {
            Command::Unpin { pin } => {
                match unpin(&pin)? {
                    0 => anstream::println!("{}: nothing is pinned", pin.display()),
                    1 => anstream::println!("{}: the sensor of one agent removed", pin.display()),
                    n => anstream::println!("{}: the sensors of {n} agents removed", pin.display()),
                }
                Ok(())
            }
        }
    }
}
