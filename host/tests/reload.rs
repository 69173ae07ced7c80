//! Reloads under load: every event once, to one generation, with what was kept.

mod support;

use std::{
    collections::BTreeMap,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};
use support::{versions::*, *};
use vedette::plugin::{HostOptions, Outcome};
use vedette_contract::kind;

#[test]
fn twenty_reloads_in_a_storm_lose_and_double_nothing() {
    storm("probe");
}

#[test]
fn twenty_reloads_in_a_storm_hand_memory_over() {
    storm("keeper");
}

/// Reloads a guest twenty times while events come without a pause.
fn storm(guest: &str) {
    let directory = directory();
    put(directory.path(), "p.wasm", &version(guest, 0));
    let (mut host, outcomes) = host(watching(directory.path()));
    let mut id = 0;
    let mut pauses = Vec::new();
    for n in 1..=20 {
        put(directory.path(), "p.wasm", &version(guest, n));
        // The storm goes on while the new generation is made ready, and while it switches.
        let change = loop {
            for _ in 0..100 {
                offer(&mut host, &exec(id, "/usr/bin/id"));
                id += 1;
            }
            host.flush();
            if let Some(change) = host.changes().into_iter().next() {
                break change;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        host.apply(change);
    }
    for _ in 0..100 {
        offer(&mut host, &exec(id, "/usr/bin/id"));
        id += 1;
    }
    host.drain();
    let mut seen = Vec::new();
    let mut by_version: BTreeMap<Arc<str>, u64> = BTreeMap::new();
    let mut last = String::new();
    for outcome in outcomes.try_iter() {
        match outcome {
            Outcome::Finding(f) => {
                assert_eq!(&*f.rule, "seen", "{}", f.message);
                seen.push(f.evidence[0].event);
                *by_version.entry(f.version.clone()).or_default() += 1;
                last = f.message;
            }
            Outcome::Reloaded { pause_ns, .. } => pauses.push(pause_ns),
            Outcome::Refused { reason, .. } => panic!("{reason}"),
            _ => {}
        }
    }
    assert_eq!(
        seen,
        (0..id).collect::<Vec<_>>(),
        "each event once and in order"
    );
    assert_eq!(by_version.len(), 21, "each generation served");
    assert_eq!(pauses.len(), 20);
    // The probe counts in its state, the keeper also in memory that it hands over.
    let expected = if guest == "keeper" {
        format!("{id} {id} ")
    } else {
        format!("state {id}")
    };
    assert!(last.contains(&expected), "{last} of {id}");
    pauses.sort_unstable();
    println!(
        "{guest}: {id} events, pauses of the switch in ns: median {} longest {}",
        pauses[10], pauses[19]
    );
    assert!(pauses[19] < 50_000_000, "{pauses:?}");
}

#[test]
fn what_cannot_take_over_leaves_the_old_one_in_service() {
    let directory = directory();
    put(directory.path(), "p.wasm", &version("keeper", 0));
    let (mut host, outcomes) = host(watching(directory.path()));
    offer(&mut host, &exec(0, "/x"));
    let mut wants: Vec<(Vec<u8>, &str)> = vec![
        (b"\0asm".to_vec(), "not a WebAssembly component"),
        (Vec::new(), "not a WebAssembly component"),
        (
            plugin(
                "probe",
                &[
                    ("id = \"probe\"", "id = \"keeper\""),
                    ("[config]", "[config]\ninit = \"trap\""),
                ],
            ),
            "its init failed",
        ),
    ];
    for (bytes, says) in wants.drain(..) {
        put(directory.path(), "p.wasm", &bytes);
        let reason = outcomes
            .iter()
            .find_map(|o| match o {
                Outcome::Refused { reason, .. } => Some(reason),
                _ => None,
            })
            .expect("a reason");
        assert!(reason.contains(says), "{reason}");
        assert!(host.changes().is_empty());
    }
    // This one is refused at the switch itself.
    put(
        directory.path(),
        "p.wasm",
        &plugin("keeper", &[("[config]", "[config]\nrestore = \"refuse\"")]),
    );
    let applied = apply_next(&mut host);
    assert_eq!(applied.wants_existing, None);
    offer(&mut host, &exec(1, "/x"));
    host.drain();
    let all: Vec<Outcome> = outcomes.try_iter().collect();
    assert!(all.iter().any(|o| matches!(o, Outcome::Refused { reason, .. } if reason.contains("as the configuration asks"))), "{all:?}");
    let info = &host.plugins()[0];
    assert_eq!(
        (info.manifest.version.as_str(), info.generation),
        ("1.0.0", 1)
    );
    assert!(
        all.iter()
            .any(|o| matches!(o, Outcome::Finding(f) if f.message.starts_with("2 2 {}"))),
        "{all:?}"
    );
}

#[test]
fn plugins_come_and_go() {
    let directory = directory();
    let (mut host, outcomes) = host(watching(directory.path()));
    assert!(!host.filter().kinds.has(kind::EXEC));
    put(directory.path(), "a.wasm", &version("keeper", 0));
    // Staged, it is in the filter already; applied, it asks for the processes that live.
    let begun = Instant::now();
    let change = loop {
        let widened = host.filter().kinds.has(kind::EXEC);
        if let Some(change) = host.changes().pop() {
            assert!(widened, "the kernel can be told before the switch");
            break change;
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(host.filter().kinds.has(kind::EXEC));
    let revision = host.filter_revision();
    let applied = host.apply(change);
    assert_eq!(applied.wants_existing.as_deref(), Some("keeper"));
    let alive = event(
        kind::EXISTING,
        0,
        "/sbin/init",
        process(1, None, "init", false),
    );
    host.offer_to("keeper", &alive);
    host.offer_to("nobody", &alive);
    host.drain();
    assert_eq!(ids(&findings(&outcomes), "keeper"), [0]);

    // The same plugin from another file is refused; the one that was first stays.
    put(directory.path(), "b.wasm", &version("keeper", 1));
    let begun = Instant::now();
    let reason = loop {
        assert!(host.changes().is_empty());
        if let Ok(Outcome::Refused { reason, .. }) = outcomes.try_recv() {
            break reason;
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(reason.contains("is in service from"), "{reason}");

    // Another plugin in the same file takes the place of the one that was there.
    put(directory.path(), "a.wasm", &version("probe", 0));
    apply_next(&mut host);
    host.drain();
    let names: Vec<String> = host.plugins().iter().map(|p| p.id.to_string()).collect();
    assert_eq!(names, ["probe"]);
    fs::remove_file(directory.path().join("a.wasm")).expect("removed");
    apply_next(&mut host);
    host.drain();
    assert!(host.plugins().is_empty());
    assert!(!host.filter().kinds.has(kind::EXEC));
    assert_ne!(host.filter_revision(), revision);
    let removed = outcomes
        .try_iter()
        .filter(|o| matches!(o, Outcome::Removed { .. }))
        .count();
    assert_eq!(removed, 2);
}

/// A thousand reloads while events rain: what `docs/performance.md` says of the pause comes from
/// here, with `--ignored`.
#[test]
#[ignore = "takes minutes; run for the figures"]
fn a_thousand_reloads_under_load() {
    let directory = directory();
    // Patient with a busy machine: a call that is aborted costs the instance what it remembers.
    let keeper = |n| {
        let version = format!("version = \"1.0.{n}\"");
        let limits = "[limits]\ndeadline = \"1 s\"\n[config]";
        plugin(
            "keeper",
            &[("version = \"1.0.0\"", &version), ("[config]", limits)],
        )
    };
    put(directory.path(), "k.wasm", &keeper(0));
    let (mut host, outcomes) = host(HostOptions {
        watch: false,
        ..watching(directory.path())
    });
    let mut id = 0;
    for n in 1..=1000 {
        let (reply, answer) = vedette::plugin::Reply::channel();
        put(directory.path(), "k.wasm", &keeper(n));
        let plugin = "keeper".to_owned();
        let reload = vedette::plugin::Command::Reload {
            plugin,
            force: false,
            shadow: None,
        };
        host.serve(reload, reply);
        let done = loop {
            for _ in 0..20 {
                offer(&mut host, &exec(id, "/usr/bin/id"));
                id += 1;
            }
            host.flush();
            for change in host.changes() {
                host.apply(change);
            }
            match answer.try_recv() {
                Ok(done) => break done,
                Err(_) => std::thread::sleep(Duration::from_micros(200)),
            }
        };
        assert!(done.is_ok(), "{n}: {done:?}");
    }
    host.drain();
    let mut next = 0;
    let mut pauses = Vec::new();
    let mut last = String::new();
    for outcome in outcomes.try_iter() {
        match outcome {
            Outcome::Finding(f) => {
                assert_eq!(&*f.plugin, "keeper", "{}", f.message);
                assert_eq!(f.evidence[0].event, next, "each event once, and in order");
                next += 1;
                last = f.message;
            }
            Outcome::Reloaded { pause_ns, .. } => pauses.push(pause_ns),
            _ => {}
        }
    }
    assert_eq!((next, pauses.len()), (id, 1000));
    pauses.sort_unstable();
    let us = |n: usize| pauses[n] as f64 / 1e3;
    println!(
        "1000 reloads, {id} events, none lost, none doubled; pause p50 {:.0} us, p99 {:.0} us, longest {:.0} us",
        us(499),
        us(989),
        us(999)
    );
    assert!(last.starts_with(&format!("{id} {id} ")), "{last} of {id}");
}
