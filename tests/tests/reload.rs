//! Plugins are replaced while events rain: each event reaches exactly one generation, and what was
//! counted stays counted.

use std::collections::{BTreeMap, BTreeSet};
use vedette_tests::{
    agent::{Finding, Options, Stopped},
    guests::{Component, PluginDirectory},
    need::Need,
    require,
    storm::{Site, Storm},
    workspace,
};

const RELOADS: u32 = 20;

/// Ids of the events that a plugin was given, by its version, in the order of its findings.
fn witnessed<'a>(stopped: &'a Stopped, plugin: &str) -> Vec<(&'a str, Vec<&'a str>)> {
    let told = stopped
        .findings
        .iter()
        .filter(|finding| finding.text("/plugin") == plugin);
    told.map(|finding| (finding.text("/version"), ids(finding)))
        .collect()
}

fn ids(finding: &Finding) -> Vec<&str> {
    let evidence = finding
        .json
        .pointer("/evidence")
        .and_then(|evidence| evidence.as_array());
    evidence
        .into_iter()
        .flatten()
        .filter_map(|event| event.get("id")?.as_str())
        .collect()
}

fn counted(stopped: &Stopped, plugin: &str) -> u64 {
    let told = stopped
        .findings
        .iter()
        .filter(|finding| finding.text("/plugin") == plugin);
    let counts = told.filter_map(|finding| {
        finding
            .text("/message")
            .strip_prefix("counted ")?
            .parse()
            .ok()
    });
    counts.max().unwrap_or(0)
}

/// The ids, each of which must be there once.
fn each_once<'a>(told: &[(&str, Vec<&'a str>)], plugin: &str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    for id in told.iter().flat_map(|(_, ids)| ids) {
        assert!(seen.insert(*id), "{plugin} was given event {id} twice");
    }
    seen
}

#[test]
fn every_event_reaches_one_generation() {
    require!(Need::Agent, Need::Kernel, Need::Tool("cc"));
    let _alone = workspace::alone();
    let site = Site::new();
    let directory = PluginDirectory::new();
    let witness = Component::witness('a');
    directory.put("witness", &witness);
    directory.put("reference", &Component::witness('b'));
    let agent = Options::default().plugins(directory.path()).start();

    let storm = Storm::start(&site, 3);
    for number in 1..=RELOADS {
        directory.put("witness", &witness.version(number));
        let version = format!("1.{number:02}.0");
        agent.expect(&format!("of generation {version}"), |finding| {
            finding.text("/plugin") == "witness-a" && finding.text("/version") == version
        });
    }
    let (opened, executed) = storm.end();
    let stopped = agent.stop();

    let reference = each_once(&witnessed(&stopped, "witness-b"), "the reference").len() as u64;
    assert_eq!(
        reference,
        opened + executed,
        "the reference was given {opened} opens and {executed} execs"
    );
    let told = witnessed(&stopped, "witness-a");
    let given = each_once(&told, "the reloaded plugin");
    let by_reference = each_once(&witnessed(&stopped, "witness-b"), "the reference");
    let lost: Vec<_> = by_reference.difference(&given).take(10).collect();
    let strange: Vec<_> = given.difference(&by_reference).take(10).collect();
    assert!(
        lost.is_empty() && strange.is_empty(),
        "lost in a reload: {lost:?}; from nowhere: {strange:?}"
    );

    let mut events: BTreeMap<&str, usize> = BTreeMap::new();
    for (version, ids) in &told {
        *events.entry(version).or_default() += ids.len();
    }
    assert_eq!(
        events.len() as u32,
        RELOADS + 1,
        "every generation has served: {events:?}"
    );
    let order: Vec<_> = told.iter().map(|(version, _)| *version).collect();
    assert!(
        order.is_sorted(),
        "no generation speaks after its successor: {order:?}"
    );
    assert_eq!(
        counted(&stopped, "witness-a"),
        opened + executed,
        "the count goes on through every reload"
    );
    println!("{opened} opens and {executed} execs in {RELOADS} reloads: {events:?}");
    for line in stopped.errors.lines().filter(|line| line.contains("pause")) {
        println!("{line}");
    }
}

#[test]
fn plugins_come_and_go() {
    require!(Need::Agent, Need::Kernel, Need::Tool("cc"));
    let _alone = workspace::alone();
    let site = Site::new();
    let directory = PluginDirectory::new();
    directory.put("witness", &Component::witness('a'));
    let agent = Options::default().plugins(directory.path()).start();
    let storm = Storm::start(&site, 1);
    let told = |id: &'static str| move |finding: &Finding| finding.text("/plugin") == id;
    agent.expect("of the first plugin", told("witness-a"));

    directory.put("another", &Component::witness('b'));
    agent.expect("of a plugin that was added", told("witness-b"));

    directory.remove("witness");
    let gone = vedette_tests::process::wait_for(vedette_tests::agent::PATIENCE, || {
        let before = agent
            .findings()
            .iter()
            .filter(|finding| told("witness-a")(finding))
            .count();
        let others = agent
            .findings()
            .iter()
            .filter(|finding| told("witness-b")(finding))
            .count();
        std::thread::sleep(std::time::Duration::from_millis(100));
        let findings = agent.findings();
        let silent = findings
            .iter()
            .filter(|finding| told("witness-a")(finding))
            .count()
            == before;
        let lively = findings
            .iter()
            .filter(|finding| told("witness-b")(finding))
            .count()
            > others;
        (silent && lively).then_some(())
    });
    assert!(
        gone.is_some(),
        "a plugin that was removed is silent, the other is not"
    );
    storm.end();
    agent.stop();
}

#[test]
fn what_is_refused_leaves_the_old_one_in_service() {
    require!(Need::Agent, Need::Kernel, Need::Tool("cc"));
    let _alone = workspace::alone();
    let site = Site::new();
    let directory = PluginDirectory::new();
    let witness = Component::witness('a');
    directory.put("witness", &witness);
    let agent = Options::default().plugins(directory.path()).start();
    let storm = Storm::start(&site, 1);

    let broken = [
        ("no component", b"\0asm but nothing more".to_vec()),
        (
            "half a component",
            witness.bytes()[..witness.bytes().len() / 2].to_vec(),
        ),
        (
            "an unknown kind",
            witness
                .with("kind = \"exec\"", "kind = \"exex\"")
                .bytes()
                .to_vec(),
        ),
        (
            "another contract",
            witness
                .with("contract = \"0.1.0-dev\"", "contract = \"9.1.0-dev\"")
                .bytes()
                .to_vec(),
        ),
        (
            "an unknown service",
            witness
                .with("services = [\"state\"]", "services = [\"stage\"]")
                .bytes()
                .to_vec(),
        ),
        (
            "a service that is not asked for",
            witness
                .with("services = [\"state\"]", "services = [\"log\"]  ")
                .bytes()
                .to_vec(),
        ),
    ];
    for (what, bytes) in broken {
        let before = agent.errors().len();
        directory.put_bytes("witness", &bytes);
        let said = vedette_tests::process::wait_for(vedette_tests::agent::PATIENCE, || {
            agent.errors()[before..]
                .contains("witness.wasm")
                .then_some(())
        });
        assert!(
            said.is_some(),
            "the agent says why it refuses {what}: {}",
            agent.errors()
        );
        let heard = agent.findings().len();
        let goes_on = vedette_tests::process::wait_for(vedette_tests::agent::PATIENCE, || {
            (agent.findings().len() > heard).then_some(())
        });
        assert!(
            goes_on.is_some(),
            "the old one stays in service after {what}: {}",
            agent.errors()
        );
    }
    directory.put("witness", &witness.version(1));
    agent.expect("of a sound successor", |finding| {
        finding.text("/version") == "1.01.0"
    });
    storm.end();
    agent.stop();
}
