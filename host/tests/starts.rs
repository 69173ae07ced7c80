//! No plugin waits until another one has been made ready: not at the start of the agent, and not
//! while it runs.

mod support;

use crossbeam_channel::{Receiver, unbounded};
use std::{
    thread,
    time::{Duration, Instant},
};
use support::{raw::Guest, trial::PATIENCE, *};
use vedette::plugin::{HostOptions, Outcome, PluginHost};

/// One whose `init` takes all the time that it may have.
fn endless() -> Vec<u8> {
    Guest {
        init: Some("(loop $ever (br $ever)) unreachable"),
        ..Guest::idle()
    }
    .build()
}

fn host_of(directory: &tempfile::TempDir) -> (PluginHost, Receiver<Outcome>) {
    let (send, outcomes) = unbounded();
    let options = HostOptions {
        sources: vec![directory.path().to_owned()],
        ..HostOptions::default()
    };
    (
        PluginHost::new(options, send).expect("the runtime starts"),
        outcomes,
    )
}

/// What the pipeline does between events, until the probe's finding of one comes; returns whether
/// another plugin was refused before.
fn until_probe_finds(host: &mut PluginHost, outcomes: &Receiver<Outcome>) -> bool {
    let begun = Instant::now();
    let mut refused = false;
    for id in 0.. {
        assert!(begun.elapsed() < PATIENCE, "the probe serves");
        for change in host.changes() {
            host.apply(change);
        }
        offer(host, &exec(id, "/usr/bin/id"));
        host.flush();
        thread::sleep(Duration::from_millis(5));
        for outcome in outcomes.try_iter() {
            match outcome {
                Outcome::Finding(finding) if *finding.plugin == *"probe" => return refused,
                Outcome::Refused { .. } => refused = true,
                _ => {}
            }
        }
    }
    refused
}

fn until_refused(host: &mut PluginHost, outcomes: &Receiver<Outcome>) -> String {
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < PATIENCE, "it is refused");
        for change in host.changes() {
            host.apply(change);
        }
        for outcome in outcomes.try_iter() {
            if let Outcome::Refused { reason, .. } = outcome {
                return reason;
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn at_the_start_each_serves_as_soon_as_it_is_ready() {
    let directory = directory();
    put(directory.path(), "a.wasm", &endless());
    put(directory.path(), "p.wasm", &plugin("probe", &[]));
    let (mut host, outcomes) = host_of(&directory);
    host.load_meanwhile();
    assert_eq!(host.awaited(), 2);
    host.take_first(Duration::ZERO);
    assert!(!until_probe_finds(&mut host, &outcomes), "it serves first");
    let reason = until_refused(&mut host, &outcomes);
    assert!(reason.contains("ran for longer"), "{reason}");
    while host.awaited() > 0 {
        assert!(host.changes().is_empty());
        thread::yield_now();
    }
}

#[test]
fn before_the_first_event_all_that_is_ready_in_time_comes_into_service() {
    let directory = directory();
    put(directory.path(), "p.wasm", &plugin("probe", &[]));
    let other = plugin("probe", &[("id = \"probe\"", "id = \"other\"")]);
    put(directory.path(), "q.wasm", &other);
    let (mut host, _outcomes) = host_of(&directory);
    host.load_meanwhile();
    host.take_first(PATIENCE);
    assert_eq!(host.awaited(), 0);
    assert_eq!(host.plugins().len(), 2);
    assert!(host.changes().is_empty());
}

#[test]
fn a_change_does_not_wait_for_another_that_takes_long() {
    let directory = directory();
    let (mut host, outcomes) = host_of(&directory);
    host.load_meanwhile();
    put(directory.path(), "a.wasm", &endless());
    let begun = Instant::now();
    while host.reports().iter().all(|report| report.id != "raw") {
        assert!(begun.elapsed() < PATIENCE, "it is being made ready");
        thread::sleep(Duration::from_millis(1));
    }
    put(directory.path(), "p.wasm", &plugin("probe", &[]));
    assert!(!until_probe_finds(&mut host, &outcomes), "it serves first");
    let reason = until_refused(&mut host, &outcomes);
    assert!(reason.contains("ran for longer"), "{reason}");
}
