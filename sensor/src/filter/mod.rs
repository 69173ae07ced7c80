//! What the kernel needs to send: the union of what the context and the plugins want.

mod apart;
mod line;
mod opens;
mod step;
mod text;

pub use apart::Apart;
pub use line::{Line, Lines, Probe, STEPS_MOST, Test, Values};
pub use opens::{Access, Opens, WRITES, writes};
pub use step::Step;
pub use text::{How, Piece, Texts};

use crate::event::Event;
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

    /// The calls on a name, whose path is told as given where nothing has seen the entry.
    pub const NAMED: KindSet = KindSet(0)
        .with(kind::RENAME)
        .with(kind::UNLINK)
        .with(kind::LINK)
        .with(kind::SYMLINK)
        .with(kind::CHMOD)
        .with(kind::CHOWN)
        .with(kind::XATTR)
        .with(kind::FILE_FLAGS)
        .with(kind::TRUNCATE)
        .with(kind::MKNOD)
        .with(kind::MKDIR);

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

    /// What is in this set and not in the other.
    pub const fn without(self, other: KindSet) -> KindSet {
        KindSet(self.0 & !other.0)
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The numbers in the set as two words, low first: the form of the kernel map.
    pub const fn words(self) -> [u64; 2] {
        [self.0 as u64, (self.0 >> 64) as u64]
    }
}

/// The whole filter. What the kernel sends is a superset of it: whatever the kernel does not know
/// passes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Kinds that are wanted at all.
    pub kinds: KindSet,
    /// Narrowing by kind: of those that are not here every event is wanted.
    pub lines: BTreeMap<u16, Lines>,
    /// Narrowing of `open`, whoever opens.
    pub opens: Opens,
    /// Further opens that are wanted if the process is in a container.
    pub opens_inside: Opens,
    /// What has a share of its own where a ring fills up. It narrows nothing.
    pub apart: Apart,
}

impl Filter {
    /// What the context alone needs.
    pub fn context() -> Filter {
        Filter {
            kinds: KindSet::CONTEXT,
            ..Filter::default()
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
            ..Filter::default()
        }
    }

    /// Adds a kind of which events are wanted that fulfil any of these lines.
    pub fn want(&mut self, kind: u16, lines: Lines) {
        if !lines.is_everything() && !self.kinds.has(kind) {
            self.lines.insert(kind, lines);
        } else if let Some(here) = self.lines.get_mut(&kind) {
            here.union(lines);
            if here.is_everything() {
                self.lines.remove(&kind);
            }
        }
        self.kinds = self.kinds.with(kind);
    }

    /// Adds what the other one wants.
    pub fn union(&mut self, other: &Filter) {
        for kind in other.kinds.numbers() {
            let lines = other.lines.get(&kind).cloned();
            self.want(kind, lines.unwrap_or_else(Lines::everything));
        }
        self.opens.union(&other.opens);
        self.opens_inside.union(&other.opens_inside);
        self.apart.union(&other.apart);
    }

    /// What the programs are to tell so that all of this can be told: of packets, every accept is
    /// needed to name the process that they are for; of the end of a connection, that the kernel side
    /// looks at accepts.
    pub fn needed(&self) -> Filter {
        let mut needed = self.clone();
        if self.kinds.has(kind::DISCONNECT) && !self.kinds.has(kind::ACCEPT) {
            needed.want(kind::ACCEPT, Lines::everything());
        }
        if self.kinds.has_any(&[kind::SENT, kind::RECEIVED]) {
            needed.want(kind::ACCEPT, Lines::everything());
        }
        needed
    }

    /// Whether the kernel sends this event, made by a process that may be in a container or is
    /// known not to be: the model of the programs' own tests, step by step.
    pub fn passes(&self, event: &Event, inside: bool) -> bool {
        self.kinds.has(event.kind)
            && self
                .lines
                .get(&event.kind)
                .is_none_or(|l| l.pass(event, inside))
            && (event.kind != kind::OPEN
                || self.opens.want(event)
                || inside && self.opens_inside.want(event))
    }
}
