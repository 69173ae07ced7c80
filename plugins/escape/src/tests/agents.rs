//! Agents, runtimes and neighbours that do what an escape does, and are told from one.

use super::*;

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
