//! What plugins keep, over forms of their state, shadows, and runs of the agent.

mod support;

use std::{path::Path, sync::Arc};
use support::{trial::*, *};
use vedette::{
    live::boot_time,
    plugin::{
        HostOptions, PluginHost,
        signature::{SecretKey, sign},
    },
    record::Record,
};

/// One run of an agent with these bytes for the keeper; returns what it counts at each of some
/// execs: in its memory and in its state.
fn run(store: &Path, bytes: &[u8], execs: u64) -> Vec<String> {
    let plugins = [("k.wasm", bytes.to_vec())];
    let options = HostOptions {
        store: Some(store.to_owned()),
        ..HostOptions::default()
    };
    let (mut host, outcomes) = host_with(&plugins, options);
    for id in 0..execs {
        offer_now(&mut host, &exec(id, "/x"));
    }
    host.drain();
    let told = findings(&outcomes).into_iter();
    told.map(|f| f.message.split_once(" {").map_or("", |(m, _)| m).to_owned())
        .collect()
}

/// Offers a record as of now: what is kept lasts in the time of the machine.
fn offer_now(host: &mut PluginHost, record: &Arc<Record>) {
    let mut event = record.event.clone();
    event.at = boot_time();
    host.offer(Record {
        event,
        process: record.process.clone(),
        target: None,
    });
}

fn keeps(version: u32) -> Vec<u8> {
    let state = format!("[state]\nversion = {version}\nrestart = \"keep\"\n[config]");
    plugin("keeper", &[("[config]", &state)])
}

#[test]
fn what_is_kept_on_disk_is_its_publishers_and_of_its_form() {
    let place = tempfile::tempdir().expect("a directory");
    let store = place.path().join("test.state.redb");
    let key = |name: &str| SecretKey::generate(&place.path().join(name)).expect("a key");
    let (one, other) = (key("one"), key("other"));
    let signed = |key| sign(keeps(1), key);

    let forgets = plugin("keeper", &[]);
    assert_eq!(run(&store, &forgets, 2), ["1 1", "2 2"]);
    assert!(!store.exists(), "nobody asks for a file");
    assert_eq!(run(&store, &keeps(1), 2), ["1 1", "2 2"]);
    assert_eq!(run(&store, &keeps(1), 1), ["1 3"], "memory is not kept");
    assert_eq!(run(&store, &signed(&one), 1), ["1 1"], "of another owner");
    assert_eq!(run(&store, &signed(&other), 2), ["1 1", "2 2"]);
    assert_eq!(run(&store, &signed(&one), 1), ["1 2"]);
    assert_eq!(run(&store, &keeps(2), 1), ["1 1"], "of another form");
    assert_eq!(run(&store, &keeps(1), 1), ["1 4"], "and that is kept too");
}

#[test]
fn another_publishers_plugin_takes_nothing_over_while_the_agent_runs() {
    let place = tempfile::tempdir().expect("a directory");
    let secret = place.path().join("key");
    SecretKey::generate(&secret).expect("a key");
    // Versions from the second on are signed. A closure cannot be a plain function, so the key
    // is found by the name of its file.
    fn version(n: u32, config: &str) -> Vec<u8> {
        let bytes = keeper(n, "");
        match config.split_once("key = ") {
            None => bytes,
            Some((_, path)) => sign(bytes, &SecretKey::read(Path::new(path)).expect("a key")),
        }
    }
    let mut stage = Trial::of("keeper", version, HostOptions::default(), "");
    stage.execs(10);
    stage.takes_over(&format!("key = {}", secret.display()));
    stage.execs(1);
    stage.drain();
    assert_eq!(stage.counted(), "1 1", "nothing of nobody's");
    stage.takes_over(&format!("key = {}", secret.display()));
    stage.execs(1);
    stage.drain();
    assert_eq!(stage.counted(), "2 2", "all of its own");
    // Back to the first: with what it knew.
    stage.rolls_back().expect("it is kept");
    stage.rolls_back().expect("it is kept");
    stage.execs(1);
    stage.drain();
    assert_eq!(stage.counted(), "11 11");
}

#[test]
fn a_rollback_over_forms_gives_each_form_what_it_held() {
    let mut stage = Trial::new(HostOptions::default(), "");
    stage.execs(100);
    stage.takes_over("form = 2");
    stage.execs(50);
    stage.drain();
    assert_eq!(stage.counted(), "150 50", "memory goes on, state begins");
    // The first form again, by a later version.
    stage.takes_over("form = 1");
    stage.execs(10);
    stage.drain();
    assert_eq!(stage.counted(), "160 110", "what its form held");
    let told = stage.rolls_back().expect("it is kept");
    assert!(told.contains("1 keys"), "{told}");
    stage.execs(1);
    stage.drain();
    assert_eq!(stage.counted(), "151 51", "the second form's at the switch");
    let told = stage.rolls_back().expect("it is kept");
    assert!(told.contains("1 keys"), "{told}");
    stage.execs(1);
    stage.drain();
    assert_eq!(stage.counted(), "101 101", "the first form's, of then");
    // What the second form learned was unlearned with it.
    stage.takes_over("form = 2");
    stage.execs(1);
    stage.drain();
    assert_eq!(stage.counted(), "102 1");
}

#[test]
fn a_version_with_another_form_that_misbehaves_is_taken_back() {
    let mut stage = Trial::new(HostOptions::default(), "");
    stage.execs(100);
    stage.takes_over("form = 2\nafter = 10\ndeed = \"trap\"");
    stage.execs(900);
    stage.drain();
    assert_eq!(stage.health("plugin-rolled-back").len(), 1);
    let report = stage.info();
    assert_eq!(report.generation, Some(1));
    let counted = stage.of_the_first();
    assert!(counted > 800, "{counted}");
    assert_eq!(stage.counted(), format!("{counted} {counted}"));
    // Another one of that form finds nothing of what was taken back.
    stage.takes_over("form = 2");
    stage.execs(1);
    stage.drain();
    assert_eq!(stage.counted(), format!("{} 1", counted + 1));
}

fn asker(n: u32, _: &str) -> Vec<u8> {
    let version = format!("version = \"1.0.{n}\"");
    plugin("asker", &[("version = \"1.0.0\"", &version)])
}

#[test]
fn timers_fire_in_a_shadow_too_and_for_the_one_in_service_once() {
    let mut stage = Trial::of("asker", asker, HostOptions::default(), "");
    let ms = |ms: u64| format!("/do/timer {}", ms * 1_000_000);
    // Tokens 0 to 3: before the trial, in it, at its end, after it.
    for after in [100, 400, 1000, 2000] {
        stage.exec(&ms(after));
    }
    (0..50).for_each(|_| stage.exec("/x"));
    stage.host.flush();
    let answer = stage.rehearse("", Some(SECOND));
    // Set in the trial: one for it, one for later.
    let first = stage.next;
    stage.exec(&ms(300));
    stage.exec(&ms(3000));
    // And one cleared in it that was set before.
    stage.exec("/do/clear 3");
    stage.execs(400);
    let told = stage.wait(&answer).expect("it takes over");
    stage.execs(1000);
    stage.drain();
    let fired = |of: &str| -> Vec<String> {
        let own = stage.findings.iter().filter(|f| &*f.version == of);
        let timers = own.filter_map(|f| f.message.strip_prefix("timer "));
        timers
            .map(|rest| rest.split(' ').next().unwrap_or("").to_owned())
            .collect()
    };
    let (old, new) = (fired("1.0.0"), fired("1.0.1"));
    let all: Vec<&String> = old.iter().chain(&new).collect();
    let (in_trial, later) = (first.to_string(), (first + 1).to_string());
    assert_eq!(all, ["0", "1", &*in_trial, "2", &*later], "{told:?}");
    assert!(old.len() >= 3 && new.contains(&later), "{old:?} {new:?}");
    let shadow = stage.info().shadow.expect("a report");
    assert_eq!((shadow.missing, shadow.new), (0, 0), "{shadow}");
    // The three acts, the timers of the trial.
    assert!(shadow.both >= 5, "{shadow}");
}

#[test]
fn a_manifest_asks_for_a_shadow_and_the_operator_has_the_last_word() {
    fn shadowed(n: u32, _: &str) -> Vec<u8> {
        plugin(
            "keeper",
            &[
                ("version = \"1.0.0\"", &format!("version = \"1.0.{n}\"")),
                ("[config]", "[shadow]\ntime = \"1 s\"\n[config]"),
            ],
        )
    }
    let mut stage = Trial::of("keeper", shadowed, HostOptions::default(), "");
    stage.execs(10);
    let answer = stage.rehearse("", None);
    stage.execs(500);
    assert!(stage.wait(&answer).is_ok());
    let shadow = stage.info().shadow.expect("a report");
    assert!(shadow.time >= SECOND && shadow.missing == 0, "{shadow}");
    // Asked for expressly it is another time, or none.
    let answer = stage.reload("", Some(0));
    let told = stage.wait(&answer);
    assert!(told.is_ok(), "{told:?}");
    let options = HostOptions {
        shadow: Some(0),
        ..HostOptions::default()
    };
    let mut stage = Trial::of("keeper", shadowed, options, "");
    stage.execs(10);
    stage.takes_over("");
    assert_eq!(stage.info().shadow, None);
}
