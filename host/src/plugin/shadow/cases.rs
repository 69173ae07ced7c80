//! What two generations have found, compared.

use crate::finding::Finding;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// Most cases that are noted for either generation: one that floods must not fill memory. Each has
/// its own, so that the flood of the one does not hide what the other finds.
const MAX_CASES: usize = 4096;
/// Most differences that a report names; the others are counted.
const MAX_NAMED: usize = 32;

/// Which differences let a generation take over after its trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ShadowAccept {
    /// Whatever it finds.
    Any,
    /// It finds all that the older one finds, and perhaps more; and all of that was compared.
    #[default]
    NoFewer,
}

/// A case that only one of two generations found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Id of the rule.
    pub rule: String,
    /// Key of the case within it.
    pub dedup: String,
    /// Findings of it.
    pub findings: u64,
}

/// What a trial has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowReport {
    /// Event time that it ran for, ns.
    pub time: u64,
    /// Events that the new generation judged.
    pub events: u64,
    /// Cases that both have found.
    pub both: u64,
    /// Cases that the old generation alone has found.
    pub missing: u64,
    /// Cases that the new generation alone has found.
    pub new: u64,
    /// The first of the missing.
    pub missing_cases: Vec<Case>,
    /// The first of the new.
    pub new_cases: Vec<Case>,
    /// Findings of the old generation that were not compared because there were too many cases.
    pub old_not_compared: u64,
    /// The same of the new generation.
    pub new_not_compared: u64,
    /// Faults for which findings of the old generation were refused.
    pub old_refused: u64,
    /// The same of the new generation.
    pub new_refused: u64,
    /// The first of those.
    pub fault: Option<String>,
    /// ns an event that the new generation took.
    pub ns_an_event: u64,
    /// Why the trial itself has failed, if it has.
    pub failed: Option<String>,
}

impl ShadowReport {
    /// Why the generation must not take over under this policy, if so.
    pub fn objection(&self, accept: ShadowAccept) -> Option<String> {
        if let Some(failed) = &self.failed {
            return Some(format!("it failed in its shadow: {failed}"));
        }
        if accept == ShadowAccept::Any {
            return None;
        }
        let what = if self.missing > 0 {
            "it does not find what the generation in service does"
        } else if self.new_not_compared > 0 {
            "it floods: it finds more cases than can be compared"
        } else if self.old_not_compared > 0 {
            "the generation in service finds more cases than can be compared"
        } else if self.new_refused > self.old_refused {
            "it raises findings that are refused"
        } else {
            return None;
        };
        Some(format!(
            "{what} ({self}); --shadow-accept any lets it take over all the same"
        ))
    }
}

impl fmt::Display for ShadowReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "shadow of {:.1} s, {} events: {} cases found by both, {} missing, {} new",
            self.time as f64 / 1e9,
            self.events,
            self.both,
            self.missing,
            self.new
        )?;
        let named = [("missing", &self.missing_cases), ("new", &self.new_cases)];
        for (what, cases) in named {
            for case in cases.iter().take(3) {
                write!(f, "; {what} {} {}", case.rule, case.dedup)?;
            }
        }
        let not_compared = [
            ("old", self.old_not_compared),
            ("new", self.new_not_compared),
        ];
        for (whose, count) in not_compared.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, "; {count} findings of the {whose} not compared")?;
        }
        if let Some(fault) = &self.fault {
            write!(
                f,
                "; {} faults of the new, the first: {fault}",
                self.new_refused
            )?;
        }
        Ok(())
    }
}

/// What two generations have found; the old one comes first.
#[derive(Debug, Default)]
pub(super) struct Cases {
    /// By rule and key: findings of each.
    found: BTreeMap<(String, String), [u64; 2]>,
    /// How many of these each has found first.
    first: [usize; 2],
    not_compared: [u64; 2],
    /// Faults for which findings were refused.
    refused: [u64; 2],
    fault: Option<String>,
}

/// Whose a finding is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose {
    Old,
    New,
}

impl Cases {
    pub fn note(&mut self, finding: &Finding, whose: Whose) {
        let case = (finding.rule.clone(), finding.dedup.clone());
        let whose = whose as usize;
        if let Some(found) = self.found.get_mut(&case) {
            found[whose] += 1;
        } else if self.first[whose] >= MAX_CASES {
            self.not_compared[whose] += 1;
        } else {
            self.first[whose] += 1;
            self.found.entry(case).or_default()[whose] += 1;
        }
    }

    pub fn refused(&mut self, faults: &[String], whose: Whose) {
        self.refused[whose as usize] += faults.len() as u64;
        if matches!(whose, Whose::New) && self.fault.is_none() {
            self.fault = faults.first().cloned();
        }
    }

    pub fn report(self) -> ShadowReport {
        let mut report = ShadowReport {
            old_not_compared: self.not_compared[0],
            new_not_compared: self.not_compared[1],
            old_refused: self.refused[0],
            new_refused: self.refused[1],
            fault: self.fault,
            ..ShadowReport::default()
        };
        for ((rule, dedup), [old, new]) in self.found {
            let (count, named, findings) = match (old, new) {
                (findings, 0) => (&mut report.missing, &mut report.missing_cases, findings),
                (0, findings) => (&mut report.new, &mut report.new_cases, findings),
                _ => {
                    report.both += 1;
                    continue;
                }
            };
            *count += 1;
            if named.len() < MAX_NAMED {
                named.push(Case {
                    rule,
                    dedup,
                    findings,
                });
            }
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::outcome::Health;

    fn case(dedup: String) -> Finding {
        Health::PluginReleased.finding("t", String::new(), &dedup, 0)
    }

    #[test]
    fn a_flood_does_not_hide_what_is_missing() {
        let mut cases = Cases::default();
        for n in 0..2 * MAX_CASES {
            cases.note(&case(format!("flood {n}")), Whose::New);
        }
        cases.note(&case("found".to_owned()), Whose::Old);
        cases.note(&case("found".to_owned()), Whose::New);
        cases.note(&case("missed".to_owned()), Whose::Old);
        let report = cases.report();
        assert_eq!((report.both, report.missing), (1, 1), "{report}");
        assert_eq!(report.missing_cases[0].dedup, "t missed");
        assert_eq!(report.new_not_compared, MAX_CASES as u64);
        assert!(report.objection(ShadowAccept::NoFewer).is_some());
        assert_eq!(report.objection(ShadowAccept::Any), None);
    }

    #[test]
    fn what_cannot_be_compared_or_is_refused_is_an_objection() {
        let object = |cases: Cases| cases.report().objection(ShadowAccept::NoFewer);
        assert_eq!(object(Cases::default()), None);
        for (whose, why) in [(Whose::New, "it floods"), (Whose::Old, "in service")] {
            let mut cases = Cases::default();
            for n in 0..=MAX_CASES {
                cases.note(&case(format!("{n}")), whose);
            }
            // What the old one alone finds is missing; here it is only too much.
            cases.found.clear();
            let objection = object(cases).expect("an objection");
            assert!(objection.contains(why), "{objection}");
        }
        let fault = ["it raised \"x\"".to_owned()];
        let mut cases = Cases::default();
        cases.refused(&fault, Whose::Old);
        cases.refused(&fault, Whose::New);
        assert_eq!(object(cases), None, "both do");
        let mut cases = Cases::default();
        cases.refused(&fault, Whose::New);
        let objection = object(cases).expect("an objection");
        assert!(objection.contains("it raised \"x\""), "{objection}");
    }
}
