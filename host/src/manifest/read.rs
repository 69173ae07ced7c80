//! Judges a manifest, table by table.

use super::{
    DEFAULT_DEADLINE, DEFAULT_MEMORY, Fault, Limits, MAX_DEADLINE, MAX_FINDINGS, MAX_MEMORY,
    MAX_PREDICATES, MAX_SIZE, MAX_SUBSCRIPTIONS, MAX_TEXT, MAX_VALUES, Manifest, OWN_ID, Rule,
    Sensitive, Service, Subscription, fault, fixture, predicate,
    raw::{self, Raw, RawFinding, RawLimits, RawPlugin},
    units,
};
use std::{collections::BTreeSet, time::Duration};
use toml::Spanned;
use vedette_contract::{KINDS, Kind};

/// Smallest memory: less than this no component starts.
const MIN_MEMORY: u64 = 64 << 10;
/// Shortest time for one call: less than this the clock of calls cannot tell.
const MIN_DEADLINE: Duration = Duration::from_millis(10);

/// Reads a manifest, step by step in the order of its tables.
pub(super) fn read(text: &str) -> Result<Manifest, Fault> {
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
    let findings = rules(raw.finding)?;
    Ok(Manifest {
        fixtures: fixture::fixtures(raw.fixture, &findings)?,
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
        findings,
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
