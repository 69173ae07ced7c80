//! What the plugin is tried with: captures, and what it must find in each.

use super::{Fault, Rule, Service, fault, near, read::short};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Component, Path};
use toml::Spanned;

/// Most fixtures: stops a manifest whose tests never end.
pub const MAX_FIXTURES: usize = 256;
/// Most findings that a fixture expects of one rule: stops slips of the pen.
const MAX_COUNT: u32 = 10_000;

/// A capture, and what the plugin must find in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fixture {
    /// The capture's path, from the manifest's directory.
    pub capture: String,
    /// Directory of the lists that it is answered from, from the manifest's; none if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intel: Option<String>,
    /// What must be found, neither more nor less; nothing in a benign capture.
    pub findings: Vec<Expected>,
}

/// How many cases of a rule a fixture must raise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Expected {
    /// The rule.
    pub rule: String,
    /// How many cases; one where none is given.
    pub count: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFixture {
    capture: Spanned<String>,
    intel: Option<Spanned<String>>,
    #[serde(default)]
    findings: Vec<Spanned<RawExpected>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawExpected {
    Rule(String),
    Counted(RawCounted),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCounted {
    rule: String,
    count: u32,
}

/// Judges the fixtures against the services and rules that the plugin declares.
pub(super) fn fixtures(
    raw: Vec<RawFixture>,
    services: &BTreeSet<Service>,
    rules: &[Rule],
) -> Result<Vec<Fixture>, Fault> {
    let mut fixtures: Vec<Fixture> = Vec::new();
    for one in raw {
        let RawFixture {
            capture,
            intel,
            findings,
        } = one;
        let span = capture.span();
        if fixtures.len() == MAX_FIXTURES {
            return fault(
                span,
                "too many fixtures",
                format!("declare at most {MAX_FIXTURES}"),
            );
        }
        if let Some(intel) = &intel
            && !services.contains(&Service::Intel)
        {
            return fault(
                intel.span(),
                "the plugin does not ask the lists",
                "add \"intel\" to services in [capabilities], or leave this out",
            );
        }
        let intel = intel.map(|intel| below(intel, "directory", "fixtures/lists"));
        fixtures.push(Fixture {
            capture: below(capture, "file", "fixtures/attack.capture")?,
            intel: intel.transpose()?,
            findings: expected(findings, rules)?,
        });
    }
    Ok(fixtures)
}

/// A path that leads nowhere but below the manifest's directory.
fn below(path: Spanned<String>, what: &str, like: &str) -> Result<String, Fault> {
    let span = path.span();
    let path = short(path)?;
    let inside = Path::new(&path)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if path.is_empty() || !inside {
        return fault(
            span,
            format!("this is not a {what} below the manifest's directory"),
            format!("write it like {like:?}"),
        );
    }
    Ok(path)
}

fn expected(raw: Vec<Spanned<RawExpected>>, rules: &[Rule]) -> Result<Vec<Expected>, Fault> {
    let mut all: Vec<Expected> = Vec::new();
    for one in raw {
        let span = one.span();
        let (rule, count) = match one.into_inner() {
            RawExpected::Rule(rule) => (rule, 1),
            RawExpected::Counted(counted) => (counted.rule, counted.count),
        };
        if !rules.iter().any(|declared| declared.id == rule) {
            return fault(
                span,
                format!("the plugin declares no finding {:?}", near::plain(&rule)),
                near::suggest(&rule, "its findings are", rules.iter().map(|r| &*r.id)),
            );
        }
        if all.iter().any(|before| before.rule == rule) {
            return fault(
                span,
                format!("{rule:?} is named twice"),
                "name it once, as { rule = \"…\", count = 2 }",
            );
        }
        if !(1..=MAX_COUNT).contains(&count) {
            return fault(
                span,
                "this is not a count of findings",
                format!("give 1 to {MAX_COUNT}, and leave out what is not to be found"),
            );
        }
        all.push(Expected { rule, count });
    }
    Ok(all)
}
