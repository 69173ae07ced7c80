//! Events for people: one line each.

use super::{Clock, event, printable};
use crate::context::process::Process;
use crate::record::Record;
use anstyle::{AnsiColor, Style};
use serde_json::Value;
use std::fmt::{self, Write};
use vedette_contract::sets;

/// Ancestors that are shown; the whole lineage stands in the JSON.
const ANCESTORS_SHOWN: usize = 3;

/// Length from which a field is cut, in characters: a command line must not hide the rest.
const FIELD_SHOWN: usize = 200;

/// When, what, who, where, and the fields; styled for a terminal. Where the output is not one, the
/// stream that it is written to takes the styles out.
pub fn line(record: &Record, clock: &Clock) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, record, clock);
    out
}

fn write(out: &mut String, record: &Record, clock: &Clock) -> fmt::Result {
    let dim = Style::new().dimmed();
    let kind = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
    let event = &record.event;
    let time = clock.rfc3339(event.at);
    let time = time.get(11..26).unwrap_or(&time);
    write!(
        out,
        "{dim}{time}{dim:#} {kind}{:<14}{kind:#} ",
        event::kind_name(event.kind)
    )?;
    match record.process.as_deref() {
        Some(process) => who(out, process)?,
        None if event.task.process.pid != 0 => write!(out, "({})", event.task.process.pid)?,
        None => write!(out, "-")?,
    }
    if let Some(target) = record.target.as_deref() {
        write!(out, " {dim}→{dim:#} {}({})", name(target), target.id.pid)?;
    }
    for (field, value) in event::fields(event) {
        write!(out, " {dim}{field}={dim:#}{}", short(&value))?;
    }
    for mark in sets::EVENT_MARK.names_of(event.marks) {
        write!(out, " {dim}[{mark}]{dim:#}")?;
    }
    Ok(())
}

/// The process, the container that it is in, and where it came from.
fn who(out: &mut String, process: &Process) -> fmt::Result {
    let dim = Style::new().dimmed();
    let bold = Style::new().bold();
    write!(out, "{bold}{}{bold:#}({})", name(process), process.id.pid)?;
    if let Some(container) = process.container.as_deref() {
        let called = match container.name.as_str() {
            "" => container.id.get(..12).unwrap_or(&container.id),
            name => name,
        };
        write!(out, " {dim}in{dim:#} {}", printable(called.as_bytes()))?;
    }
    for ancestor in process.lineage().skip(1).take(ANCESTORS_SHOWN) {
        write!(
            out,
            " {dim}‹ {}({}){dim:#}",
            name(ancestor),
            ancestor.id.pid
        )?;
    }
    Ok(())
}

fn name(process: &Process) -> String {
    let last = process.exe.rsplit(|b| *b == b'/').next();
    match last.filter(|name| !name.is_empty()) {
        Some(name) => printable(name),
        None => {
            let end = process.comm.iter().position(|b| *b == 0).unwrap_or(16);
            printable(&process.comm[..end])
        }
    }
}

fn short(value: &Value) -> String {
    let text = match value {
        Value::String(text) => printable(text.as_bytes()),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(short).collect();
            format!("[{}]", values.join(" "))
        }
        other => other.to_string(),
    };
    match text.char_indices().nth(FIELD_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use crate::context::Context;
    use vedette_contract::{kind, values::event_mark};
    use vedette_sensor::event::{Event, Image, Task, TaskRef};

    #[test]
    fn one_line_that_no_file_name_can_break() {
        let mut context = Context::default();
        let process = |pid| TaskRef { pid, start: 1 };
        let task = |pid, parent| Task {
            process: process(pid),
            parent: process(parent),
            tid: pid,
            ..Task::default()
        };
        let exec = |pid, parent, exe: &str| Event {
            kind: kind::EXEC,
            task: task(pid, parent),
            text: exe.as_bytes().into(),
            image: Some(Box::new(Image {
                args: b"a\0b"[..].into(),
                ..Image::default()
            })),
            ..Event::default()
        };
        context.apply(&exec(7, 1, "/bin/sh"));
        context.apply(&exec(8, 7, "/tmp/e\x1b[2Jvil\nx"));
        let event = Event {
            kind: kind::CONNECT,
            at: 1_500_000_000,
            task: task(8, 7),
            a: 4444 | (2 << 32),
            text: [127, 0, 0, 1][..].into(),
            marks: event_mark::LATE,
            ..Event::default()
        };
        let rows = context.apply(&event);
        let record = Record {
            event,
            process: rows.process,
            target: None,
        };
        let styled = line(&record, &Clock { boot: 0 });
        let plain = anstream::adapter::strip_str(&styled).to_string();
        assert!(
            plain.starts_with("00:00:01.500000 connect        e\\u{1b}[2Jvil\\nx(8) ‹ sh(7)"),
            "{plain}"
        );
        assert!(plain.contains("address=127.0.0.1") && plain.contains("port=4444"));
        assert!(
            plain.ends_with("[late]") && !plain.contains('\n'),
            "{plain}"
        );
    }
}
