//! What the plugin is tried with: captures, and what it must find in each.

use super::{Fault, Rule, fault, near, read::short};
use serde::{Deserialize, Serialize};
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

/// Judges the fixtures against the rules that the plugin declares.
pub(super) fn fixtures(raw: Vec<RawFixture>, rules: &[Rule]) -> Result<Vec<Fixture>, Fault> {
    let mut fixtures: Vec<Fixture> = Vec::new();
    for RawFixture { capture, findings } in raw {
        let span = capture.span();
        if fixtures.len() == MAX_FIXTURES {
            return fault(
                span,
                "too many fixtures",
                format!("declare at most {MAX_FIXTURES}"),
            );
        }
        let path = short(capture)?;
        let inside = Path::new(&path)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if path.is_empty() || !inside {
            return fault(
                span,
                "this is not a file below the manifest's directory",
                "write it like \"fixtures/attack.capture\"",
            );
        }
        fixtures.push(Fixture {
            capture: path,
            findings: expected(findings, rules)?,
        });
    }
    Ok(fixtures)
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
