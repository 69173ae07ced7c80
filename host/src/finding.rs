//! Findings: what a plugin raises, checked against what it was sent and what it declared.

use crate::context::container::{Container, NAMES_WAIT};
use crate::{context::process::Process, record::Record};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use vedette_contract::values::action;

/// How bad it would be if it were true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

/// What sort of act it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Category {
    ReverseShell,
    ContainerEscape,
    Miner,
    Webshell,
    Persistence,
    PrivilegeEscalation,
    LateralMovement,
    CovertTunnel,
    Exfiltration,
    BruteForce,
    DefenseEvasion,
    CredentialAccess,
    FileTampering,
    Execution,
    Policy,
    Health,
}

/// What a plugin proposes to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Kill the target process.
    Kill,
}

impl Action {
    /// The action with this number in the catalogue's set `action`.
    pub fn of(number: u32) -> Option<Action> {
        match number {
            action::KILL => Some(Action::Kill),
            _ => None,
        }
    }
}

/// An action and whom it is for.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// What to do.
    pub action: Action,
    /// The row of the target as it was at the finding's evidence, as with the finding's process.
    pub target: Arc<Process>,
    /// The event whose file, address or name the action is on; none if it is on none.
    pub event: Option<Arc<Record>>,
}

/// An event that supports a finding.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Its id, even where the event itself is no longer kept.
    pub event: u64,
    /// The event, if it is still kept.
    pub record: Option<Arc<Record>>,
    /// What it shows.
    pub note: String,
}

/// One thing about a case that has no field of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A finding as it leaves the plugin runtime: accepted, with its declaration attached.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Plugin that raised it.
    pub plugin: Arc<str>,
    /// Version of that plugin.
    pub version: Arc<str>,
    /// Rule in the plugin's manifest.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// The rule's category.
    pub category: Category,
    /// Severity in this case.
    pub severity: Severity,
    /// Percent.
    pub confidence: u8,
    /// ATT&CK techniques: those of this case where the plugin said which, else those of the rule.
    pub techniques: Vec<String>,
    /// The process that it is about.
    pub process: Option<Arc<Process>>,
    /// The container that it is about, where it is not the process's.
    pub about: Option<Arc<Container>>,
    /// One sentence on this case.
    pub message: String,
    /// Further things about this case.
    pub details: Vec<Detail>,
    /// What supports it.
    pub evidence: Vec<Evidence>,
    /// Findings of one plugin and rule with the same key are one.
    pub dedup: String,
    /// What the plugin proposes.
    pub proposals: Vec<Proposal>,
    /// Time of its newest evidence, ns since boot; without any, of the step of the clock.
    pub at: u64,
}

impl Finding {
    /// The container that it is about, as it was known when it happened, or soon after the
    /// container came up. The same in a replay.
    pub fn container(&self) -> Option<Arc<Container>> {
        let of_process = || self.process.as_ref()?.container.as_ref();
        let row = self.about.as_ref().or_else(of_process)?;
        let by = self.at.max(row.since.saturating_add(NAMES_WAIT));
        Some(row.later.by(by).unwrap_or_else(|| row.clone()))
    }

    /// Until when it should wait for the container's names, ns since boot; none where nothing is
    /// to be waited for.
    pub fn waits_until(&self) -> Option<u64> {
        let container = self.container().filter(|c| c.is_pending())?;
        let until = container.since.saturating_add(NAMES_WAIT);
        (until > self.at).then_some(until)
    }
}
