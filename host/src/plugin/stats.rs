//! Figures of a plugin, written by its worker and its feeder, read by anyone.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use vedette_contract::Lane;

/// Counters of one plugin over all its generations.
#[derive(Debug, Default)]
pub struct Counters {
    pub(super) events: AtomicU64,
    pub(super) calls: AtomicU64,
    pub(super) call_ns: AtomicU64,
    pub(super) longest_call_ns: AtomicU64,
    pub(super) cpu_ns: AtomicU64,
    pub(super) throttled: AtomicU64,
    pub(super) findings: AtomicU64,
    pub(super) aborts: AtomicU64,
    pub(super) skipped: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unproven: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) shed_security: AtomicU64,
    pub(super) shed_bulk: AtomicU64,
    pub(super) memory: AtomicU64,
    pub(super) quarantined: AtomicBool,
    pub(super) own_thread: AtomicBool,
}

/// [`Counters`] at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Events that calls returned for.
    pub events: u64,
    /// Calls that returned.
    pub calls: u64,
    /// Time in calls, ns.
    pub call_ns: u64,
    /// The longest call, ns.
    pub longest_call_ns: u64,
    /// Time on a processor, ns.
    pub cpu_ns: u64,
    /// Times that it had to wait because it used more of that than it may.
    pub throttled: u64,
    /// Findings that were accepted.
    pub findings: u64,
    /// Calls that ended without an answer.
    pub aborts: u64,
    /// Events that were skipped because they made the plugin abort.
    pub skipped: u64,
    /// Findings that were refused: not declared, about a process that was not sent, or too many.
    pub refused: u64,
    /// Evidence and proposals that were dropped because what they name was not sent.
    pub unproven: u64,
    /// Events that a plugin in quarantine did not get.
    pub lost: u64,
    /// Events of the security lane that the queue had no room for.
    pub shed_security: u64,
    /// Events of the bulk lane that the queue had no room for.
    pub shed_bulk: u64,
    /// Bytes of linear memory.
    pub memory: u64,
    /// It is out of service.
    pub quarantined: bool,
    /// It has a worker of its own: a call was slow or was aborted, or it handed memory over.
    pub own_thread: bool,
}

impl Counters {
    /// The figures now.
    pub fn read(&self) -> Stats {
        Stats {
            events: self.events.load(Relaxed),
            calls: self.calls.load(Relaxed),
            call_ns: self.call_ns.load(Relaxed),
            longest_call_ns: self.longest_call_ns.load(Relaxed),
            cpu_ns: self.cpu_ns.load(Relaxed),
            throttled: self.throttled.load(Relaxed),
            findings: self.findings.load(Relaxed),
            aborts: self.aborts.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            refused: self.refused.load(Relaxed),
            unproven: self.unproven.load(Relaxed),
            lost: self.lost.load(Relaxed),
            shed_security: self.shed_security.load(Relaxed),
            shed_bulk: self.shed_bulk.load(Relaxed),
            memory: self.memory.load(Relaxed),
            quarantined: self.quarantined.load(Relaxed),
            own_thread: self.own_thread.load(Relaxed),
        }
    }

    pub(super) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Relaxed);
    }

    /// Counts events of a lane that the queue had no room for.
    pub(super) fn shed(&self, lane: Lane) {
        let counter = match lane {
            Lane::Security => &self.shed_security,
            Lane::Bulk => &self.shed_bulk,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// Counts a call that returned.
    pub(super) fn call(&self, events: usize, ns: u64) {
        Self::add(&self.events, events as u64);
        Self::add(&self.calls, 1);
        Self::add(&self.call_ns, ns);
        self.longest_call_ns.fetch_max(ns, Relaxed);
    }
}
