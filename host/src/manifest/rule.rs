//! What a plugin may raise: `[[finding]]`.

use super::{
    Fault, MAX_VALUES, fault, near,
    raw::RawFinding,
    read::{id, short},
};
use crate::finding::{Action, Category, Severity};
use serde::Serialize;
use toml::Spanned;
use vedette_contract::sets;

/// Most findings that a plugin declares: stops tables without end.
pub const MAX_FINDINGS: usize = 64;

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

pub(super) fn rules(raw: Vec<RawFinding>) -> Result<Vec<Rule>, Fault> {
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
        if finding.techniques.len() > MAX_VALUES || finding.response.len() > MAX_VALUES {
            return fault(
                span,
                "too many techniques or responses",
                format!("name at most {MAX_VALUES}"),
            );
        }
        rules.push(Rule {
            id,
            title: short(finding.title)?,
            category: finding.category,
            severity: finding.severity,
            techniques: all(finding.techniques, technique)?,
            false_positives: finding
                .false_positives
                .map(short)
                .transpose()?
                .unwrap_or_default(),
            response: all(finding.response, action)?,
        });
    }
    Ok(rules)
}

fn all<T>(
    raw: Vec<Spanned<String>>,
    read: fn(Spanned<String>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    raw.into_iter().map(read).collect()
}

/// Whether this is the form of an ATT&CK technique: `T1059` or `T1059.004`.
pub(crate) fn is_technique(text: &str) -> bool {
    let digits = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
    text.strip_prefix('T').is_some_and(|rest| {
        rest.split_once('.').map_or_else(
            || digits(rest, 4),
            |(t, sub)| digits(t, 4) && digits(sub, 3),
        )
    })
}

fn technique(text: Spanned<String>) -> Result<String, Fault> {
    if !is_technique(text.get_ref()) {
        return fault(
            text.span(),
            "this is not an ATT&CK technique",
            "write it like \"T1059\" or \"T1059.004\"",
        );
    }
    Ok(text.into_inner())
}

fn action(text: Spanned<String>) -> Result<Action, Fault> {
    let known = sets::ACTION.value(text.get_ref());
    known.and_then(Action::of).map_or_else(
        || {
            fault(
                text.span(),
                format!("there is no action {:?}", near::plain(text.get_ref())),
                near::suggest(
                    text.get_ref(),
                    "the actions are",
                    sets::ACTION.values.iter().map(|v| v.name),
                ),
            )
        },
        Ok,
    )
}
