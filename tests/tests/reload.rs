//! Plugins are replaced while events rain: each event reaches exactly one generation, and what was
//! counted stays counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::Duration,
};
use vedette_tests::{
    agent::{Agent, Finding, Options, PATIENCE},
    guests::{Component, PluginDirectory},
    need::Need,
    process::wait_for,
    require,
    storm::{Site, Storm},
    workspace,
};

const RELOADS: u32 = 20;

/// What a witness has told: of each event its id and the generation that it was given to, in the
/// order in which it was given; and how many events all generations have counted.
#[derive(Default)]
struct Told {
    events: Vec<(u32, String)>,
    counted: usize,
}

impl Told {
    fn by(findings: &[Finding], plugin: &str) -> Self {
        let mut told = Self::default();
        for finding in findings
            .iter()
            .filter(|finding| finding.text("/plugin") == plugin)
        {
            let message = finding.text("/message");
            let (count, events) = message.split_once(':').unwrap_or_default();
            let count = count
                .strip_prefix("counted ")
                .and_then(|count| count.parse().ok());
            told.counted = told.counted.max(count.unwrap_or(0));
            let events = events
                .split_whitespace()
                .filter_map(|event| event.split_once(':'));
            told.events
                .extend(events.filter_map(|(generation, id)| {
                    Some((generation.parse().ok()?, id.to_owned()))
                }));
        }
        told
    }

    /// The ids, each of which must be there once.
    fn each_once(&self, plugin: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        for (generation, id) in &self.events {
            assert!(
                seen.insert(id.as_str()),
                "{plugin} was given event {id} twice, the second time in generation {generation}"
            );
        }
        seen
    }
}

/// Waits until a plugin has told of so many events.
fn all_told(agent: &Agent, plugin: &str, events: usize) -> Told {
    let told = || Told::by(&agent.findings(), plugin);
    wait_for(PATIENCE, || {
        Some(told()).filter(|told| told.events.len() >= events)
    })
    .unwrap_or_else(told)
}

fn is_of(plugin: &'static str) -> impl Fn(&Finding) -> bool {
    move |finding| finding.text("/plugin") == plugin
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
        directory.put("witness", &witness.generation(number));
        agent.expect(&format!("of generation {number}"), |finding| {
            is_of("witness-a")(finding) && finding.text("/message").contains(&format!(" {number}:"))
        });
    }
    let (opened, executed) = storm.end();
    let performed = opened + executed;
    let reference = all_told(&agent, "witness-b", performed);
    let told = all_told(&agent, "witness-a", performed);
    let stopped = agent.stop();
    let summary = stopped.summary();

    assert_eq!(
        reference.events.len(),
        performed,
        "the reference is given {opened} opens and {executed} execs: {summary:#}"
    );
    let given = told.each_once("the reloaded plugin");
    let expected = reference.each_once("the reference");
    let lost: Vec<_> = expected.difference(&given).take(10).collect();
    let strange: Vec<_> = given.difference(&expected).take(10).collect();
    assert!(
        lost.is_empty() && strange.is_empty(),
        "lost: {lost:?}; from nowhere: {strange:?}: {summary:#}"
    );

    let order: Vec<_> = told
        .events
        .iter()
        .map(|(generation, _)| *generation)
        .collect();
    assert!(
        order.is_sorted(),
        "no generation is given an event after its successor: {order:?}"
    );
    let mut served: BTreeMap<u32, usize> = BTreeMap::new();
    order
        .iter()
        .for_each(|generation| *served.entry(*generation).or_default() += 1);
    assert_eq!(
        served.len(),
        RELOADS as usize + 1,
        "every generation has served: {served:?}"
    );
    assert_eq!(
        told.counted, performed,
        "the count goes on through every reload"
    );
    println!(
        "{opened} opens and {executed} execs in {RELOADS} reloads; events by generation: {served:?}"
    );
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
    agent.expect("of the first plugin", is_of("witness-a"));

    directory.put("another", &Component::witness('b'));
    agent.expect("of a plugin that was added", is_of("witness-b"));

    directory.remove("witness");
    let count = |plugin| {
        agent
            .findings()
            .iter()
            .filter(|finding| is_of(plugin)(finding))
            .count()
    };
    let gone = wait_for(PATIENCE, || {
        let before = (count("witness-a"), count("witness-b"));
        thread::sleep(Duration::from_millis(300));
        (count("witness-a") == before.0 && count("witness-b") > before.1).then_some(())
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

    let with = |text: &str, other: &str| witness.with(text, other).bytes().to_vec();
    let broken = [
        ("no component", b"\0asm but nothing more".to_vec()),
        (
            "half a component",
            witness.bytes()[..witness.bytes().len() / 2].to_vec(),
        ),
        (
            "an unknown kind",
            with("kind = \"exec\"", "kind = \"exex\""),
        ),
        (
            "another contract",
            with("contract = \"0.1.0\"", "contract = \"9.1.0\""),
        ),
        (
            "an unknown service",
            with("services = [\"state\"]", "services = [\"stage\"]"),
        ),
        (
            "a service that is not asked for",
            with("services = [\"state\"]", "services = [\"log\"]  "),
        ),
        (
            "one that does not start",
            with("generation = \"00\"", "generation = \"??\""),
        ),
    ];
    for (what, bytes) in broken {
        let before = agent.errors().len();
        directory.put_bytes("witness", &bytes);
        let said = wait_for(PATIENCE, || {
            agent.errors()[before..]
                .contains("witness.wasm")
                .then_some(())
        });
        assert!(
            said.is_some(),
            "the agent says why it refuses {what}: {}",
            agent.errors()
        );
        // The agent's own finding that it was refused is none of the plugin's.
        let told = || {
            let findings = agent.findings();
            findings.iter().filter(|f| !f.is_health()).count()
        };
        let heard = told();
        let goes_on = wait_for(PATIENCE, || (told() > heard).then_some(()));
        assert!(
            goes_on.is_some(),
            "the old one stays in service after {what}: {}",
            agent.errors()
        );
    }
    directory.put("witness", &witness.generation(1));
    agent.expect("of a sound successor", |finding| {
        finding.text("/message").contains(" 1:")
    });
    storm.end();
    agent.stop();
}
