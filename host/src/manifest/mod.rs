//! A plugin's manifest: what it is, what it wants to see, what it may do, what it may raise.
//!
//! Authors write it as `plugin.toml`; the build puts it into the component as a custom section, so
//! that it can be read and judged without running anything. Errors point at the line and name the
//! remedy.

mod predicate;
mod raw;
mod units;

pub use predicate::{Operator, Predicate, Subject, Test};

use crate::finding::{Action, Category, Severity};
use raw::{Raw, RawFinding, RawLimits, RawPlugin};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, ops::Range, time::Duration};
use toml::Spanned;
use vedette_contract::{KINDS, Kind};

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
/// Smallest memory: less than this no component starts.
const MIN_MEMORY: u64 = 64 << 10;
/// Longest time for one call: stops a plugin from holding its worker.
pub const MAX_DEADLINE: Duration = Duration::from_secs(1);
/// Time for one call of a plugin that does not ask.
pub const DEFAULT_DEADLINE: Duration = Duration::from_millis(100);
/// Shortest time for one call: less than this the clock of calls cannot tell.
const MIN_DEADLINE: Duration = Duration::from_millis(10);

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
        read(text).map_err(|fault| {
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

/// Reads a manifest, step by step in the order of its tables.
fn read(text: &str) -> Result<Manifest, Fault> {
    if text.len() > MAX_SIZE {
        return fault(
            0..0,
            format!("the manifest is {} bytes long", text.len()),
            format!("keep it below {MAX_SIZE}"),
        );
    }
    let raw: Raw = toml::from_str(text).map_err(|e| Fault {
        span: e.span().unwrap_or(0..0),
        message: e.message().trim().replace('\n', " "),
        help: "docs/plugins.md lists every table and key of a manifest".to_owned(),
    })?;
    let RawPlugin {
        id,
        version,
        title,
        description,
        contract,
        license,
        authors,
    } = raw.plugin;
    let services: BTreeSet<Service> = raw.capabilities.services.into_iter().collect();
    let fields: BTreeSet<Sensitive> = raw.capabilities.fields.into_iter().collect();
    if authors.len() > MAX_VALUES {
        return fault(
            0..0,
            "too many authors",
            format!("name at most {MAX_VALUES}"),
        );
    }
    Ok(Manifest {
        id: plugin_id(id)?,
        version: version_text(version)?,
        title: short(title)?,
        description: short(description)?,
        contract: contract_version(contract)?,
        license: license.map(short).transpose()?,
        authors: authors.into_iter().map(short).collect::<Result<_, _>>()?,
        subscriptions: subscriptions(raw.subscribe, &fields)?,
        services,
        fields,
        limits: limits(raw.limits)?,
        findings: rules(raw.finding)?,
        config: config(raw.config)?,
    })
}

/// Text of one field, not longer than any needs to be.
fn short(text: Spanned<String>) -> Result<String, Fault> {
    if text.get_ref().len() > MAX_TEXT {
        return fault(
            text.span(),
            "this text is too long",
            format!("keep it below {MAX_TEXT} bytes"),
        );
    }
    Ok(text.into_inner())
}

/// An id: of a plugin or of a finding.
fn id(text: Spanned<String>) -> Result<String, Fault> {
    let good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let value = text.get_ref();
    if value.is_empty() || value.len() > 64 || !value.bytes().all(good) {
        return fault(
            text.span(),
            "this is not an id",
            "use 1 to 64 of the characters a-z, 0-9 and -",
        );
    }
    Ok(text.into_inner())
}

fn plugin_id(text: Spanned<String>) -> Result<String, Fault> {
    if text.get_ref() == OWN_ID {
        return fault(
            text.span(),
            format!("\"{OWN_ID}\" is the agent's own id"),
            "name the plugin after what it detects",
        );
    }
    id(text)
}

fn version_text(text: Spanned<String>) -> Result<String, Fault> {
    let good = |c: u8| c.is_ascii_alphanumeric() || b".+-".contains(&c);
    let value = text.get_ref();
    if value.is_empty() || value.len() > 64 || !value.bytes().all(good) {
        return fault(
            text.span(),
            "this is not a version",
            "write it like \"1.2.0\"",
        );
    }
    Ok(text.into_inner())
}

/// While the contract is a pre-release it matches only itself.
fn contract_version(text: Spanned<String>) -> Result<String, Fault> {
    if text.get_ref() != vedette_contract::VERSION {
        return fault(
            text.span(),
            format!(
                "this agent speaks contract {}, not {:?}",
                vedette_contract::VERSION,
                text.get_ref()
            ),
            format!(
                "rebuild the plugin against contract {}",
                vedette_contract::VERSION
            ),
        );
    }
    Ok(text.into_inner())
}

fn subscriptions(
    raw: Vec<raw::RawSubscription>,
    fields: &BTreeSet<Sensitive>,
) -> Result<Vec<Subscription>, Fault> {
    if raw.is_empty() {
        return fault(
            0..0,
            "the plugin subscribes to nothing",
            "add a [[subscribe]] table with the kind of event that it wants",
        );
    }
    if raw.len() > MAX_SUBSCRIPTIONS {
        return fault(
            raw[MAX_SUBSCRIPTIONS].kind.span(),
            "too many subscriptions",
            format!("keep to {MAX_SUBSCRIPTIONS}; operators take lists of values"),
        );
    }
    raw.into_iter()
        .map(|subscription| {
            let Some(kind) = Kind::by_name(subscription.kind.get_ref()) else {
                let names: Vec<&str> = KINDS.iter().map(|k| k.name).collect();
                return fault(
                    subscription.kind.span(),
                    format!("there is no event kind {:?}", subscription.kind.get_ref()),
                    format!("the kinds are {}", names.join(", ")),
                );
            };
            if subscription.predicates.len() > MAX_PREDICATES {
                return fault(
                    subscription.predicates[MAX_PREDICATES].span(),
                    "too many predicates",
                    format!("keep to {MAX_PREDICATES} in one subscription"),
                );
            }
            let predicates = subscription
                .predicates
                .into_iter()
                .map(|raw| predicate::read(kind, raw, fields))
                .collect::<Result<_, _>>()?;
            Ok(Subscription { kind, predicates })
        })
        .collect()
}

fn limits(raw: RawLimits) -> Result<Limits, Fault> {
    let memory = match raw.memory {
        None => DEFAULT_MEMORY,
        Some(text) => match units::bytes(text.get_ref()) {
            Some(bytes) if (MIN_MEMORY..=MAX_MEMORY).contains(&bytes) => bytes,
            _ => {
                return fault(
                    text.span(),
                    "this is not an amount of memory that a plugin can have",
                    "write it like \"16 MiB\", from 64 KiB to 64 MiB",
                );
            }
        },
    };
    let deadline = match raw.deadline {
        None => DEFAULT_DEADLINE,
        Some(text) => match units::duration(text.get_ref()) {
            Some(time) if (MIN_DEADLINE..=MAX_DEADLINE).contains(&time) => time,
            _ => {
                return fault(
                    text.span(),
                    "this is not a time that a call can have",
                    "write it like \"100 ms\", from 10 ms to 1 s",
                );
            }
        },
    };
    Ok(Limits { memory, deadline })
}

fn rules(raw: Vec<RawFinding>) -> Result<Vec<Rule>, Fault> {
    let mut rules: Vec<Rule> = Vec::new();
    for finding in raw {
        let span = finding.id.span();
        if rules.len() == MAX_FINDINGS {
            return fault(
                span,
                "too many findings",
                format!("declare at most {MAX_FINDINGS}"),
            );
        }
        let id = id(finding.id)?;
        if rules.iter().any(|rule| rule.id == id) {
            return fault(
                span,
                format!("two findings are called {id:?}"),
                "give each its own id",
            );
        }
        if finding.techniques.len() > MAX_VALUES {
            return fault(
                span,
                "too many techniques",
                format!("name at most {MAX_VALUES}"),
            );
        }
        rules.push(Rule {
            id,
            title: short(finding.title)?,
            category: finding.category,
            severity: finding.severity,
            techniques: finding
                .techniques
                .into_iter()
                .map(technique)
                .collect::<Result<_, _>>()?,
            false_positives: finding
                .false_positives
                .map(short)
                .transpose()?
                .unwrap_or_default(),
            response: finding.response,
        });
    }
    Ok(rules)
}

/// An ATT&CK technique: `T1059` or `T1059.004`.
fn technique(text: Spanned<String>) -> Result<String, Fault> {
    let digits = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
    let good = text.get_ref().strip_prefix('T').is_some_and(|rest| {
        rest.split_once('.').map_or_else(
            || digits(rest, 4),
            |(t, sub)| digits(t, 4) && digits(sub, 3),
        )
    });
    if !good {
        return fault(
            text.span(),
            "this is not an ATT&CK technique",
            "write it like \"T1059\" or \"T1059.004\"",
        );
    }
    Ok(text.into_inner())
}

/// The `[config]` table as JSON.
fn config(raw: Option<Spanned<toml::Table>>) -> Result<serde_json::Value, Fault> {
    let Some(table) = raw else {
        return Ok(serde_json::Value::Object(serde_json::Map::new()));
    };
    let span = table.span();
    raw::json(toml::Value::Table(table.into_inner())).map_or_else(
        || {
            fault(
                span,
                "JSON has no infinite or undefined numbers",
                "write the number as text, or leave it out",
            )
        },
        Ok,
    )
}

#[cfg(test)]
mod tests;
