//! The manifest as TOML gives it: keys, types and places, nothing judged yet.

use super::fixture::RawFixture;
use super::{Sensitive, Service};
use crate::finding::{Action, Category, Severity};
use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub plugin: RawPlugin,
    #[serde(default)]
    pub subscribe: Vec<RawSubscription>,
    #[serde(default)]
    pub capabilities: RawCapabilities,
    #[serde(default)]
    pub limits: RawLimits,
    #[serde(default)]
    pub finding: Vec<RawFinding>,
    #[serde(default)]
    pub fixture: Vec<RawFixture>,
    pub config: Option<Spanned<toml::Table>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPlugin {
    pub id: Spanned<String>,
    pub version: Spanned<String>,
    pub title: Spanned<String>,
    pub description: Spanned<String>,
    pub contract: Spanned<String>,
    pub license: Option<Spanned<String>>,
    #[serde(default)]
    pub authors: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSubscription {
    pub kind: Spanned<String>,
    #[serde(default, rename = "where")]
    pub predicates: Vec<Spanned<RawPredicate>>,
}

/// Exactly one of `field`, `access` and `container`; with `field` exactly one operator.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawPredicate {
    pub field: Option<Spanned<String>>,
    pub access: Option<Spanned<String>>,
    pub container: Option<bool>,
    pub equals: Option<Spanned<toml::Value>>,
    pub any_of: Option<Spanned<toml::Value>>,
    pub prefix: Option<Spanned<toml::Value>>,
    pub suffix: Option<Spanned<toml::Value>>,
    pub has: Option<Spanned<toml::Value>>,
    #[serde(default)]
    pub not: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCapabilities {
    #[serde(default)]
    pub services: Vec<Service>,
    #[serde(default)]
    pub fields: Vec<Sensitive>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub memory: Option<Spanned<String>>,
    pub deadline: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawFinding {
    pub id: Spanned<String>,
    pub title: Spanned<String>,
    pub category: Category,
    pub severity: Severity,
    #[serde(default)]
    pub techniques: Vec<Spanned<String>>,
    pub false_positives: Option<Spanned<String>>,
    #[serde(default)]
    pub response: Vec<Action>,
}

/// TOML as JSON; none if it holds a number that JSON has not. Dates become text. The parser's
/// limit on nesting bounds the recursion.
pub(super) fn json(value: toml::Value) -> Option<serde_json::Value> {
    Some(match value {
        toml::Value::String(s) => s.into(),
        toml::Value::Integer(i) => i.into(),
        toml::Value::Float(f) => serde_json::Number::from_f64(f)?.into(),
        toml::Value::Boolean(b) => b.into(),
        toml::Value::Datetime(d) => d.to_string().into(),
        toml::Value::Array(items) => {
            serde_json::Value::Array(items.into_iter().map(json).collect::<Option<_>>()?)
        }
        toml::Value::Table(table) => serde_json::Value::Object(
            table
                .into_iter()
                .map(|(key, value)| Some((key, json(value)?)))
                .collect::<Option<_>>()?,
        ),
    })
}
