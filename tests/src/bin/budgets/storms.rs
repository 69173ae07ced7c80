//! What becomes of floods.

use crate::{
    calls::{execute, open_close},
    table::{Watch, resident, row, settled},
};
use serde_json::Value;
use std::{fs, path::PathBuf, process::Command, thread, time::Instant};
use vedette_tests::workspace::random_hex;

/// Opens of a storm, and threads that make them.
const OPENS: u64 = 2_500_000;
const PRODUCERS: u64 = 2;
/// Control groups that come and go, and after how many of them memory is looked at.
const GROUPS: u32 = 8_000;
const LOOKS: [u32; 6] = [500, 1_000, 1_500, 2_000, 4_000, GROUPS];

pub fn measure() {
    executions();
    opens(Watch::Bundled);
    opens(Watch::AllOpens);
    groups();
}

fn executions() {
    let Some(watched) = Watch::Bundled.start() else {
        return;
    };
    let agent = &watched.agent;
    row(
        "resident memory when ready, bundled plugins",
        &format!("{:.1} MB", resident(agent)),
    );
    let before = settled(agent);
    for _ in 0..5000 {
        execute();
    }
    if let Some((before, after)) = before.zip(settled(agent)) {
        row(
            "own CPU for 5,000 execs",
            &format!("{:.2} s", after - before),
        );
    }
    watched.agent.stop();
}

/// A number in the summary, all numbers below it added up.
fn total(value: Option<&Value>) -> u64 {
    match value {
        Some(Value::Object(all)) => all.values().map(|one| total(Some(one))).sum(),
        Some(value) => value.as_u64().unwrap_or(0),
        None => 0,
    }
}

fn opens(watch: Watch) {
    let Some(watched) = watch.start() else {
        return;
    };
    let agent = &watched.agent;
    let before = settled(agent);
    let begin = Instant::now();
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|_| {
            thread::spawn(|| {
                for _ in 0..OPENS / PRODUCERS {
                    open_close();
                }
            })
        })
        .collect();
    for producer in producers {
        producer.join().expect("it does not panic");
    }
    let took = begin.elapsed().as_secs_f64();
    let after = settled(agent);
    let caught_up = begin.elapsed().as_secs_f64() - took;
    let memory = resident(agent);
    let summary = watched.agent.stop().summary();
    let taken = total(summary.pointer("/events/open"));
    let lost = summary.get("lost");
    row(
        &format!("{OPENS} opens by {PRODUCERS} threads, {}", watch.name()),
        &format!(
            "{took:.1} s, {:.0} a second; {taken} opens delivered, lost {}; agent's CPU {:.2} s, caught up within {caught_up:.1} s, {memory:.1} MB",
            OPENS as f64 / took,
            lost.map(Value::to_string).unwrap_or_default(),
            after.zip(before).map_or(f64::NAN, |(a, b)| a - b),
        ),
    );
    if watch == Watch::AllOpens && taken + total(lost) < OPENS {
        row(
            "  MISSED without being counted",
            &(OPENS - taken - total(lost)).to_string(),
        );
    }
}

/// Where the unified hierarchy is mounted.
fn unified() -> Option<PathBuf> {
    ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.join("cgroup.procs").exists() && path.join("cgroup.controllers").exists())
}

/// Memory while groups named as containers' are come and go, each with one process.
fn groups() {
    let (Some(watched), Some(root)) = (Watch::Bundled.start(), unified()) else {
        return;
    };
    let agent = &watched.agent;
    settled(agent);
    let mut memory = vec![resident(agent)];
    for number in 1..=GROUPS {
        let group = root.join(random_hex(32));
        fs::create_dir(&group).expect("root may make control groups");
        let script = format!("echo $$ > {}/cgroup.procs; exec /bin/true", group.display());
        let status = Command::new("/bin/sh").args(["-c", &script]).status();
        assert!(status.is_ok_and(|s| s.success()), "the process enters it");
        fs::remove_dir(&group).expect("it is empty");
        if LOOKS.contains(&number) {
            settled(agent);
            memory.push(resident(agent));
        }
    }
    let memory: Vec<_> = memory.iter().map(|mb| format!("{mb:.1}")).collect();
    row(
        &format!("resident memory before and after {LOOKS:?} control groups that come and go"),
        &format!("{} MB", memory.join(" → ")),
    );
    watched.agent.stop();
}
