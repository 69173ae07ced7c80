//! Findings for people at a terminal.

use super::{Clock, arguments, event, printable};
use crate::context::{container::Container, process::Process};
use crate::finding::{Finding, Severity};
use crate::response::Response;
use anstyle::{AnsiColor, Style};
use std::fmt::{self, Write};
use vedette_contract::{Type, kind, values::container_mark};
use vedette_sensor::event::Event;

/// Ancestors that are shown; the whole lineage stands in the JSON.
const ANCESTORS_SHOWN: usize = 8;

/// Length from which a command line is cut, in characters.
const COMMAND_SHOWN: usize = 160;

/// A finding as some lines of text, styled for a terminal. Where the output is not one, the
/// stream that it is written to takes the styles out.
pub fn finding(finding: &Finding, response: &[Response], clock: &Clock) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, finding, response, clock);
    out
}

fn write(out: &mut String, finding: &Finding, response: &[Response], clock: &Clock) -> fmt::Result {
    let dim = Style::new().dimmed();
    let bold = Style::new().bold();
    let colour = severity_style(finding.severity);
    let time = clock.rfc3339(finding.at);
    let time = time.get(11..23).unwrap_or(&time);
    writeln!(
        out,
        "{dim}{time}{dim:#} {colour}{:>8}{colour:#} {bold}{}{bold:#} {dim}{}/{} {}%{dim:#}",
        severity_name(finding.severity),
        finding.title,
        finding.plugin,
        finding.rule,
        finding.confidence,
    )?;
    let mut line = |label: &str, text: &str| writeln!(out, "    {dim}{label:<10}{dim:#}{text}");
    line("what", &printable(finding.message.as_bytes()))?;
    if let Some(process) = finding.process.as_deref() {
        line("process", &one_process(process))?;
        line("lineage", &lineage(process))?;
    }
    if let Some(container) = finding.container().as_deref() {
        line("container", &one_container(container))?;
    }
    for detail in &finding.details {
        let text = format!("{}: {}", detail.key, detail.value);
        line("detail", &printable(text.as_bytes()))?;
    }
    for evidence in &finding.evidence {
        let event = match &evidence.record {
            Some(record) => format!(
                "{} — {}",
                printable(evidence.note.as_bytes()),
                one_event(&record.event)
            ),
            None => printable(evidence.note.as_bytes()),
        };
        line("evidence", &event)?;
    }
    for r in response {
        line("response", &format!("kill pid {}: {}", r.pid, r.done))?;
    }
    if !finding.techniques.is_empty() {
        line("technique", &finding.techniques.join(", "))?;
    }
    Ok(())
}

/// One event in a few words.
pub fn one_event(event: &Event) -> String {
    let mut out = format!(
        "{} by {}",
        event::kind_name(event.kind),
        event.task.process.pid
    );
    let known = vedette_contract::Kind::by_number(event.kind);
    for (name, value) in event::fields(event) {
        let ty = known.and_then(|k| k.field(&name)).map(|f| f.ty);
        let says_something = match ty {
            Some(Type::Path | Type::Address | Type::Bytes | Type::Set(_) | Type::Bits(_)) => true,
            Some(Type::Process) => !value.is_null(),
            _ => matches!(name.as_str(), "port" | "ret" | "fd" | "request"),
        };
        if says_something && event.kind != kind::EXEC || name == "path" {
            let text = match &value {
                serde_json::Value::String(s) => cut(&printable(s.as_bytes())),
                serde_json::Value::Array(a) if a.is_empty() => continue,
                other => other.to_string(),
            };
            let _ = write!(out, " {name}={text}");
        }
    }
    out
}

fn one_process(process: &Process) -> String {
    let args: Vec<String> = arguments(&process.image.args).map(printable).collect();
    format!(
        "{} {} (pid {}, uid {})",
        printable(&process.exe),
        cut(&format!("[{}]", args.join(" "))),
        process.id.pid,
        process.uid
    )
}

fn one_container(container: &Container) -> String {
    let name = if container.name.is_empty() {
        &container.id
    } else {
        &container.name
    };
    let mut out = name.clone();
    if !container.image.is_empty() {
        out += &format!(" ({})", container.image);
    }
    if !container.pod.is_empty() {
        out += &format!(" of pod {}/{}", container.namespace, container.pod);
    }
    if container.marks & container_mark::PRIVILEGED != 0 {
        out += ", privileged";
    }
    if container.is_pending() {
        out += ", pending";
    }
    cut(&printable(out.as_bytes()))
}

fn lineage(process: &Process) -> String {
    let mut names: Vec<String> = process
        .lineage()
        .take(ANCESTORS_SHOWN)
        .map(|p| {
            let exe = p.exe.rsplit(|b| *b == b'/').next().unwrap_or(&p.exe);
            format!("{}({})", printable(exe), p.id.pid)
        })
        .collect();
    names.reverse();
    names.join(" › ")
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(COMMAND_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "INFO",
        Severity::Low => "LOW",
        Severity::Medium => "MEDIUM",
        Severity::High => "HIGH",
        Severity::Critical => "CRITICAL",
    }
}

fn severity_style(severity: Severity) -> Style {
    let colour = match severity {
        Severity::Info => AnsiColor::Blue,
        Severity::Low => AnsiColor::Cyan,
        Severity::Medium => AnsiColor::Yellow,
        Severity::High => AnsiColor::Red,
        Severity::Critical => AnsiColor::BrightRed,
    };
    Style::new().bold().fg_color(Some(colour.into()))
}
