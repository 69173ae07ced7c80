//! A finding as the agent prints it.

use serde_json::Value;
use std::time::Instant;

/// One line of the agent's output.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The line, parsed.
    pub json: Value,
    /// When the line was read.
    pub read: Instant,
}

impl Finding {
    /// A line that was read now.
    pub fn new(json: Value) -> Self {
        let read = Instant::now();
        Self { json, read }
    }

    /// Whether it is about what the tests' own process has started, or about no process.
    pub fn is_ours(&self) -> bool {
        let own = std::process::id();
        self.pid().is_none_or(|pid| pid == own) || self.ancestors().contains(&own)
    }

    /// A text below the top, by a JSON pointer; empty if there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.json
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// What sort of act it is about.
    pub fn category(&self) -> &str {
        self.text("/category")
    }

    /// The process that it is about.
    pub fn pid(&self) -> Option<u32> {
        self.json.pointer("/process/pid")?.as_u64()?.try_into().ok()
    }

    /// The pids of that process's ancestors, the parent first.
    pub fn ancestors(&self) -> Vec<u32> {
        let ancestors = self
            .json
            .pointer("/process/ancestors")
            .and_then(Value::as_array);
        let pids = ancestors
            .into_iter()
            .flatten()
            .filter_map(|ancestor| ancestor.get("pid")?.as_u64());
        pids.filter_map(|pid| pid.try_into().ok()).collect()
    }

    /// The container that it is in, if any.
    pub fn container(&self) -> Option<&str> {
        self.json.pointer("/container/id")?.as_str()
    }

    /// What came of each action that was proposed.
    pub fn results(&self) -> Vec<&str> {
        let done = self
            .json
            .pointer("/response/done")
            .and_then(Value::as_array);
        done.into_iter()
            .flatten()
            .filter_map(|one| one.get("result")?.as_str())
            .collect()
    }

    /// Whether something was killed for it.
    pub fn killed(&self) -> bool {
        self.results()
            .iter()
            .any(|result| result.starts_with("killed") || result.starts_with("signalled"))
    }

    /// Whether it is about the agent itself.
    pub fn is_health(&self) -> bool {
        self.category() == "health"
    }
}

/// A finding in one line.
pub fn summary(finding: &Finding) -> String {
    let evidence = finding.json.pointer("/evidence").and_then(Value::as_array);
    let notes: Vec<_> = evidence
        .into_iter()
        .flatten()
        .filter_map(|event| event.get("note")?.as_str())
        .collect();
    format!(
        "{} {} pid {:?} exe {} args {} ancestors {:?} container {:?}: {notes:?}",
        finding.category(),
        finding.text("/rule"),
        finding.pid(),
        finding.text("/process/exe"),
        finding
            .json
            .pointer("/process/args")
            .unwrap_or(&Value::Null),
        finding.ancestors(),
        finding.container(),
    )
}
