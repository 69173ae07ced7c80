//! `vedette plugin build`: from sources to a component.

use crate::plugin::build::{BuildOptions, build};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `vedette plugin build`.
#[derive(Debug, Args)]
pub struct Build {
    /// Directory of the plugin, with its plugin.toml.
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,

    /// The file to write [default: ID.wasm in the directory].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Directory for cargo's own output.
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
}

impl Build {
    /// Builds.
    pub fn execute(self) -> anyhow::Result<()> {
        let options = BuildOptions {
            directory: self.directory,
            output: self.output,
            target_directory: self.target_dir,
        };
        let built = build(&options).map_err(|error| super::shown(error.into()))?;
        println!(
            "{}: {} {}, {} bytes, sha256 {}",
            built.path.display(),
            built.component.manifest.id,
            built.component.manifest.version,
            built.component.bytes.len(),
            built.component.digest
        );
        Ok(())
    }
}
