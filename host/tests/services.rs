//! What plugins ask of the host: timers, and what was when an event happened.

mod support;

use support::*;
use vedette::{agent::Agent, plugin::HostOptions, record::Record};
use vedette_contract::kind;
use vedette_sensor::event::{Event, Task, TaskRef};

/// What the asker has told, in its order.
fn told(findings: &[vedette::finding::Finding]) -> Vec<String> {
    let asker = findings.iter().filter(|f| &*f.plugin == "asker");
    asker.map(|f| f.message.clone()).collect()
}

fn options(batch: usize) -> HostOptions {
    HostOptions {
        batch,
        ..HostOptions::default()
    }
}

/// Offers execs of these paths, by ms; ticks where the path is empty.
fn tell(batch: usize, paths: &[(u64, &str)]) -> Vec<String> {
    let plugins = [("asker.wasm", plugin("asker", &[]))];
    let (mut host, outcomes) = host_with(&plugins, options(batch));
    for (n, (ms, path)) in paths.iter().enumerate() {
        let record = exec(n as u64, path);
        let mut event = record.event.clone();
        event.at = 10_000_000_000 + ms * 1_000_000;
        if path.is_empty() {
            event.kind = kind::TICK;
        }
        offer(
            &mut host,
            &Record {
                event,
                process: record.process.clone().filter(|_| !path.is_empty()),
                target: None,
            },
        );
    }
    host.drain();
    told(&findings(&outcomes))
}

#[test]
fn timers_come_in_event_time_whatever_the_batches() {
    let paths = [
        (0, "/do/timer 250000000"),
        (1, "/do/timer 10000000000"),
        (2, "/do/same-timer 100000000"),
        (3, "/do/same-timer 2000000000"),
        (4, "/do/timer 50000000"),
        (5, "/do/clear 4"),
        (6, "/do/timer 0"),
        (90, "/usr/bin/id"),
        // Brings the one that was set with 0, before itself.
        (100, "/do/clear 1000"),
        (349, "/usr/bin/id"),
        (1500, "/usr/bin/id"),
        // The plugin does not see them.
        (2000, ""),
        (3000, ""),
        (11_000, "/do/clear 1000"),
    ];
    let expected = tell(1, &paths);
    let ok = "Ok(())";
    assert_eq!(
        expected,
        [
            ok,
            ok,
            ok,
            ok,
            ok,
            "cleared",
            ok,
            "timer 6 due 10000000001 at 10100000000",
            "cleared",
            "timer 0 due 10250000000 at 10300000000",
            "timer 1000000 due 12000000000 at 12000000000",
            "timer 1 due 20000000000 at 21000000000",
            "cleared",
        ]
    );
    for batch in [2, 7, 64] {
        assert_eq!(tell(batch, &paths), expected, "batches of {batch}");
    }
}

#[test]
fn a_call_that_is_aborted_sets_no_timer() {
    let paths = [
        (0, "/do/timer-and-trap 1"),
        (1, "/do/timer 1"),
        (500, "/usr/bin/id"),
    ];
    for batch in [1, 64] {
        let told = tell(batch, &paths);
        assert_eq!(told, ["Ok(())", "timer 1 due 10000000001 at 10500000000"]);
    }
}

#[test]
fn the_number_of_timers_is_bounded() {
    let told = tell(64, &[(0, "/do/many-timers 10000"), (1, "/do/same-timer 1")]);
    assert_eq!(told, ["4096 set", "Err(1)"]);
}

/// A shell that forks between its own executions, told in batches of this size.
fn family(batch: usize) -> Vec<String> {
    let plugins = [("asker.wasm", plugin("asker", &[]))];
    let (host, outcomes) = host_with(&plugins, options(batch));
    let mut agent = Agent::new(host, None);
    let task = |pid: u32| Task {
        process: TaskRef {
            pid,
            start: u64::from(pid) * 1000,
        },
        tid: pid,
        ..Task::default()
    };
    let mut id = 0;
    let mut take = |agent: &mut Agent, kind: u16, pid: u32, target: u32, text: &str| {
        id += 1;
        agent.take(Event {
            kind,
            id,
            at: 10_000_000_000 + id,
            task: task(pid),
            target: (target != 0).then(|| task(target).process),
            text: text.as_bytes().into(),
            ..Event::default()
        });
    };
    take(&mut agent, kind::EXEC, 100, 0, "/do/children 9");
    for child in [101, 103, 102] {
        take(&mut agent, kind::FORK, 100, child, "");
        take(&mut agent, kind::EXEC, 100, 0, "/do/children 2");
    }
    take(&mut agent, kind::EXIT, 101, 0, "");
    take(&mut agent, kind::EXEC, 100, 0, "/do/children 9");
    take(&mut agent, kind::EXEC, 102, 0, "/do/process");
    take(&mut agent, kind::EXEC, 102, 0, "/do/nobody");
    take(&mut agent, kind::EXEC, 102, 0, "/do/not-sent");
    agent.finish().expect("nothing is recorded");
    told(&findings(&outcomes))
}

#[test]
fn the_context_answers_as_of_the_event() {
    let expected = family(1);
    assert_eq!(
        expected,
        [
            "[] of 0",
            "[101] of 2",
            "[101, 103] of 3",
            "[101, 102] of 3",
            "[102, 103] of 3",
            "[102, 100] of 2",
            "failure 4",
            "failure 8",
        ]
    );
    for batch in [2, 64] {
        assert_eq!(family(batch), expected, "batches of {batch}");
    }
}

#[test]
fn a_plugin_that_does_not_ask_costs_no_past() {
    let (host, _outcomes) = host_with(&[("k.wasm", plugin("keeper", &[]))], options(64));
    assert!(!host.asks());
    let (host, _outcomes) = host_with(&[("a.wasm", plugin("asker", &[]))], options(64));
    assert!(host.asks());
}
