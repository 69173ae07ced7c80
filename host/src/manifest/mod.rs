//! A plugin's manifest: what it is, what it wants to see, what it may do, what it may raise.
//!
//! Authors write it as `plugin.toml`; the build puts it into the component as a custom section, so
//! that it can be read and judged without running anything. Errors point at the line and name the
//! remedy.

mod capability;
mod config;
mod contract;
mod fixture;
mod limits;
mod near;
mod place;
mod predicate;
mod raw;
mod read;
mod rule;
mod schema;
mod units;

pub use capability::{Sensitive, Service};
pub use config::Config;
pub use contract::Version;
pub use fixture::{Expected, Fixture, MAX_FIXTURES};
pub use limits::{
    DEFAULT_CPU, DEFAULT_DEADLINE, DEFAULT_MEMORY, DEFAULT_OUTPUT, DEFAULT_STATE, Keeping, Limits,
    MAX_CPU, MAX_DEADLINE, MAX_MEMORY, MAX_OUTPUT, MAX_STATE, Restart,
};
pub use predicate::{Operator, Predicate, Subject, Test};
pub use read::is_id;
pub(crate) use rule::is_technique;
pub use rule::{MAX_FINDINGS, Rule};

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
/// Longest text of any one field in bytes: stops titles that flood outputs.
pub const MAX_TEXT: usize = 4096;
/// The id under which the agent itself speaks.
pub const OWN_ID: &str = "vedette";

/// One kind of event, and which events of it are wanted.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// The kind.
    pub kind: &'static Kind,
    /// All must hold.
    pub predicates: Vec<Predicate>,
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
    /// The oldest version of the contract that it can do with.
    pub contract: Version,
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
    /// What it keeps in `state`.
    pub state: Keeping,
    /// Event time for which a new generation of it runs beside the older one first, where the
    /// operator does not say; none is 0.
    pub shadow: Duration,
    /// What it may raise.
    pub findings: Vec<Rule>,
    /// Its settings.
    pub config: Config,
    /// Captures that it is tested with.
    pub fixtures: Vec<Fixture>,
}

/// A manifest was refused, or what an operator set for a plugin.
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

impl ManifestError {
    /// What is wrong, without the place and the remedy.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// What is wrong, before it is known in which file.
struct Fault {
    span: Range<usize>,
    message: String,
    help: String,
}

impl Fault {
    /// What the TOML parser says, with a remedy.
    fn of_toml(error: &toml::de::Error, help: &str) -> Fault {
        Fault {
            span: error.span().unwrap_or(0..0),
            message: near::plain(&error.message().trim().replace('\n', " ")),
            help: help.to_owned(),
        }
    }

    /// The error of the file that this text came from.
    fn located(self, text: &str, file: &str) -> Box<ManifestError> {
        // A text that is too long is not kept for the message's sake.
        let text = &text[..text.floor_char_boundary(MAX_SIZE)];
        let start = self.span.start.min(text.len());
        let end = self.span.end.clamp(start, text.len());
        let line = text.as_bytes()[..start]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            + 1;
        Box::new(ManifestError {
            file: file.to_owned(),
            line,
            message: self.message,
            help: self.help,
            text: miette::NamedSource::new(file, text.to_owned()),
            span: (start..end).into(),
        })
    }
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
        read::read(text).map_err(|fault| fault.located(text, file))
    }

    /// The rule with this id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.findings.iter().find(|rule| rule.id == id)
    }
}

#[cfg(test)]
mod tests;
