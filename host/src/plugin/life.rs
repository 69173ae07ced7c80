//! The stages of a generation's life, each with its time and reason.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Most stages that are kept of one generation: one that goes into quarantine and out again must
/// not fill memory. The first ones stay.
const MAX_STAGES: usize = 32;

/// Where a generation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Its file was found; nothing of it runs yet.
    Staged,
    /// It is being compiled and initialised.
    Warming,
    /// It runs beside the one in service, and what it says is only compared.
    Shadow,
    /// It is in service.
    Active,
    /// It is in service and waits, because it used more time than it may.
    Throttled,
    /// It is out of service until it is released.
    Quarantined,
    /// Another one takes over behind what waits for it.
    Draining,
    /// It is kept for a rollback.
    Kept,
    /// It did not come into service, or was taken out of it for what it did.
    Refused,
    /// The operator has switched its plugin off.
    Disabled,
    /// It has ended.
    Ended,
}

impl Stage {
    /// Its name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Staged => "staged",
            Stage::Warming => "warming",
            Stage::Shadow => "shadow",
            Stage::Active => "active",
            Stage::Throttled => "throttled",
            Stage::Quarantined => "quarantined",
            Stage::Draining => "draining",
            Stage::Kept => "kept",
            Stage::Refused => "refused",
            Stage::Disabled => "disabled",
            Stage::Ended => "ended",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A stage that was entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entered {
    /// Which.
    pub stage: Stage,
    /// When, RFC 3339.
    pub at: String,
    /// Why.
    pub reason: String,
}

impl Entered {
    /// A stage that is entered now.
    pub fn now(stage: Stage, reason: impl Into<String>) -> Entered {
        Entered {
            stage,
            at: Timestamp::now().to_string(),
            reason: reason.into(),
        }
    }
}

/// The life of one generation, written by whoever moves it on and read by anyone.
#[derive(Debug, Clone, Default)]
pub struct Life(Arc<Mutex<Vec<Step>>>);

/// [`Entered`], with its time not yet written out: a switch does not wait for that.
#[derive(Debug, Clone)]
struct Step {
    stage: Stage,
    at: Timestamp,
    reason: String,
}

impl Life {
    /// The generation enters a stage. That it is in already is said once.
    pub fn enter(&self, stage: Stage, reason: impl Into<String>) {
        let mut stages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if stages.last().is_some_and(|last| last.stage == stage) {
            return;
        }
        if stages.len() == MAX_STAGES {
            stages.remove(MAX_STAGES / 2);
        }
        stages.push(Step {
            stage,
            at: Timestamp::now(),
            reason: reason.into(),
        });
    }

    /// All stages so far, in their order.
    pub fn stages(&self) -> Vec<Entered> {
        let stages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entered = |step: &Step| Entered {
            stage: step.stage,
            at: step.at.to_string(),
            reason: step.reason.clone(),
        };
        stages.iter().map(entered).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_life_is_bounded_and_keeps_its_beginning() {
        let life = Life::default();
        life.enter(Stage::Staged, "found");
        for n in 0..100 {
            life.enter(Stage::Active, n.to_string());
            life.enter(Stage::Active, "again");
            life.enter(Stage::Quarantined, n.to_string());
        }
        let stages = life.stages();
        assert_eq!(stages.len(), MAX_STAGES);
        assert_eq!(stages[0].reason, "found");
        assert_eq!(stages[MAX_STAGES - 1].reason, "99");
        assert!(!stages.iter().any(|entered| entered.reason == "again"));
    }
}
