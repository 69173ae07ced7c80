//! `vedette plugin inspect`: what a component is and wants, without running anything.

use super::{
    component::{Component, ComponentError, Digest, anatomy},
    signature::{self, PublicKey},
};
use crate::manifest::{
    Fixture, Keeping, Manifest, Operator, Predicate, Restart, Rule, Subscription, Test,
};
use serde::Serialize;
use std::{fmt::Write as _, path::Path, time::Duration};
use vedette_sensor::filter::Access;

/// What is to be known of a component.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Inspection {
    /// Digest of the bytes.
    pub digest: String,
    /// Their number.
    pub size: u64,
    /// Who signed it, where the signature holds.
    pub publisher: Option<PublicKey>,
    /// Why an agent that grants everything would refuse it, if it would.
    pub refused: Option<String>,
    /// Names of its imports.
    pub imports: Vec<String>,
    /// Names of its exports.
    pub exports: Vec<String>,
    /// Its manifest, where it has a sound one.
    pub manifest: Option<Summary>,
}

/// A manifest as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the keys of plugin.toml")]
pub struct Summary {
    pub id: String,
    pub version: String,
    pub title: String,
    pub description: String,
    pub contract: String,
    pub license: Option<String>,
    pub authors: Vec<String>,
    pub subscriptions: Vec<String>,
    pub services: Vec<&'static str>,
    pub fields: Vec<&'static str>,
    pub memory: u64,
    pub deadline_ms: u64,
    pub cpu_ms: u64,
    pub state: u64,
    pub output: u64,
    pub keeps: Keeping,
    pub shadow_ms: u64,
    pub findings: Vec<Rule>,
    pub fixtures: Vec<Fixture>,
    /// JSON Schema of its settings.
    pub config: serde_json::Value,
}

/// Inspects a file.
///
/// # Errors
/// It cannot be read, or is no component.
pub fn inspect(path: &Path) -> Result<Inspection, ComponentError> {
    inspect_bytes(Component::read(path)?)
}

/// Inspects a component's bytes.
///
/// # Errors
/// They are no component.
pub fn inspect_bytes(bytes: Vec<u8>) -> Result<Inspection, ComponentError> {
    let anatomy = anatomy(&bytes)?;
    let manifest = anatomy
        .manifest
        .as_deref()
        .and_then(|text| Manifest::parse(text, "plugin.toml").ok());
    Ok(Inspection {
        digest: Digest::of(&bytes).to_string(),
        size: bytes.len() as u64,
        publisher: match anatomy.signed {
            true => signature::verify(&bytes).ok(),
            false => None,
        },
        refused: Component::verify(bytes).err().map(|e| e.to_string()),
        imports: anatomy.imports,
        exports: anatomy.exports,
        manifest: manifest.map(summary),
    })
}

fn summary(manifest: Manifest) -> Summary {
    Summary {
        subscriptions: manifest.subscriptions.iter().map(subscription).collect(),
        services: manifest.services.iter().map(|s| s.name()).collect(),
        fields: manifest.fields.iter().map(|f| f.name()).collect(),
        memory: manifest.limits.memory,
        deadline_ms: manifest.limits.deadline.as_millis() as u64,
        cpu_ms: manifest.limits.cpu.as_millis() as u64,
        state: manifest.limits.state,
        output: manifest.limits.output,
        keeps: manifest.state,
        shadow_ms: manifest.shadow.as_millis() as u64,
        id: manifest.id,
        version: manifest.version,
        title: manifest.title,
        description: manifest.description,
        contract: manifest.contract.to_string(),
        license: manifest.license,
        authors: manifest.authors,
        findings: manifest.findings,
        fixtures: manifest.fixtures,
        config: manifest.config.schema,
    }
}

/// A subscription on one line, for people.
pub fn subscription(subscription: &Subscription) -> String {
    let mut line = subscription.kind.name.to_owned();
    for (n, predicate) in subscription.predicates.iter().enumerate() {
        line.push_str(if n == 0 { " where " } else { " and " });
        line.push_str(&test(predicate));
    }
    line
}

fn test(Predicate { test, negated }: &Predicate) -> String {
    let not = if *negated { "not " } else { "" };
    match test {
        Test::Access(Access::Write) => format!("{not}opened for writing"),
        Test::Access(Access::Any) => format!("{not}opened"),
        Test::Container(true) => format!("{not}in a container"),
        Test::Container(false) => format!("{not}outside containers"),
        Test::Field(subject, operator) => {
            let name = subject.name();
            match operator {
                Operator::Numbers(numbers) => {
                    let shown: Vec<String> = numbers.iter().map(|n| number(name, *n)).collect();
                    format!("{not}{name} is {}", list(&shown))
                }
                Operator::Between(low, high) => format!("{not}{name} is {low} to {high}"),
                Operator::Has(bits) => format!("{not}{name} has {bits:#x}"),
                Operator::Texts(texts) => format!("{not}{name} is {}", quoted(texts)),
                Operator::Prefix(texts) => format!("{not}{name} begins with {}", quoted(texts)),
                Operator::Suffix(texts) => format!("{not}{name} ends with {}", quoted(texts)),
                Operator::Addresses(addresses) => {
                    let shown: Vec<String> = addresses.iter().map(|a| address(a)).collect();
                    format!("{not}{name} is {}", list(&shown))
                }
            }
        }
    }
}

/// A number of a field, as people write it: where two halves make it, they are told apart.
pub(crate) fn number(field: &str, number: u64) -> String {
    match field == "family" && number > 0xffff {
        true => format!("{number:#x}"),
        false => number.to_string(),
    }
}

fn list<T: std::fmt::Display>(values: &[T]) -> String {
    let shown: Vec<String> = values.iter().map(T::to_string).collect();
    shown.join(" or ")
}

fn quoted(texts: &[Vec<u8>]) -> String {
    let shown: Vec<String> = texts
        .iter()
        .map(|text| format!("{:?}", String::from_utf8_lossy(text)))
        .collect();
    shown.join(" or ")
}

fn address(bytes: &[u8]) -> String {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return std::net::Ipv4Addr::from(v4).to_string();
    }
    <[u8; 16]>::try_from(bytes).map_or_else(
        |_| String::new(),
        |v6| std::net::Ipv6Addr::from(v6).to_string(),
    )
}

/// A list, or that there is nothing in it.
fn or_none<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    }
}

/// What a finding is, on one line.
fn raises(rule: &Rule) -> String {
    let mut line = format!(
        "{}: {} (at most {}",
        rule.id,
        rule.title,
        word(&rule.severity)
    );
    for technique in &rule.techniques {
        let _ = write!(line, ", {technique}");
    }
    for action in &rule.response {
        let _ = write!(line, ", may propose {}", word(action));
    }
    line + ")"
}

/// The name that a value has in manifests.
fn word(value: &impl Serialize) -> String {
    let name = serde_json::to_value(value).ok();
    name.and_then(|name| name.as_str().map(str::to_owned))
        .unwrap_or_default()
}

impl Inspection {
    /// As text for people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(out, "{name:<14}{value}");
        };
        if let Some(m) = &self.manifest {
            line("plugin", &format!("{} {}", m.id, m.version));
            line("title", &m.title);
            line("description", &m.description);
            if let Some(license) = &m.license {
                line("license", license);
            }
            if !m.authors.is_empty() {
                line("authors", &m.authors.join(", "));
            }
            line("contract", &m.contract);
        }
        line("digest", &self.digest);
        line("size", &format!("{} bytes", self.size));
        match &self.publisher {
            Some(key) => line("publisher", &key.to_string()),
            None => line("publisher", "unknown: it is not signed, or not soundly"),
        }
        if let Some(m) = &self.manifest {
            for subscription in &m.subscriptions {
                line("subscribes", subscription);
            }
            line("services", &or_none(&m.services));
            line("sees", &or_none(&m.fields));
            line(
                "limits",
                &format!(
                    "{} KiB of memory, {} ms a call, {} ms of processor a second, {} KiB of state, {} KiB of output",
                    m.memory >> 10,
                    m.deadline_ms,
                    m.cpu_ms,
                    m.state >> 10,
                    m.output >> 10
                ),
            );
            if m.shadow_ms > 0 {
                let time = Duration::from_millis(m.shadow_ms);
                line(
                    "shadow",
                    &format!("a new version runs {time:?} beside the older one first"),
                );
            }
            if m.services.contains(&"state") {
                let restart = match m.keeps.restart {
                    Restart::Keep => "kept over restarts",
                    Restart::Forget => "forgotten with the agent",
                };
                line(
                    "keeps",
                    &format!("state of version {}, {restart}", m.keeps.version),
                );
            }
            for (name, setting) in m.config["properties"].as_object().into_iter().flatten() {
                line("setting", &format!("{name}: {setting}"));
            }
            for rule in &m.findings {
                line("raises", &raises(rule));
                if !rule.false_positives.is_empty() {
                    line("", &format!("honest: {}", rule.false_positives));
                }
            }
            for fixture in &m.fixtures {
                let findings: Vec<String> = fixture
                    .findings
                    .iter()
                    .map(|e| format!("{} × {}", e.count, e.rule))
                    .collect();
                line(
                    "fixture",
                    &format!("{}: {}", fixture.capture, or_none(&findings)),
                );
            }
        }
        for import in &self.imports {
            line("imports", import);
        }
        for export in &self.exports {
            line("exports", export);
        }
        match &self.refused {
            None => line("verdict", "an agent that grants all of this would run it"),
            Some(reason) => line("verdict", &format!("refused: {reason}")),
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_and_a_type_of_socket_are_told_apart() {
        assert_eq!(number("family", 2), "2");
        assert_eq!(number("family", 0x1_0002), "0x10002");
        assert_eq!(number("uid", 0x1_0002), "65538");
    }
}
