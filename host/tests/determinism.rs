//! The same events give the same findings, however they fall into batches and onto workers.

mod support;

use std::{collections::BTreeMap, path::Path};
use support::*;
use vedette::{
    agent::Agent, author::trial::Capture, finding::Finding, plugin::HostOptions, record::Record,
};
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

/// Findings of one event by the dozen, some of which prove nothing: neither how many are let through
/// nor what they tell may depend on the batch.
#[test]
fn what_one_event_raises_does_not_depend_on_its_neighbours() {
    let guest = raw::Guest::on_poison(
        "(local.set $i (i32.const 0))
         (loop $next
            (memory.fill (i32.add (i32.const 140000) (i32.mul (local.get $i) (i32.const 72))) (i32.const 0) (i32.const 72))
            (i32.store offset=140000 (i32.mul (local.get $i) (i32.const 72)) (i32.const 1024))
            (i32.store offset=140004 (i32.mul (local.get $i) (i32.const 72)) (i32.const 4))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get $i) (i32.const 40))))
         (i32.store (i32.const 2000) (i32.const 140000)) (i32.store (i32.const 2004) (i32.const 40)) (i32.const 2000)",
    );
    let bytes = guest.build();
    let run = |batch| {
        let options = HostOptions {
            batch,
            ..HostOptions::default()
        };
        let (mut host, outcomes) = host_with(&[("raw.wasm", bytes.clone())], options);
        for id in 0..100 {
            let record = exec(id, "/usr/bin/id");
            let mut event = record.event.clone();
            event.a = u64::from(id == 40);
            offer(
                &mut host,
                &Record {
                    event,
                    process: record.process.clone(),
                    target: None,
                },
            );
        }
        host.drain();
        told(&findings(&outcomes))
    };
    let expected = run(1);
    assert_eq!(expected["raw"].len(), 40);
    // Alone in its batch, and in the midst of one.
    for batch in [7, 64] {
        assert_eq!(run(batch), expected, "batch {batch}");
    }
}

/// What is kept of the dead has an end: which batches events came in does not move it.
#[test]
fn what_was_sent_long_ago_is_remembered_alike() {
    let bytes = plugin("probe", &[]);
    let run = |batch| {
        let options = HostOptions {
            batch,
            ..HostOptions::default()
        };
        let (mut host, outcomes) = host_with(&[("probe.wasm", bytes.clone())], options);
        for id in 0..5000 {
            let path = if id % 97 == 96 { "/do/recall" } else { "/x" };
            let record = exec(id, path);
            let one = process(1000 + id as u32, None, "sh", false);
            let mut event = record.event.clone();
            event.at = 1_000_000_000 + id * 1_500_000;
            event.task.process = one.id;
            // It ends at once.
            one.life.end(event.at);
            offer(
                &mut host,
                &Record {
                    event,
                    process: Some(one),
                    target: None,
                },
            );
        }
        host.drain();
        told(&findings(&outcomes))
    };
    let expected = run(1);
    let full = |finding: &&String| finding.matches("long ago").count() == 64;
    let told = &expected["probe"];
    assert!(
        told.iter()
            .any(|one| one.contains("long ago") && !full(&one))
    );
    for batch in [7, 64] {
        assert_eq!(run(batch), expected, "batch {batch}");
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
