//! Directories of plugins that change in all the ways in which directories do.

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};
use support::{versions::*, *};
use vedette::plugin::{HostOptions, Outcome, PluginHost};

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
