//! What an agent records while a test acts, and the proof that its replay finds the same.

use crate::{
    agent::{Agent, Finding, Options, Stopped, command},
    workspace,
};
use serde_json::Value;
use std::{collections::BTreeMap, path::PathBuf};
use tempfile::TempDir;

/// A capture that an agent makes.
#[derive(Debug)]
pub struct Recording {
    directory: TempDir,
}

impl Default for Recording {
    fn default() -> Self {
        let directory = TempDir::with_prefix("vedette-record-").expect("a temporary directory");
        Self { directory }
    }
}

impl Recording {
    /// Where it lies.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("capture")
    }

    /// An agent that watches the machine with the bundled plugins, acts on nothing, and records.
    pub fn agent(&self) -> Agent {
        let path = self.path().display().to_string();
        Options::default()
            .argument("--record")
            .argument(path)
            .start()
    }

    /// Replays what the agent has recorded until it was stopped.
    ///
    /// # Panics
    /// Where a finding on what the test did is missing, is new, has another place among those of
    /// its plugin, or says anything else than it did live.
    pub fn finds_the_same(&self, stopped: &Stopped) {
        let plugins = workspace::plugins();
        let output = command(["replay", "--json", "--plugins"])
            .arg(plugins)
            .arg(self.path())
            .output()
            .expect("the agent is built");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the replay fails: {errors}");
        let replayed: Vec<Finding> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| Finding::new(serde_json::from_str(line).expect("JSON lines")))
            .filter(Finding::is_ours)
            .collect();
        let (live, replayed) = (by_plugin(&stopped.findings), by_plugin(&replayed));
        assert!(!live.is_empty(), "nothing was found: {errors}");
        for plugin in live.keys().chain(replayed.keys()) {
            let of = |findings: &BTreeMap<_, Vec<Value>>| {
                findings.get(plugin).cloned().unwrap_or_default()
            };
            let (live, replayed) = (of(&live), of(&replayed));
            for (one, other) in live.iter().zip(&replayed) {
                assert_eq!(one, other, "{plugin}: live, and replayed");
            }
            assert_eq!(
                live.len(),
                replayed.len(),
                "{plugin}: {live:#?} {replayed:#?}"
            );
        }
    }
}

/// All that each plugin has found, in its order. What the agent says of itself is of its own run.
fn by_plugin(findings: &[Finding]) -> BTreeMap<String, Vec<Value>> {
    let mut by_plugin: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| !finding.is_health()) {
        let plugin = finding.text("/plugin").to_owned();
        by_plugin
            .entry(plugin)
            .or_default()
            .push(finding.json.clone());
    }
    by_plugin
}
