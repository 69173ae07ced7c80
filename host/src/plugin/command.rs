//! What an operator can ask of the plugins of a running agent, and what is answered.
//!
//! These are also the forms in which both cross the control socket.

use super::{
    component::Digest,
    life::{Entered, Stage},
    metrics::Metric,
    shadow::ShadowReport,
    stats::Stats,
    store::Stored,
};
use crossbeam_channel::{Receiver, Sender, bounded};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Something that is asked of the plugins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Tell of all plugins.
    List {},
    /// Tell where the operator's grants are.
    Grants {},
    /// Tell of one plugin.
    Info {
        /// Its id.
        plugin: String,
    },
    /// Load a plugin's file anew.
    Reload {
        /// Its id.
        plugin: String,
        /// Also a component that a rollback has ruled out.
        #[serde(default)]
        force: bool,
        /// ns of event time for which it runs beside the one in service, whatever its manifest
        /// says.
        #[serde(default)]
        shadow: Option<u64>,
    },
    /// Put the generation before into service.
    Rollback {
        /// Id of the plugin.
        plugin: String,
    },
    /// Take a plugin's component out of service until it is replaced or enabled.
    Quarantine {
        /// Id of the plugin.
        plugin: String,
    },
    /// Let a plugin that was disabled or in quarantine serve again.
    Enable {
        /// Its id.
        plugin: String,
    },
    /// Take a plugin out of service until it is enabled.
    Disable {
        /// Its id.
        plugin: String,
    },
}

/// What is answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// All plugins, by id.
    Plugins(Vec<Report>),
    /// One plugin.
    Plugin(Box<Report>),
    /// The file of the operator's grants, if there is one.
    Grants(Option<PathBuf>),
    /// It was done; in words.
    Done(String),
}

/// What is to be known of a plugin.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Its id; empty where its file is no plugin.
    pub id: String,
    /// Its version, where it is known.
    pub version: String,
    /// What it is, in a few words.
    pub title: String,
    /// The file that it comes from.
    pub path: String,
    /// Digest of its component.
    pub digest: String,
    /// Number of the generation in service.
    pub generation: Option<u32>,
    /// Where it stands.
    pub stage: Stage,
    /// Since when, RFC 3339.
    pub since: String,
    /// Why.
    pub reason: String,
    /// Its generations, the newest first: on its way, in service, kept for a rollback.
    pub generations: Vec<GenerationReport>,
    /// Its figures over all generations, where it is in service.
    pub stats: Option<Stats>,
    /// Its own counters and gauges.
    pub metrics: BTreeMap<String, Metric>,
    /// Keys that it keeps, and their bytes.
    pub state_keys: usize,
    /// See there.
    pub state_bytes: usize,
    /// How that stands on disk, where it is to outlast the agent.
    pub stored: Option<Stored>,
    /// Events that wait for it.
    pub waiting: usize,
    /// Kinds of event that it wants.
    pub kinds: Vec<String>,
    /// What it may take.
    pub limits: Option<LimitsReport>,
    /// What the last trial of a new generation has shown.
    pub shadow: Option<ShadowReport>,
}

/// One generation of a plugin.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GenerationReport {
    /// Its number; none while it is made ready.
    pub number: Option<u32>,
    /// Version of the plugin.
    pub version: String,
    /// Digest of its component.
    pub digest: String,
    /// The stages of its life.
    pub stages: Vec<Entered>,
}

/// What a plugin may take.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct LimitsReport {
    /// Bytes of linear memory.
    pub memory: u64,
    /// ms of one call.
    pub deadline_ms: u64,
    /// ms on a processor in a second.
    pub cpu_ms: u64,
}

impl Report {
    /// Of a file that is not in service.
    pub fn idle(path: &Path, id: &str, version: &str, digest: Option<Digest>, at: Entered) -> Self {
        Report {
            id: id.to_owned(),
            version: version.to_owned(),
            title: String::new(),
            path: path.display().to_string(),
            digest: digest.map(|digest| digest.to_string()).unwrap_or_default(),
            generation: None,
            stage: at.stage,
            since: at.at,
            reason: at.reason,
            generations: Vec::new(),
            stats: None,
            metrics: BTreeMap::new(),
            state_keys: 0,
            state_bytes: 0,
            stored: None,
            waiting: 0,
            kinds: Vec::new(),
            limits: None,
            shadow: None,
        }
    }
}

/// Where the answer to one command goes. Dropped without one, the asker is told so.
#[derive(Debug, Clone)]
pub struct Reply(Sender<Result<Answer, String>>);

impl Reply {
    /// A reply, and where it arrives.
    pub fn channel() -> (Reply, Receiver<Result<Answer, String>>) {
        let (send, receive) = bounded(1);
        (Reply(send), receive)
    }

    /// Answers. Nobody may wait any more; then it is dropped.
    pub fn send(&self, answer: Result<Answer, String>) {
        let _ = self.0.try_send(answer);
    }

    /// It was done.
    pub fn done(&self, message: impl Into<String>) {
        self.send(Ok(Answer::Done(message.into())));
    }

    /// It was not done.
    pub fn refuse(&self, reason: impl Into<String>) {
        self.send(Err(reason.into()));
    }
}
