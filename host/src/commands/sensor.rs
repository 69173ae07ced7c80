//! `vedette sensor`: what the kernel is asked for and why, and what an agent has put into it.

use crate::explain::Explanation;
use crate::mute::MuteArgs;
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
    /// For each kind of event: who wants it, with which predicate, what the kernel filters, and
    /// what this kernel cannot show. Runs no plugin; needs root for the last alone.
    Explain {
        /// Directory of plugins (*.wasm).
        #[arg(
            long,
            value_name = "DIR",
            env = "VEDETTE_PLUGINS",
            default_value = "/usr/lib/vedette/plugins"
        )]
        plugins: PathBuf,
        #[command(flatten)]
        mutes: MuteArgs,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
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
            Command::Explain {
                plugins,
                mutes,
                json,
            } => {
                let explanation = Explanation::of(&plugins, &mutes.rules()?)?;
                if json {
                    anstream::println!("{}", serde_json::to_string_pretty(&explanation)?);
                } else {
                    anstream::print!("{}", explanation.text());
                }
                Ok(())
            }
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
