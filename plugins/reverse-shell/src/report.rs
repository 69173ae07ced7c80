//! Wording what was found.

use crate::Waiting;
use crate::command::Reads;
use crate::conn::Conn;
use crate::graph::Graph;
use crate::orders::Heard;
use crate::relay::Trust;
use crate::search::Verdict;
use crate::shell::Shell;
use std::borrow::Cow;
use vedette_sdk::prelude::*;

/// Ancestors that are looked through for the shell that a command belongs to.
pub const LINEAGE: usize = 8;

fn name(path: &[u8]) -> Cow<'_, str> {
    if path.is_empty() {
        return Cow::Borrowed("a program");
    }
    String::from_utf8_lossy(path)
}

/// The input and output of a program are one connection.
pub fn on_socket(
    findings: &mut Findings,
    event: Event<'_>,
    process: Process<'_>,
    reads: Reads,
    conn: &Conn,
) {
    let (rule, way) = match conn.is_outbound() {
        true => ("reverse-shell", "it connected to"),
        false => ("bind-shell", "it accepted from"),
    };
    let (severity, confidence, what) = match reads {
        Reads::Commands => (Severity::Critical, 98, "a shell that reads commands"),
        Reads::Program | Reads::Dialogue => (
            Severity::Critical,
            95,
            "an interpreter that reads its program",
        ),
        Reads::Elsewhere | Reads::Script => (Severity::Critical, 90, "a shell or interpreter"),
        Reads::NoInterpreter => (Severity::High, 80, "a program"),
    };
    let exe = name(process.exe());
    findings
        .raise(rule, severity)
        .confidence(confidence)
        .process(process)
        .message(format!(
            "{exe}, {what}, has the connection {way} {} as its standard input and output",
            conn.endpoint()
        ))
        .evidence(
            event.id(),
            "its standard input and output are one connection",
        )
        .dedup(format!("socket {}", conn.socket))
        .propose_kill(process);
}

/// A command answers to a connection from which somebody above it takes commands.
pub fn answers(
    findings: &mut Findings,
    event: Event<'_>,
    command: Process<'_>,
    subject: Process<'_>,
    made: &Conn,
    read: Option<u64>,
) {
    let (severity, confidence) = match read {
        Some(_) => (Severity::Critical, 90),
        None => (Severity::High, 70),
    };
    let mut finding = findings
        .raise("reverse-shell", severity)
        .confidence(confidence)
        .process(subject)
        .message(format!(
            "{} runs commands whose output and errors go to its connection to {}",
            name(subject.exe()),
            made.endpoint()
        ))
        .evidence(made.event, "the connection is made")
        .evidence(
            event.id(),
            "output and errors of a command become the connection",
        );
    if let Some(read) = read {
        finding = finding.evidence(read, "the connection is read as standard input");
    }
    finding = finding
        .dedup(format!("socket {}", made.socket))
        .propose_kill(subject);
    if command.key() != subject.key() {
        finding.propose_kill(command);
    }
}

/// A program runs what the other side of its connection wrote.
pub fn ordered(
    findings: &mut Findings,
    event: Event<'_>,
    command: Process<'_>,
    subject: Process<'_>,
    heard: &Heard,
) {
    findings
        .raise("reverse-shell", Severity::High)
        .confidence(85)
        .process(subject)
        .message(format!(
            "{} runs as commands what it is sent over its connection to {}",
            name(subject.exe()),
            heard.endpoint
        ))
        .evidence(heard.event, "the command comes in")
        .evidence(event.id(), "the same is executed")
        .dedup(format!("socket {}", heard.socket))
        .propose_kill(subject)
        .propose_kill(command);
}

/// A program made a connection its own input and output, and goes on itself.
pub fn by_itself(findings: &mut Findings, key: u64, waiting: &Waiting, graph: &Graph) {
    let exe = graph
        .node(key)
        .map_or("a program".into(), |node| name(&node.name));
    findings
        .raise("reverse-shell", Severity::High)
        .confidence(75)
        .process(key)
        .message(format!(
            "{exe} put its connection to {} on its own standard input and output",
            waiting.conn.endpoint()
        ))
        .evidence(
            waiting.event,
            "its standard input and output became one connection",
        )
        .dedup(format!("socket {}", waiting.conn.socket))
        .propose_kill(key);
}

/// A shell is led from a connection through other processes.
pub fn relayed(
    findings: &mut Findings,
    event: Event<'_>,
    key: u64,
    shell: &Shell,
    verdict: &Verdict,
    graph: &Graph,
) {
    let (input, output) = (&verdict.input, &verdict.output);
    let outbound = input.conn.is_outbound() || output.conn.is_outbound();
    let (rule, leads) = match outbound {
        true => ("reverse-shell", "to"),
        false => ("bind-shell", "from"),
    };
    let (severity, confidence) = match verdict.trust {
        Trust::Strong => (Severity::Critical, 92),
        Trust::Fair => (Severity::High, 75),
        Trust::Weak => (Severity::Medium, 45),
        Trust::Faint => (Severity::Low, 20),
    };
    let relay = |relay: u64| match graph.node(relay) {
        Some(node) if relay != key => format!("{} (pid {})", name(&node.name), node.pid),
        _ => "itself".to_owned(),
    };
    let through = if input.relay == output.relay {
        relay(input.relay)
    } else {
        format!("{} and {}", relay(input.relay), relay(output.relay))
    };
    let mut finding = findings
        .raise(rule, severity)
        .confidence(confidence)
        .process(key)
        .message(format!(
            "The input and output of {} (pid {}) lead through {through} to a connection {leads} {}",
            name(&shell.name),
            shell.pid,
            input.conn.endpoint()
        ))
        .evidence(shell.event, "the shell begins");
    let mut told = vec![shell.event];
    for (id, note) in [
        (input.conn.event, "the connection that its input comes from"),
        (output.conn.event, "the connection that its output goes to"),
        (event.id(), "completes the way between shell and connection"),
    ] {
        if !told.contains(&id) {
            told.push(id);
            finding = finding.evidence(id, note);
        }
    }
    finding = finding.dedup(format!("socket {}", input.conn.socket));
    if !verdict.is_deadly() {
        return;
    }
    finding = finding.propose_kill(key);
    let mut killed = vec![key];
    for link in [input, output] {
        // A relay beside the shell was started for it; one above it may be a service.
        if !link.above && !killed.contains(&link.relay) {
            killed.push(link.relay);
            finding = finding.propose_kill(link.relay);
        }
    }
}
