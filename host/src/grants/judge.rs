//! How an agent judges by the operator's grants: what was granted expressly, what the policy adds,
//! and what is remembered of first use.

use super::{
    Binding, Entry, Given, Grant, GrantsError, Identity, Policy, Verdict, held, store::Entries,
};
use crate::plugin::component::Component;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The operator's grants, as an agent judges by them.
#[derive(Debug)]
pub(super) struct Store {
    pub path: PathBuf,
    policy: Policy,
    /// As they were last read or written.
    entries: Mutex<Entries>,
    /// Those that could not be written down.
    unwritten: Mutex<Entries>,
    /// Plugins that were let in since the agent started.
    let_in: Mutex<BTreeSet<String>>,
}

impl Store {
    /// Those in this file.
    pub fn open(path: &Path, policy: Policy) -> Result<Store, GrantsError> {
        Ok(Store {
            path: path.to_owned(),
            policy,
            entries: Mutex::new(Entries::read(path)?),
            unwritten: Mutex::default(),
            let_in: Mutex::default(),
        })
    }

    /// What stands in the file now; what stood there before if it cannot be read.
    pub fn fresh(&self) -> MutexGuard<'_, Entries> {
        let read = Entries::read(&self.path);
        let mut entries = locked(&self.entries);
        match read {
            Ok(read) => *entries = read,
            Err(error) => tracing::warn!("{error}; what was granted before still holds"),
        }
        entries
    }

    pub fn judge(&self, component: &Component, asked: Grant, another: bool) -> Verdict {
        let mut let_in = self.let_in.lock().unwrap_or_else(PoisonError::into_inner);
        let starts = !let_in.contains(&component.manifest.id);
        let verdict = self.weigh(component.into(), asked, starts, another);
        if verdict == Verdict::Granted {
            let_in.insert(component.manifest.id.clone());
        }
        verdict
    }

    /// What the operator has taken from a component that was let in.
    pub fn taken(&self, component: Identity<'_>) -> Option<Grant> {
        let entries: Vec<Entry> = self.fresh().of(&component.manifest.id).cloned().collect();
        let missing = Grant::asked(component.manifest).beyond(&by_operator(&entries, component));
        (is_revoked(&entries) && !missing.is_none()).then_some(missing)
    }

    fn weigh(&self, component: Identity<'_>, asked: Grant, starts: bool, another: bool) -> Verdict {
        let plugin = &*component.manifest.id;
        let mut entries: Vec<Entry> = self.fresh().of(plugin).cloned().collect();
        entries.extend(locked(&self.unwritten).of(plugin).cloned());
        let mut granted = by_operator(&entries, component);
        if is_revoked(&entries) {
            return held(asked.beyond(&granted));
        }
        if self.policy == Policy::NonSensitive {
            granted.add(&Grant::not_sensitive());
        }
        let first = |e: &&Entry| e.given == Given::FirstUse;
        let first: Vec<&Entry> = entries.iter().filter(first).collect();
        for entry in first.iter().filter(|e| e.binding.holds(component)) {
            granted.add(&entry.grant);
        }
        let missing = asked.beyond(&granted);
        if self.policy != Policy::FirstUse {
            return held(missing);
        }
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
            let verdict = match another {
                true => held(asked.beyond(&Grant::not_sensitive())),
                false => Verdict::Granted,
            };
            if verdict == Verdict::Granted {
                self.remember(plugin, Binding::of(component), asked);
            }
            return verdict;
        };
        // By its id, where nobody signed it: only root puts components where they are found.
        let mut seen = Grant::none();
        first.iter().for_each(|e| seen.add(&e.grant));
        let grows = match starts {
            true => Grant::not_sensitive(),
            false => Grant::none(),
        };
        granted.add(&seen);
        granted.add(&grows);
        let verdict = held(asked.beyond(&granted));
        // What the operator granted is not in it: that holds for what it was bound to alone.
        let grown = asked.both(&grows).beyond(&seen);
        if verdict == Verdict::Granted && !grown.is_none() {
            self.remember(plugin, known.binding, grown);
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

fn is_revoked(entries: &[Entry]) -> bool {
    entries.iter().any(|e| e.given == Given::Revoked)
}

/// What the operator granted expressly.
fn by_operator(entries: &[Entry], component: Identity<'_>) -> Grant {
    let mut granted = Grant::none();
    let expressly = |e: &&Entry| e.given == Given::Operator && e.binding.holds(component);
    for entry in entries.iter().filter(expressly) {
        granted.add(&entry.grant);
    }
    granted
}

fn locked(entries: &Mutex<Entries>) -> MutexGuard<'_, Entries> {
    entries.lock().unwrap_or_else(PoisonError::into_inner)
}
