//! `vedette plugin grant`, `revoke` and `grants`: the operator's grants. An agent reads them anew
//! whenever it judges a component.

use crate::grants::{Binding, Grant, Grants, Policy};
use crate::plugin::component::Component;
use anyhow::Context as _;
use clap::Args;
use std::path::PathBuf;

/// Where grants are.
#[derive(Debug, Args)]
pub struct Place {
    /// The file of grants.
    #[arg(
        long = "grants",
        value_name = "FILE",
        default_value = "/var/lib/vedette/grants.toml"
    )]
    file: PathBuf,
}

impl Place {
    fn open(&self) -> anyhow::Result<Grants> {
        Ok(Grants::open(&self.file, Policy::Strict)?)
    }
}

/// Arguments of `vedette plugin grant`.
#[derive(Debug, Args)]
pub struct Allow {
    /// The component: it is granted all that it asks for. `vedette plugin inspect` shows that.
    #[arg(value_name = "FILE")]
    component: PathBuf,

    /// Bind the grant to these bytes alone, also where a publisher signed them. Otherwise it holds
    /// for all that this publisher signs under the plugin's id.
    #[arg(long)]
    digest: bool,

    #[command(flatten)]
    place: Place,
}

impl Allow {
    /// Grants.
    pub fn execute(self) -> anyhow::Result<()> {
        let component = Component::read(&self.component)
            .and_then(Component::verify)
            .with_context(|| format!("{}: no plugin", self.component.display()))?;
        let binding = match self.digest {
            true => Binding::Digest(component.digest),
            false => Binding::of(&component),
        };
        let asked = Grant::asked(&component.manifest);
        let told = format!("{} is granted {asked}", component.manifest.id);
        self.place
            .open()?
            .grant(&component.manifest.id, binding, asked)?;
        println!("{told}; bound to {binding}");
        Ok(())
    }
}

/// Arguments of `vedette plugin revoke`.
#[derive(Debug, Args)]
pub struct Revoke {
    /// Id of the plugin. What runs goes on until it is loaded again.
    #[arg(value_name = "ID")]
    plugin: String,

    #[command(flatten)]
    place: Place,
}

impl Revoke {
    /// Revokes.
    pub fn execute(self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.place.open()?.revoke(&self.plugin)?,
            "{}: nothing was granted to {}",
            self.place.file.display(),
            self.plugin
        );
        println!("{} is granted nothing any more", self.plugin);
        Ok(())
    }
}

/// Arguments of `vedette plugin grants`.
#[derive(Debug, Args)]
pub struct Show {
    /// As JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

impl Show {
    /// Lists the grants.
    pub fn execute(self) -> anyhow::Result<()> {
        let entries = self.place.open()?.entries();
        if self.json {
            println!("{}", serde_json::to_string_pretty(&entries)?);
            return Ok(());
        }
        for entry in entries {
            println!(
                "{} (by {}, bound to {}): {}",
                entry.plugin, entry.given, entry.binding, entry.grant
            );
        }
        Ok(())
    }
}
