//! One plugin run over one capture: what it finds, what it says, and how long it takes.

use crate::agent::Agent;
use crate::answers::Answers;
use crate::finding::Finding;
use crate::intel::{self, Directory, IntelError, Lists, Problem};
use crate::manifest::OWN_ID;
use crate::output::{Clock, json};
use crate::plugin::outcome::Outcome;
use crate::plugin::stats::Stats;
use crate::plugin::{HostError, HostOptions, Overflow, PluginHost};
use crossbeam_channel::{Receiver, unbounded};
use serde_json::Value;
use std::collections::HashSet;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use vedette_sensor::capture::{CaptureError, Header, Reader};
use vedette_sensor::event::Event;

/// Most cases and lines that a trial keeps: a plugin that raises one for each event must not fill
/// the author's memory. The others are counted.
const MAX_KEPT: usize = 10_000;

/// A trial could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The runtime does not start.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The plugin would be refused by an agent too.
    #[error("{}: {reason}", path.display())]
    Refused {
        /// The component.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is no such capture.
    #[error("{}: {source}; record one with `vedette record`", path.display())]
    Open {
        /// Where it should be.
        path: PathBuf,
        /// Why it cannot be opened.
        source: std::io::Error,
    },
    /// The capture cannot be read.
    #[error("{}: {source}", path.display())]
    Capture {
        /// The capture.
        path: PathBuf,
        /// Why.
        source: CaptureError,
    },
    /// The lists cannot be used.
    #[error(transparent)]
    Intel(#[from] IntelError),
    /// Something in them is no entry.
    #[error(transparent)]
    Lists(Problem),
    /// The thread that takes in findings is gone.
    #[error("the thread that takes in findings ended in a panic")]
    Panic,
}

/// A capture in memory.
#[derive(Debug, Clone)]
pub struct Capture {
    /// Where and when it was made.
    pub header: Header,
    /// Its events.
    pub events: Vec<Event>,
}

impl Capture {
    /// Reads all of a capture.
    ///
    /// # Errors
    /// It cannot be read to its end.
    pub fn read(path: &Path) -> Result<Capture, TrialError> {
        let file = std::fs::File::open(path).map_err(|source| TrialError::Open {
            path: path.to_owned(),
            source,
        })?;
        Capture::of(std::io::BufReader::new(file), path)
    }

    /// The same out of anything that can be read; `path` names it in errors.
    ///
    /// # Errors
    /// It cannot be read to its end.
    pub fn of(from: impl Read + Seek, path: &Path) -> Result<Capture, TrialError> {
        let failed = |source| TrialError::Capture {
            path: path.to_owned(),
            source,
        };
        let reader = Reader::new(from).map_err(failed)?;
        let header = reader.header().clone();
        let events = reader.collect::<Result<_, _>>().map_err(failed)?;
        Ok(Capture { header, events })
    }

    /// The time of day of its events.
    pub fn clock(&self) -> Clock {
        Clock {
            boot: self.header.boot_offset.into(),
        }
    }

    /// From its first event to its last, ns.
    pub fn length(&self) -> u64 {
        let times = || self.events.iter().map(|event| event.at);
        let first = times().min().unwrap_or(0);
        times().max().unwrap_or(0) - first
    }
}

/// A component to be tried.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its file.
    pub path: PathBuf,
    /// Its content.
    pub bytes: Vec<u8>,
    /// Where compiled components are kept, if they are.
    pub cache: Option<PathBuf>,
    /// Directory of what an operator has set for it, if anything.
    pub settings: Option<PathBuf>,
    /// The lists that it is answered from, if any.
    pub lists: Option<Arc<Lists>>,
}

impl Subject {
    /// A component in a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(path: &Path, cache: Option<PathBuf>) -> Result<Subject, TrialError> {
        let bytes = crate::plugin::component::Component::read(path);
        Ok(Subject {
            path: path.to_owned(),
            bytes: bytes.map_err(|error| TrialError::Refused {
                path: path.to_owned(),
                reason: error.to_string(),
            })?,
            cache,
            settings: None,
            lists: None,
        })
    }

    /// The same with the lists in this directory, whoever may write there: for authors, who run
    /// their own. All of their lines must be entries.
    ///
    /// # Errors
    /// See [`TrialError`].
    pub fn with_lists(&self, directory: &Path) -> Result<Subject, TrialError> {
        let loaded = Directory::of_author(directory.to_owned()).load()?;
        if let Some(problem) = loaded.problems.into_iter().next() {
            return Err(TrialError::Lists(problem));
        }
        Ok(Subject {
            lists: Some(loaded.lists),
            ..self.clone()
        })
    }

    /// Runs it over these events in batches of at most `batch`.
    ///
    /// # Errors
    /// See [`TrialError`].
    pub fn run(
        &self,
        events: impl IntoIterator<Item = Event>,
        batch: usize,
    ) -> Result<Trial, TrialError> {
        let events: Vec<Event> = events.into_iter().collect();
        let answers = Answers::of_capture();
        answers.know(events.iter().collect());
        let (sender, outcomes) = unbounded();
        let options = HostOptions {
            answers,
            cache: self.cache.clone(),
            settings: self.settings.clone(),
            workers: 1,
            batch,
            watch: false,
            overflow: Overflow::Wait,
            ..HostOptions::default()
        };
        let mut host = PluginHost::new(options, sender)?;
        if let Some(lists) = &self.lists {
            host.begin_with(lists.clone());
        }
        host.load_bytes(&self.path, self.bytes.clone())
            .map_err(|reason| TrialError::Refused {
                path: self.path.clone(),
                reason,
            })?;
        let collector = thread::spawn(move || collect(&outcomes));
        let mut agent = Agent::new(host, None);
        let mut count = 0;
        for event in events {
            agent.take(event);
            count += 1;
        }
        // Nothing is recorded, so nothing can fail to be completed.
        let _ = agent.finish();
        let stats = agent.plugins.plugins().first().map(|plugin| plugin.stats);
        drop(agent);
        let mut trial = collector.join().map_err(|_| TrialError::Panic)?;
        trial.events = count;
        trial.stats = stats.unwrap_or_default();
        Ok(trial)
    }
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Trial {
    /// The cases that the plugin raised, each once, in order.
    pub findings: Vec<Finding>,
    /// Findings that were the same cases again.
    pub repeated: u64,
    /// What the agent had to say of the plugin: events that it failed on, quarantine.
    pub health: Vec<Finding>,
    /// Lines that it logged, and what of its findings was refused.
    pub log: Vec<String>,
    /// Its figures.
    pub stats: Stats,
    /// Events of the capture.
    pub events: u64,
}

impl Trial {
    /// The cases as JSON, without what depends on how long the trial's own work took: two trials
    /// are alike if these are equal.
    pub fn told(&self, clock: &Clock) -> Vec<Value> {
        let findings = self.findings.iter();
        findings.map(|f| json::finding(f, &[], clock)).collect()
    }

    /// Nanoseconds in the plugin for each event that it got.
    pub fn ns_an_event(&self) -> f64 {
        self.stats.call_ns as f64 / self.stats.events.max(1) as f64
    }
}

fn collect(outcomes: &Receiver<Outcome>) -> Trial {
    let mut trial = Trial::default();
    let mut cases = HashSet::new();
    for outcome in outcomes {
        match outcome {
            Outcome::Finding(finding) => {
                let case = (finding.rule.clone(), finding.dedup.clone());
                let kept = match &*finding.plugin {
                    OWN_ID => &mut trial.health,
                    _ => &mut trial.findings,
                };
                if kept.len() < MAX_KEPT && cases.insert(case) {
                    kept.push(*finding);
                } else {
                    trial.repeated += 1;
                }
            }
            Outcome::Log { level, message, .. } if trial.log.len() < MAX_KEPT => {
                trial.log.push(format!("{level:?}: {message}"));
            }
            Outcome::OtherLists { recorded, given } if trial.log.len() < MAX_KEPT => {
                trial.log.push(intel::not_at_hand(&recorded, given));
            }
            _ => {}
        }
    }
    trial
}
