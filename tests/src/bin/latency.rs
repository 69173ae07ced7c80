//! Part of `make bench`: the figures of docs/performance.md that need the kernel and a running
//! agent, printed as a table. With and without the agent are measured in turns in one run, because
//! a machine's speed drifts.

use rustix::{
    fs::{Mode, OFlags},
    process::getppid,
};
use serde_json::Value;
use std::{
    fs,
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};
use vedette_tests::{
    agent::{Agent, Finding, Options, boot_time},
    guests::{Component, PluginDirectory},
    need::{Need, missing},
    process::{status_field, wait_for},
    storm::Site,
    workspace,
};

/// Executions whose findings are timed.
const TRIES: u64 = 200;
/// Longest gap between two of them.
const LONGEST_GAP: u64 = 30;
/// Turns of with and without.
const ROUNDS: usize = 7;
/// Starts that are timed.
const STARTS: usize = 10;

fn main() -> ExitCode {
    if let Some(reason) = missing(&[Need::Agent, Need::Kernel, Need::Tool("cc")]) {
        eprintln!("latency: it cannot be measured here: {reason}");
        return ExitCode::FAILURE;
    }
    let _alone = workspace::alone();
    println!("| measured | value |\n|---|---|");
    starts();
    let site = Site::new();
    findings(&site);
    costs();
    storms();
    ExitCode::SUCCESS
}

fn row(name: &str, value: &str) {
    println!("| {name} | {value} |");
}

/// The value below which this share of the sorted values lies.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = ((values.len() as f64 - 1.0) * share).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// "median (lowest to highest)"
fn spread(values: &mut [f64], unit: &str) -> String {
    let middle = quantile(values, 0.5);
    let (low, high) = (quantile(values, 0.0), quantile(values, 1.0));
    format!("{middle:.1} {unit} ({low:.1}–{high:.1})")
}

fn starts() {
    // The first may compile; the others find what it has compiled.
    Agent::observing().stop();
    let mut ready: Vec<_> = (0..STARTS)
        .map(|_| {
            let agent = Agent::observing();
            let after = agent.ready_after().as_secs_f64() * 1e3;
            agent.stop();
            after
        })
        .collect();
    row("start to ready, warm cache", &spread(&mut ready, "ms"));
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
        eprintln!("latency: not every exec was found: {}", agent.describe());
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
    let mut since_exec: Vec<_> = all
        .iter()
        .filter_map(|finding| Some((read(finding) - happened(finding)?) / 1e6))
        .collect();
    let mut since_spawn: Vec<_> = all
        .iter()
        .zip(&executed)
        .map(|(finding, spawned)| (read(finding) - spawned) / 1e6)
        .collect();
    let both = |values: &mut [f64]| {
        format!(
            "p50 {:.3} ms, p99 {:.3} ms",
            quantile(values, 0.5),
            quantile(values, 0.99)
        )
    };
    row(
        &format!("exec to finding on stdout, {TRIES} tries, gaps of 0–{LONGEST_GAP} ms"),
        &both(&mut since_exec),
    );
    row("the same from before the fork", &both(&mut since_spawn));
    agent.stop();
}

/// ns of one call.
fn timed(count: u32, mut act: impl FnMut()) -> f64 {
    let begin = Instant::now();
    for _ in 0..count {
        act();
    }
    begin.elapsed().as_nanos() as f64 / f64::from(count)
}

fn open_close() {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    drop(rustix::fs::open(c"/etc/hostname", flags, Mode::empty()));
}

fn execute() {
    let status = Command::new("/bin/true").stdin(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "true is true");
}

/// One measurement: its name, how often, and what.
type Cost = (&'static str, u32, fn());

const COSTS: [Cost; 3] = [
    ("getppid", 1_000_000, || {
        std::hint::black_box(getppid());
    }),
    ("open + close", 200_000, open_close),
    ("fork + exec + exit + wait", 300, execute),
];

fn costs() {
    let mut without = vec![Vec::new(); COSTS.len()];
    let mut with = vec![Vec::new(); COSTS.len()];
    for _ in 0..ROUNDS {
        for (cost, values) in COSTS.iter().zip(&mut without) {
            values.push(timed(cost.1, cost.2));
        }
        let agent = Agent::observing();
        for (cost, values) in COSTS.iter().zip(&mut with) {
            values.push(timed(cost.1, cost.2));
        }
        agent.stop();
    }
    for ((name, ..), (without, with)) in COSTS.iter().zip(without.iter_mut().zip(&mut with)) {
        let ratio = quantile(with, 0.5) / quantile(without, 0.5);
        let (bare, watched) = (spread(without, "ns"), spread(with, "ns"));
        row(&format!("{name}, without agent"), &bare);
        row(
            &format!("{name}, with agent"),
            &format!("{watched}, ×{ratio:.3}"),
        );
    }
}

/// CPU seconds that a process has used.
fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

fn memory(agent: &Agent, name: &str) {
    let field = |name| status_field(agent.pid(), name).unwrap_or_default();
    row(
        name,
        &format!("{} (peak {})", field("VmRSS"), field("VmHWM")),
    );
}

fn storms() {
    let agent = Agent::observing();
    memory(&agent, "resident memory when ready");
    let before = cpu_seconds(agent.pid());
    for _ in 0..5000 {
        execute();
    }
    // The agent has caught up when it uses no more.
    let settled = wait_for(Duration::from_secs(20), || {
        let one = cpu_seconds(agent.pid());
        thread::sleep(Duration::from_millis(300));
        (cpu_seconds(agent.pid()) == one).then_some(one).flatten()
    });
    if let (Some(before), Some(after)) = (before, settled) {
        row(
            "own CPU for 5,000 execs",
            &format!("{:.2} s", after - before),
        );
    }
    let begin = Instant::now();
    for _ in 0..2_500_000 {
        open_close();
    }
    let took = begin.elapsed().as_secs_f64();
    memory(&agent, "resident memory after both storms");
    let summary = agent.stop().summary();
    let lost = summary
        .get("lost")
        .map(Value::to_string)
        .unwrap_or_default();
    row(
        "storm of 2,500,000 opens that no plugin wants",
        &format!("{took:.1} s, lost {lost}"),
    );
}
