//! What the operator lets plugins do and see, decided before anything of them is compiled.
//!
//! A grant is bound to a plugin's id and to what its component is: its publisher's key, or the
//! digest of its bytes; never to the name of a file. What nobody granted expressly is a matter of
//! the [`Policy`].

mod judge;
mod store;

pub use store::{Entry, Given, GrantsError, MAX_ENTRIES};

use crate::{
    manifest::{Manifest, Sensitive, Service},
    plugin::{
        component::{Component, Digest},
        signature::PublicKey,
    },
};
use judge::Store;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fmt,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};
use store::Entries;
use vedette_contract::KINDS;

/// Directory of what outlasts an agent, if not told otherwise.
pub const STATE: &str = "/var/lib/vedette";

/// The file of grants of the agent of this name, if not told otherwise.
pub fn file_of(state: &Path, instance: &str) -> PathBuf {
    match instance {
        "default" => state.join("grants.toml"),
        name => state.join(format!("{name}.grants.toml")),
    }
}

/// Services, sensitive fields and kinds of event: what a plugin asks for, and what it is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Host services.
    #[serde(default)]
    pub services: BTreeSet<Service>,
    /// Sensitive fields.
    #[serde(default)]
    pub fields: BTreeSet<Sensitive>,
    /// Kinds of event, by name.
    #[serde(default)]
    pub kinds: BTreeSet<String>,
}

impl Default for Grant {
    /// Everything that the contract has.
    fn default() -> Grant {
        Grant {
            services: Service::ALL.into(),
            fields: Sensitive::ALL.into(),
            kinds: KINDS.iter().map(|k| k.name.to_owned()).collect(),
        }
    }
}

impl Grant {
    /// Nothing.
    pub fn none() -> Grant {
        Grant {
            services: BTreeSet::new(),
            fields: BTreeSet::new(),
            kinds: BTreeSet::new(),
        }
    }

    /// All that shows nothing private and looks at nothing on the plugin's behalf.
    pub fn not_sensitive() -> Grant {
        let mut grant = Grant {
            fields: BTreeSet::new(),
            ..Grant::default()
        };
        grant.services.retain(|service| !service.is_sensitive());
        grant
    }

    /// What a manifest asks for.
    pub fn asked(manifest: &Manifest) -> Grant {
        let kinds = manifest
            .subscriptions
            .iter()
            .map(|s| s.kind.name.to_owned());
        Grant {
            services: manifest.services.clone(),
            fields: manifest.fields.clone(),
            kinds: kinds.collect(),
        }
    }

    /// What of this is not in the other.
    pub fn beyond(&self, other: &Grant) -> Grant {
        Grant {
            services: &self.services - &other.services,
            fields: &self.fields - &other.fields,
            kinds: &self.kinds - &other.kinds,
        }
    }

    /// Adds what is in the other.
    pub fn add(&mut self, other: &Grant) {
        self.services.extend(&other.services);
        self.fields.extend(&other.fields);
        self.kinds.extend(other.kinds.iter().cloned());
    }

    /// What is in both.
    pub fn both(&self, other: &Grant) -> Grant {
        Grant {
            services: &self.services & &other.services,
            fields: &self.fields & &other.fields,
            kinds: &self.kinds & &other.kinds,
        }
    }

    /// Whether it is nothing.
    pub fn is_none(&self) -> bool {
        self.services.is_empty() && self.fields.is_empty() && self.kinds.is_empty()
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services: Vec<&str> = self.services.iter().map(|s| s.name()).collect();
        let fields: Vec<&str> = self.fields.iter().map(|s| s.name()).collect();
        let kinds: Vec<&str> = self.kinds.iter().map(String::as_str).collect();
        let mut parts = Vec::new();
        for (what, names) in [
            ("services", services),
            ("fields", fields),
            ("events", kinds),
        ] {
            if !names.is_empty() {
                parts.push(format!("the {what} {}", names.join(", ")));
            }
        }
        match parts.is_empty() {
            true => f.write_str("nothing"),
            false => f.write_str(&parts.join("; ")),
        }
    }
}

/// What a plugin may do that was granted nothing expressly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Policy {
    /// What it asks for when it is first seen, which is remembered; more only when granted. An
    /// agent that starts lets it ask for more that is not sensitive: it was installed with the
    /// agent stopped. Where its first component was signed, later ones must be, by the same key.
    /// What takes another plugin's file while the agent runs gets nothing sensitive.
    #[default]
    FirstUse,
    /// All but sensitive fields and services that look at the machine.
    NonSensitive,
    /// Nothing.
    Strict,
}

/// What a grant is bound to, besides the plugin's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binding {
    /// The key that signed the component: whatever its owner publishes under this id.
    Publisher(PublicKey),
    /// The component's bytes.
    Digest(Digest),
    /// Whatever comes under the id: for what was taken from a plugin, never for what it is given.
    Any,
}

/// What a component is, as far as grants go.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'c> {
    /// Its manifest.
    pub manifest: &'c Manifest,
    /// Its digest.
    pub digest: Digest,
    /// Who signed it.
    pub publisher: Option<PublicKey>,
}

impl<'c> From<&'c Component> for Identity<'c> {
    fn from(component: &'c Component) -> Identity<'c> {
        Identity {
            manifest: &component.manifest,
            digest: component.digest,
            publisher: component.publisher,
        }
    }
}

impl Binding {
    /// To a component's publisher where it has one, else to its digest.
    pub fn of<'c>(component: impl Into<Identity<'c>>) -> Binding {
        let component = component.into();
        match component.publisher {
            Some(key) => Binding::Publisher(key),
            None => Binding::Digest(component.digest),
        }
    }

    fn holds(&self, component: Identity<'_>) -> bool {
        match self {
            Binding::Publisher(key) => component.publisher == Some(*key),
            Binding::Digest(digest) => component.digest == *digest,
            Binding::Any => false,
        }
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Binding::Publisher(key) => write!(f, "publisher {key}"),
            Binding::Digest(digest) => write!(f, "sha256 {digest}"),
            Binding::Any => f.write_str("its id"),
        }
    }
}

/// Whether a component may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may: all that it asks for is granted.
    Granted,
    /// It stays where it is until this is granted too.
    Held(Grant),
    /// The plugin is known by another publisher's key, or was signed and is not.
    OtherPublisher(PublicKey),
}

/// Decides what components may do.
#[derive(Debug, Clone, Default)]
pub struct Grants(Source);

#[derive(Debug, Clone)]
enum Source {
    /// The same for every plugin, and nothing is remembered.
    Fixed(Box<Grant>),
    /// The operator's.
    Store(Arc<Store>),
}

impl Default for Source {
    fn default() -> Source {
        Source::Fixed(Box::default())
    }
}

impl From<Grant> for Grants {
    /// The same for every plugin.
    fn from(grant: Grant) -> Grants {
        Grants(Source::Fixed(grant.into()))
    }
}

impl Grants {
    /// The operator's grants in a file, which need not exist yet.
    ///
    /// # Errors
    /// The file is not sound, or others than root can write to it.
    pub fn open(path: &Path, policy: Policy) -> Result<Grants, GrantsError> {
        let store = Store::open(path, policy)?;
        Ok(Grants(Source::Store(Arc::new(store))))
    }

    /// Judges a component. Under [`Policy::FirstUse`] what it gets is remembered.
    pub fn judge(&self, component: &Component) -> Verdict {
        self.judge_in_file(component, false)
    }

    /// The same, of one whose file may have held `another` plugin since the agent started: by a
    /// new id a file must not come to show what its plugin was not granted.
    pub fn judge_in_file(&self, component: &Component, another: bool) -> Verdict {
        let asked = Grant::asked(&component.manifest);
        match &self.0 {
            Source::Fixed(grant) => held(asked.beyond(grant)),
            Source::Store(store) => store.judge(component, asked, another),
        }
    }

    /// What the operator has taken from a component that was let in.
    pub fn taken(&self, component: Identity<'_>) -> Option<Grant> {
        match &self.0 {
            Source::Fixed(_) => None,
            Source::Store(store) => store.taken(component),
        }
    }

    /// Grants something to a plugin, besides what it has.
    ///
    /// # Errors
    /// It could not be written down.
    pub fn grant(&self, plugin: &str, binding: Binding, grant: Grant) -> Result<(), GrantsError> {
        self.change(|entries| entries.add(plugin, binding, Given::Operator, grant))
    }

    /// Takes everything from a plugin that it was granted, and whatever the policy would give it:
    /// from now on it has what is granted to it expressly. Returns whether anything is written
    /// down differently then.
    ///
    /// # Errors
    /// It could not be written down.
    pub fn revoke(&self, plugin: &str) -> Result<bool, GrantsError> {
        self.change(|entries| entries.revoke(plugin))
    }

    /// The operator's file, if there is one.
    pub fn file(&self) -> Option<&Path> {
        match &self.0 {
            Source::Fixed(_) => None,
            Source::Store(store) => Some(&store.path),
        }
    }

    /// What tells one state of the operator's file from another without reading it; none where
    /// there is no file.
    pub fn mark(&self) -> Option<(u64, u64, i64, i64)> {
        let Source::Store(store) = &self.0 else {
            return None;
        };
        let meta = std::fs::metadata(&store.path).ok()?;
        Some((meta.ino(), meta.len(), meta.ctime(), meta.ctime_nsec()))
    }

    /// Every grant that was written down.
    pub fn entries(&self) -> Vec<Entry> {
        match &self.0 {
            Source::Fixed(_) => Vec::new(),
            Source::Store(store) => store.fresh().grant.clone(),
        }
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut Entries) -> Result<T, GrantsError>,
    ) -> Result<T, GrantsError> {
        match &self.0 {
            Source::Fixed(_) => Err(GrantsError::Fixed),
            Source::Store(store) => Entries::change(&store.path, change),
        }
    }
}

fn held(missing: Grant) -> Verdict {
    match missing.is_none() {
        true => Verdict::Granted,
        false => Verdict::Held(missing),
    }
}

#[cfg(test)]
mod tests;
