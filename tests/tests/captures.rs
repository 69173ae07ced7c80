//! Events printed, recorded and replayed.

use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use vedette_tests::{agent::command, need::Need, require, workspace};

fn run(arguments: &[&str]) -> Output {
    let output = command(arguments).output().expect("the agent is built");
    let errors = stderr(&output);
    assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn lines(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON lines"))
        .collect()
}

/// A real reverse shell, which the agent brings along.
fn bundled() -> String {
    let path = workspace::root().join("host/assets/reverse-shell.capture");
    path.display().to_string()
}

/// Reads what the agent says until it says this.
fn wait_for_line(errors: &mut impl BufRead, wanted: &str) {
    let mut said = String::new();
    while !said.contains(wanted) {
        let read = errors.read_line(&mut said).expect("readable");
        assert!(read > 0, "it ended: {said}");
    }
}

fn at(event: &Value) -> u64 {
    event["at"].as_u64().expect("every event has its time")
}

#[test]
fn a_capture_is_printed_and_filtered() {
    require!(Need::Agent);
    let all = lines(&run(&["events", &bundled()]));
    assert!(all.len() > 10 && all.iter().all(|e| e["kind"] != "tick"));

    let execs = lines(&run(&["events", &bundled(), "--kind", "exec"]));
    assert!(!execs.is_empty() && execs.iter().all(|e| e["kind"] == "exec"));
    let last = execs.last().expect("there is one");
    let pid = last["pid"].to_string();
    let ancestors = last["process"]["ancestors"].as_array().expect("a lineage");
    assert!(!ancestors.is_empty(), "{last}");

    // A process, and a forefather of it.
    for of in [&pid, &ancestors[0]["pid"].to_string()] {
        let own = lines(&run(&["events", &bundled(), "--process", of]));
        assert!(own.contains(last), "--process {of}");
        assert!(own.len() < all.len());
    }

    // A container: by the beginning of its id.
    let contained = all
        .iter()
        .find(|e| !e["container"].is_null())
        .expect("the shell is in a container");
    let id = contained["container"]["id"].as_str().expect("its id");
    let inside = lines(&run(&["events", &bundled(), "--container", &id[..12]]));
    assert!(inside.contains(contained));
    assert!(inside.iter().all(|e| {
        [&e["container"]["id"], &e["target"]["pid"]]
            .iter()
            .any(|v| !v.is_null())
    }));
    let none = run(&["events", &bundled(), "--container", "no-such-container"]);
    assert!(none.status.success() && none.stdout.is_empty());

    let few = lines(&run(&["events", &bundled(), "--count", "3"]));
    assert_eq!(few, all[..3]);
    let text = run(&["events", &bundled(), "--text", "--count", "3"]);
    let text = String::from_utf8_lossy(&text.stdout);
    assert_eq!(text.lines().count(), 3);
    assert!(!text.contains('\x1b'), "no colours in a pipe: {text}");
}

#[test]
fn a_stretch_of_a_capture() {
    require!(Need::Agent);
    let all = lines(&run(&["events", &bundled()]));
    let middle = &all[all.len() / 2];
    let time = middle["time"].as_str().expect("a time of day");
    let later = lines(&run(&["events", &bundled(), "--from", time]));
    let sooner = lines(&run(&["events", &bundled(), "--until", time]));
    assert!(later.iter().all(|e| at(e) >= at(middle)) && later.contains(middle));
    assert!(sooner.iter().all(|e| at(e) <= at(middle)) && sooner.contains(middle));
    let both = all.iter().filter(|e| at(e) == at(middle)).count();
    assert_eq!(later.len() + sooner.len(), all.len() + both);
    // What lies before still makes the context: nothing but the row's own changes differs.
    let row = |events: &[Value]| {
        let found = events.iter().find(|e| e["id"] == middle["id"]);
        found.expect("it is there")["process"].clone()
    };
    assert_eq!(row(&later), row(&all));

    let beyond = run(&["events", &bundled(), "--from", "99h"]);
    assert!(!beyond.status.success() && stderr(&beyond).contains("covers"));
    let senseless = run(&["events", &bundled(), "--from", "yesterday"]);
    assert_eq!(senseless.status.code(), Some(2));
}

/// A plugin that comes in the middle is shown what runs by then, in a capture as on a machine.
#[test]
fn a_stretch_begins_with_what_runs_by_then() {
    require!(Need::Agent);
    let shell = workspace::root().join("plugins/reverse-shell/fixtures/dev-tcp.capture");
    let shell = shell.display().to_string();
    let all = lines(&run(&["events", &shell]));
    let exits: Vec<&Value> = all.iter().filter(|e| e["kind"] == "exit").collect();
    let plugins = workspace::plugins().display().to_string();
    let found_from = |event: &Value| {
        let time = event["time"].as_str().expect("a time of day");
        let replay = run(&[
            "replay",
            "--json",
            "--quiet",
            "--plugins",
            &plugins,
            "--from",
            time,
            &shell,
        ]);
        lines(&replay)
    };
    // The shell is the first to end; everything that led to it lies before.
    let found = found_from(exits[0]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["process"]["pid"], exits[0]["pid"]);
    assert_eq!(found[0]["evidence"][0]["kind"], "existing");
    assert!(found_from(exits[1]).is_empty());
}

#[test]
fn a_replay_in_event_time_finds_the_same() {
    require!(Need::Agent);
    let plugins = workspace::plugins().display().to_string();
    let replay = |further: &[&str]| {
        let mut arguments = vec!["replay", "--json", "--quiet", "--plugins", &plugins];
        let capture = bundled();
        arguments.push(&capture);
        arguments.extend(further);
        let output = run(&arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        lines(&output)
    };
    let fast = replay(&[]);
    assert!(fast.iter().any(|f| f["category"] == "reverse-shell"));
    let times: Vec<u64> = lines(&run(&["events", &bundled()]))
        .iter()
        .map(at)
        .collect();
    let length = Duration::from_nanos(times[times.len() - 1] - times[0]);
    let begin = Instant::now();
    assert_eq!(replay(&["--event-time", "20"]), fast);
    assert!(begin.elapsed() >= length / 20, "it took its time");
    // Before the attack there is nothing to find.
    assert_eq!(replay(&["--until", "1ms"]), Vec::<Value>::new());
}

#[test]
fn what_happens_is_printed_as_it_happens() {
    require!(Need::Agent, Need::Kernel);
    let _alone = workspace::alone();
    let mut agent = command(["events", "--kind", "exec,exit", "--process", "sleep"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the agent is built");
    let mut errors = BufReader::new(agent.stderr.take().expect("it is piped"));
    wait_for_line(&mut errors, "watching");
    let mut out = BufReader::new(agent.stdout.take().expect("it is piped")).lines();
    let mut sleep = Command::new("sleep")
        .arg("0.01")
        .spawn()
        .expect("sleep is there");
    let pid = sleep.id();
    sleep.wait().expect("it ends");
    let mut next = || -> Value {
        let line = out.next().expect("a line").expect("readable");
        serde_json::from_str(&line).expect("JSON")
    };
    let exec = loop {
        let event = next();
        if event["pid"] == pid {
            break event;
        }
    };
    assert_eq!(exec["kind"], "exec");
    assert_eq!(exec["fields"]["args"][1], "0.01");
    assert_eq!(
        exec["process"]["ancestors"][0]["pid"],
        std::process::id(),
        "{exec}"
    );

    // Who reads no more ends it, without a word.
    drop(out);
    for _ in 0..200 {
        let _ = Command::new("sleep").arg("0").status();
        if agent.try_wait().expect("a child").is_some() {
            break;
        }
    }
    let status = agent.wait().expect("it ends");
    let mut rest = String::new();
    errors.read_to_string(&mut rest).expect("readable");
    assert!(status.success() && rest.is_empty(), "{status}: {rest}");
}

#[test]
fn a_record_of_what_is_wanted() {
    require!(Need::Agent, Need::Kernel);
    let _alone = workspace::alone();
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("capture");
    let capture = path.display().to_string();
    let mut recording = command([
        "record",
        &capture,
        "--kind",
        "memfd",
        "--process",
        "python3.11",
    ])
    .args(["--duration", "3s"])
    .stderr(Stdio::piped())
    .spawn()
    .expect("the agent is built");
    let mut errors = BufReader::new(recording.stderr.take().expect("it is piped"));
    wait_for_line(&mut errors, "recording into");
    let act = "import os; os.memfd_create('mine'); open('/etc/passwd')";
    let done = Command::new("/usr/bin/python3").args(["-c", act]).status();
    assert!(done.is_ok_and(|status| status.success()));
    assert!(recording.wait().expect("it ends by itself").success());
    let all = lines(&run(&[
        "events",
        &capture,
        "--kind",
        "existing,exec,fork,memfd,open",
    ]));
    let of = |kind: &str| all.iter().filter(|e| e["kind"] == kind).count();
    // The processes that were there, and those that came, are kept for the context's sake.
    assert!(of("existing") > 0 && of("exec") > 0 && of("open") == 0);
    let memfd: Vec<_> = all.iter().filter(|e| e["kind"] == "memfd").collect();
    assert_eq!(memfd.len(), 1);
    assert_eq!(memfd[0]["fields"]["name"], "mine");
    let exe = memfd[0]["process"]["exe"].as_str().expect("its executable");
    assert!(exe.contains("python3"), "{exe}");
}

#[test]
fn a_record_ends_with_its_size_and_with_the_disk() {
    require!(Need::Agent, Need::Kernel, Need::Tool("mount"));
    let _alone = workspace::alone();
    let directory = TempDir::new().expect("a temporary directory");
    let opens = || {
        for _ in 0..40_000 {
            let _ = fs::File::open("/etc/passwd");
        }
    };
    let begin = |path: &Path, further: &[&str]| {
        let capture = path.display().to_string();
        let mut child = command(["record", &capture])
            .args(further)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the agent is built");
        let mut errors = BufReader::new(child.stderr.take().expect("it is piped"));
        wait_for_line(&mut errors, "recording into");
        (child, errors)
    };
    let path = directory.path().join("limited");
    let (mut child, _) = begin(&path, &["--max-size", "1"]);
    while child.try_wait().expect("a child").is_none() {
        opens();
    }
    assert!(child.wait().expect("it ended").success());
    let size = fs::metadata(&path).expect("it is there").len();
    assert!((1 << 20..2 << 20).contains(&size), "{size} bytes");
    let read = run(&["events", &path.display().to_string(), "--kind", "open"]);
    assert!(read.status.success() && !read.stdout.is_empty());

    // A file system of its own that is full soon.
    let full = directory.path().join("full");
    fs::create_dir(&full).expect("a temporary directory");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=512k", "none"])
        .arg(&full)
        .status();
    assert!(mounted.is_ok_and(|status| status.success()));
    let (mut child, mut errors) = begin(&full.join("capture"), &["--duration", "20s"]);
    let mut said = String::new();
    while child.try_wait().expect("a child").is_none() {
        opens();
    }
    errors.read_to_string(&mut said).expect("readable");
    let status = child.wait().expect("it ended");
    let path = full.join("capture").display().to_string();
    let read = run(&["events", &path, "--kind", "open"]);
    let unmounted = Command::new("umount").arg(&full).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    assert!(!status.success() && said.contains("incomplete"), "{said}");
    // What was written before is readable, and it is said that the end is missing.
    assert!(!read.stdout.is_empty(), "{}", stderr(&read));
    assert!(!read.status.success() && stderr(&read).contains("capture"));
}
