//! One plugin in Rust, Python and JavaScript: each says all that it can see and do of every event,
//! and all say the same.
//!
//! Its components are made and compiled once for what they are made of, and kept below `target/`.

mod support;

use sha2::{Digest as _, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};
use support::{all_kinds::*, *};
use vedette::{
    author::trial::{Capture, Subject, Trial},
    finding::Finding,
    grants::Grants,
    plugin::{
        batch::Builder,
        build::{BuildOptions, component_of, with_manifest},
        cache::Cache,
        engine,
        load::{Generation, Loader},
    },
    record::Record,
};
use vedette_contract::{KINDS, kind};

/// The languages, and where their SDK's sources are.
const LANGUAGES: [(&str, &str); 3] = [
    ("rust", "sdk/src"),
    ("python", "sdk/python"),
    ("javascript", "sdk/javascript"),
];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Where components and their compiled form are kept.
fn kept() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance");
    fs::create_dir_all(&directory).expect("the target directory is writable");
    directory
}

/// The plugin in a language: made if what it is made of has changed, and compiled.
fn subject(language: &str, sdk: &str) -> Subject {
    // Of several tests at the same time one makes it.
    let lock = fs::File::create(kept().join(format!("{language}.lock"))).expect("writable");
    lock.lock().expect("locks work");
    let directory = top().join("tests/conformance").join(language);
    let mut hash = Sha256::new();
    for part in [
        directory.clone(),
        top().join(sdk),
        top().join("wit"),
        top().join("host/src/plugin/build"),
    ] {
        hash_files(&part, &mut hash);
    }
    let path = kept().join(format!("{language}-{}.wasm", hex(&hash.finalize()[..8])));
    if !path.exists() {
        for old in fs::read_dir(kept()).expect("readable").flatten() {
            let name = old.file_name().to_string_lossy().into_owned();
            if name.starts_with(language) && name.ends_with(".wasm") {
                let _ = fs::remove_file(old.path());
            }
        }
        let component = component_of(&BuildOptions {
            directory: directory.clone(),
            output: None,
            target_directory: Some(guest_target()),
        });
        let component =
            component.expect("the plugin builds; scripts/setup test installs what it needs");
        let manifest = fs::read_to_string(directory.join("plugin.toml")).expect("a manifest");
        put(
            &kept(),
            &path.file_name().expect("a name").to_string_lossy(),
            &with_manifest(component, &manifest),
        );
    }
    let subject = Subject::read(&path, Some(compiled())).expect("readable");
    subject.run([], 1).expect("it is compiled and starts");
    subject
}

/// Where compiled components are kept: a directory of one's own.
fn compiled() -> PathBuf {
    kept().join("compiled")
}

fn hash_files(path: &Path, hash: &mut Sha256) {
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("readable").flatten();
        let mut paths: Vec<PathBuf> = entries.map(|e| e.path()).collect();
        paths.sort();
        paths.iter().for_each(|path| hash_files(path, hash));
    } else if path.extension().is_none_or(|e| e != "pyc") {
        hash.update(path.to_string_lossy().as_bytes());
        hash.update(fs::read(path).unwrap_or_default());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All that a finding says.
fn told(finding: &Finding) -> String {
    format!(
        "{} {:?} {} {:?} {} | {:?} | {} {:?} {:?} {}",
        finding.rule,
        finding.severity,
        finding.confidence,
        finding.process.as_ref().map(|p| p.key),
        finding.message,
        finding
            .evidence
            .iter()
            .map(|e| (e.event, &e.note))
            .collect::<Vec<_>>(),
        finding.dedup,
        finding.techniques,
        finding
            .proposals
            .iter()
            .map(|p| p.target.key)
            .collect::<Vec<_>>(),
        finding.at,
    )
}

/// Holds what one language said against what Rust said.
fn assert_same(language: &str, first: &Trial, other: &Trial) {
    for (one, two) in first.findings.iter().zip(&other.findings) {
        assert_eq!(told(one), told(two), "{language}");
    }
    assert_eq!(first.findings.len(), other.findings.len(), "{language}");
    // What the agent itself says of lists comes from another thread than the plugin's lines.
    let lines = |trial: &Trial| -> (Vec<String>, Vec<String>) {
        let lines = trial.log.iter().cloned();
        lines.partition(|line| line.starts_with("the events were recorded"))
    };
    assert_eq!(lines(first), lines(other), "{language}");
    let health = |trial: &Trial| -> Vec<String> {
        let findings = trial.health.iter();
        findings
            .map(|f| format!("{} {}", f.rule, f.dedup))
            .collect()
    };
    assert_eq!(health(first), health(other), "{language}");
}

#[test]
fn every_language_says_the_same_of_every_event() {
    let mut events = events();
    events.extend(answers(&events));
    let lists = directory();
    let entries = format!("evil.example c2\n192.168.0.0/16, own\n{}", "ab".repeat(32));
    fs::write(lists.path().join("all.txt"), entries).expect("written");
    let mut first: Option<Trial> = None;
    for (language, sdk) in LANGUAGES {
        let subject = subject(language, sdk);
        // Up to the event that names others, of which there are none.
        let subject = subject.with_lists(lists.path()).expect("sound lists");
        for batch in [64, 7, 1] {
            let trial = subject.run(events.clone(), batch).expect("it runs");
            assert!(trial.health.is_empty(), "{language}: {:?}", trial.health);
            if batch == 64 {
                println!("{language}: {:.0} ns an event", trial.ns_an_event());
            }
            match &first {
                None => {
                    // Each kind that a plugin can have, and what they are about.
                    let views = trial.findings.iter().filter(|f| f.rule == "view");
                    assert!(
                        views.count() > 3 * (KINDS.len() - 6),
                        "{}",
                        trial.findings.len()
                    );
                    let says = |text: &str| trial.findings.iter().any(|f| f.message.contains(text));
                    assert!(says("Grüße"), "the configuration");
                    assert!(says("refused=it is too large"), "a failure");
                    assert!(says(
                        "domain=all/evil.example/c2 address=all/192.168.0.0/16/own"
                    ));
                    assert!(says("domain=it is not known here"), "other lists");
                    assert!(says("nobody=there is no such thing"), "a failure");
                    assert!(says("lineage=3"), "a row");
                    assert!(says(" late="), "a timer");
                    assert!(says("sockets=77 remote=ff000002 port=443"), "a socket");
                    let digest = format!("sha256={} head=7f454c46", "ef".repeat(32));
                    assert!(says(&digest), "a file");
                    assert!(
                        says("size=it is no longer what the event was about"),
                        "its failure"
                    );
                    assert!(says("comm=63fffe6d6d"), "bytes that are no text");
                    assert!(says("[2001::1:0:0:1f]:4444"), "an address");
                    assert!(trial.log.iter().any(|line| line.contains("exec ")));
                    first = Some(trial);
                }
                Some(first) => assert_same(language, first, &trial),
            }
        }
    }
}

#[test]
fn every_language_says_the_same_of_real_events() {
    let captures = [
        "host/assets/reverse-shell.capture",
        "host/src/author/templates/fixtures/memfd.capture",
        "host/src/author/templates/fixtures/benign.capture",
    ];
    let captures = captures.map(|path| Capture::read(&top().join(path)).expect("a capture"));
    let trials = LANGUAGES.map(|(language, sdk)| {
        let subject = subject(language, sdk);
        captures
            .each_ref()
            .map(|capture| subject.run(capture.events.clone(), 64).expect("it runs"))
    });
    for ((language, _), trials_of_one) in LANGUAGES.iter().zip(&trials) {
        for (first, other) in trials[0].iter().zip(trials_of_one) {
            assert!(!first.findings.is_empty());
            assert_same(language, first, other);
        }
    }
}

/// What fails in the author's code costs that event alone, and nothing that it wrote stays.
#[test]
fn every_language_loses_a_poisonous_event_alone() {
    let mut poisoned = events();
    let exec = poisoned.iter_mut().rfind(|e| e.kind == kind::EXEC);
    exec.expect("there are several").text = b"/conformance/poison".as_slice().into();
    let mut first: Option<Trial> = None;
    for (language, sdk) in LANGUAGES {
        let trial = subject(language, sdk)
            .run(poisoned.clone(), 7)
            .expect("it runs");
        let rules: Vec<&str> = trial.health.iter().map(|f| f.rule.as_str()).collect();
        assert_eq!(rules, ["event-aborted"], "{language}");
        match &first {
            None => first = Some(trial),
            Some(first) => assert_same(language, first, &trial),
        }
    }
}

/// What one instance remembers the next one takes over, and goes on as if it were the same.
#[test]
fn every_language_hands_over_what_it_remembers() {
    let init = process(1, None, "init", false);
    let shell = process(100, Some(init), "bash\0-i", true);
    let records: Vec<Arc<Record>> = (0..40)
        .map(|id| {
            event(
                [kind::EXEC, kind::OPEN, kind::FORK][id as usize % 3],
                id,
                "/x",
                shell.clone(),
            )
        })
        .collect();
    let told = LANGUAGES.map(|(language, sdk)| {
        let subject = subject(language, sdk);
        let engine = engine::start().expect("an engine");
        let cache = Cache::open(&engine, &compiled()).expect("a cache");
        let loader = Loader::new(engine.clone(), cache, Grants::default());
        let start = || {
            loader
                .load_bytes(&subject.path, subject.bytes.clone())
                .expect("it loads")
        };
        let mut generation = start();
        println!(
            "{language}: {} KiB of memory",
            generation.instance.memory_used() >> 10
        );
        let mut said = Vec::new();
        for (n, record) in records.iter().enumerate() {
            if n == 20 {
                let mut next = start();
                let memory = generation
                    .instance
                    .save()
                    .expect("it saves")
                    .expect("a snapshot");
                assert_eq!(memory.schema, 1);
                let mut other = memory.clone();
                other.schema = 2;
                let refused = next.instance.restore(other).expect_err("an unknown form");
                assert_eq!(
                    refused, "it takes over snapshots of schema 1, not 2",
                    "{language}"
                );
                next = start();
                next.instance.restore(memory).expect("it takes over");
                generation = next;
            }
            said.extend(detect(&mut generation, record));
        }
        said
    });
    assert!(
        told[0].iter().any(|m| m.contains("events=40 ")),
        "{:?}",
        told[0].last()
    );
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
}

/// What it says of one event.
fn detect(generation: &mut Generation, record: &Arc<Record>) -> Vec<String> {
    let mut builder = Builder::new(&generation.compiled.manifest.fields);
    let records = [record.clone()];
    let batch = builder.build(&records, |_| {});
    let found = generation
        .instance
        .detect(&batch.0, record.event.at)
        .expect("it answers");
    generation.instance.commit();
    found.into_iter().map(|f| f.message).collect()
}

/// The examples of the other languages come with tests; those in Rust are in the workspace.
#[test]
fn the_examples_pass_their_own_tests() {
    let passes = |directory: &Path, program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(directory)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .expect("scripts/setup test installs it");
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stderr),
            String::from_utf8_lossy(&output.stdout)
        );
        assert!(output.status.success(), "{said}");
        said
    };
    let python = top().join("sdk/python/examples/dropped");
    assert!(passes(&python, "python3", &["-m", "unittest"]).contains("Ran 3 tests"));

    // As `npm install` lays it: the SDK by its name, below node_modules.
    let place = tempfile::tempdir().expect("a directory");
    let example = top().join("sdk/javascript/examples/beacon");
    for name in ["package.json", "plugin.js", "plugin.test.js"] {
        fs::copy(example.join(name), place.path().join(name)).expect("copied");
    }
    fs::create_dir(place.path().join("node_modules")).expect("made");
    let sdk = fs::canonicalize(top().join("sdk/javascript")).expect("the SDK");
    std::os::unix::fs::symlink(sdk, place.path().join("node_modules/vedette-sdk")).expect("linked");
    assert!(passes(place.path(), "node", &["--test"]).contains("pass 3"));
}
