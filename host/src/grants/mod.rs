//! What the operator lets plugins do and see, decided before anything of them is compiled.
//!
//! A grant is bound to a plugin's id and to what its component is: its publisher's key, or the
//! digest of its bytes; never to the name of a file. What nobody granted expressly is a matter of
//! the [`Policy`].

mod store;

pub use store::{Entry, Given, GrantsError, MAX_ENTRIES};

use crate::{
    manifest::{Manifest, Sensitive, Service},
    plugin::{
        component::{Component, Digest},
        signature::PublicKey,
    },
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fmt,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use store::Entries;
use vedette_contract::KINDS;

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
}

impl Binding {
    /// To a component's publisher where it has one, else to its digest.
    pub fn of(component: &Component) -> Binding {
        match component.publisher {
            Some(key) => Binding::Publisher(key),
            None => Binding::Digest(component.digest),
        }
    }

    fn holds(&self, component: &Component) -> bool {
        match self {
            Binding::Publisher(key) => component.publisher == Some(*key),
            Binding::Digest(digest) => component.digest == *digest,
        }
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Binding::Publisher(key) => write!(f, "publisher {key}"),
            Binding::Digest(digest) => write!(f, "sha256 {digest}"),
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

#[derive(Debug)]
struct Store {
    path: PathBuf,
    policy: Policy,
    /// As they were last read or written.
    entries: Mutex<Entries>,
    /// Those that could not be written down.
    unwritten: Mutex<Entries>,
    /// Plugins that were let in since the agent started.
    let_in: Mutex<BTreeSet<String>>,
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
        Ok(Grants(Source::Store(Arc::new(Store {
            path: path.to_owned(),
            policy,
            entries: Mutex::new(Entries::read(path)?),
            unwritten: Mutex::default(),
            let_in: Mutex::default(),
        }))))
    }

    /// Judges a component. Under [`Policy::FirstUse`] what it gets is remembered.
    pub fn judge(&self, component: &Component) -> Verdict {
        let asked = Grant::asked(&component.manifest);
        match &self.0 {
            Source::Fixed(grant) => held(asked.beyond(grant)),
            Source::Store(store) => store.judge(component, asked),
        }
    }

    /// Grants something to a plugin, besides what it has.
    ///
    /// # Errors
    /// It could not be written down.
    pub fn grant(&self, plugin: &str, binding: Binding, grant: Grant) -> Result<(), GrantsError> {
        self.change(|entries| entries.add(plugin, binding, Given::Operator, grant))
    }

    /// Takes everything from a plugin that it was granted, and forgets that it was seen. What runs
    /// goes on until it is loaded again. Returns whether there was anything.
    ///
    /// # Errors
    /// It could not be written down.
    pub fn revoke(&self, plugin: &str) -> Result<bool, GrantsError> {
        self.change(|entries| Ok(entries.remove(plugin)))
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

impl Store {
    /// What stands in the file now; what stood there before if it cannot be read.
    fn fresh(&self) -> MutexGuard<'_, Entries> {
        let read = Entries::read(&self.path);
        let mut entries = locked(&self.entries);
        match read {
            Ok(read) => *entries = read,
            Err(error) => tracing::warn!("{error}; what was granted before still holds"),
        }
        entries
    }

    fn judge(&self, component: &Component, asked: Grant) -> Verdict {
        let mut let_in = self.let_in.lock().unwrap_or_else(PoisonError::into_inner);
        let starts = !let_in.contains(&component.manifest.id);
        let verdict = self.weigh(component, asked, starts);
        if verdict == Verdict::Granted {
            let_in.insert(component.manifest.id.clone());
        }
        verdict
    }

    fn weigh(&self, component: &Component, asked: Grant, starts: bool) -> Verdict {
        let plugin = &*component.manifest.id;
        let mut entries: Vec<Entry> = self.fresh().of(plugin).cloned().collect();
        entries.extend(locked(&self.unwritten).of(plugin).cloned());
        let mut granted = match self.policy {
            Policy::NonSensitive => Grant::not_sensitive(),
            Policy::FirstUse | Policy::Strict => Grant::none(),
        };
        for entry in entries.iter().filter(|e| e.binding.holds(component)) {
            granted.add(&entry.grant);
        }
        let missing = asked.beyond(&granted);
        if self.policy != Policy::FirstUse {
            return held(missing);
        }
        let first: Vec<&Entry> = entries
            .iter()
            .filter(|e| e.given == Given::FirstUse)
            .collect();
        let other = first.iter().find_map(|e| match e.binding {
            Binding::Publisher(key) if component.publisher != Some(key) => Some(key),
            _ => None,
        });
        if let Some(key) = other {
            return match missing.is_none() {
                true => Verdict::Granted,
                false => Verdict::OtherPublisher(key),
            };
        }
        let Some(known) = first.first() else {
            // The operator knows it, and decided how much it gets.
            if !entries.is_empty() {
                return held(missing);
            }
            self.remember(plugin, Binding::of(component), asked);
            return Verdict::Granted;
        };
        let mut seen = Grant::none();
        first.iter().for_each(|e| seen.add(&e.grant));
        granted.add(&seen);
        if starts {
            granted.add(&Grant::not_sensitive());
        }
        let verdict = held(asked.beyond(&granted));
        // What the operator added for one version holds for those that follow and ask no more.
        if verdict == Verdict::Granted && !asked.beyond(&seen).is_none() {
            self.remember(plugin, known.binding, asked);
        }
        verdict
    }

    /// Writes down what a plugin got; keeps it in mind if that fails.
    fn remember(&self, plugin: &str, binding: Binding, asked: Grant) {
        let written = Entries::change(&self.path, |entries| {
            entries.add(plugin, binding, Given::FirstUse, asked.clone())
        });
        if let Err(error) = written {
            tracing::warn!("{error}; what {plugin} was granted is forgotten when the agent ends");
            // Full only where the file could hold no more of them either.
            let _ = locked(&self.unwritten).add(plugin, binding, Given::FirstUse, asked);
        }
    }
}

fn locked(entries: &Mutex<Entries>) -> MutexGuard<'_, Entries> {
    entries.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
