//! The same events give the same findings, however they fall into batches and onto workers.

mod support;

use std::collections::BTreeMap;
use support::*;
use vedette::{finding::Finding, plugin::HostOptions};

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
