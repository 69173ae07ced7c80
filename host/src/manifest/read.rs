//! Judges a manifest, table by table.

use super::{
    Config, Fault, MAX_PREDICATES, MAX_SIZE, MAX_SUBSCRIPTIONS, MAX_TEXT, MAX_VALUES, Manifest,
    OWN_ID, Sensitive, Service, Subscription, Version, config, fault, fixture, limits, near,
    predicate,
    raw::{self, Raw, RawPlugin},
    rule,
};
use serde::Deserialize as _;
use std::collections::BTreeSet;
use toml::{
    Deserializer, Spanned,
    de::{DeTable, DeValue},
};
use vedette_contract::{KINDS, Kind};

/// Reads a manifest, step by step in the order of its tables.
pub(super) fn read(text: &str) -> Result<Manifest, Fault> {
    if text.len() > MAX_SIZE {
        return fault(
            0..0,
            format!("the manifest is {} bytes long", text.len()),
            format!("keep it below {MAX_SIZE}"),
        );
    }
    let reference = "docs/plugins.md lists every table and key of a manifest";
    let mut document = DeTable::parse(text).map_err(|error| Fault::of_toml(&error, reference))?;
    // The settings are judged by themselves, with the place of each.
    let config = settings(&mut document)?;
    let raw = Raw::deserialize(Deserializer::from(document)).map_err(|error| {
        let (message, help) = near::explain(error.message());
        Fault {
            span: error.span().unwrap_or(0..0),
            message,
            help,
        }
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
    let findings = rule::rules(raw.finding)?;
    let fixtures = fixture::fixtures(raw.fixture, &services, &findings)?;
    Ok(Manifest {
        id: plugin_id(id)?,
        version: version_text(version)?,
        title: short(title)?,
        description: short(description)?,
        contract: contract_version(contract)?,
        license: license.map(short).transpose()?,
        authors: authors.into_iter().map(short).collect::<Result<_, _>>()?,
        subscriptions: subscriptions(raw.subscribe, &fields)?,
        limits: limits::limits(raw.limits)?,
        state: limits::keeping(raw.state, &services)?,
        shadow: limits::shadow(raw.shadow)?,
        services,
        fields,
        findings,
        config,
        fixtures,
    })
}

/// Takes the `[config]` table out of the document and reads it.
fn settings(document: &mut Spanned<DeTable<'_>>) -> Result<Config, Fault> {
    let Some(table) = document.get_mut().remove("config") else {
        return Ok(Config::default());
    };
    let span = table.span();
    match table.into_inner() {
        DeValue::Table(table) => config::read(&Spanned::new(span, table)),
        _ => fault(
            span,
            "the configuration is no table",
            "write [config] and below it one setting a line",
        ),
    }
}

/// Text of one field, not longer than any needs to be, and as it looks.
pub(super) fn short(text: Spanned<String>) -> Result<String, Fault> {
    if text.get_ref().len() > MAX_TEXT {
        return fault(
            text.span(),
            "this text is too long",
            format!("keep it below {MAX_TEXT} bytes"),
        );
    }
    if let Some(hidden) = text
        .get_ref()
        .chars()
        .find(|c| near::is_hidden(*c) && *c != '\n')
    {
        return fault(
            text.span(),
            format!(
                "this text holds the hidden character {}",
                hidden.escape_unicode()
            ),
            "write what can be seen",
        );
    }
    Ok(text.into_inner())
}

/// Whether this can be the id of a plugin or of a finding.
pub fn is_id(text: &str) -> bool {
    let good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    !text.is_empty() && text.len() <= 64 && text.bytes().all(good)
}

/// An id: of a plugin or of a finding.
pub(super) fn id(text: Spanned<String>) -> Result<String, Fault> {
    if !is_id(text.get_ref()) {
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

/// A plugin runs where the contract is of the same track and not older than what it needs.
fn contract_version(text: Spanned<String>) -> Result<Version, Fault> {
    let own = Version::own();
    let Some(version) = Version::parse(text.get_ref()) else {
        return fault(
            text.span(),
            format!(
                "{:?} is not a version of the contract",
                near::plain(text.get_ref())
            ),
            format!("write the oldest one that the plugin can do with, like \"{own}\""),
        );
    };
    if !version.same_track(own) {
        return fault(
            text.span(),
            format!(
                "the plugin speaks contract {version}, this agent {own}: they are of different tracks"
            ),
            format!(
                "build it for contract {}, or run it with an agent of contract {}",
                own.track(),
                version.track()
            ),
        );
    }
    if version > own {
        return fault(
            text.span(),
            format!("the plugin needs contract {version}, this agent speaks {own}"),
            format!("update the agent, or lower it to \"{own}\" if the plugin can do with that"),
        );
    }
    Ok(version)
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
                let kind = subscription.kind.get_ref();
                return fault(
                    subscription.kind.span(),
                    format!("there is no event kind {:?}", near::plain(kind)),
                    near::suggest(kind, "the kinds are", KINDS.iter().map(|k| k.name)),
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
