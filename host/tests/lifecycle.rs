//! Bad versions of a plugin: refused before they serve, taken back when they misbehave, tried in a
//! shadow first; and hand-over of much memory.

mod support;

use std::time::{Duration, Instant};
use support::{trial::*, *};
use vedette::plugin::{
    Answer, Command, HostOptions, Outcome, life::Stage, shadow::ShadowAccept, terms::Terms,
};

#[test]
fn a_version_that_cannot_take_over_leaves_the_old_one_in_service() {
    let mut stage = Trial::new(HostOptions::default(), "");
    for (config, says) in [
        ("init = \"trap\"", "its init failed"),
        ("restore = \"trap\"", "it trapped"),
        ("restore = \"refuse\"", "as the configuration asks"),
        ("schema = 2", "schema 1 is unknown, it knows 2"),
    ] {
        stage.execs(10);
        let answer = stage.reload(config, None);
        let reason = stage.wait(&answer).expect_err("refused");
        assert!(reason.contains(says), "{config}: {reason}");
        let report = stage.info();
        assert_eq!((report.generation, report.stage), (Some(1), Stage::Active));
    }
    stage.execs(10);
    stage.drain();
    assert_eq!(stage.found(), (0..50).collect::<Vec<_>>());
    assert_eq!(stage.counted(), "50 50");
}

/// Versions that are asked for faster than they are switched to: of those that are ready the one that
/// was asked for last takes over, and it stays.
#[test]
fn a_version_that_waits_gives_way_to_a_newer_one() {
    let mut stage = Trial::new(HostOptions::default(), "");
    let mut answers: Vec<_> = (0..8)
        .map(|after| stage.reload(&format!("after = {after}"), None))
        .collect();
    let newest = answers.pop().expect("there are some");
    assert!(stage.wait(&newest).is_ok());
    let mut switches = 1;
    for answer in answers {
        match stage.wait(&answer) {
            Ok(_) => switches += 1,
            Err(reason) => assert!(reason.contains("loaded once more"), "{reason}"),
        }
    }
    stage.drain();
    let switched = |other: &&Outcome| matches!(other, Outcome::Reloaded { .. });
    // One that finds the file as it was asked for later is the same again, which is no switch.
    let switched = stage.others.iter().filter(switched).count();
    assert!(
        (1..=switches).contains(&switched),
        "{switched} of {switches}"
    );
    assert_eq!(stage.info().version, "1.0.8");
}

/// A version that misbehaves after some events is taken back: the older one judges on with what it
/// knew at the switch, the event included at which that was decided.
fn is_taken_back(config: &str, says: &str) {
    let mut stage = Trial::new(HostOptions::default(), "");
    stage.execs(100);
    stage.takes_over(&format!("after = 100\n{config}"));
    stage.execs(900);
    stage.drain();
    let rolled_back = stage.health("plugin-rolled-back");
    assert_eq!(
        rolled_back.len(),
        1,
        "{config}: {:?}",
        stage.findings.last()
    );
    let message = &rolled_back[0].message;
    assert!(message.contains(says), "{config}: {message}");
    assert!(
        message.contains("1 keys (12 bytes) that changed"),
        "{message}"
    );
    let report = stage.info();
    assert_eq!((report.generation, report.stage), (Some(1), Stage::Active));
    let skipped = report.stats.expect("in service").skipped;
    assert!(skipped <= 2, "{config}: {skipped} skipped");
    // Each event is judged by one of the two, but for those that were skipped before, and for
    // those whose findings drowned in a flood.
    let found = stage.found();
    assert!(found.is_sorted());
    if !config.contains("flood") {
        assert_eq!(found.len() as u64, 1000 - skipped, "{config}");
    }
    let counted = stage.of_the_first();
    assert!(counted > 200, "{config}: {counted}");
    assert_eq!(stage.counted(), format!("{counted} {counted}"), "{config}");

    // The same component is not taken again, unless it is insisted on.
    let same = |force| Command::Reload {
        plugin: "keeper".to_owned(),
        force,
        shadow: None,
    };
    let reason = stage.ask(same(false)).expect_err("ruled out");
    assert!(reason.contains("was rolled back"), "{reason}");
    let told = stage.ask(same(true)).expect("insisted on");
    assert!(told.contains("1.0.1 is in service"), "{told}");
}

#[test]
fn a_version_that_traps_is_taken_back() {
    is_taken_back("deed = \"trap\"", "3 of its calls were aborted");
}

#[test]
fn a_version_that_floods_is_taken_back() {
    is_taken_back(
        "deed = \"flood\"",
        "findings of 3 of its calls were refused",
    );
}

#[test]
fn a_version_that_returns_garbage_is_taken_back() {
    is_taken_back("deed = \"garbage\"", "which its manifest does not declare");
}

#[test]
fn a_version_that_takes_memory_is_taken_back() {
    is_taken_back("deed = \"grow\"", "bytes of memory");
}

#[test]
fn after_its_probation_a_version_stays_and_goes_into_quarantine_and_out_again() {
    let terms = Terms {
        probation: SECOND / 100,
        quarantine: SECOND,
        pause: Duration::ZERO,
        ..Terms::default()
    };
    let options = HostOptions {
        terms,
        ..HostOptions::default()
    };
    let mut stage = Trial::new(options, "");
    stage.execs(10);
    stage.takes_over("after = 100\ndeed = \"trap\"");
    // The 16th abort puts it into quarantine; a second of events later it is tried again, and once
    // more, ever later, until it stays out.
    stage.execs(60_000);
    stage.drain();
    assert!(stage.health("plugin-rolled-back").is_empty());
    let quarantined = stage.health("plugin-quarantined");
    assert_eq!(quarantined.len(), 5);
    assert!(
        quarantined[0].message.contains("tried again in 1 s"),
        "{}",
        quarantined[0].message
    );
    assert!(
        quarantined[3].message.contains("tried again in 8 s"),
        "{}",
        quarantined[3].message
    );
    assert!(
        quarantined[4].message.contains("Replace the component"),
        "{}",
        quarantined[4].message
    );
    assert_eq!(stage.health("plugin-released").len(), 4);
    let report = stage.info();
    assert_eq!(report.stage, Stage::Quarantined);
    let stats = report.stats.expect("it is there");
    assert_eq!(
        stats.events + stats.skipped + stats.lost,
        stage.next,
        "none lost silently"
    );
    // The operator brings the older one back all the same.
    let told = stage.rolls_back().expect("it is kept");
    assert!(
        told.contains("1.0.0 serves again as generation 1"),
        "{told}"
    );
    stage.execs(10);
    stage.drain();
    assert_eq!(stage.counted(), "20 20");
}

#[test]
fn an_operator_rolls_back_three_generations_and_no_more() {
    let mut stage = Trial::new(HostOptions::default(), "");
    let refused = stage.rolls_back().expect_err("none is kept");
    assert!(refused.contains("no earlier generation"), "{refused}");
    for _ in 0..5 {
        stage.execs(10);
        stage.takes_over("");
    }
    stage.execs(10);
    let report = stage.info();
    let numbers: Vec<_> = report.generations.iter().map(|g| g.number).collect();
    assert_eq!(numbers, [6, 5, 4, 3].map(Some));
    for (n, kept) in [(5, 50), (4, 40), (3, 30)] {
        let told = stage.rolls_back().expect("it is kept");
        assert!(told.contains(&format!("as generation {n};")), "{told}");
        stage.execs(1);
        stage.drain();
        assert_eq!(stage.counted(), format!("{0} {0}", kept + 1), "after {n}");
    }
    let refused = stage.rolls_back().expect_err("no more are kept");
    assert!(refused.contains("no earlier generation"), "{refused}");
}

#[test]
fn a_shadow_that_finds_the_same_takes_over_from_the_older_ones_state() {
    let mut stage = Trial::new(HostOptions::default(), "");
    stage.execs(100);
    let answer = stage.rehearse("adds = \"more\"", Some(SECOND));
    stage.execs(1100);
    let told = match stage.wait(&answer).expect("it takes over") {
        Answer::Done(text) => text,
        other => panic!("{other:?}"),
    };
    assert!(
        told.contains("1.0.1 is in service as generation 2"),
        "{told}"
    );
    stage.execs(10);
    stage.drain();
    assert_eq!(
        stage.found(),
        (0..1210).collect::<Vec<_>>(),
        "each event, once"
    );
    let more = stage.findings.iter().filter(|f| f.dedup.ends_with("more"));
    assert_eq!(more.count(), 10, "what the shadow said was not let out");
    // What the shadow counted is dropped: the older one's state and memory win.
    let last = stage.findings.iter().rfind(|f| !f.message.is_empty());
    assert!(
        last.is_some_and(|f| f.message.starts_with("1210 1210 ")),
        "{last:?}"
    );
    let shadow = stage.info().shadow.expect("a report");
    assert_eq!((shadow.both, shadow.missing, shadow.new), (1100, 0, 1100));
    assert_eq!(shadow.new_cases[0].dedup, "100 more");
    assert!(
        stage
            .others
            .iter()
            .any(|o| matches!(o, Outcome::Shadowed { accepted: true, .. }))
    );
}

/// What a trial with this configuration is refused for.
fn refused_after_shadow(accept: ShadowAccept, config: &str) -> Result<Answer, String> {
    let options = HostOptions {
        shadow: Some(SECOND),
        shadow_accept: accept,
        ..HostOptions::default()
    };
    let mut stage = Trial::new(options, "");
    stage.execs(10);
    let answer = stage.rehearse(config, None);
    stage.execs(1100);
    let answer = stage.wait(&answer);
    stage.execs(10);
    stage.drain();
    let report = stage.info();
    if answer.is_err() {
        assert_eq!((report.generation, report.stage), (Some(1), Stage::Active));
        assert_eq!(stage.found(), (0..1120).collect::<Vec<_>>());
        assert_eq!(stage.counted(), "1120 1120");
        assert!(
            stage.health("event-aborted").is_empty(),
            "a shadow's aborts are its own"
        );
    } else {
        assert_eq!(report.generation, Some(2));
    }
    answer
}

#[test]
fn a_shadow_that_finds_less_or_traps_is_refused() {
    let less = "misses = \"odd\"";
    let reason = refused_after_shadow(ShadowAccept::NoFewer, less).expect_err("refused");
    assert!(
        reason.contains("550 missing, 0 new; missing seen 1001"),
        "{reason}"
    );
    let taken = refused_after_shadow(ShadowAccept::Any, less);
    assert!(taken.is_ok(), "{taken:?}");
    let traps = "after = 100\ndeed = \"trap\"";
    let reason = refused_after_shadow(ShadowAccept::Any, traps).expect_err("refused");
    assert!(reason.contains("3 calls were aborted"), "{reason}");
    let reason =
        refused_after_shadow(ShadowAccept::Any, "restore = \"refuse\"").expect_err("refused");
    assert!(reason.contains("as the configuration asks"), "{reason}");
}

#[test]
fn ten_megabytes_of_memory_are_handed_over_and_back() {
    let mut stage = Trial::new(HostOptions::default(), "ballast = 10485760");
    stage.execs(100);
    stage.takes_over("after = 100\ndeed = \"trap\"");
    stage.execs(100);
    stage.drain();
    assert_eq!(stage.counted(), "200 200");
    let pause = stage.others.iter().find_map(|o| match o {
        Outcome::Reloaded { pause_ns, .. } => Some(*pause_ns),
        _ => None,
    });
    println!(
        "pause with 10 MiB of memory handed over: {} ns",
        pause.expect("a reload")
    );
    stage.execs(900);
    stage.drain();
    assert_eq!(stage.health("plugin-rolled-back").len(), 1);
    let counted = stage.of_the_first();
    assert_eq!(
        stage.counted(),
        format!("{counted} {counted}"),
        "what was known at the switch"
    );
}

#[test]
fn ten_megabytes_of_state_are_handed_over_and_back() {
    const KEYS: usize = 163_840;
    let keeps = format!("keeps = {KEYS}");
    let mut stage = Trial::new(HostOptions::default(), &keeps);
    stage.execs(100);
    stage.takes_over(&format!("{keeps}\nafter = 100\ndeed = \"trap\""));
    stage.execs(100);
    stage.drain();
    let report = stage.info();
    // And the one that counts.
    assert_eq!(report.state_keys, KEYS + 1);
    assert_eq!(report.state_bytes, 10 * (1 << 20) + 12);
    let pause = stage.others.iter().find_map(|o| match o {
        Outcome::Reloaded { pause_ns, .. } => Some(*pause_ns),
        _ => None,
    });
    println!(
        "pause with 10 MiB of state in {KEYS} keys handed over: {} ns",
        pause.expect("a reload")
    );
    stage.execs(900);
    stage.drain();
    assert_eq!(stage.health("plugin-rolled-back").len(), 1);
    let counted = stage.of_the_first();
    assert_eq!(
        stage.counted(),
        format!("{counted} {counted}"),
        "what was known at the switch"
    );
    assert_eq!(stage.info().state_keys, KEYS + 1);
}

/// Who asks for a trial that takes long is told at once that it runs, and what comes of it later.
#[test]
fn a_long_shadow_is_not_waited_for() {
    let mut stage = Trial::new(HostOptions::default(), "");
    stage.execs(10);
    let answer = stage.rehearse("adds = \"more\"", Some(61 * SECOND));
    let told = match answer.try_recv().expect("no event has passed") {
        Ok(Answer::Done(text)) => text,
        other => panic!("{other:?}"),
    };
    assert!(
        told.contains("as generation 2, for 61 s") && told.contains("vedette plugin info keeper"),
        "{told}"
    );
    assert_eq!(stage.info().generation, Some(1));
    // 4 ms apart, but for those that are left out: more cases than are compared would be none.
    stage.execs(100);
    stage.next += 61 * 250;
    stage.execs(100);
    let begun = std::time::Instant::now();
    while stage.info().generation != Some(2) {
        assert!(begun.elapsed() < PATIENCE, "it takes over");
        stage.round();
    }
}

#[test]
fn who_uses_too_much_time_waits_alone_and_says_so() {
    let directory = directory();
    let slow = plugin(
        "keeper",
        &[(
            "[config]",
            "[limits]\ncpu = \"10 ms\"\ndeadline = \"1 s\"\n[config]\ndeed = \"slow\"\nsteps = 3000000",
        )],
    );
    put(directory.path(), "k.wasm", &slow);
    put(directory.path(), "p.wasm", &plugin("probe", &[]));
    let (mut host, outcomes) = host(HostOptions {
        sources: vec![directory.path().to_owned()],
        watch: false,
        workers: 1,
        batch: 1,
        ..HostOptions::default()
    });
    for id in 0..200 {
        offer(&mut host, &exec(id, "/x"));
    }
    host.flush();
    // The neighbour on the same worker has judged all while the slow one still waits.
    let begun = Instant::now();
    let mut all = Vec::new();
    while ids(&all, "probe").len() < 200 || !all.iter().any(|f| f.rule == "plugin-throttled") {
        assert!(
            begun.elapsed() < PATIENCE,
            "the neighbour is judged, the other throttled"
        );
        all.extend(findings(&outcomes));
        std::thread::sleep(Duration::from_millis(1));
    }
    let keeper = host.plugins().into_iter().find(|p| &*p.id == "keeper");
    let stats = keeper.expect("it is there").stats;
    assert!(
        stats.own_thread && stats.throttled == 1 && stats.events < 200,
        "{stats:?}"
    );
    // At the end nobody waits, and nothing is lost.
    host.drain();
    all.extend(findings(&outcomes));
    assert_eq!(ids(&all, "keeper"), (0..200).collect::<Vec<_>>());
}
