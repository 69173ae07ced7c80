//! `vedette plugin build`: from sources to a component.

use crate::commands::operate::print_json;
use crate::plugin::build::{BuildOptions, build};
use crate::plugin::component::Component;
use crate::plugin::signature::{PublicKey, SecretKey, sign_file};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

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

    /// Sign the component with the secret key in this file, as `vedette plugin keygen` makes it.
    #[arg(long, value_name = "KEYFILE")]
    sign: Option<PathBuf>,

    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// A component that was made, for `--json`.
#[derive(Debug, Serialize)]
pub struct Made<'a> {
    component: &'a Path,
    id: &'a str,
    version: &'a str,
    digest: String,
    size: usize,
    publisher: Option<&'a PublicKey>,
}

impl<'a> Made<'a> {
    /// What it is, and where.
    pub fn of(place: &'a Path, component: &'a Component) -> Made<'a> {
        Made {
            component: place,
            id: &component.manifest.id,
            version: &component.manifest.version,
            digest: component.digest.to_string(),
            size: component.bytes.len(),
            publisher: component.publisher.as_ref(),
        }
    }
}

impl Build {
    /// Builds.
    pub fn execute(self) -> anyhow::Result<()> {
        let options = BuildOptions {
            directory: self.directory,
            output: self.output,
            target_directory: self.target_dir,
        };
        let mut built = build(&options).map_err(super::shown)?;
        if let Some(key) = &self.sign {
            sign_file(&built.path, &SecretKey::read(key)?)?;
            built.component = Component::verify(Component::read(&built.path)?)?;
        }
        if self.json {
            return print_json(&Made::of(&built.path, &built.component));
        }
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
