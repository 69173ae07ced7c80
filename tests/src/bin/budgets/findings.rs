//! How fast the agent starts and finds.

use crate::table::{quantile, row, spread};
use serde_json::Value;
use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use vedette_tests::{
    agent::{Agent, Finding, Options, boot_time},
    guests::{Component, PluginDirectory},
    process::wait_for,
    storm::Site,
};

/// Executions whose findings are timed.
const TRIES: u64 = 200;
/// Longest gap between two of them.
const LONGEST_GAP: u64 = 30;
/// Starts that are timed.
const STARTS: usize = 10;

pub fn measure() {
    starts();
    findings(&Site::new());
}

fn starts() {
    // The first may compile; the others find what it has compiled.
    Agent::observing().stop();
    let ready: Vec<_> = (0..STARTS)
        .map(|_| {
            let agent = Agent::observing();
            let after = agent.ready_after().as_secs_f64() * 1e3;
            agent.stop();
            after
        })
        .collect();
    row("start to ready, warm cache", &spread(&ready, "ms"));
}

fn findings(_site: &Site) {
    let directory = PluginDirectory::bundled();
    directory.put("witness", &Component::witness('a').eager());
    let agent = Options::default().plugins(directory.path()).start();
    let mut executed = Vec::new();
    for number in 0..TRIES {
        // Spread evenly and the same in every run.
        thread::sleep(Duration::from_millis(number * 7919 % (LONGEST_GAP + 1)));
        executed.push(boot_time() as f64);
        let status = Command::new(Site::program())
            .arg(format!("try-{number}"))
            .stdin(Stdio::null())
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "the marker runs"
        );
    }
    let told = |findings: &[Finding], number: u64| {
        let name = format!("try-{number}");
        let ours = |finding: &&Finding| {
            let args = finding
                .json
                .pointer("/process/args")
                .and_then(Value::as_array);
            args.is_some_and(|args| args.iter().any(|arg| arg == name.as_str()))
        };
        findings.iter().find(ours).cloned()
    };
    let all = wait_for(Duration::from_secs(20), || {
        let findings = agent.findings();
        let each: Option<Vec<_>> = (0..TRIES).map(|number| told(&findings, number)).collect();
        each
    });
    let Some(all) = all else {
        eprintln!("budgets: not every exec was found: {}", agent.describe());
        return;
    };
    let now = (Instant::now(), boot_time() as f64);
    let read = |finding: &Finding| now.1 - (now.0 - finding.read).as_nanos() as f64;
    let happened = |finding: &Finding| {
        finding
            .json
            .pointer("/evidence/0/at")
            .and_then(Value::as_f64)
    };
    let since_exec: Vec<_> = all
        .iter()
        .filter_map(|finding| Some((read(finding) - happened(finding)?) / 1e6))
        .collect();
    let since_spawn: Vec<_> = all
        .iter()
        .zip(&executed)
        .map(|(finding, spawned)| (read(finding) - spawned) / 1e6)
        .collect();
    let both = |values: &[f64]| {
        format!(
            "p50 {:.3} ms, p99 {:.3} ms",
            quantile(values, 0.5),
            quantile(values, 0.99)
        )
    };
    row(
        &format!("exec to finding on stdout, {TRIES} tries, gaps of 0–{LONGEST_GAP} ms"),
        &both(&since_exec),
    );
    row("the same from before the fork", &both(&since_spawn));
    agent.stop();
}
