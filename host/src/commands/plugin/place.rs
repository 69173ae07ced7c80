//! Where an author's plugin is: a directory of sources, or a component.

use crate::author::trial::Subject;
use crate::manifest::Manifest;
use crate::plugin::build::{BuildOptions, build};
use crate::plugin::component::Component;
use anyhow::Context as _;
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where compiled plugins are kept for commands that try one.
#[derive(Debug, Clone, Args)]
pub struct CacheArgs {
    /// Directory for compiled plugins [default: vedette in the user's cache directory].
    #[arg(long, value_name = "DIR", env = "VEDETTE_CACHE")]
    cache: Option<PathBuf>,
}

impl CacheArgs {
    /// The directory, if there is one to be had.
    pub fn directory(&self) -> Option<PathBuf> {
        let absolute = |name: &str| {
            let path = PathBuf::from(std::env::var_os(name)?);
            path.is_absolute().then_some(path)
        };
        let own = || absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
        self.cache.clone().or_else(|| Some(own()?.join("vedette")))
    }
}

/// How a plugin is built that is about to be tried.
#[derive(Debug, Clone, Args)]
pub struct BuildArgs {
    /// Directory for cargo's own output.
    #[arg(long, value_name = "DIR")]
    pub target_dir: Option<PathBuf>,

    /// Try this component, as it is, instead of building one.
    #[arg(long, value_name = "FILE", conflicts_with = "target_dir")]
    pub component: Option<PathBuf>,

    /// Try it with an operator's settings: those of the file ID.toml in this directory.
    #[arg(long, value_name = "DIR")]
    pub plugin_config: Option<PathBuf>,

    #[command(flatten)]
    pub cache: CacheArgs,
}

/// A plugin that is ready to be tried.
pub struct Ready {
    /// Its component.
    pub subject: Subject,
    /// Its manifest.
    pub manifest: Arc<Manifest>,
}

impl BuildArgs {
    /// The plugin at `place`: a component as it is, a directory's after it was built.
    pub fn ready(&self, place: &Path) -> anyhow::Result<Ready> {
        let component = match &self.component {
            Some(component) => component.clone(),
            None if place.is_dir() => self.built(place)?,
            None => place.to_owned(),
        };
        if let Some(directory) = self.plugin_config.as_deref().filter(|d| !d.is_dir()) {
            anyhow::bail!(
                "{}: no directory; name that of the operator's settings, where ID.toml is",
                directory.display()
            );
        }
        let subject = Subject {
            settings: self.plugin_config.clone(),
            ..Subject::read(&component, self.cache.directory())?
        };
        let admitted = Component::verify(subject.bytes.clone())
            .with_context(|| format!("{}: no plugin", component.display()))?;
        Ok(Ready {
            manifest: admitted.manifest,
            subject,
        })
    }

    fn built(&self, directory: &Path) -> anyhow::Result<PathBuf> {
        let options = BuildOptions {
            directory: directory.to_owned(),
            output: None,
            target_directory: self.target_dir.clone(),
        };
        let built = build(&options).map_err(super::shown)?;
        Ok(built.path)
    }
}
