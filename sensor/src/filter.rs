//! What the kernel needs to send: the union of what the context and the plugins want.

use std::collections::BTreeMap;
use vedette_contract::{KINDS, kind};

/// A set of kinds of event. Catalogue numbers are below 128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KindSet(u128);

impl KindSet {
    /// The kinds that the context always needs, wanted by a plugin or not: without them the
    /// process table would be wrong.
    pub const CONTEXT: KindSet = KindSet(0)
        .with(kind::EXEC)
        .with(kind::FORK)
        .with(kind::EXIT)
        .with(kind::DUP)
        .with(kind::SETNS)
        .with(kind::UNSHARE)
        .with(kind::CREDENTIALS)
        .with(kind::CGROUP)
        .with(kind::CGROUP_MOVE)
        .with(kind::CGROUP_REMOVED);

    /// Every kind of the catalogue.
    pub fn all() -> KindSet {
        KINDS.iter().fold(KindSet(0), |set, k| set.with(k.number))
    }

    /// This set and one more kind.
    pub const fn with(self, kind: u16) -> KindSet {
        KindSet(self.0 | 1 << (kind & 127))
    }

    /// Whether the kind is in the set.
    pub const fn has(self, kind: u16) -> bool {
        self.0 >> (kind & 127) & 1 == 1
    }

    /// The numbers in the set, in their order.
    pub fn numbers(self) -> impl Iterator<Item = u16> {
        (0..128).filter(move |kind| self.has(*kind))
    }

    /// Whether any of these kinds is in the set.
    pub fn has_any(self, kinds: &[u16]) -> bool {
        kinds.iter().any(|kind| self.has(*kind))
    }

    /// What is in either set.
    pub const fn union(self, other: KindSet) -> KindSet {
        KindSet(self.0 | other.0)
    }

    /// The numbers in the set as two words, low first: the form of the kernel map.
    pub const fn words(self) -> [u64; 2] {
        [self.0 as u64, (self.0 >> 64) as u64]
    }
}

/// Which opens of a watched file matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Opens that can write.
    Write,
    /// All opens.
    Any,
}

/// Which opens are wanted: those to which any line applies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opens {
    /// Every open of this access.
    pub all: Option<Access>,
    /// Opens with any of these bits of the catalogue set `open-mark`.
    pub marks: u32,
    /// Opens of files whose last path component is one of these.
    pub names: BTreeMap<Vec<u8>, Access>,
    /// Opens of files whose path begins with one of these.
    pub prefixes: BTreeMap<Vec<u8>, Access>,
}

impl Opens {
    /// Adds what the other one wants.
    pub fn union(&mut self, other: &Opens) {
        self.all = self.all.max(other.all);
        self.marks |= other.marks;
        for (from, to) in [
            (&other.names, &mut self.names),
            (&other.prefixes, &mut self.prefixes),
        ] {
            for (name, access) in from {
                let entry = to.entry(name.clone()).or_insert(*access);
                *entry = (*entry).max(*access);
            }
        }
    }
}

/// The whole filter. What the kernel sends is a superset of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Kinds that are wanted at all.
    pub kinds: KindSet,
    /// Narrowing of `open`.
    pub opens: Opens,
}

impl Filter {
    /// What the context alone needs.
    pub fn context() -> Filter {
        Filter {
            kinds: KindSet::CONTEXT,
            opens: Opens::default(),
        }
    }

    /// Everything: for recording.
    pub fn everything() -> Filter {
        Filter {
            kinds: KindSet::all(),
            opens: Opens {
                all: Some(Access::Any),
                ..Opens::default()
            },
        }
    }

    /// Adds what the other one wants.
    pub fn union(&mut self, other: &Filter) {
        self.kinds = self.kinds.union(other.kinds);
        self.opens.union(&other.opens);
    }
}
