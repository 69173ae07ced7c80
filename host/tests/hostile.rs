//! A hostile or broken plugin harms nothing but itself.

mod support;

use std::time::{Duration, Instant};
use support::*;
use vedette::{
    finding::{Category, Finding, Severity},
    plugin::{
        host::{HostOptions, PluginHost},
        outcome::Outcome,
        stats::Stats,
    },
};
use vedette_contract::kind;

const NEIGHBOUR: &[(&str, &str)] = &[
    ("id = \"probe\"", "id = \"neighbour\""),
    ("[config]", "[config]\nquiet = false"),
];

/// What became of the probe and its neighbour.
struct Aftermath {
    findings: Vec<Finding>,
    lines: Vec<String>,
    probe: Stats,
}

fn stats(host: &PluginHost, id: &str) -> Stats {
    host.plugins()
        .into_iter()
        .find(|p| *p.id == *id)
        .expect("the plugin is there")
        .stats
}

/// Sends execs of which those at `at` ask the probe to misbehave; its neighbour, which is the
/// same guest on the same worker, does not subscribe to those.
fn suffer(path: &str, at: &[u64], count: u64, limits: &str) -> Aftermath {
    let neighbour: Vec<_> = NEIGHBOUR
        .iter()
        .copied()
        .chain([(
            "kind = \"exec\"",
            "kind = \"exec\"\nwhere = [{ field = \"path\", prefix = \"/do/\", not = true }]",
        )])
        .collect();
    let (mut host, outcomes) = host_with(
        &[
            (
                "probe.wasm",
                plugin("probe", &[("[config]", &format!("{limits}\n[config]"))]),
            ),
            ("neighbour.wasm", plugin("probe", &neighbour)),
        ],
        HostOptions {
            workers: 1,
            ..HostOptions::default()
        },
    );
    for id in 0..count {
        let path = if at.contains(&id) {
            path
        } else {
            "/usr/bin/id"
        };
        offer(&mut host, &exec(id, path));
    }
    host.drain();
    let mut findings = Vec::new();
    let mut lines = Vec::new();
    for outcome in outcomes.try_iter() {
        match outcome {
            Outcome::Finding(finding) => findings.push(*finding),
            Outcome::Log { message, .. } => lines.push(message),
            _ => {}
        }
    }
    let spared: Vec<u64> = (0..count).filter(|id| !at.contains(id)).collect();
    assert_eq!(
        ids(&findings, "neighbour"),
        spared,
        "the neighbour gets every event, in order"
    );
    Aftermath {
        findings,
        lines,
        probe: stats(&host, "probe"),
    }
}

/// One poisonous event among 100 is skipped and named, and its neighbours are judged.
fn skips_one(path: &str, reason: &str, limits: &str) {
    let after = suffer(path, &[40], 100, limits);
    let spared: Vec<u64> = (0..100).filter(|id| *id != 40).collect();
    assert_eq!(ids(&after.findings, "probe"), spared, "{path}");
    let health: Vec<&Finding> = after
        .findings
        .iter()
        .filter(|f| f.category == Category::Health)
        .collect();
    assert_eq!(health.len(), 1, "{path}");
    assert_eq!(
        (&*health[0].plugin, &*health[0].rule),
        ("vedette", "event-aborted")
    );
    assert_eq!(health[0].evidence[0].event, 40);
    assert!(
        health[0]
            .message
            .contains("probe 1.0.0 did not judge event 0x28"),
        "{}",
        health[0].message
    );
    assert!(
        health[0].message.contains(reason),
        "{path}: {}",
        health[0].message
    );
    assert_eq!(after.probe.skipped, 1);
    assert!(after.probe.aborts >= 1);
    assert!(!after.probe.quarantined);
}

#[test]
fn an_endless_loop_ends_at_its_deadline() {
    let begun = Instant::now();
    skips_one(
        "/do/loop",
        "ran for longer than 50 ms",
        "[limits]\ndeadline = \"50 ms\"",
    );
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_trap_costs_one_event() {
    skips_one("/do/trap", "unreachable", "");
}

#[test]
fn the_last_error_of_a_call_that_ends_is_told() {
    let said = "unreachable` instruction executed; its last error: nothing fits";
    skips_one("/do/error-and-trap", said, "");
}

#[test]
fn a_memory_bomb_stops_at_its_limit() {
    skips_one(
        "/do/memory",
        "more than its 4194304 bytes",
        "[limits]\nmemory = \"4 MiB\"",
    );
}

#[test]
fn deep_recursion_is_a_trap() {
    skips_one("/do/recursion", "it trapped", "");
}

#[test]
fn a_giant_answer_is_refused() {
    skips_one("/do/output", "its answer was refused", "");
}

#[test]
fn what_an_answer_may_hold_is_the_manifests_limit() {
    // 200 KB, and 4 MB.
    for (path, room, too_little) in [
        ("/do/exaggerate", "1 MiB", "100 KiB"),
        ("/do/output", "8 MiB", "3 MiB"),
    ] {
        let limits = |output| format!("[limits]\nmemory = \"64 MiB\"\noutput = \"{output}\"");
        let after = suffer(path, &[5], 10, &limits(room));
        assert_eq!(after.probe.aborts, 0, "{path} with {room}");
        skips_one(path, "its answer was refused", &limits(too_little));
    }
}

#[test]
fn findings_without_end_are_cut() {
    let after = suffer("/do/many", &[5], 10, "");
    let many = after
        .findings
        .iter()
        .filter(|f| *f.plugin == *"probe")
        .count();
    // A thousand a second, and all events are of one.
    assert_eq!(many, 1000);
    assert!(after.probe.refused >= 1);
}

#[test]
fn what_is_not_declared_or_not_sent_is_refused() {
    for (path, says) in [
        ("/do/undeclared", "does not declare"),
        ("/do/unknown-process", "was not sent"),
    ] {
        let after = suffer(path, &[3], 10, "");
        assert!(!ids(&after.findings, "probe").contains(&3), "{path}");
        assert_eq!(after.probe.refused, 1);
        assert!(
            after.lines.iter().any(|line| line.contains(says)),
            "{:?}",
            after.lines
        );
    }
}

#[test]
fn exaggeration_is_brought_down() {
    let after = suffer("/do/exaggerate", &[3], 10, "");
    let one = after
        .findings
        .iter()
        .find(|f| *f.plugin == *"probe" && f.evidence[0].event == 3)
        .expect("the finding itself stands");
    assert_eq!(one.severity, Severity::Low);
    assert_eq!(one.confidence, 100);
    assert!(one.message.len() <= 1024);
    assert_eq!(one.evidence.len(), 1);
    assert_eq!(one.proposals.len(), 1);
    assert_eq!(after.probe.unproven, 3);
}

#[test]
fn a_call_that_traps_leaves_no_write() {
    let (mut host, outcomes) =
        host_with(&[("p.wasm", plugin("probe", &[]))], HostOptions::default());
    offer(&mut host, &exec(0, "/do/write-and-trap"));
    host.drain();
    offer(&mut host, &exec(1, "/do/read-half"));
    host.drain();
    let findings = findings(&outcomes);
    assert_eq!(findings.last().expect("one").message, "half is None");
}

#[test]
fn state_and_log_have_their_quotas() {
    let after = suffer("/do/fill-state", &[3], 10, "");
    let one = after
        .findings
        .iter()
        .find(|f| f.message.ends_with("values fit"))
        .expect("it returned");
    let fit: u64 = one
        .message
        .split(' ')
        .next()
        .expect("a number")
        .parse()
        .expect("a number");
    assert!((60..=70).contains(&fit), "{fit}");
    let after = suffer("/do/log", &[3], 10, "");
    assert_eq!(
        after.lines.iter().filter(|l| l.starts_with("line")).count(),
        100
    );
}

#[test]
fn a_plugin_that_aborts_again_and_again_is_lost_and_that_is_said() {
    let at: Vec<u64> = (0..40).collect();
    let after = suffer("/do/trap", &at, 100, "");
    assert!(after.probe.quarantined);
    let lost: Vec<&Finding> = after
        .findings
        .iter()
        .filter(|f| f.rule == "plugin-quarantined")
        .collect();
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].severity, Severity::Critical);
    assert_eq!(after.probe.skipped + after.probe.lost, 100);
}

#[test]
fn no_plugin_waits_for_a_slow_one() {
    let neighbour = plugin(
        "probe",
        &[
            ("id = \"probe\"", "id = \"neighbour\""),
            (
                "kind = \"exec\"",
                "kind = \"exec\"\nwhere = [{ field = \"path\", prefix = \"/do/\", not = true }]",
            ),
        ],
    );
    let slow = plugin(
        "probe",
        &[("[config]", "[limits]\ndeadline = \"1 s\"\n[config]")],
    );
    let (mut host, outcomes) = host_with(
        &[("probe.wasm", slow), ("neighbour.wasm", neighbour)],
        HostOptions {
            workers: 1,
            ..HostOptions::default()
        },
    );
    offer(&mut host, &exec(0, "/do/spin"));
    host.drain();
    let begun = Instant::now();
    while !stats(&host, "probe").own_thread {
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "it moves out: {:?}",
            stats(&host, "probe")
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    // While it spins again, its neighbour's finding comes.
    let calls = stats(&host, "probe").calls;
    offer(&mut host, &exec(1, "/do/spin"));
    host.flush();
    offer(&mut host, &exec(2, "/usr/bin/id"));
    host.flush();
    let answered = outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Finding(finding) if *finding.plugin == *"neighbour" => Some(finding),
        _ => None,
    });
    assert_eq!(answered.expect("a finding").evidence[0].event, 2);
    assert_eq!(
        stats(&host, "probe").calls,
        calls,
        "the slow call is still on"
    );
    host.drain();
    assert!(stats(&host, "probe").longest_call_ns > 20_000_000);
}

#[test]
fn a_full_queue_sheds_bulk_first_and_says_so() {
    let slow = plugin(
        "probe",
        &[
            (
                "kind = \"exec\"",
                "kind = \"exec\"\n[[subscribe]]\nkind = \"fork\"",
            ),
            (
                "[config]",
                "[limits]\ndeadline = \"1 s\"\n[config]\nquiet = true",
            ),
        ],
    );
    let directory = directory();
    put(directory.path(), "p.wasm", &slow);
    let (mut host, outcomes) = host(HostOptions {
        sources: vec![directory.path().to_owned()],
        watch: false,
        ..HostOptions::default()
    });
    offer(&mut host, &exec(0, "/do/spin"));
    host.flush();
    // While it spins: more forks than may wait, then execs, then more than there is room for.
    let child = process(9, None, "child", false);
    let mut id = 0;
    let mut offer_some = |host: &mut PluginHost, kind, count: u64| {
        for _ in 0..count {
            id += 1;
            offer(host, &event(kind, id, "", child.clone()));
        }
        host.flush();
        stats(host, "probe")
    };
    let after_forks = offer_some(&mut host, kind::FORK, 20_000);
    let after_execs = offer_some(&mut host, kind::EXEC, 3_000);
    let after_more = offer_some(&mut host, kind::EXEC, 5_000);
    assert_eq!(after_forks.calls, 0, "it spins still");
    assert!(after_forks.shed_bulk > 7_000);
    assert_eq!(
        (after_execs.shed_bulk, after_execs.shed_security),
        (after_forks.shed_bulk, 0)
    );
    assert!(after_more.shed_security > 3_000);
    host.drain();
    let end = stats(&host, "probe");
    assert_eq!(
        end.events + end.shed_bulk + end.shed_security,
        28_001,
        "delivered or counted"
    );
    let said = findings(&outcomes);
    let said: Vec<&Finding> = said.iter().filter(|f| f.rule == "events-shed").collect();
    assert!((1..=4).contains(&said.len()), "{}", said.len());
    assert!(
        said[0].message.contains("probe does not keep up"),
        "{}",
        said[0].message
    );
}

#[test]
fn what_does_not_start_is_refused_with_the_reason() {
    for (init, says) in [
        ("refuse", "its init refused: as the configuration asks"),
        ("trap", "its init failed: it trapped"),
    ] {
        let directory = directory();
        put(
            directory.path(),
            "p.wasm",
            &plugin(
                "probe",
                &[("[config]", &format!("[config]\ninit = {init:?}"))],
            ),
        );
        let (send, _outcomes) = crossbeam_channel::unbounded();
        let mut host = PluginHost::new(
            HostOptions {
                sources: vec![directory.path().to_owned()],
                watch: false,
                ..HostOptions::default()
            },
            send,
        )
        .expect("the runtime starts");
        let reports = host.load_all();
        let reason = reports[0].result.as_ref().expect_err("refused");
        assert!(reason.contains(says), "{reason}");
        assert!(host.plugins().is_empty());
    }
}
