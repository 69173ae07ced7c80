//! What an earlier agent has left in its rings.

use super::{
    SensorError,
    losses::{Ledger, Loss},
    merge::Rings,
    pins::{self, pinned},
};
use crate::event::Event;
use aya::maps::Map;
use std::path::Path;

/// The rings and counters of an agent that has ended.
pub(super) struct Earlier {
    rings: Rings,
    ledger: Ledger,
    /// When this agent took over: what happened since is told by its own programs too.
    until: u64,
}

/// How this agent began, where it pins its programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TakeOver {
    /// Earlier agents whose events are told by this one.
    pub followed: usize,
    /// Earlier agents of another version: what they sensed since they ended cannot be read.
    pub replaced: usize,
}

impl Earlier {
    /// Opens what an earlier agent has pinned.
    pub(super) fn open(directory: &Path) -> Result<Earlier, SensorError> {
        Ok(Earlier {
            rings: Rings::new(
                pinned(directory, "SECURITY", Map::RingBuf)?,
                pinned(directory, "BULK", Map::RingBuf)?,
            ),
            ledger: Ledger::pinned(directory)?,
            until: u64::MAX,
        })
    }

    /// Ends its programs; from now on this agent's own are what counts.
    pub(super) fn end(&mut self, directory: &Path, now: u64) -> Result<(), SensorError> {
        self.until = now;
        Ok(pins::remove(directory)?)
    }

    /// What was lost and not yet told.
    pub(super) fn losses(&mut self) -> Vec<Loss> {
        self.ledger.since(self.rings.undecodable, 0)
    }

    /// Takes a part of what is left, in order of time; says whether there may be more. The agent's
    /// own acts are left out: its start looks at every process.
    pub(super) fn pass(&mut self, out: &mut Vec<Event>) -> bool {
        let before = out.len();
        let emptied = self.rings.pass(u64::MAX, u64::MAX, out);
        let own = std::process::id();
        let mut at = before;
        while at < out.len() {
            if out[at].at >= self.until || out[at].task.process.pid == own {
                out.remove(at);
            } else {
                at += 1;
            }
        }
        !emptied
    }
}
