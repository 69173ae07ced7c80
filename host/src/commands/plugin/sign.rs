//! `vedette plugin keygen` and `sign`: publishers' keys and what they sign.

use super::build::Made;
use crate::commands::operate::print_json;
use crate::plugin::component::Component;
use crate::plugin::signature::{SecretKey, sign_file};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `vedette plugin keygen`.
#[derive(Debug, Args)]
pub struct Keygen {
    /// The file to write the secret key to; it must not exist yet.
    #[arg(value_name = "KEYFILE")]
    file: PathBuf,

    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Keygen {
    /// Makes a key and prints the public one.
    pub fn execute(self) -> anyhow::Result<()> {
        let key = SecretKey::generate(&self.file)?;
        if self.json {
            return print_json(&json!({ "file": self.file, "publisher": key.public() }));
        }
        println!("{}", key.public());
        Ok(())
    }
}

/// Arguments of `vedette plugin sign`.
#[derive(Debug, Args)]
pub struct Sign {
    /// The component; it is replaced by the signed one.
    #[arg(value_name = "FILE")]
    component: PathBuf,

    /// File of the secret key.
    #[arg(long, value_name = "KEYFILE")]
    key: PathBuf,

    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Sign {
    /// Signs.
    pub fn execute(self) -> anyhow::Result<()> {
        let key = SecretKey::read(&self.key)?;
        // What no agent would run is not worth anybody's name.
        Component::verify(Component::read(&self.component)?)?;
        sign_file(&self.component, &key)?;
        if self.json {
            let signed = Component::verify(Component::read(&self.component)?)?;
            return print_json(&Made::of(&self.component, &signed));
        }
        println!("{}: signed by {}", self.component.display(), key.public());
        Ok(())
    }
}
