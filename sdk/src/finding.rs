//! Raising findings.

use crate::values::{action, finding_detail};
use crate::{Container, Process, raw};

pub use crate::raw::Severity;

/// Whoever a finding or a proposal is about: a process or container of this batch, or the key of one
/// that was sent in an earlier batch.
pub trait Subject {
    /// The stable key.
    fn key(&self) -> u64;
}

impl Subject for Process<'_> {
    fn key(&self) -> u64 {
        Process::key(*self)
    }
}

impl Subject for Container<'_> {
    fn key(&self) -> u64 {
        Container::key(*self)
    }
}

impl Subject for u64 {
    fn key(&self) -> u64 {
        *self
    }
}

/// The findings of one batch.
#[derive(Default)]
pub struct Findings(Vec<raw::Finding>);

impl Findings {
    /// Raises a finding of this rule of the manifest. What is known of the case is added to what
    /// this returns.
    pub fn raise(&mut self, rule: &str, severity: Severity) -> Raise<'_> {
        let finding = raw::Finding {
            rule: rule.to_owned(),
            severity,
            confidence: 100,
            process: 0,
            container: 0,
            message: String::new(),
            evidence: Vec::new(),
            dedup: String::new(),
            proposals: Vec::new(),
            details: Vec::new(),
        };
        self.0.push(finding);
        Raise(self.0.last_mut().expect("one was pushed just now"))
    }

    /// How many have been raised.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none has been raised.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What goes to the host.
    pub(crate) fn into_raw(self) -> Vec<raw::Finding> {
        self.0
    }
}

/// A finding that is being filled in.
pub struct Raise<'a>(&'a mut raw::Finding);

impl Raise<'_> {
    /// How sure the plugin is, in percent; 100 if it is not said.
    pub fn confidence(self, percent: u8) -> Self {
        self.0.confidence = percent.min(100);
        self
    }

    /// The process that it is about.
    pub fn process(self, subject: impl Subject) -> Self {
        self.0.process = subject.key();
        self
    }

    /// The container that it is about, by its key, where that is not the process's.
    pub fn container(self, key: u64) -> Self {
        self.0.container = key;
        self
    }

    /// One sentence on this very case.
    pub fn message(self, message: impl Into<String>) -> Self {
        self.0.message = message.into();
        self
    }

    /// An event that supports it, and what that event shows.
    pub fn evidence(self, event: u64, note: impl Into<String>) -> Self {
        let note = note.into();
        self.0.evidence.push(raw::Evidence { event, note });
        self
    }

    /// Findings of one rule with the same key are one finding.
    pub fn dedup(self, key: impl Into<String>) -> Self {
        self.0.dedup = key.into();
        self
    }

    /// An ATT&CK technique of this very case: one that the rule declares, or a part of it.
    pub fn technique(self, technique: impl Into<String>) -> Self {
        self.detail(finding_detail::TECHNIQUE, technique.into())
    }

    /// Something that people who read it want to know.
    pub fn note(self, key: &str, value: impl std::fmt::Display) -> Self {
        self.detail(finding_detail::NOTE, format!("{key}={value}"))
    }

    fn detail(self, key: u32, text: String) -> Self {
        self.0.details.push(raw::Detail {
            key,
            value: 0,
            text,
        });
        self
    }

    /// Thinks that this process should be killed.
    pub fn propose_kill(self, target: impl Subject) -> Self {
        self.propose(action::KILL, target, 0)
    }

    /// Thinks that this action of [`action`] is right, on this process or container, or on what
    /// this event is about: `0_u64` and 0 where it is on none.
    pub fn propose(self, action: u32, target: impl Subject, event: u64) -> Self {
        self.0.proposals.push(raw::Proposal {
            action,
            target: target.key(),
            event,
        });
        self
    }
}
