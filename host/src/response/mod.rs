//! Response: from what a plugin proposes to what is done, under the operator's policy.

mod kill;

use crate::finding::{Action, Finding, Proposal};
use serde::Serialize;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use vedette_sensor::event::TaskRef;

pub use kill::{KillError, image_of};

/// A file by what the kernel knows it by. A name would spare every copy that is called the same.
pub type FileId = (u64, u64);

/// What the operator allows.
#[derive(Debug, Default)]
pub struct Policy {
    /// Act at all; otherwise only say what would be done.
    pub enforce: bool,
    /// Images whose processes are never touched, by device and inode.
    pub never: HashSet<FileId>,
    /// The agent's own pid.
    pub agent: u32,
}

/// A file of the never-list could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot put this file on the never-list: {source}; give the path of an existing executable", path.display())]
pub struct NeverError {
    path: PathBuf,
    source: std::io::Error,
}

/// What was decided on a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// The policy lets it happen.
    Act,
    /// The agent only observes.
    Observe,
    /// A guard rail forbids it.
    Spare,
}

/// What came of a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Response {
    /// The action that the plugin proposed.
    pub proposed: Action,
    /// Pid of its target.
    pub pid: u32,
    /// What the policy said.
    pub decided: Decision,
    /// What was done, or why nothing was.
    pub done: String,
}

impl Policy {
    /// A policy of this process.
    pub fn new(enforce: bool, never: &[PathBuf]) -> Result<Policy, NeverError> {
        let never = never
            .iter()
            .map(|path| {
                kill::file_id(path).map_err(|source| NeverError {
                    path: path.clone(),
                    source,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Policy {
            enforce,
            never,
            agent: std::process::id(),
        })
    }

    /// Decides on what a finding proposes and does it.
    pub fn respond(&self, finding: &Finding) -> Vec<Response> {
        let mut seen = HashSet::new();
        finding
            .proposals
            .iter()
            .filter(|p| seen.insert((p.action, p.target.id)))
            .map(|p| self.respond_to(p))
            .collect()
    }

    fn respond_to(&self, proposal: &Proposal) -> Response {
        let target = proposal.target.id;
        let (decided, done) = match (self.spares(target), self.enforce) {
            (Some(reason), _) => (Decision::Spare, reason.to_owned()),
            (None, false) => (Decision::Observe, "nothing: only observing".to_owned()),
            (None, true) => match kill::kill(target, &self.never) {
                Ok(how) => (Decision::Act, how.to_string()),
                Err(KillError::Never { path }) => (
                    Decision::Spare,
                    format!("spared: {path} is on the never-list"),
                ),
                Err(error) => (Decision::Act, format!("failed: {error}")),
            },
        };
        Response {
            proposed: proposal.action,
            pid: target.pid,
            decided,
            done,
        }
    }

    /// Guard rails that need no look at the process.
    fn spares(&self, target: TaskRef) -> Option<&'static str> {
        match target.pid {
            0 | 1 => Some("spared: pid 1 is never touched"),
            pid if pid == self.agent => Some("spared: the agent does not kill itself"),
            _ => None,
        }
    }
}

/// The never-list's identity of a file.
pub fn file_id(path: &Path) -> std::io::Result<FileId> {
    kill::file_id(path)
}

#[cfg(test)]
mod tests;
