//! Whoever reads what the agent prints may stop: what is found is answered all the same.

#![allow(missing_docs, reason = "tests")]

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::{
    io::Write,
    process::{Child, Command},
    sync::{Arc, Mutex},
};
use vedette::{
    agent::Moment,
    commands::handle_outcomes,
    context::Context,
    finding::{Action, Category, Finding, Proposal, Severity},
    output::{
        Clock,
        printer::{Full, Printer},
    },
    plugin::Outcome,
    response::Policy,
    verdict::{Form, Verdicts},
};
use vedette_contract::kind;
use vedette_sensor::event::{Event, Task, TaskRef};

/// A reader that takes nothing for as long as somebody holds it.
struct Stalled {
    held: Receiver<()>,
    read: Arc<Mutex<Vec<u8>>>,
}

impl Write for Stalled {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.held.recv();
        self.read.lock().expect("no panic").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A process to be killed, and what it is known by.
fn victim() -> (Child, TaskRef) {
    let child = Command::new("sleep").arg("600").spawn().expect("it starts");
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("it lives");
    let (_, behind_name) = stat.rsplit_once(')').expect("a name");
    let ticks = behind_name.split_whitespace().nth(19);
    let ticks: u64 = ticks.expect("a field").parse().expect("a number");
    let id = TaskRef {
        pid: child.id(),
        start: ticks * 10_000_000,
    };
    (child, id)
}

fn finding(n: u64, kills: Option<TaskRef>) -> Finding {
    let row = |process| {
        let event = Event {
            kind: kind::OPEN,
            task: Task {
                process,
                ..Task::default()
            },
            ..Event::default()
        };
        Context::default().apply(&event).process.expect("its actor")
    };
    let kill = |id| Proposal {
        action: Action::Kill,
        target: row(id),
        event: None,
    };
    Finding {
        plugin: "test".into(),
        version: "1.0.0".into(),
        rule: "seen".to_owned(),
        title: "Seen".to_owned(),
        category: Category::Execution,
        severity: Severity::Low,
        confidence: 100,
        techniques: Vec::new(),
        process: None,
        about: None,
        message: "x".repeat(4000),
        details: Vec::new(),
        evidence: Vec::new(),
        dedup: n.to_string(),
        proposals: kills.map(kill).into_iter().collect(),
        at: 1_000_000_000 + n,
    }
}

#[test]
fn what_is_found_is_answered_while_nobody_reads() {
    let (mut child, id) = victim();
    let (hold, held): (Sender<()>, _) = bounded(0);
    let read = Arc::<Mutex<Vec<u8>>>::default();
    let stalled = Stalled {
        held,
        read: read.clone(),
    };
    let printer = Printer::start("test", stalled, Full::LeaveOut).expect("a thread");
    let policy = Policy::new(true, &[]).expect("an empty list");
    let verdicts = Verdicts::new(policy, Form::Json, Clock { boot: 0 }, printer);
    let (send, outcomes) = unbounded();
    let handler = handle_outcomes(verdicts, outcomes, Moment::default());
    let handler = handler.expect("a thread");
    // More than may wait for a reader.
    const MANY: u64 = 6_000;
    for n in 0..MANY {
        let one = Outcome::Finding(Box::new(finding(n, None)));
        send.send(one).expect("it is handled");
    }
    let last = Outcome::Finding(Box::new(finding(MANY, Some(id))));
    send.send(last).expect("it is handled");
    let status = child.wait().expect("it is our child");
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(9),
        "it is killed although nobody reads"
    );
    assert!(read.lock().expect("no panic").is_empty());

    // Once somebody reads again, that is told.
    drop(hold);
    let told_of = |rule: &str| {
        let read = read.lock().expect("no panic");
        let lines = read.split(|b| *b == b'\n');
        let findings = lines.filter_map(|line| serde_json::from_slice(line).ok());
        findings
            .filter(|finding: &serde_json::Value| finding["rule"] == rule)
            .count() as u64
    };
    while told_of("findings-not-printed") == 0 {
        std::thread::yield_now();
    }
    drop(send);
    let told = handler.join().expect("no panic");
    assert!(told.not_printed > 0);
    assert_eq!(told_of("seen") + told.not_printed, MANY + 1);
    assert_eq!(told.told, MANY + 2);
}
