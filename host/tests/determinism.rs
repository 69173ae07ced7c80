//! The same events give the same findings, however they fall into batches and onto workers.

mod support;

use std::{collections::BTreeMap, path::Path};
use support::*;
use vedette::{agent::Agent, author::trial::Capture, finding::Finding, plugin::HostOptions};
use vedette_sensor::event::Event;

/// All that a finding says, by plugin, in the plugin's order.
fn told(findings: &[Finding]) -> BTreeMap<String, Vec<String>> {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for f in findings {
        told.entry(f.plugin.to_string()).or_default().push(format!(
            "{} {:?} {} {:?} {} {} {:?} {:?} {}",
            f.rule,
            f.severity,
            f.confidence,
            f.process.as_ref().map(|p| (p.key, p.exec_id)),
            f.message,
            f.dedup,
            f.evidence
                .iter()
                .map(|e| (e.event, &e.note))
                .collect::<Vec<_>>(),
            f.proposals.iter().map(|p| p.target.key).collect::<Vec<_>>(),
            f.at,
        ));
    }
    told
}

fn run(batch: usize, workers: usize, plugins: &[(&str, Vec<u8>)]) -> BTreeMap<String, Vec<String>> {
    let (mut host, outcomes) = host_with(
        plugins,
        HostOptions {
            batch,
            workers,
            ..HostOptions::default()
        },
    );
    for id in 0..3000 {
        // A call that is refused, one that says too much, and one that fills the state.
        let path = match id {
            700 => "/do/undeclared",
            1400 => "/do/exaggerate",
            2100 => "/do/window",
            _ if id % 3 == 0 => "/do/window",
            _ => "/usr/bin/id",
        };
        offer(&mut host, &exec(id, path));
    }
    host.drain();
    told(&findings(&outcomes))
}

#[test]
fn batches_and_workers_do_not_change_findings() {
    let plugins = [
        (
            "a.wasm",
            plugin("probe", &[("id = \"probe\"", "id = \"a\"")]),
        ),
        (
            "b.wasm",
            plugin("probe", &[("id = \"probe\"", "id = \"b\"")]),
        ),
        ("k.wasm", plugin("keeper", &[])),
    ];
    let expected = run(1, 1, &plugins);
    assert_eq!(expected.len(), 3);
    assert!(expected["a"].len() > 1000);
    // The window of the counter ends within the stream, so that the clock matters.
    let windows: Vec<&String> = expected["a"]
        .iter()
        .filter(|f| f.contains("window 1 "))
        .collect();
    assert!(windows.len() > 5, "{}", windows.len());
    for (batch, workers) in [(7, 1), (64, 1), (1, 8), (64, 2), (64, 8)] {
        let told = run(batch, workers, &plugins);
        for (plugin, findings) in &expected {
            assert_eq!(
                findings.len(),
                told[plugin].len(),
                "{plugin}: batch {batch}, workers {workers}"
            );
            for (one, other) in findings.iter().zip(&told[plugin]) {
                assert_eq!(one, other, "{plugin}: batch {batch}, workers {workers}");
            }
        }
    }
}

/// The plugins that come with the agent, over captures of real acts and of honest work.
fn bundled(
    batch: usize,
    workers: usize,
    events: &[Event],
    cache: &Path,
) -> BTreeMap<String, Vec<String>> {
    let (host, outcomes) = host_with(
        &BUNDLED.map(|name| (name.1, plugin(name.0, &[]))),
        HostOptions {
            batch,
            workers,
            cache: Some(cache.to_owned()),
            ..HostOptions::default()
        },
    );
    let mut agent = Agent::new(host, None);
    for event in events {
        agent.take(event.clone());
    }
    agent.finish().expect("nothing is recorded");
    told(&findings(&outcomes))
}

const BUNDLED: [(&str, &str); 3] = [
    ("../../plugins/reverse-shell", "reverse-shell.wasm"),
    ("../../plugins/escape", "escape.wasm"),
    ("../../plugins/miner", "miner.wasm"),
];

#[test]
fn bundled_plugins_find_the_same_in_any_batch_on_any_workers() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut captures = vec![
        top.join("host/assets/reverse-shell.capture"),
        top.join("host/assets/typical.capture"),
    ];
    for (plugin, _) in BUNDLED {
        let fixtures = crate_of(plugin).join("fixtures");
        captures.extend(
            std::fs::read_dir(fixtures)
                .expect("fixtures")
                .map(|entry| entry.expect("readable").path())
                .filter(|path| path.extension().is_some_and(|e| e == "capture")),
        );
    }
    let cache = directory();
    let mut found = std::collections::BTreeSet::new();
    for path in captures {
        let events = Capture::read(&path).expect("a capture").events;
        let expected = bundled(1, 1, &events, cache.path());
        found.extend(expected.keys().cloned());
        for (batch, workers) in [(7, 1), (64, 1), (1, 2), (7, 2), (64, 2), (1, 8), (64, 8)] {
            assert_eq!(
                bundled(batch, workers, &events, cache.path()),
                expected,
                "{}: batch {batch}, workers {workers}",
                path.display()
            );
        }
    }
    // All three had something to find, or this would prove little.
    assert!(
        BUNDLED
            .iter()
            .all(|(_, file)| found.contains(file.trim_end_matches(".wasm"))),
        "{found:?}"
    );
}
