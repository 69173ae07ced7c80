//! `vedette plugin list|info|reload|…`: the operator's commands, to a running agent.

use crate::control::client::{self, ClientError};
use crate::control::socket_of;
use crate::output::printable;
use crate::plugin::command::{Answer, Command, Report};
use crate::plugin::store::Stored;
use clap::{Args, Subcommand};
use jiff::{SpanRound, Timestamp, Unit};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Which agent is meant, and how it is printed.
#[derive(Debug, Clone, Args)]
pub struct Agent {
    /// Name of the agent, as given to its --instance.
    #[arg(long, value_name = "NAME", default_value = "default")]
    instance: String,
    /// Its control socket, where it is not at its usual place.
    #[arg(long, value_name = "PATH")]
    control: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

impl Agent {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.instance
    }

    /// Asks it.
    pub fn ask(&self, command: Command) -> Result<Answer, ClientError> {
        let path = self.control.clone();
        let path = path.unwrap_or_else(|| socket_of(&self.instance));
        client::ask(&path, command)
    }
}

/// A plugin of an agent.
#[derive(Debug, Clone, Args)]
pub struct Of {
    /// Id of the plugin.
    #[arg(value_name = "ID")]
    plugin: String,
    #[command(flatten)]
    agent: Agent,
}

/// What can be asked of a running agent's plugins.
#[derive(Debug, Subcommand)]
pub enum Operate {
    /// List the plugins of the running agent, in service or not.
    List(Agent),
    /// Tell all of one plugin: its generations and why they are where they are, its figures.
    Info(Of),
    /// Load a plugin's file anew, without a gap.
    Reload {
        /// Which plugin.
        #[command(flatten)]
        of: Of,
        /// Also a component that a rollback has ruled out.
        #[arg(long)]
        force: bool,
        /// Let it run beside the one in service for so long first, like 60s; it takes over after
        /// that if it finds what the other does.
        #[arg(long, value_name = "DURATION", value_parser = super::nanoseconds)]
        shadow: Option<u64>,
    },
    /// Put the generation before the current one back into service, with what was known at the
    /// switch.
    Rollback(Of),
    /// Take a plugin's component out of service until it is replaced or enabled.
    Quarantine(Of),
    /// Let a plugin serve that was disabled or is in quarantine.
    Enable(Of),
    /// Take a plugin out of service until it is enabled, over restarts too.
    Disable(Of),
}

impl Operate {
    /// Asks, and prints the answer.
    pub fn execute(self) -> anyhow::Result<()> {
        let (agent, command) = self.command();
        let answer = agent.ask(command)?;
        match answer {
            Answer::Plugins(reports) if agent.json => print_json(&reports)?,
            Answer::Plugin(report) if agent.json => print_json(&report)?,
            Answer::Done(done) if agent.json => print_json(&serde_json::json!({ "done": done }))?,
            Answer::Plugins(reports) => anstream::print!("{}", table(&reports, Timestamp::now())),
            Answer::Plugin(report) => anstream::print!("{}", page(&report, Timestamp::now())),
            Answer::Done(done) => anstream::println!("{}", clean(&done)),
            Answer::Grants(_) => anyhow::bail!("the agent gave another answer than was asked for"),
        }
        Ok(())
    }

    fn command(self) -> (Agent, Command) {
        match self {
            Operate::List(agent) => (agent, Command::List {}),
            Operate::Info(Of { plugin, agent }) => (agent, Command::Info { plugin }),
            Operate::Reload {
                of: Of { plugin, agent },
                force,
                shadow,
            } => {
                let reload = Command::Reload {
                    plugin,
                    force,
                    shadow,
                };
                (agent, reload)
            }
            Operate::Rollback(Of { plugin, agent }) => (agent, Command::Rollback { plugin }),
            Operate::Quarantine(Of { plugin, agent }) => (agent, Command::Quarantine { plugin }),
            Operate::Enable(Of { plugin, agent }) => (agent, Command::Enable { plugin }),
            Operate::Disable(Of { plugin, agent }) => (agent, Command::Disable { plugin }),
        }
    }
}

/// Prints an answer as JSON.
pub fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    anstream::println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Text that came from a plugin or a file name, safe for a terminal.
fn clean(text: &str) -> String {
    printable(text.as_bytes()).to_string()
}

/// One line a plugin, in columns.
fn table(reports: &[Report], now: Timestamp) -> String {
    if reports.is_empty() {
        return "no plugin is in service, and none lies in the agent's directory\n".to_owned();
    }
    let mut rows = vec![
        [
            "ID", "VERSION", "GEN", "STAGE", "FOR", "EVENTS", "FINDINGS", "",
        ]
        .map(str::to_owned),
    ];
    for report in reports {
        let name = match report.id.is_empty() {
            true => &report.path,
            false => &report.id,
        };
        let figure = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
        // In service there is nothing to explain.
        let reason = match report.stage {
            crate::plugin::life::Stage::Active => String::new(),
            _ => clean(&report.reason),
        };
        rows.push([
            clean(name),
            clean(&report.version),
            figure(report.generation.map(u64::from)),
            report.stage.to_string(),
            age(&report.since, now),
            figure(report.stats.map(|s| s.events)),
            figure(report.stats.map(|s| s.findings)),
            reason,
        ]);
    }
    let mut widths = [0; 8];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths);
        let line: String = cells
            .map(|(cell, width)| format!("{cell:width$}  "))
            .collect();
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// Everything about one plugin.
fn page(report: &Report, now: Timestamp) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<12} {}", clean(&value));
        }
    };
    line("plugin", format!("{} {}", report.id, report.version));
    line("title", report.title.clone());
    line("file", report.path.clone());
    line("digest", format!("sha256:{}", report.digest));
    line(
        "stage",
        format!(
            "{} for {}: {}",
            report.stage,
            age(&report.since, now),
            report.reason
        ),
    );
    line("wants", report.kinds.join(", "));
    if let Some(limits) = &report.limits {
        let (memory, deadline) = (limits.memory >> 10, limits.deadline_ms);
        let cpu = limits.cpu_ms;
        line(
            "limits",
            format!(
                "{memory} KiB of memory, {deadline} ms a call, {cpu} ms of a processor a second"
            ),
        );
    }
    if let Some(s) = &report.stats {
        let each = s.call_ns / s.events.max(1);
        line(
            "calls",
            format!(
                "{} for {} events, {each} ns an event, longest {:.3} ms, {} aborted",
                s.calls,
                s.events,
                s.longest_call_ns as f64 / 1e6,
                s.aborts
            ),
        );
        line(
            "findings",
            format!(
                "{}, {} refused, {} claims without proof",
                s.findings, s.refused, s.unproven
            ),
        );
        line(
            "not judged",
            format!(
                "{} skipped, {} shed of the security lane, {} shed of the bulk lane, {} lost out of service; {} wait",
                s.skipped, s.shed_security, s.shed_bulk, s.lost, report.waiting
            ),
        );
        line(
            "keeps",
            format!(
                "{} keys in {} bytes; {} KiB of memory",
                report.state_keys,
                report.state_bytes,
                s.memory >> 10
            ),
        );
    }
    if let Some(stored) = &report.stored {
        line("on disk", on_disk(stored));
    }
    if let Some(shadow) = &report.shadow {
        line("last shadow", shadow.to_string());
    }
    for (name, metric) in &report.metrics {
        let value = match metric {
            crate::plugin::metrics::Metric::Counter(n) => n.to_string(),
            crate::plugin::metrics::Metric::Gauge(n) => n.to_string(),
        };
        line("metric", format!("{name} {value}"));
    }
    for generation in &report.generations {
        let number = generation.number.map_or("-".to_owned(), |n| n.to_string());
        let digest = generation.digest.get(..12).unwrap_or_default();
        line(
            "generation",
            format!("{number}: {} sha256:{digest}", generation.version),
        );
        for entered in &generation.stages {
            let (at, stage) = (&entered.at, entered.stage);
            line("", format!("  {at}  {stage:<11}  {}", entered.reason));
        }
    }
    text
}

/// How what a plugin keeps stands on disk.
fn on_disk(stored: &Stored) -> String {
    let Stored {
        file,
        saved,
        loaded,
        other_forms,
        failing,
    } = stored;
    if let Some(reason) = failing {
        return format!("not kept: {reason}");
    }
    let saved = match saved {
        Some(at) => format!("written {at}"),
        None => "not written since the agent started".to_owned(),
    };
    let others = match other_forms {
        0 => String::new(),
        n => format!("; {n} other forms of its state are there and not read"),
    };
    format!("{file}: {saved}, {loaded} keys were brought back{others}")
}

/// How long ago it was, as people say it.
fn age(since: &str, now: Timestamp) -> String {
    let Ok(since) = since.parse::<Timestamp>() else {
        return String::new();
    };
    let round = SpanRound::new().largest(Unit::Hour).smallest(Unit::Second);
    match (now - since).round(round) {
        Ok(span) => format!("{span:#}"),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::life::{Entered, Stage};
    use std::path::Path;

    #[test]
    fn a_table_has_columns_and_tells_reasons() {
        let entered = |stage, reason: &str| Entered {
            stage,
            at: "2026-01-01T00:00:00Z".to_owned(),
            reason: reason.to_owned(),
        };
        let now = "2026-01-01T01:02:03.2Z".parse().expect("a time");
        let active = Report {
            generation: Some(3),
            ..Report::idle(
                Path::new("/p/a.wasm"),
                "a",
                "1.0.0",
                None,
                entered(Stage::Active, "fine"),
            )
        };
        let refused = Report::idle(
            Path::new("/p/b.wasm"),
            "",
            "",
            None,
            entered(Stage::Refused, "no\u{1b}[2Jgood"),
        );
        assert_eq!(
            table(&[active, refused], now),
            "ID         VERSION  GEN  STAGE    FOR       EVENTS  FINDINGS\n\
             a          1.0.0    3    active   1h 2m 3s\n\
             /p/b.wasm                refused  1h 2m 3s                    no\\u{1b}[2Jgood\n"
        );
    }
}
