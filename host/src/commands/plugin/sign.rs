//! `vedette plugin keygen` and `sign`: publishers' keys and what they sign.

use crate::plugin::component::Component;
use crate::plugin::signature::{SecretKey, sign_file};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `vedette plugin keygen`.
#[derive(Debug, Args)]
pub struct Keygen {
    /// The file to write the secret key to; it must not exist yet.
    #[arg(value_name = "KEYFILE")]
    file: PathBuf,
}

impl Keygen {
    /// Makes a key and prints the public one.
    pub fn execute(self) -> anyhow::Result<()> {
        let key = SecretKey::generate(&self.file)?;
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
}

impl Sign {
    /// Signs.
    pub fn execute(self) -> anyhow::Result<()> {
        let key = SecretKey::read(&self.key)?;
        // What no agent would run is not worth anybody's name.
        Component::verify(Component::read(&self.component)?)?;
        sign_file(&self.component, &key)?;
        println!("{}: signed by {}", self.component.display(), key.public());
        Ok(())
    }
}
