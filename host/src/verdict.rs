//! From findings to what is printed: one finding a case, decided, answered, and told.

use crate::finding::Finding;
use crate::output::{Clock, json, text};
use crate::response::{Decision, Policy, Response};
use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};

/// Cases that are remembered, so that one act is one finding. A plugin that raises a new case
/// for every event would otherwise fill memory; past the cap the oldest case may be told twice.
const CASES_CAP: usize = 16_384;

/// Event time after which a case that comes up again is told again, ns: one hour.
const CASE_KEPT: u64 = 3_600_000_000_000;

/// Findings that wait for the names of their container. A container that raises more in its first
/// second has the oldest told without.
const HELD_CAP: usize = 1_024;

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people, with colours where the terminal has them.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is known of a case.
type Case = (std::sync::Arc<str>, String, String);

/// Takes findings to their end.
pub struct Verdicts {
    policy: Policy,
    form: Form,
    clock: Clock,
    cases: HashMap<Case, u64>,
    order: VecDeque<(u64, Case)>,
    /// Findings that were answered and wait to be printed.
    held: VecDeque<(Finding, Vec<Response>)>,
    /// Findings that were told.
    pub told: u64,
    /// Findings that were the same case again.
    pub repeated: u64,
}

impl Verdicts {
    /// Findings go to standard output in this form.
    pub fn new(policy: Policy, form: Form, clock: Clock) -> Verdicts {
        Verdicts {
            policy,
            form,
            clock,
            cases: HashMap::new(),
            order: VecDeque::new(),
            held: VecDeque::new(),
            told: 0,
            repeated: 0,
        }
    }

    /// Decides, answers and prints one finding. A case that was told is answered again, since
    /// its proposals may name others, but is printed only where something was done. The answer
    /// is given at once; the print waits for the names of a container that has just come up.
    /// `moment` is up to when the stream has been taken in, ns since boot.
    pub fn take(&mut self, finding: Finding, moment: u64) -> io::Result<()> {
        let response = self.policy.respond(&finding);
        let acted = response
            .iter()
            .any(|r| r.decided == Decision::Act && r.done == "killed");
        if self.is_known(&finding) && !acted {
            self.repeated += 1;
            return Ok(());
        }
        self.told += 1;
        self.held.push_back((finding, response));
        self.release(moment)
    }

    /// Prints the findings that need wait no longer at this moment of the stream.
    pub fn release(&mut self, moment: u64) -> io::Result<()> {
        let mut result = Ok(());
        for _ in 0..self.held.len() {
            let Some((finding, response)) = self.held.pop_front() else {
                break;
            };
            let full = self.held.len() >= HELD_CAP;
            if !full && finding.waits_until().is_some_and(|until| moment < until) {
                self.held.push_back((finding, response));
            } else {
                result = result.and(self.print(&finding, &response));
            }
        }
        result
    }

    /// Whether any finding waits.
    pub fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    fn print(&self, finding: &Finding, response: &[Response]) -> io::Result<()> {
        match self.form {
            Form::Json => {
                let mut line = json::finding(finding, response, &self.clock).to_string();
                line.push('\n');
                let mut out = io::stdout().lock();
                out.write_all(line.as_bytes())?;
                out.flush()
            }
            Form::Text => {
                let mut out = anstream::stdout().lock();
                out.write_all(text::finding(finding, response, &self.clock).as_bytes())?;
                out.flush()
            }
        }
    }

    /// Whether the case was told within the time that it is kept; remembers it.
    fn is_known(&mut self, finding: &Finding) -> bool {
        while let Some((at, _)) = self.order.front() {
            if self.order.len() <= CASES_CAP && at.saturating_add(CASE_KEPT) > finding.at {
                break;
            }
            if let Some((at, case)) = self.order.pop_front()
                && self.cases.get(&case) == Some(&at)
            {
                self.cases.remove(&case);
            }
        }
        let case = (
            finding.plugin.clone(),
            finding.rule.clone(),
            finding.dedup.clone(),
        );
        if self.cases.contains_key(&case) {
            return true;
        }
        self.cases.insert(case.clone(), finding.at);
        self.order.push_back((finding.at, case));
        false
    }
}
