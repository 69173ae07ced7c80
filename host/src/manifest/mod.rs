//! A plugin's manifest: what it is, what it wants to see, what it may do, what it may raise.
//!
//! Authors write it as `plugin.toml`; the build puts it into the component as a custom section, so
//! that it can be read and judged without running anything. Errors point at the line and name the
//! remedy.

mod fixture;
mod predicate;
mod raw;
mod read;
mod units;

pub use fixture::{Expected, Fixture, MAX_FIXTURES};
pub use predicate::{Operator, Predicate, Subject, Test};

use crate::finding::{Action, Category, Severity};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, ops::Range, time::Duration};
use vedette_contract::Kind;

/// Name of the custom section that holds the manifest, at the component's top level.
pub const SECTION: &str = "vedette:manifest";

/// Longest manifest in bytes: stops one that makes its reader run out of memory or time.
pub const MAX_SIZE: usize = 64 * 1024;
/// Most subscriptions: stops a manifest that makes every event slow to match.
pub const MAX_SUBSCRIPTIONS: usize = 64;
/// Most predicates of one subscription: stops the same.
pub const MAX_PREDICATES: usize = 16;
/// Most values of one operator: stops the same, and floods of the kernel's name tables.
pub const MAX_VALUES: usize = 256;
/// Most findings that a plugin declares: stops tables without end.
pub const MAX_FINDINGS: usize = 64;
/// Longest text of any one field in bytes: stops titles that flood outputs.
pub const MAX_TEXT: usize = 4096;
/// Largest memory that a plugin can ask for in bytes: stops one plugin from taking the node's.
pub const MAX_MEMORY: u64 = 64 << 20;
/// Memory of a plugin that does not ask, in bytes.
pub const DEFAULT_MEMORY: u64 = 16 << 20;
/// Longest time for one call: stops a plugin from holding its worker.
pub const MAX_DEADLINE: Duration = Duration::from_secs(1);
/// Time for one call of a plugin that does not ask.
pub const DEFAULT_DEADLINE: Duration = Duration::from_millis(100);

/// The id under which the agent itself speaks.
pub const OWN_ID: &str = "vedette";

/// A host service that a plugin may import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Lines in the agent's log.
    Log,
    /// Counters and gauges.
    Metrics,
    /// Keys that survive a trap and a reload.
    State,
}

impl Service {
    /// Every service.
    pub const ALL: [Service; 3] = [Service::Log, Service::Metrics, Service::State];

    /// Its name in manifests and in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Service::Log => "log",
            Service::Metrics => "metrics",
            Service::State => "state",
        }
    }
}

/// A field that a plugin sees only if it asks and the operator grants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sensitive {
    /// Command lines of processes.
    Arguments,
    /// Bytes sent on connections.
    Payload,
}

impl Sensitive {
    /// Every sensitive field.
    pub const ALL: [Sensitive; 2] = [Sensitive::Arguments, Sensitive::Payload];

    /// Its name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Sensitive::Arguments => "arguments",
            Sensitive::Payload => "payload",
        }
    }
}

/// One kind of event, and which events of it are wanted.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// The kind.
    pub kind: &'static Kind,
    /// All must hold.
    pub predicates: Vec<Predicate>,
}

/// What a plugin may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory.
    pub memory: u64,
    /// Time for one call.
    pub deadline: Duration,
}

/// A finding that a plugin may raise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rule {
    /// Its id within the plugin.
    pub id: String,
    /// What it says, for people.
    pub title: String,
    /// What sort of act it is about.
    pub category: Category,
    /// The highest severity that it may have.
    pub severity: Severity,
    /// ATT&CK techniques.
    pub techniques: Vec<String>,
    /// What honest behaviour may look like it.
    pub false_positives: String,
    /// Actions that it may propose.
    pub response: Vec<Action>,
}

/// A manifest that was read and found sound.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Id of the plugin, unique on a node.
    pub id: String,
    /// Its version.
    pub version: String,
    /// What it is, in a few words.
    pub title: String,
    /// What it is, in a few sentences.
    pub description: String,
    /// Version of the contract that it speaks.
    pub contract: String,
    /// SPDX expression of its licence.
    pub license: Option<String>,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Which events it wants: those to which any applies.
    pub subscriptions: Vec<Subscription>,
    /// Host services that it uses.
    pub services: BTreeSet<Service>,
    /// Sensitive fields that it reads.
    pub fields: BTreeSet<Sensitive>,
    /// What it may take.
    pub limits: Limits,
    /// What it may raise.
    pub findings: Vec<Rule>,
    /// What it is tried with.
    pub fixtures: Vec<Fixture>,
    /// Its configuration, handed to `init` as JSON.
    pub config: serde_json::Value,
}

/// A manifest was refused.
#[derive(Debug, Clone, thiserror::Error, miette::Diagnostic)]
#[error("{file}:{line}: {message}; {help}")]
pub struct ManifestError {
    file: String,
    line: usize,
    message: String,
    #[help]
    help: String,
    #[source_code]
    text: miette::NamedSource<String>,
    #[label("here")]
    span: miette::SourceSpan,
}

/// What is wrong, before it is known in which file.
struct Fault {
    span: Range<usize>,
    message: String,
    help: String,
}

/// A fault at a place of the text.
fn fault<T>(
    span: Range<usize>,
    message: impl Into<String>,
    help: impl Into<String>,
) -> Result<T, Fault> {
    Err(Fault {
        span,
        message: message.into(),
        help: help.into(),
    })
}

impl Manifest {
    /// Reads a manifest. `file` names it in errors.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place and the remedy.
    pub fn parse(text: &str, file: &str) -> Result<Manifest, Box<ManifestError>> {
        read::read(text).map_err(|fault| {
            // A manifest that is too long is not kept for the message's sake.
            let text = &text[..text.floor_char_boundary(MAX_SIZE)];
            let start = fault.span.start.min(text.len());
            let end = fault.span.end.clamp(start, text.len());
            let line = text.as_bytes()[..start]
                .iter()
                .filter(|b| **b == b'\n')
                .count()
                + 1;
            Box::new(ManifestError {
                file: file.to_owned(),
                line,
                message: fault.message,
                help: fault.help,
                text: miette::NamedSource::new(file, text.to_owned()),
                span: (start..end).into(),
            })
        })
    }

    /// The rule with this id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.findings.iter().find(|rule| rule.id == id)
    }
}

#[cfg(test)]
mod tests;
