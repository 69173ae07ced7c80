//! What comes out of the plugin runtime.

use super::{component::Digest, rollback::Unlearned, services::Level, shadow::ShadowReport};
use crate::finding::{Category, Finding, Severity};
use crate::manifest::OWN_ID;
use std::{path::PathBuf, sync::Arc};

/// A plugin as it is named in outcomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Id of the plugin.
    pub id: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
    /// Digest of its component.
    pub digest: Digest,
    /// Number of the generation: higher ones came later.
    pub generation: u32,
}

/// One thing that happened.
#[derive(Debug)]
pub enum Outcome {
    /// A plugin raised a finding, or the runtime did about a plugin.
    Finding(Box<Finding>),
    /// A plugin that was not there is in service.
    Loaded {
        /// Which.
        plugin: Named,
    },
    /// A plugin's new generation is in service.
    Reloaded {
        /// Which.
        plugin: Named,
        /// From the end of the old one's last call to the readiness of the new one, ns.
        pause_ns: u64,
    },
    /// A plugin's earlier generation is in service again.
    RolledBack {
        /// Which.
        plugin: Named,
        /// The one that was taken back.
        from: Named,
        /// Why.
        reason: String,
        /// What was learned since the switch and is lost.
        unlearned: Unlearned,
    },
    /// A generation has run beside the one in service.
    Shadowed {
        /// Which.
        plugin: Named,
        /// What it has shown.
        report: Box<ShadowReport>,
        /// It takes over, from the older one's state.
        accepted: bool,
    },
    /// A component is not in service; what was there before still is.
    Refused {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// A plugin is no longer in service.
    Removed {
        /// Which.
        plugin: Named,
    },
    /// The stream names lists that are not at hand, as in a replay without them.
    OtherLists {
        /// Digest of those that it names.
        recorded: String,
        /// Digest of those that are at hand, if any are.
        given: Option<Digest>,
    },
    /// A plugin logged a line.
    Log {
        /// Which.
        plugin: Arc<str>,
        /// How important it is.
        level: Level,
        /// The line.
        message: String,
    },
}

/// Something that the runtime itself must say about the health of detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// An event made a plugin abort and was skipped.
    EventAborted,
    /// A plugin is out of service.
    PluginQuarantined,
    /// A plugin serves again after a quarantine.
    PluginReleased,
    /// A plugin, or a new version of it, does not come into service.
    PluginRefused,
    /// A plugin was taken out of service.
    PluginRemoved,
    /// A plugin's new generation was taken back.
    PluginRolledBack,
    /// A plugin uses more time on a processor than it may.
    PluginThrottled,
    /// A plugin's queue overflowed.
    EventsShed,
    /// What plugins keep cannot be read from disk or written there.
    StateNotKept,
    /// Nobody has read the output for a while.
    FindingsNotPrinted,
}

impl Health {
    /// The rule of the finding.
    pub fn rule(self) -> &'static str {
        match self {
            Health::EventAborted => "event-aborted",
            Health::PluginQuarantined => "plugin-quarantined",
            Health::PluginReleased => "plugin-released",
            Health::PluginRefused => "plugin-refused",
            Health::PluginRemoved => "plugin-removed",
            Health::PluginRolledBack => "plugin-rolled-back",
            Health::PluginThrottled => "plugin-throttled",
            Health::EventsShed => "events-shed",
            Health::StateNotKept => "state-not-kept",
            Health::FindingsNotPrinted => "findings-not-printed",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Health::EventAborted => "An event could not be judged",
            Health::PluginQuarantined => "Detector lost",
            Health::PluginReleased => "A detector serves again",
            Health::PluginRefused => "A detector does not come into service",
            Health::PluginRemoved => "A detector was taken out of service",
            Health::PluginRolledBack => "A detector's new version was taken back",
            Health::PluginThrottled => "A detector uses too much time",
            Health::EventsShed => "A detector does not keep up",
            Health::StateNotKept => "What detectors keep is not on disk",
            Health::FindingsNotPrinted => "Findings were left out of the output",
        }
    }

    fn severity(self) -> Severity {
        match self {
            Health::EventAborted | Health::StateNotKept => Severity::Medium,
            Health::PluginQuarantined => Severity::Critical,
            Health::PluginReleased => Severity::Info,
            Health::PluginRefused | Health::PluginRemoved => Severity::High,
            Health::PluginRolledBack | Health::PluginThrottled => Severity::High,
            Health::EventsShed | Health::FindingsNotPrinted => Severity::High,
        }
    }

    /// The finding that says so of a plugin. `key` tells apart what is to be told apart.
    pub fn finding(self, plugin: &str, message: String, key: &str, at: u64) -> Finding {
        Finding {
            plugin: OWN_ID.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            rule: self.rule().to_owned(),
            title: self.title().to_owned(),
            category: Category::Health,
            severity: self.severity(),
            confidence: 100,
            techniques: Vec::new(),
            process: None,
            message,
            evidence: Vec::new(),
            dedup: format!("{plugin} {key}"),
            proposals: Vec::new(),
            about: None,
            details: Vec::new(),
            at,
        }
    }
}
