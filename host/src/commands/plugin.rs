//! `vedette plugin`: the author's commands.

use crate::plugin::build::{BuildOptions, build};
use crate::plugin::inspect::inspect;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `vedette plugin`.
#[derive(Debug, Args)]
pub struct Plugin {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build a plugin's crate into a component with its manifest inside.
    Build {
        /// Directory of the crate, with its Cargo.toml and plugin.toml.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// The file to write [default: NAME.wasm beside the crate's target directory].
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Directory for cargo's own output.
        #[arg(long, value_name = "DIR")]
        target_dir: Option<PathBuf>,
    },
    /// Show what a component is and asks for, without running it.
    Inspect {
        /// The component.
        #[arg(value_name = "FILE")]
        component: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Plugin {
    /// Runs the command.
    pub fn execute(self) -> anyhow::Result<()> {
        match self.command {
            Command::Build {
                directory,
                output,
                target_dir,
            } => {
                let options = BuildOptions {
                    directory,
                    output,
                    target_directory: target_dir,
                };
                let built = build(&options).map_err(|error| shown(error.into()))?;
                println!(
                    "{}: {} {}, {} bytes, sha256 {}",
                    built.path.display(),
                    built.component.manifest.id,
                    built.component.manifest.version,
                    built.component.bytes.len(),
                    built.component.digest
                );
            }
            Command::Inspect { component, json } => {
                let inspection = inspect(&component)
                    .with_context(|| format!("{}: no plugin", component.display()))?;
                if json {
                    println!("{}", serde_json::to_string_pretty(&inspection)?);
                } else {
                    print!("{}", inspection.text());
                }
            }
        }
        Ok(())
    }
}

/// An error with the place in the author's file that it is about.
fn shown(report: miette::Report) -> anyhow::Error {
    anyhow::anyhow!("{report:?}")
}
