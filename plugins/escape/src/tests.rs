//! Each act by itself, what is done by others, and chains.

mod agents;
mod machine;

use crate::Escape;
use vedette_sdk::prelude::*;
use vedette_sdk::raw;
use vedette_sdk::testkit::{Act, Actor, Exec, Scene};
use vedette_sdk::values::passed_how;

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
fn descriptors_of_others() {
    let passed = |who: fn(&Stage) -> (Actor, Actor), how: u32| {
        let mut stage = stage();
        let (who, from) = who(&stage);
        let act = Act {
            target: Some(from),
            ret: 7,
            a: 7,
            attrs: vec![(2, how.into(), b"".into())],
            ..Act::new(kind::PASSED)
        };
        stage.scene.tell(who, act);
        stage
    };
    let fetch = passed_how::FETCH;
    passed(|s| (s.inside, s.host), fetch).one("host-process", Severity::Critical);
    passed(|s| (s.inside, s.neighbour), fetch).none();
    passed(|s| (s.inside, s.inside), fetch).none();
    passed(|s| (s.inside, s.host), passed_how::MESSAGE).none();
    // Who supervises a container's calls fetches what they are about.
    passed(|s| (s.host, s.inside), fetch).none();
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

/// Marks and attributes of a container.
type Described = (u32, Vec<(u32, u64, Vec<u8>)>);

fn given(marks: u32, mounts: &[&str]) -> Described {
    let attrs = mounts.iter().map(|mount| (6, 0, mount.as_bytes().into()));
    (marks, attrs.collect())
}
