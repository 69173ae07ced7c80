//! From findings to what is printed: one finding a case, decided, answered, and told.

use crate::finding::Finding;
use crate::output::{
    Clock, json,
    printer::{Full, Printer},
    text,
};
use crate::plugin::Health;
use crate::response::{Decision, Policy, Response};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::time::Duration;

/// Cases that are remembered, so that one act is one finding. A plugin that raises a new case
/// for every event would otherwise fill memory; past the cap the oldest case may be told twice.
const CASES_CAP: usize = 16_384;

/// Event time after which a case that comes up again is told again, ns: one hour.
const CASE_KEPT: u64 = 3_600_000_000_000;

/// Findings that wait for the names of their container. A container that raises more in its first
/// second has the oldest told without.
const HELD_CAP: usize = 1_024;

/// How often it is looked whether a finding that waits for a container's names has them.
const NAMES_LOOK: Duration = Duration::from_millis(2);

/// How often it is looked whether a reader is back that is to be told what was left out.
const READER_LOOK: Duration = Duration::from_millis(100);

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people, with colours where the terminal has them.
    Text,
    /// One JSON object a line.
    Json,
}

impl Form {
    /// What prints findings in this form to standard output.
    ///
    /// # Errors
    /// No thread can be made.
    pub fn printer(self, full: Full) -> io::Result<Printer> {
        match self {
            Form::Json => Printer::start("findings", io::stdout(), full),
            Form::Text => Printer::start("findings", anstream::stdout(), full),
        }
    }
}

/// What has become of all findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Findings that were told.
    pub told: u64,
    /// Findings that were the same case again.
    pub repeated: u64,
    /// Findings that were to be told and that nobody has read: they were left out.
    pub not_printed: u64,
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
    /// Nothing here waits for who reads what it prints.
    printer: Printer,
    told: u64,
    repeated: u64,
    /// Time of the newest finding, ns since boot.
    newest: u64,
}

impl Verdicts {
    /// Findings go to this printer in this form.
    pub fn new(policy: Policy, form: Form, clock: Clock, printer: Printer) -> Verdicts {
        Verdicts {
            policy,
            form,
            clock,
            cases: HashMap::new(),
            order: VecDeque::new(),
            held: VecDeque::new(),
            printer,
            told: 0,
            repeated: 0,
            newest: 0,
        }
    }

    /// Decides, answers and prints one finding. A case that was told is answered again, since
    /// its proposals may name others, but is printed only where something was done. The answer
    /// is given at once; the print waits for the names of a container that has just come up, and
    /// for whoever reads it. `moment` is up to when the stream has been taken in, ns since boot.
    pub fn take(&mut self, finding: Finding, moment: u64) {
        let response = self.policy.respond(&finding);
        let acted = response
            .iter()
            .any(|r| r.decided == Decision::Act && r.done == "killed");
        self.newest = self.newest.max(finding.at);
        if self.is_known(&finding) && !acted {
            self.repeated += 1;
            return;
        }
        self.told += 1;
        self.held.push_back((finding, response));
        self.release(moment);
    }

    /// Prints the findings that need wait no longer at this moment of the stream.
    pub fn release(&mut self, moment: u64) {
        self.tell_left_out();
        for _ in 0..self.held.len() {
            let Some((finding, response)) = self.held.pop_front() else {
                break;
            };
            let full = self.held.len() >= HELD_CAP;
            if !full && finding.waits_until().is_some_and(|until| moment < until) {
                self.held.push_back((finding, response));
            } else {
                self.print(&finding, &response);
            }
        }
    }

    /// When [`release`](Verdicts::release) is to be called again, if something waits for that.
    pub fn waits(&self) -> Option<Duration> {
        match (self.held.is_empty(), self.leaves_out()) {
            (false, _) => Some(NAMES_LOOK),
            (true, true) => Some(READER_LOOK),
            (true, false) => None,
        }
    }

    /// Whether findings were left out and nobody was told yet, as nobody reads.
    pub fn leaves_out(&self) -> bool {
        self.printer.owes()
    }

    /// Prints what waits, and says what has become of all.
    pub fn end(mut self) -> Told {
        self.release(u64::MAX);
        Told {
            told: self.told,
            repeated: self.repeated,
            not_printed: self.printer.end(),
        }
    }

    /// Whoever reads again is told of what was left out.
    fn tell_left_out(&mut self) {
        let Some(count) = self.printer.to_tell() else {
            return;
        };
        let message = format!(
            "{count} findings were not printed, as nobody read the output; what they led to was done all the same. Let a program read it that does not stop"
        );
        let key = self.newest.to_string();
        let finding = Health::FindingsNotPrinted.finding("output", message, &key, self.newest);
        self.told += 1;
        self.print(&finding, &[]);
    }

    fn print(&self, finding: &Finding, response: &[Response]) {
        let text = match self.form {
            Form::Json => format!("{}\n", json::finding(finding, response, &self.clock)),
            Form::Text => text::finding(finding, response, &self.clock),
        };
        // Where there is no room for it, it is counted and told later.
        self.printer.print(text);
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
