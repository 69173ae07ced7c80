//! The machine's groups, memory, root and rights.

use super::*;
use vedette_sdk::values::credentials_cause;

#[test]
fn leaving_the_group_of_the_container() {
    let id = format!("{CONTAINER:064x}");
    let moves = |path: &str, target: fn(&Stage) -> Actor, elsewhere: bool| {
        let mut stage = stage();
        let target = target(&stage);
        if elsewhere {
            stage.scene.contain(target, 78);
        }
        let act = Act {
            text: path.into(),
            target: Some(target),
            a: 1,
            ..Act::new(kind::CGROUP_MOVE)
        };
        stage.scene.tell(stage.inside, act);
        stage
    };
    let leaves = moves("/", |s| s.inside, false);
    leaves.one("leaves-group", Severity::High);
    assert!(!leaves.found()[0].proposals.is_empty());
    // What was told to be mounted into it makes a mistake of its init's possible.
    let mut given_groups = stage();
    let described = given(0, &["/sys/fs/cgroup:/sys/fs/cgroup:rw"]);
    given_groups.describe(given_groups.inside, described);
    let act = Act {
        text: b"/init.scope".into(),
        target: Some(given_groups.inside),
        ..Act::new(kind::CGROUP_MOVE)
    };
    given_groups.scene.tell(given_groups.inside, act);
    given_groups.one("leaves-group", Severity::High);
    assert!(given_groups.found()[0].proposals.is_empty());
    moves("/system.slice", |s| s.neighbour, false).one("leaves-group", Severity::High);
    moves(&format!("/docker/{id}"), |s| s.inside, false).none();
    moves(
        &format!("/x/docker-{id}.scope/init"),
        |s| s.neighbour,
        false,
    )
    .none();
    // It sets a container up, or manages the machine's processes.
    moves("/docker/other", |s| s.neighbour, true).none();
    moves("/system.slice", |s| s.host, false).none();
}

#[test]
fn the_machines_memory_and_raw_devices() {
    let open = |path: &str, device: u64, filesystem: u64| {
        let mut stage = stage();
        let act = Act {
            text: path.into(),
            a: u64::from(open_mark::CHARACTER_DEVICE) << 32,
            c: device | filesystem << 32,
            ..Act::new(kind::OPEN)
        };
        stage.scene.tell(stage.inside, act);
        stage
    };
    open("/tmp/mem", 0x10_0001, 1).one("host-memory", Severity::High);
    open("/dev/port", 0x10_0004, 1).one("host-memory", Severity::High);
    open("/dev/sg0", 21 << 20, 1).one("host-disk", Severity::Medium);
    open("/dev/null", 0x10_0003, 1).none();
    let mut kernel = stage();
    kernel.open("/proc/kcore", 0, 0, PROC);
    kernel.one("host-memory", Severity::High);
    let mut named = stage();
    named.open("/tmp/kcore", 0, 0, 0x0102_1994);
    named.none();
    for (mode, device, found) in [
        (0o020_600, 0x10_0001, true),
        (0o060_600, 0x10_0001, false),
        (0o020_666, 0x10_0003, false),
    ] {
        let mut made = stage();
        let act = Act {
            text: b"/tmp/x".into(),
            a: mode | device << 32,
            ..Act::new(kind::MKNOD)
        };
        made.scene.tell(made.inside, act);
        match found {
            true => made.one("host-memory", Severity::High),
            false => made.none(),
        }
    }
}

#[test]
fn the_machines_root_that_is_mounted_into_it() {
    const CHROOT: u64 = 12 << 32;
    let root = || {
        let mut stage = stage();
        let described = given(0, &["/:/host:rw", "/srv/data:/data:rw", "/var:/mnt/var:ro"]);
        stage.describe(stage.inside, described);
        stage
    };
    let change = |stage: &mut Stage, path: &str| {
        let act = Act {
            text: path.into(),
            b: CHROOT,
            ..Act::new(kind::MOUNT)
        };
        stage.scene.tell(stage.inside, act);
    };
    for (path, found) in [
        ("/host", true),
        ("/host/", true),
        ("/host/x", false),
        ("/data", false),
    ] {
        let mut stage = root();
        change(&mut stage, path);
        match found {
            true => stage.one("host-root", Severity::High),
            false => stage.none(),
        }
    }
    for (path, found) in [
        ("/host/etc/cron.d/x", true),
        ("/host/root/.ssh/authorized_keys", true),
        ("/host/etc/ld.so.preload", true),
        ("/mnt/var/spool/cron/crontabs/root", true),
        ("/etc/cron.d/x", false),
        ("/host/etc/hostname", false),
        ("/data/etc/cron.d/x", false),
        ("/hosted/etc/cron.d/x", false),
    ] {
        let mut stage = root();
        stage.open(path, WRITE, 0, 0xef53);
        match found {
            true => stage.one("host-root", Severity::High),
            false => stage.none(),
        }
        assert!(stage.found().iter().all(|f| f.proposals.is_empty()));
    }
    // After it has made that its root, and in what it starts there.
    let mut rooted = root();
    change(&mut rooted, "/host");
    rooted.inside = rooted.scene.fork(rooted.inside);
    rooted.open("/etc/cron.d/x", WRITE, 0, 0xef53);
    rooted.open("/etc/hostname", WRITE, 0, 0xef53);
    let found = rooted.found();
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(found[1].process, rooted.inside.key());
}

#[test]
fn rights_that_nothing_gave() {
    let change = |cause: u32, capabilities: u64, uids: u64| {
        let mut stage = stage();
        stage
            .scene
            .change(stage.inside, |row| row.capabilities = capabilities);
        let act = Act {
            a: cause.into(),
            b: uids,
            c: 1,
            ..Act::new(kind::CREDENTIALS)
        };
        stage.scene.tell(stage.inside, act);
        stage
    };
    let nothing = credentials_cause::UNEXPLAINED;
    change(nothing, 3, 0).one("kernel-exploit", Severity::Critical);
    change(nothing, 1, 1000).one("kernel-exploit", Severity::Critical);
    change(nothing, 0, 1000 << 32).none();
    change(credentials_cause::CALL, 3, 1000).none();
}

#[test]
fn what_is_mounted_is_told_a_moment_later() {
    let story = |mount: &str, told: bool| {
        let mut stage = stage();
        stage.describe(stage.inside, given(container_mark::PENDING, &[]));
        let root = Act {
            text: b"/host".into(),
            b: 12 << 32,
            ..Act::new(kind::MOUNT)
        };
        let shell = stage.scene.fork(stage.inside);
        stage.scene.tell(shell, root);
        stage.inside = stage.scene.fork(shell);
        stage.open("/etc/cron.d/x", WRITE, 0, 0xef53);
        stage.open("/etc/hostname", WRITE, 0, 0xef53);
        if told {
            let container = Act {
                text: format!("{CONTAINER:064x}").into(),
                attrs: vec![(6, 0, mount.into())],
                ..Act::new(kind::CONTAINER)
            };
            stage.scene.tell_alone(container);
        }
        (stage.found(), shell.key(), stage.inside.key())
    };
    let (found, shell, child) = story("/:/host:rw", true);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found.iter().all(|f| f.rule == "host-root"));
    assert_eq!((found[0].process, found[1].process), (shell, child));
    assert!(story("/srv:/host:rw", true).0.is_empty());
    assert!(story("/:/host:rw", false).0.is_empty());
}
