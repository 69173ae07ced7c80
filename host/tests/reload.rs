//! Reloads under load: every event once, to one generation, with what was kept.

mod support;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use support::*;
use vedette::plugin::{Applied, HostOptions, Outcome, PluginHost};
use vedette_contract::kind;

/// Waits until changes are ready and applies them; returns what came of the last.
fn apply_next(host: &mut PluginHost) -> Applied {
    let begun = Instant::now();
    loop {
        let changes = host.changes();
        if let Some(applied) = changes.into_iter().map(|c| host.apply(c)).last() {
            return applied;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "a change comes");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A version of a guest: its digest differs from that of the others.
fn version(guest: &str, n: u32) -> Vec<u8> {
    plugin(
        guest,
        &[("version = \"1.0.0\"", &format!("version = \"1.0.{n}\""))],
    )
}

fn watching(directory: &Path) -> HostOptions {
    HostOptions {
        sources: vec![directory.to_owned()],
        overflow: vedette::plugin::Overflow::Wait,
        cache: None,
        ..HostOptions::default()
    }
}

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

#[test]
fn ten_changes_in_a_second_are_one_and_half_a_file_is_none() {
    let directory = directory();
    put(directory.path(), "p.wasm", &version("probe", 0));
    let (mut host, outcomes) = host(watching(directory.path()));
    for n in 1..=10 {
        // Written in place and in pieces, with the litter of an editor beside it.
        let bytes = version("probe", n);
        let (first, second) = bytes.split_at(bytes.len() / 2);
        fs::write(directory.path().join("p.wasm"), first).expect("written");
        fs::write(directory.path().join(".p.wasm.swp"), b"x").expect("written");
        fs::write(directory.path().join("p.wasm~"), b"x").expect("written");
        std::thread::sleep(Duration::from_millis(30));
        fs::write(directory.path().join("p.wasm"), [first, second].concat()).expect("written");
        std::thread::sleep(Duration::from_millis(30));
    }
    apply_next(&mut host);
    std::thread::sleep(Duration::from_millis(500));
    assert!(host.changes().is_empty());
    host.drain();
    assert_eq!(host.plugins()[0].manifest.version, "1.0.10");
    let all: Vec<Outcome> = outcomes.try_iter().collect();
    assert!(
        !all.iter().any(|o| matches!(o, Outcome::Refused { .. })),
        "{all:?}"
    );
    assert_eq!(
        all.iter()
            .filter(|o| matches!(o, Outcome::Reloaded { .. }))
            .count(),
        1
    );
}

#[test]
fn a_volume_switches_all_its_files_by_one_link() {
    let directory = directory();
    let at = |name: &str| directory.path().join(name);
    for (n, name) in ["..v1", "..v2"].into_iter().enumerate() {
        fs::create_dir(at(name)).expect("made");
        fs::set_permissions(at(name), fs::Permissions::from_mode(0o755)).expect("permissions");
        fs::write(at(name).join("p.wasm"), version("probe", n as u32)).expect("written");
    }
    std::os::unix::fs::symlink("..v1", at("..data")).expect("linked");
    std::os::unix::fs::symlink("..data/p.wasm", at("p.wasm")).expect("linked");
    let (mut host, _outcomes) = host(watching(directory.path()));
    assert_eq!(host.plugins()[0].manifest.version, "1.0.0");
    std::os::unix::fs::symlink("..v2", at("..data_tmp")).expect("linked");
    fs::rename(at("..data_tmp"), at("..data")).expect("switched");
    apply_next(&mut host);
    host.drain();
    assert_eq!(host.plugins()[0].manifest.version, "1.0.1");
}

#[test]
fn a_directory_that_others_write_to_is_refused() {
    let directory = directory();
    put(directory.path(), "p.wasm", &version("probe", 0));
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).expect("permissions");
    let (send, _outcomes) = crossbeam_channel::unbounded();
    let mut host = PluginHost::new(
        HostOptions {
            watch: false,
            ..watching(directory.path())
        },
        send,
    )
    .expect("starts");
    let reports = host.load_all();
    assert_eq!(reports.len(), 1);
    let reason = reports[0].result.as_ref().expect_err("refused");
    assert!(reason.contains("can be written to by others"), "{reason}");

    // A file that others could have written, in a directory that they cannot write to.
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
    fs::set_permissions(
        directory.path().join("p.wasm"),
        fs::Permissions::from_mode(0o666),
    )
    .expect("permissions");
    let (send, _outcomes) = crossbeam_channel::unbounded();
    let mut host = PluginHost::new(
        HostOptions {
            watch: false,
            ..watching(directory.path())
        },
        send,
    )
    .expect("starts");
    let reports = host.load_all();
    let reason = reports[0].result.as_ref().expect_err("refused");
    assert!(
        reason.contains("p.wasm can be written to by others"),
        "{reason}"
    );
}

/// Waits until this version is in service.
fn until_served(host: &mut PluginHost, version: &str) {
    let begun = Instant::now();
    while host.plugins().first().map(|p| p.manifest.version.clone()) != Some(version.to_owned()) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{version} comes");
        for change in host.changes() {
            host.apply(change);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_directory_that_is_removed_and_made_again_is_followed() {
    let above = directory();
    let plugins = above.path().join("plugins");
    let make = |n| {
        fs::create_dir(&plugins).expect("made");
        fs::set_permissions(&plugins, fs::Permissions::from_mode(0o755)).expect("permissions");
        put(&plugins, "p.wasm", &version("probe", n));
    };
    make(0);
    let (mut host, _outcomes) = host(watching(&plugins));
    for n in 1..4 {
        fs::remove_dir_all(&plugins).expect("removed");
        make(n);
        until_served(&mut host, &format!("1.0.{n}"));
    }
    // Gone for good, so is the plugin.
    fs::remove_dir_all(&plugins).expect("removed");
    apply_next(&mut host);
    host.drain();
    assert!(host.plugins().is_empty());
}

#[test]
fn a_directory_that_is_a_link_is_followed_to_another() {
    let above = directory();
    let at = |name: &str| above.path().join(name);
    for (n, name) in ["one", "two"].into_iter().enumerate() {
        fs::create_dir(at(name)).expect("made");
        fs::set_permissions(at(name), fs::Permissions::from_mode(0o755)).expect("permissions");
        put(&at(name), "p.wasm", &version("probe", n as u32));
    }
    std::os::unix::fs::symlink("one", at("plugins")).expect("linked");
    let (mut host, _outcomes) = host(watching(&at("plugins")));
    std::os::unix::fs::symlink("two", at("next")).expect("linked");
    fs::rename(at("next"), at("plugins")).expect("switched");
    until_served(&mut host, "1.0.1");
    put(&at("two"), "p.wasm", &version("probe", 2));
    until_served(&mut host, "1.0.2");
}

#[test]
fn an_editor_that_moves_the_old_file_away_first_causes_one_reload() {
    let directory = directory();
    let at = |name: &str| directory.path().join(name);
    put(directory.path(), "p.wasm", &version("probe", 0));
    let (mut host, outcomes) = host(watching(directory.path()));
    // As vim does it: a probe whether it may write, a backup, a new file, the backup removed.
    fs::write(at("4913"), "").expect("written");
    fs::remove_file(at("4913")).expect("removed");
    fs::rename(at("p.wasm"), at("p.wasm~")).expect("moved");
    fs::write(at("p.wasm"), version("probe", 1)).expect("written");
    fs::remove_file(at("p.wasm~")).expect("removed");
    until_served(&mut host, "1.0.1");
    // The same content written again is no change.
    fs::write(at("p.wasm"), version("probe", 1)).expect("written");
    std::thread::sleep(Duration::from_millis(500));
    assert!(host.changes().is_empty());
    host.drain();
    let all: Vec<Outcome> = outcomes.try_iter().collect();
    let count = |what: fn(&Outcome) -> bool| all.iter().filter(|o| what(o)).count();
    assert_eq!(
        count(|o| matches!(o, Outcome::Reloaded { .. })),
        1,
        "{all:?}"
    );
    assert_eq!(
        count(|o| matches!(o, Outcome::Removed { .. })),
        0,
        "{all:?}"
    );
    assert_eq!(
        count(|o| matches!(o, Outcome::Refused { .. })),
        0,
        "{all:?}"
    );
}

/// Where no notification can be had, the directory is looked at all the same.
#[test]
fn without_notifications_changes_are_seen() {
    const INNER: &str = "VEDETTE_TEST_WITHOUT_INOTIFY";
    if std::env::var_os(INNER).is_none() {
        // Built here, where all of the machine can be used.
        component("probe");
        // A user namespace has limits of its own: the machine's are left alone.
        let own = std::env::current_exe().expect("a test binary");
        let inner = std::process::Command::new("unshare")
            .args(["--user", "--map-root-user", "sh", "-c"])
            .arg("echo 0 > /proc/sys/user/max_inotify_instances && exec \"$0\" \"$@\"")
            .arg(own)
            .args([
                "--exact",
                "without_notifications_changes_are_seen",
                "--nocapture",
            ])
            .env(INNER, "1")
            .output()
            .expect("unshare runs");
        let errors = String::from_utf8_lossy(&inner.stderr);
        if errors.contains("unshare failed") {
            println!("no user namespaces here, not tried: {errors}");
            return;
        }
        assert!(inner.status.success(), "{errors}");
        return;
    }
    // No instance can be made here, as where others have used all of them up.
    let instance = notify::recommended_watcher(|_| {});
    assert!(instance.is_err(), "the namespace takes notifications away");
    let directory = directory();
    put(directory.path(), "p.wasm", &version("probe", 0));
    let (mut host, _outcomes) = host(watching(directory.path()));
    put(directory.path(), "p.wasm", &version("probe", 1));
    until_served(&mut host, "1.0.1");
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
