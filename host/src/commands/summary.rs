//! What a run amounts to: events, losses, findings, time in plugins.

use crate::agent::Agent;
use crate::loss::Lost;
use crate::output::{event::kind_name, messages::say};
use crate::plugin::PluginInfo;
use crate::verdict::{Form, Told};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The totals of a run.
pub struct Summary {
    taken: BTreeMap<String, u64>,
    lost: Lost,
    muted: Vec<String>,
    muted_kinds: Value,
    plugins: Vec<PluginInfo>,
    repaired: u64,
}

impl Summary {
    /// The totals of this agent, and what was lost.
    pub fn new(agent: &Agent, lost: Lost) -> Summary {
        let taken = agent
            .taken
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(kind, count)| (kind_name(kind as u16), *count))
            .collect();
        Summary {
            taken,
            lost,
            muted: agent.mutes.lines(),
            muted_kinds: agent.mutes.json(),
            plugins: agent.plugins.plugins(),
            repaired: agent.context().counters().repaired,
        }
    }

    /// Prints it to standard error, in the form that findings are printed in.
    pub fn print(&self, told: &Told, form: Form) {
        match form {
            Form::Json => {
                let line = json!({ "summary": self.json(told) });
                say(line);
            }
            Form::Text => {
                say(format_args!(
                    "\n{} findings ({} more were the same cases again){}",
                    told.told,
                    told.repeated,
                    count(told.not_printed, "not printed, as nobody read them"),
                ));
                self.print_events();
                self.print_plugins();
            }
        }
    }

    /// Prints the events alone.
    pub fn print_events(&self) {
        let total: u64 = self.taken.values().sum();
        let mut kinds: Vec<_> = self.taken.iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let kinds: Vec<String> = kinds.iter().map(|(k, n)| format!("{k} {n}")).collect();
        say(format_args!("events    {total}: {}", kinds.join(", ")));
        let lost = self.lost.by_kind();
        if lost.is_empty() {
            say("lost      none");
        }
        for (cause, kinds) in &lost {
            let count: u64 = kinds.values().sum();
            let kinds: Vec<_> = kinds
                .iter()
                .map(|(kind, n)| format!("{kind} {n}"))
                .collect();
            say(format_args!(
                "lost      {count}: {cause} ({})",
                kinds.join(", ")
            ));
        }
        for line in &self.muted {
            say(format_args!("muted     {line}"));
        }
        if self.repaired > 0 {
            say(format_args!(
                "repaired  {} rows of the process table",
                self.repaired
            ));
        }
    }

    fn print_plugins(&self) {
        for p in &self.plugins {
            let s = &p.stats;
            say(format_args!(
                "plugin    {} {}: {} events in {} calls, {} findings, {:.3} ms in all, {:.0} ns an event, longest call {:.3} ms{}{}",
                p.id,
                p.manifest.version,
                s.events,
                s.calls,
                s.findings,
                s.call_ns as f64 / 1e6,
                s.call_ns as f64 / s.events.max(1) as f64,
                s.longest_call_ns as f64 / 1e6,
                count(s.aborts, "aborted calls"),
                count(s.shed_security + s.shed_bulk, "events shed"),
            ));
        }
    }

    fn json(&self, told: &Told) -> Value {
        let plugins: Map<String, Value> = self
            .plugins
            .iter()
            .map(|p| {
                let s = &p.stats;
                let value = json!({
                    "version": p.manifest.version,
                    "digest": p.digest.to_string(),
                    "events": s.events,
                    "calls": s.calls,
                    "call_ns": s.call_ns,
                    "longest_call_ns": s.longest_call_ns,
                    "findings": s.findings,
                    "aborts": s.aborts,
                    "skipped": s.skipped,
                    "shed": s.shed_security + s.shed_bulk,
                    "quarantined": s.quarantined,
                });
                (p.id.to_string(), value)
            })
            .collect();
        json!({
            "findings": told.told,
            "repeated": told.repeated,
            "not_printed": told.not_printed,
            "events": self.taken,
            "lost": self.lost.by_cause(),
            "lost_kinds": self.lost.by_kind(),
            "muted": self.muted_kinds,
            "repaired": self.repaired,
            "plugins": plugins,
        })
    }
}

fn count(n: u64, what: &str) -> String {
    if n == 0 {
        String::new()
    } else {
        format!(", {n} {what}")
    }
}
