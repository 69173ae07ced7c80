//! Each act by itself, what is done by others, and chains.

use crate::Escape;
use vedette_sdk::prelude::*;
use vedette_sdk::raw;
use vedette_sdk::testkit::{Act, Actor, Exec, Scene};
use vedette_sdk::values::credentials_cause;

const CONTAINER: u64 = 77;
const HOST: u32 = process_mark::HOST_MOUNT_NAMESPACE
    | process_mark::HOST_PID_NAMESPACE
    | process_mark::HOST_NETWORK_NAMESPACE;

const WRITE: u64 = 1;
const PROC: u64 = 0x9fa0;
const CGROUP: u64 = 0x27e0eb;

struct Stage {
    scene: Scene,
    host: Actor,
    inside: Actor,
    neighbour: Actor,
}

fn stage() -> Stage {
    let mut scene = Scene::new();
    let host = scene.process(Exec::new("/usr/sbin/service", &["service"]));
    scene.change(host, |row| row.capabilities = u64::MAX);
    let mut contained = |exe| {
        let actor = scene.process(Exec::new(exe, &[exe]));
        scene.contain(actor, CONTAINER);
        scene.change(actor, |row| row.marks &= !HOST);
        actor
    };
    let (inside, neighbour) = (contained("/x/a"), contained("/x/b"));
    Stage {
        scene,
        host,
        inside,
        neighbour,
    }
}

impl Stage {
    fn open(&mut self, path: &str, flags: u64, marks: u32, filesystem: u64) -> u64 {
        self.scene.tell(
            self.inside,
            Act {
                text: path.into(),
                a: flags | u64::from(marks) << 32,
                c: filesystem << 32,
                ..Act::new(kind::OPEN)
            },
        )
    }

    fn mount(&mut self, marks: u32, filesystem: u64, name: &str) {
        self.scene.tell(
            self.inside,
            Act {
                text: b"/mnt".into(),
                a: u64::from(marks) << 32,
                b: filesystem | 1 << 32,
                attrs: vec![(1, 0, name.into())],
                ..Act::new(kind::MOUNT)
            },
        );
    }

    fn act_on(&mut self, kind: u16, target: Actor, a: u64) {
        let act = Act {
            target: Some(target),
            a,
            ..Act::new(kind)
        };
        self.scene.tell(self.inside, act);
    }

    fn describe(&mut self, actor: Actor, (marks, attrs): Described) {
        self.scene.describe(actor, marks, attrs);
    }

    fn found(&self) -> Vec<raw::Finding> {
        self.scene.findings::<Escape>()
    }

    #[track_caller]
    fn one(&self, rule: &str, severity: Severity) {
        let found = self.found();
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(
            (&*found[0].rule, found[0].severity),
            (rule, severity),
            "{found:#?}"
        );
        assert_eq!(found[0].process, self.inside.key());
        assert!(!found[0].dedup.is_empty());
    }

    #[track_caller]
    fn none(&self) {
        let found = self.found();
        assert!(found.is_empty(), "{found:#?}");
    }
}

#[test]
fn kernel_helpers_wherever_they_are_mounted() {
    for (path, filesystem, severity) in [
        ("/x/y/release_agent", CGROUP, Severity::Critical),
        ("/x/y/notify_on_release", CGROUP, Severity::Medium),
        ("/x/core_pattern", PROC, Severity::Critical),
        ("/proc/sys/kernel/core_pattern", 0, Severity::Critical),
        ("/x/modprobe", PROC, Severity::Critical),
        ("/x/uevent_helper", 0x62656572, Severity::Critical),
        ("/x/register", 0x42494e4d, Severity::High),
    ] {
        let mut stage = stage();
        stage.open(path, WRITE, 0, filesystem);
        stage.one("kernel-helper", severity);
    }
}

#[test]
fn files_of_the_same_name_elsewhere_and_reading() {
    let mut stage = stage();
    stage.open("/sbin/modprobe", WRITE, 0, 0x794c7630);
    stage.open("/tmp/release_agent", WRITE, 0, 0x01021994);
    stage.open("/tmp/register", WRITE, 0, 0);
    stage.open("/proc/sys/kernel/core_pattern", 0, 0, PROC);
    stage.none();
}

#[test]
fn the_runtime_setting_up_and_the_machine_itself() {
    let mut stage = stage();
    stage
        .scene
        .change(stage.inside, |row| row.marks |= process_mark::JOINING);
    stage.mount(0, PROC, "proc");
    stage.open("/x/release_agent", WRITE, 0, CGROUP);
    let act = Act {
        text: b"/proc/sys/kernel/core_pattern".into(),
        a: WRITE,
        c: PROC << 32,
        ..Act::new(kind::OPEN)
    };
    stage.scene.tell(stage.host, act);
    stage.none();
}

#[test]
fn what_may_be_a_runtime_whose_execution_was_lost() {
    let act = |lost: bool, path: &str, marks: u32, filesystem: u64| {
        let mut stage = stage();
        if lost {
            stage
                .scene
                .change(stage.inside, |row| row.marks |= process_mark::INCOMPLETE);
        }
        stage.open(path, WRITE, marks, filesystem);
        stage
    };
    let foreign = open_mark::FOREIGN_MOUNT;
    act(false, "/run/runc/c/exec.fifo", foreign, 1).one("host-file", Severity::Critical);
    let lost = act(true, "/run/runc/c/exec.fifo", foreign, 1);
    lost.one("host-file", Severity::Medium);
    assert!(lost.found()[0].proposals.is_empty());
    // No runtime does this.
    act(true, "/x/core_pattern", 0, PROC).one("kernel-helper", Severity::Critical);
}

#[test]
fn refused_attempts_are_no_escape() {
    let mut stage = stage();
    let act = Act {
        ret: -1,
        b: PROC | 1 << 32,
        ..Act::new(kind::MOUNT)
    };
    stage.scene.tell(stage.inside, act);
    stage.none();
}

#[test]
fn namespaces_of_the_machine() {
    const MOUNT: u64 = 0x20000 << 32;
    let mut entered = stage();
    entered.scene.change(entered.inside, |row| {
        row.marks |= process_mark::HOST_MOUNT_NAMESPACE
    });
    entered.scene.tell(
        entered.inside,
        Act {
            a: MOUNT,
            ..Act::new(kind::SETNS)
        },
    );
    entered.one("host-namespace", Severity::Critical);

    // Into another namespace than the machine's; into none that is another.
    let mut other = stage();
    other.scene.tell(
        other.inside,
        Act {
            a: MOUNT,
            ..Act::new(kind::SETNS)
        },
    );
    other.scene.change(other.inside, |row| {
        row.marks |= process_mark::HOST_PID_NAMESPACE
    });
    other.scene.tell(
        other.inside,
        Act {
            a: MOUNT,
            ..Act::new(kind::SETNS)
        },
    );
    other.none();
}

#[test]
fn mounts() {
    let mut disk = stage();
    disk.mount(mount_mark::BLOCK_DEVICE, 0xef53, "ext4");
    disk.one("host-disk", Severity::Critical);
    let mut cgroup = stage();
    cgroup.mount(0, 0, "cgroup");
    cgroup.one("kernel-filesystem", Severity::High);
    let mut processes = stage();
    processes.scene.change(processes.inside, |row| {
        row.marks |= process_mark::HOST_PID_NAMESPACE
    });
    processes.mount(0, PROC, "proc");
    processes.one("kernel-filesystem", Severity::High);
    let mut scratch = stage();
    scratch.mount(0, 0x01021994, "tmpfs");
    scratch.none();
}

#[test]
fn processes_outside() {
    for (kind, a) in [(kind::PTRACE, 16), (kind::PROCESS_MEMORY, 1)] {
        let mut out = stage();
        out.act_on(kind, out.host, a);
        out.one("host-process", Severity::Critical);
        let mut within = stage();
        within.act_on(kind, within.neighbour, a);
        within.act_on(kind, within.inside, a);
        within.none();
    }
    let mut memory = stage();
    let marks = u64::from(open_mark::PROCESS_MEMORY) << 32;
    memory.act_on(kind::OPEN, memory.host, marks | 2);
    memory.one("host-process", Severity::Critical);
}

#[test]
fn files_and_disks_outside() {
    for (marks, flags, rule, severity) in [
        (open_mark::FOREIGN_MOUNT, 0, "host-file", Severity::High),
        (
            open_mark::FOREIGN_MOUNT,
            WRITE,
            "host-file",
            Severity::Critical,
        ),
        (
            open_mark::BY_HANDLE | open_mark::OUTSIDE_MOUNT,
            0,
            "host-file",
            Severity::Critical,
        ),
        (open_mark::BLOCK_DEVICE, 0, "host-disk", Severity::High),
    ] {
        let mut stage = stage();
        stage.open("/some/where", flags, marks, 0xef53);
        stage.one(rule, severity);
    }
    let mut stage = stage();
    stage.open("pipe:[1]", WRITE, open_mark::FOREIGN_MOUNT, 0x50495045);
    stage.open("/data/x", 0, open_mark::BY_HANDLE, 0xef53);
    stage.none();
}

#[test]
fn privileged_services_of_the_machine() {
    let connect = |stage: &mut Stage, path: &str, target| {
        let act = Act {
            text: path.into(),
            a: 0x10001 << 32,
            target: Some(target),
            ..Act::new(kind::CONNECT)
        };
        stage.scene.tell(stage.inside, act);
    };
    let mut usual = stage();
    let host = usual.host;
    connect(&mut usual, "/var/run/docker.sock", host);
    usual.one("runtime-socket", Severity::High);
    let mut moved = stage();
    connect(&mut moved, "/tmp/x", host);
    moved.one("runtime-socket", Severity::Medium);
    let mut weak = stage();
    weak.scene.change(host, |row| row.capabilities = 0);
    let neighbour = weak.neighbour;
    connect(&mut weak, "/run/mysqld.sock", host);
    connect(&mut weak, "/run/docker.sock", neighbour);
    weak.none();
}

#[test]
fn steps_support_each_other() {
    let mut stage = stage();
    stage.mount(0, CGROUP, "cgroup");
    let notify = stage.open("/mnt/x/notify_on_release", WRITE, 0, CGROUP);
    stage.open("/mnt/release_agent", WRITE, 0, CGROUP);
    let found = stage.found();
    assert_eq!(
        found.iter().map(|f| f.severity).collect::<Vec<_>>(),
        [Severity::High, Severity::High, Severity::Critical]
    );
    assert!(
        found[2].evidence.iter().any(|e| e.event == notify),
        "{:#?}",
        found[2]
    );
}

#[test]
fn weak_acts_do_not_raise_each_other() {
    // What network and observability agents do when they start, and systemd in a container.
    let mut stage = stage();
    let load = Act {
        a: 5,
        ..Act::new(kind::BPF)
    };
    stage.scene.tell(stage.inside, load);
    stage.mount(0, 0, "cgroup2");
    stage.mount(0, PROC, "proc");
    let found = stage.found();
    assert_eq!(found.len(), 3, "{found:#?}");
    for finding in found {
        assert_eq!(finding.severity, Severity::Medium, "{finding:#?}");
        assert!(finding.proposals.is_empty(), "{finding:#?}");
    }
}

const NETWORK: u64 = 0x4000_0000 << 32;

#[test]
fn coming_back_to_what_the_container_shares_anyhow() {
    let back = |stage: &mut Stage, actor| {
        stage.scene.change(actor, |row| {
            row.marks |= process_mark::HOST_NETWORK_NAMESPACE
        });
        let act = Act {
            a: NETWORK,
            ..Act::new(kind::SETNS)
        };
        stage.scene.tell(actor, act);
    };
    // A network agent of a pod in the machine's network, as its runtime says.
    let mut told = stage();
    told.describe(told.inside, given(container_mark::HOST_NETWORK, &[]));
    let agent = told.inside;
    back(&mut told, agent);
    told.none();
    // Before it has said so: its own parent was there already.
    let mut early = stage();
    let parent = early.inside;
    early.scene.change(parent, |row| {
        row.marks |= process_mark::HOST_NETWORK_NAMESPACE
    });
    let agent = early.scene.fork(parent);
    back(&mut early, agent);
    early.none();
    // Who comes from a network of the container's own enters the machine's.
    let mut entered = stage();
    let agent = entered.inside;
    back(&mut entered, agent);
    entered.one("host-namespace", Severity::High);
    // The runtime was in the machine's network before it made the container's.
    let mut joined = stage();
    joined.scene.change(joined.inside, |row| {
        row.marks |= process_mark::HOST_NETWORK_NAMESPACE | process_mark::JOINING
    });
    let child = joined.scene.fork(joined.inside);
    joined
        .scene
        .change(child, |row| row.marks &= !process_mark::JOINING);
    back(&mut joined, child);
    let found = joined.found();
    assert_eq!(found.len(), 1, "{found:#?}");
}

/// Marks and attributes of a container.
type Described = (u32, Vec<(u32, u64, Vec<u8>)>);

fn given(marks: u32, mounts: &[&str]) -> Described {
    let attrs = mounts.iter().map(|mount| (6, 0, mount.as_bytes().into()));
    (marks, attrs.collect())
}

#[test]
fn a_runtimes_socket_that_was_given_on_purpose() {
    for (described, path, severity) in [
        (
            given(0, &["/var/run/docker.sock:/var/run/docker.sock:rw"]),
            "/run/docker.sock",
            Severity::Medium,
        ),
        (
            given(0, &["/run:/host/run:ro"]),
            "/var/run/docker.sock",
            Severity::Medium,
        ),
        (
            given(container_mark::PENDING, &[]),
            "/run/docker.sock",
            Severity::Medium,
        ),
        (
            given(0, &["/run/dockers:/run:rw", "/:/host:rw"]),
            "/run/docker.sock",
            Severity::High,
        ),
        (
            given(0, &["/var/lib/x:/x:rw"]),
            "/var/lib/x/csi.sock",
            Severity::Low,
        ),
    ] {
        let mut stage = stage();
        stage.describe(stage.inside, described);
        let act = Act {
            text: path.into(),
            a: 0x10001 << 32,
            target: Some(stage.host),
            ..Act::new(kind::CONNECT)
        };
        stage.scene.tell(stage.inside, act);
        stage.one("runtime-socket", severity);
        assert_eq!(
            stage.found()[0].proposals.is_empty(),
            severity < Severity::High
        );
    }
}

#[test]
fn a_runtime_inside_of_a_container_sets_another_one_up() {
    let setting_up = |mark: u32| {
        let mut stage = stage();
        stage.scene.change(stage.inside, |row| row.marks |= mark);
        stage.mount(0, CGROUP, "cgroup");
        stage.open("/x/log", WRITE, open_mark::FOREIGN_MOUNT, 0xef53);
        let device = Act {
            a: 0o020_666 | 0x10_0001 << 32,
            ..Act::new(kind::MKNOD)
        };
        stage.scene.tell(stage.inside, device);
        stage.found()
    };
    let inner = setting_up(process_mark::JOINING_INNER);
    assert_eq!(inner.len(), 3);
    for finding in inner {
        assert!(finding.severity <= Severity::Medium, "{finding:#?}");
        assert!(finding.proposals.is_empty(), "{finding:#?}");
    }
    assert!(setting_up(0).iter().all(|f| !f.proposals.is_empty()));
    // Where it makes no group of its own either: the fifo by which it is told to go on, the
    // terminal, its own procfs.
    let mut alike = stage();
    let fifo = open_mark::FOREIGN_MOUNT | open_mark::FIFO;
    alike.open("/run/runc/c/exec.fifo", WRITE, fifo, 0x0102_1994);
    alike.one("host-file", Severity::Medium);
    assert!(alike.found()[0].proposals.is_empty());
    let mut own = stage();
    let act = Act {
        text: b"/proc/self/attr/exec".into(),
        a: WRITE | u64::from(open_mark::FOREIGN_MOUNT) << 32,
        c: PROC << 32,
        target: Some(own.inside),
        ..Act::new(kind::OPEN)
    };
    own.scene.tell(own.inside, act);
    own.none();
}

#[test]
fn devices_that_are_allowed_to_an_inner_container() {
    let own = format!("/x/docker-{CONTAINER:064x}.scope/devices.allow");
    let inner = format!("/sys/fs/cgroup/devices/{:064x}/devices.allow", 78);
    for (path, severity) in [
        ("/sys/fs/cgroup/devices/devices.allow", Severity::High),
        (&own, Severity::High),
        (&inner, Severity::Medium),
    ] {
        let mut stage = stage();
        stage.open(path, WRITE, 0, CGROUP);
        stage.one("kernel-helper", severity);
    }
}

#[test]
fn neighbours_in_a_pod_and_containers_made_inside() {
    const POD_UID: u32 = 9;
    const OUTER: u32 = 10;
    // The neighbour is in container 78; each is described so.
    let traced = |inside: Option<(u32, &str)>, neighbour: Option<(u32, &str)>| {
        let mut stage = stage();
        let target = stage.neighbour;
        stage.scene.contain(target, 78);
        for (actor, attr) in [(stage.inside, inside), (target, neighbour)] {
            let attrs = attr.map(|(key, text)| (key, 0, text.into()));
            stage.describe(actor, (0, attrs.into_iter().collect()));
        }
        stage.act_on(kind::PTRACE, target, 16);
        stage
    };
    traced(None, None).one("host-process", Severity::Critical);
    // `kubectl debug --target`.
    traced(Some((POD_UID, "1111")), Some((POD_UID, "1111"))).none();
    traced(Some((POD_UID, "1111")), Some((POD_UID, "2222")))
        .one("host-process", Severity::Critical);
    // Into one that was made in it, and out of such a one.
    let (own, its) = (format!("{CONTAINER:064x}"), format!("{:064x}", 78));
    traced(None, Some((OUTER, &own))).none();
    traced(Some((OUTER, &its)), None).one("host-process", Severity::Critical);
}

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
        let described = given(0, &["/:/host:rw", "/srv/data:/data:rw", "/var:/logs:ro"]);
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
        ("/logs/spool/cron/crontabs/root", true),
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
