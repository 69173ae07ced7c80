//! `vedette plugin grant`, `revoke` and `grants`: the operator's grants. An agent reads them anew
//! whenever it judges a component, and looks each second whether they have changed.

use crate::commands::operate::{Agent, print_json};
use crate::control::client::ClientError;
use crate::grants::{self, Binding, Entry, Given, Grant, Grants, Policy};
use crate::plugin::command::{Answer, Command, Report};
use crate::plugin::component::{Component, Digest};
use anyhow::Context as _;
use clap::Args;
use std::path::{Path, PathBuf};

/// Where grants are.
#[derive(Debug, Args)]
pub struct Place {
    #[command(flatten)]
    agent: Agent,

    /// The file of grants [default: that of the running agent, else the one that the agent of this
    /// name would use].
    #[arg(long = "grants", value_name = "FILE")]
    file: Option<PathBuf>,

    /// Directory of what outlasts an agent, as given to its --state, where the grants of the
    /// running agent are not meant.
    #[arg(long, value_name = "DIR", env = "VEDETTE_STATE")]
    state: Option<PathBuf>,
}

/// A file of grants, and whether an agent goes by it.
struct Found {
    grants: Grants,
    file: PathBuf,
    /// The file by which the running agent goes, if one runs.
    followed: Option<PathBuf>,
}

impl Place {
    fn open(&self) -> anyhow::Result<Found> {
        let followed = match self.agent.ask(Command::Grants {}) {
            Ok(Answer::Grants(Some(file))) => Some(file),
            Ok(Answer::Grants(None)) => anyhow::bail!(
                "the agent that runs keeps no grants: it does not run as root, and watches nothing"
            ),
            Ok(_) => anyhow::bail!("the agent gave another answer than was asked for"),
            Err(ClientError::NoAgent { .. }) => None,
            // For files of one's own nobody need be asked.
            Err(_) if self.file.is_some() || self.state.is_some() => None,
            Err(error) => return Err(error.into()),
        };
        let named = self.file.clone();
        let named = named.or_else(|| self.state.as_deref().map(|d| self.file_in(d)));
        let file = named
            .or_else(|| followed.clone())
            .unwrap_or_else(|| self.file_in(Path::new(grants::STATE)));
        Ok(Found {
            grants: Grants::open(&file, Policy::Strict)?,
            file,
            followed,
        })
    }

    fn file_in(&self, state: &Path) -> PathBuf {
        grants::file_of(state, self.agent.name())
    }

    /// Prints what was done: in words, and whether it takes effect; or as JSON.
    fn tell(&self, found: &Found, entry: &Entry, words: &str) -> anyhow::Result<()> {
        if self.agent.json {
            return print_json(entry);
        }
        let same = |agents: &PathBuf| {
            let real = |path: &Path| path.canonicalize().ok();
            real(agents) == real(&found.file)
        };
        println!("{words}");
        match &found.followed {
            Some(agents) if same(agents) => {}
            Some(agents) => eprintln!(
                "This stands in {}, but the agent {} that runs goes by {}: name that one with --grants, or none.",
                found.file.display(),
                self.agent.name(),
                agents.display()
            ),
            None => eprintln!(
                "No agent {} answers: this stands in {} and holds for one that is started with that file.",
                self.agent.name(),
                found.file.display()
            ),
        }
        Ok(())
    }
}

/// Arguments of `vedette plugin grant`.
#[derive(Debug, Args)]
pub struct Allow {
    /// The component, or the id of a plugin of the running agent: it is granted all that it asks
    /// for. `vedette plugin inspect` shows that of a file, `list` what an agent's plugins lack.
    #[arg(value_name = "FILE|ID")]
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
        let component = self.component()?;
        let binding = match self.digest {
            true => Binding::Digest(component.digest),
            false => Binding::of(&component),
        };
        let entry = Entry {
            plugin: component.manifest.id.clone(),
            given: Given::Operator,
            grant: Grant::asked(&component.manifest),
            binding,
        };
        let found = self.place.open()?;
        let (plugin, asked) = (&entry.plugin, &entry.grant);
        found.grants.grant(plugin, binding, asked.clone())?;
        let words = format!("{plugin} is granted {asked}; bound to {binding}");
        self.place.tell(&found, &entry, &words)
    }

    /// What is meant: a file, or what an agent has under an id.
    fn component(&self) -> anyhow::Result<Component> {
        let read = |path: &Path| {
            Component::read(path)
                .and_then(Component::verify)
                .with_context(|| format!("{}: no plugin", path.display()))
        };
        let plugin = match self.component.to_str() {
            Some(id) if !self.component.is_file() && crate::manifest::is_id(id) => id.to_owned(),
            _ => return read(&self.component),
        };
        let info = Command::Info { plugin };
        let answer = self.place.agent.ask(info);
        let answer = answer
            .with_context(|| format!("{}: there is no such file", self.component.display()))?;
        let Answer::Plugin(report) = answer else {
            anyhow::bail!("the agent gave another answer than was asked for");
        };
        let component = read(Path::new(&report.path))?;
        // What was looked at in the agent's list is what is granted.
        anyhow::ensure!(
            knows(&report, component.digest),
            "{}: this file is not what the agent has seen there; look again with `vedette plugin info {}`, or grant the file",
            report.path,
            report.id
        );
        Ok(component)
    }
}

/// Whether the agent has told of this component.
fn knows(report: &Report, digest: Digest) -> bool {
    let digest = digest.to_string();
    let generations = report.generations.iter();
    report.digest == digest || generations.into_iter().any(|g| g.digest == digest)
}

/// Arguments of `vedette plugin revoke`.
#[derive(Debug, Args)]
pub struct Revoke {
    /// Id of the plugin. A second later an agent takes it out of service, until it is granted what
    /// it asks for.
    #[arg(value_name = "ID")]
    plugin: String,

    #[command(flatten)]
    place: Place,
}

impl Revoke {
    /// Revokes.
    pub fn execute(self) -> anyhow::Result<()> {
        let plugin = &self.plugin;
        anyhow::ensure!(
            crate::manifest::is_id(plugin),
            "{plugin:?} is no id of a plugin; `vedette plugin list` tells them"
        );
        let found = self.place.open()?;
        let news = found.grants.revoke(plugin)?;
        let entry = Entry {
            plugin: plugin.clone(),
            given: Given::Revoked,
            grant: Grant::none(),
            binding: Binding::Any,
        };
        let words = match news {
            true => format!("{plugin} is granted nothing any more, whatever the agent's policy"),
            false => format!("{plugin} was granted nothing before"),
        };
        self.place.tell(&found, &entry, &words)
    }
}

/// Arguments of `vedette plugin grants`.
#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    place: Place,
}

impl Show {
    /// Lists the grants.
    pub fn execute(self) -> anyhow::Result<()> {
        let found = self.place.open()?;
        let entries = found.grants.entries();
        if self.place.agent.json {
            return print_json(&entries);
        }
        if entries.is_empty() {
            eprintln!("Nothing stands in {}.", found.file.display());
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
