//! One row of the process table.

use crate::context::container::Container;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use vedette_sensor::event::{Image, Namespaces, Stream, TaskRef};

/// A process as it was at one moment. A change of image, streams, credentials, namespaces or
/// container makes a new row; events keep the row of their moment.
#[derive(Debug, Clone)]
pub struct Process {
    /// Stable for the life of the process: see [`key`].
    pub key: u64,
    /// The kernel's identity of it.
    pub id: TaskRef,
    /// Row of its parent as it was when this process began, or was found.
    pub parent: Option<Arc<Process>>,
    /// Rows between this one and the end of the lineage that is kept.
    pub depth: u32,
    /// The container that it is in.
    pub container: Option<Arc<Container>>,
    /// Control groups (unified, version 1) that it was in when it executed its image.
    pub image_cgroups: (u64, u64),
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// Bits of the catalogue set `process-mark`.
    pub marks: u32,
    /// Effective capabilities.
    pub capabilities: u64,
    /// Its namespaces.
    pub namespaces: Namespaces,
    /// Control group in the unified hierarchy.
    pub cgroup: u64,
    /// Control group in the pids hierarchy of version 1.
    pub cgroup_v1: u64,
    /// Count of images that it executed.
    pub exec_id: u32,
    /// Command name: for display only.
    pub comm: [u8; 16],
    /// Path of the executed file in the process's own root.
    pub exe: Arc<[u8]>,
    /// The executed image; shared with children that did not execute another. Its `streams` are
    /// those at the execution: [`Process::streams`] holds the current ones.
    pub image: Arc<Image>,
    /// Standard input, output and error, those that are open.
    pub streams: Arc<[Stream]>,
    /// Shared by all rows of the process: until when it lives.
    pub life: Life,
    /// Of two rows of one process the later has the larger one. A copy in a lineage has that of
    /// the row that it is a copy of.
    pub revision: u64,
}

/// When a process died. Rows do not change: this tells their holders how long they are worth
/// keeping. Two questions about one moment of event time have one answer, however far behind the
/// holder is.
#[derive(Debug, Clone)]
pub struct Life(Arc<AtomicU64>);

impl Default for Life {
    fn default() -> Life {
        Life(Arc::new(AtomicU64::new(u64::MAX)))
    }
}

impl Life {
    /// It died at that time, ns since boot.
    pub fn end(&self, at: u64) {
        // Nothing else is read because of this value.
        self.0.store(at, Ordering::Relaxed);
    }

    /// Whether it had died at that time, ns since boot.
    pub fn is_over(&self, at: u64) -> bool {
        self.0.load(Ordering::Relaxed) <= at
    }
}

impl Process {
    /// The process and its ancestors, nearest first.
    pub fn lineage(&self) -> impl Iterator<Item = &Process> {
        std::iter::successors(Some(self), |p| p.parent.as_deref())
    }
}

/// The stable key of a process: its pid and start mixed, so that keys are the same in every
/// batch, on every replay and after a restart of the agent, and so that a guest cannot guess one
/// that it was not sent by counting. (The finalizer of SplitMix64.)
pub fn key(id: TaskRef) -> u64 {
    let mut z = id.start ^ (u64::from(id.pid) << 40) ^ 0x9e37_79b9_7f4a_7c15;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)).max(1)
}
