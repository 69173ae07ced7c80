//! The operator's lists, as plugins are answered from them: live, on reload, and in a replay.

mod support;

use std::{fs, path::Path, sync::Arc};
use support::*;
use vedette::{
    agent::Agent,
    author::trial::{Capture, Subject},
    finding::Finding,
    intel::{Directory, Lists},
    plugin::{HostOptions, outcome::Outcome},
    recorder::Recorder,
};
use vedette_contract::kind;
use vedette_sensor::{
    capture::{Header, Writer},
    event::{Event, Task, TaskRef},
};

/// What an agent is given, in its order.
enum Given<'a> {
    Lists(&'a Arc<Lists>),
    /// An exec of this path.
    Asked(&'a str),
}
use Given::{Asked, Lists as Now};

fn lists(files: &[(&str, &str)]) -> Arc<Lists> {
    let directory = directory();
    for (name, content) in files {
        fs::write(directory.path().join(name), content).expect("written");
    }
    let loaded = Directory::new(directory.path().to_owned()).load();
    let loaded = loaded.expect("the directory can be read");
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    loaded.lists
}

/// Two sets of lists, one after the other.
fn two() -> [Arc<Lists>; 2] {
    let hash = "ab".repeat(32);
    let first = [
        (
            "botnet.txt",
            "192.0.2.0/24 seen in 2026\nevil.example, c2\n",
        ),
        ("own.csv", "192.0.2.7\n"),
        ("hashes.txt", hash.as_str()),
    ];
    [lists(&first), lists(&[("botnet.txt", "worse.example\n")])]
}

fn messages(findings: impl IntoIterator<Item = Finding>) -> Vec<String> {
    let asker = findings.into_iter().filter(|f| &*f.plugin == "asker");
    asker.map(|f| f.message).collect()
}

fn exec_of(n: usize, path: &str) -> Event {
    let process = TaskRef {
        pid: 100,
        start: 1000,
    };
    Event {
        kind: kind::EXEC,
        id: n as u64,
        at: at(n),
        task: Task {
            process,
            tid: 100,
            ..Task::default()
        },
        text: path.as_bytes().into(),
        ..Event::default()
    }
}

fn at(n: usize) -> u64 {
    10_000_000_000 + n as u64 * 1_000_000
}

/// Gives an agent this, and tells what the asker was answered; into a capture if one is wanted.
fn tell(batch: usize, given: &[Given], capture: Option<&Path>) -> Vec<String> {
    let plugins = [("asker.wasm", plugin("asker", &[]))];
    let options = HostOptions {
        batch,
        ..HostOptions::default()
    };
    let (host, outcomes) = host_with(&plugins, options);
    let recorder = capture.map(|path| {
        Recorder::new(Writer::create(path, &Header::here()).expect("the capture can be written"))
    });
    let mut agent = Agent::new(host, recorder);
    for (n, given) in given.iter().enumerate() {
        match given {
            Now(lists) => agent.take_lists(Arc::clone(lists), at(n)),
            Asked(path) => agent.take(exec_of(n, path)),
        }
    }
    agent.finish().expect("the capture is whole");
    messages(findings(&outcomes))
}

#[test]
fn lists_change_between_two_events() {
    let [first, second] = two();
    let given = [
        Asked("/do/domain evil.example"),
        Now(&first),
        Asked("/do/domain www.evil.example"),
        Asked("/do/address 192.0.2.7"),
        Asked("/do/address 192.0.2"),
        Asked("/do/hash"),
        Asked("/do/listed-and-trap"),
        Asked("/do/domain worse.example"),
        Now(&second),
        Asked("/do/domain evil.example"),
        Asked("/do/domain worse.example"),
    ];
    let hash = format!("[hashes has {} ()]", "ab".repeat(32));
    let expected = [
        "failure 3",
        "[botnet has evil.example (c2)]",
        "[own has 192.0.2.7 (), botnet has 192.0.2.0/24 (seen in 2026)]",
        "failure 7",
        &hash,
        "[]",
        "[]",
        "[botnet has worse.example ()]",
    ];
    for batch in [1, 2, 7, 64] {
        assert_eq!(tell(batch, &given, None), expected, "batches of {batch}");
    }
}

#[test]
fn questions_are_counted() {
    let [first, _] = two();
    let mut asked = vec![
        Now(&first),
        Asked("/do/many-questions 60000"),
        Asked("/do/domain evil.example"),
    ];
    // One event a millisecond: the next second begins.
    asked.extend((0..1000).map(|_| Asked("/bin/quiet")));
    asked.push(Asked("/do/domain evil.example"));
    let expected = [
        "50000 answered",
        "failure 1",
        "[botnet has evil.example (c2)]",
    ];
    for batch in [1, 64] {
        assert_eq!(tell(batch, &asked, None), expected, "batches of {batch}");
    }
}

#[test]
fn a_replay_answers_from_the_lists_of_the_record_or_from_none() {
    let [first, second] = two();
    let given = [
        Now(&first),
        Asked("/do/domain evil.example"),
        Now(&second),
        Asked("/do/domain worse.example"),
    ];
    let directory = directory();
    let path = directory.path().join("lists.capture");
    let live = tell(64, &given, Some(&path));
    let of_first = "[botnet has evil.example (c2)]";
    let of_second = "[botnet has worse.example ()]";
    assert_eq!(live, [of_first, of_second]);

    let capture = Capture::read(&path).expect("it was just written");
    let recorded = capture.events.iter().filter(|e| e.kind == kind::INTEL);
    let recorded: Vec<_> = recorded.map(|e| (e.text.to_vec(), e.a)).collect();
    let named = |lists: &Lists| {
        let digest = lists.digest().to_string().into_bytes();
        (digest, lists.entries() as u64)
    };
    assert_eq!(recorded, [named(&first), named(&second)]);

    let component = directory.path().join("asker.wasm");
    fs::write(&component, plugin("asker", &[])).expect("written");
    let subject = Subject::read(&component, None).expect("a component");
    for (lists, expected) in [
        (None, ["failure 3", "failure 3"]),
        (Some(&first), [of_first, "failure 3"]),
        (Some(&second), ["failure 3", of_second]),
    ] {
        let subject = Subject {
            lists: lists.cloned(),
            ..subject.clone()
        };
        for batch in [1, 64] {
            let events = capture.events.iter().cloned();
            let trial = subject.run(events, batch).expect("it runs");
            let told: Vec<&str> = trial.findings.iter().map(|f| &*f.message).collect();
            assert_eq!(told, expected);
            let said = trial.log.iter().filter(|line| line.contains("unavailable"));
            let failures = expected.iter().filter(|told| **told == "failure 3");
            assert_eq!(said.count(), failures.count(), "{:?}", trial.log);
        }
    }
    // A capture that was made without lists says nothing against any.
    let subject = Subject {
        lists: Some(first),
        ..subject
    };
    let events = capture.events.into_iter().filter(|e| e.kind != kind::INTEL);
    let trial = subject.run(events, 64).expect("it runs");
    assert_eq!(trial.findings[0].message, of_first);
}

#[test]
fn what_takes_over_has_the_lists_and_so_has_its_shadow() {
    let [first, second] = two();
    let options = HostOptions {
        shadow: Some(1_000_000_000),
        ..HostOptions::default()
    };
    let (host, outcomes) = host_with(&[("asker.wasm", plugin("asker", &[]))], options);
    let mut agent = Agent::new(host, None);
    let path = agent.plugins.reports()[0].path.clone();
    agent.take_lists(first, at(0));
    let next = plugin("asker", &[("version = \"1.0.0\"", "version = \"2.0.0\"")]);
    agent
        .plugins
        .load_bytes(Path::new(&path), next)
        .expect("its shadow begins");
    agent.take(exec_of(1, "/do/domain evil.example"));
    agent.take_lists(second, at(2));
    agent.take(exec_of(3, "/do/domain worse.example"));
    // Its time is over; then it takes over, and is asked.
    agent.take(exec_of(2000, "/usr/bin/id"));
    agent.plugins.drain();
    while agent.plugins.plugins()[0].manifest.version != "2.0.0" {
        agent.switch_plugins();
        agent.plugins.drain();
    }
    agent.take(exec_of(2001, "/do/domain worse.example"));
    agent.finish().expect("nothing is recorded");

    let mut told = Vec::new();
    let mut versions = Vec::new();
    let mut reports = Vec::new();
    for outcome in outcomes.try_iter() {
        match outcome {
            Outcome::Finding(finding) => {
                versions.push(finding.version.to_string());
                told.push(finding.message.clone());
            }
            Outcome::Shadowed { report, .. } => reports.push(report),
            _ => {}
        }
    }
    let of_second = "[botnet has worse.example ()]";
    let of_first = "[botnet has evil.example (c2)]";
    assert_eq!(told, [of_first, of_second, of_second]);
    assert_eq!(versions, ["1.0.0", "1.0.0", "2.0.0"]);
    let [report] = &reports[..] else {
        panic!("{reports:?}");
    };
    assert_eq!((report.both, report.missing, report.new), (2, 0, 0));
}

#[test]
fn a_fixture_names_its_lists() {
    let directory = directory();
    let capture = directory.path().join("asked.capture");
    tell(64, &[Asked("/do/domain evil.example")], Some(&capture));
    let fixture =
        "\n[[fixture]]\ncapture = \"asked.capture\"\nintel = \"lists\"\nfindings = [\"told\"]\n";
    let manifest = manifest("asker", &[]) + fixture;
    let file = directory.path().join("asker.wasm");
    let bytes = vedette::plugin::build::with_manifest(component("asker"), &manifest);
    fs::write(&file, bytes).expect("written");
    let subject = Subject::read(&file, None).expect("a component");
    let manifest = vedette::manifest::Manifest::parse(&manifest, "plugin.toml").expect("sound");
    let test = || {
        let report = vedette::author::fixtures::test(&manifest, directory.path(), &subject, |_| {});
        report.fixtures[0].faults.join("\n")
    };
    assert!(test().contains("cannot be read"), "{}", test());
    fs::create_dir(directory.path().join("lists")).expect("a directory");
    let list = directory.path().join("lists/own.txt");
    fs::write(&list, "evil.example\n").expect("written");
    assert_eq!(test(), "");
    fs::write(&list, "evil.example:443\n").expect("written");
    assert!(test().contains("lists/own.txt:1"), "{}", test());
}
