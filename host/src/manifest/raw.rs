//! The manifest as TOML gives it: keys, types and places, nothing judged yet.

use super::fixture::RawFixture;
use super::{Restart, Sensitive, Service};
use crate::finding::{Category, Severity};
use serde::{Deserialize, de::IgnoredAny};
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
    pub state: Option<Spanned<RawState>>,
    pub shadow: Option<RawShadow>,
    #[serde(default)]
    pub finding: Vec<RawFinding>,
    #[serde(default)]
    pub fixture: Vec<RawFixture>,
    /// Read apart, with the place of each value.
    #[allow(dead_code, reason = "the key is known")]
    pub config: Option<IgnoredAny>,
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
    pub between: Option<Spanned<toml::Value>>,
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
    pub cpu: Option<Spanned<String>>,
    pub state: Option<Spanned<String>>,
    pub output: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawState {
    #[serde(default = "first")]
    pub version: u32,
    #[serde(default)]
    pub restart: Restart,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawShadow {
    pub time: Spanned<String>,
}

/// Number of the form of a state whose author gives none.
fn first() -> u32 {
    1
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
    pub response: Vec<Spanned<String>>,
}
