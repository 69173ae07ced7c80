//! What one event is worth by itself.

use vedette_sdk::cmdline::base_name;
use vedette_sdk::net;
use vedette_sdk::prelude::*;
use vedette_sdk::views::{Connect, Mount, Open, Setns};

/// An act that leads out of a container.
#[derive(Debug, Clone)]
pub struct Act {
    /// Finding of the manifest.
    pub rule: &'static str,
    /// How bad it is, by itself.
    pub severity: Severity,
    /// Percent.
    pub confidence: u8,
    /// What the process does, after "it".
    pub what: &'static str,
    /// To what.
    pub object: String,
}

/// Magic numbers of file systems (linux/magic.h).
mod magic {
    pub const PROC: u32 = 0x9fa0;
    pub const SYSFS: u32 = 0x6265_6572;
    pub const CGROUP: u32 = 0x0027_e0eb;
    pub const CGROUP2: u32 = 0x6367_7270;
    pub const BINFMT: u32 = 0x4249_4e4d;
    /// Where unnamed things live that are in nobody's mounts: pipes, sockets, event and
    /// namespace descriptors.
    pub const UNNAMED: [u32; 4] = [0x5049_5045, 0x534f_434b, 0x0904_1934, 0x6e73_6673];
}

/// CLONE_NEW… bits.
mod namespace {
    pub const MOUNT: u32 = 0x0002_0000;
    pub const USER: u32 = 0x1000_0000;
    pub const PID: u32 = 0x2000_0000;
    pub const NETWORK: u32 = 0x4000_0000;
}

/// What this event is worth, if anything.
pub fn of(event: Event<'_>, process: Process<'_>) -> Option<Act> {
    if let Some(open) = event.as_open() {
        opened(open, process)
    } else if let Some(setns) = event.as_setns() {
        entered(setns, process)
    } else if let Some(mount) = event.as_mount() {
        mounted(mount, process)
    } else if event.as_ptrace().is_some() {
        let target = outside(process, event.target())?;
        reached(
            Severity::Critical,
            90,
            "traces a process outside of it",
            target,
        )
    } else if let Some(access) = event.as_process_memory() {
        let target = outside(process, event.target())?;
        match access.access() {
            memory_access::WRITE => reached(
                Severity::Critical,
                95,
                "writes the memory of a process outside of it",
                target,
            ),
            _ => reached(
                Severity::High,
                85,
                "reads the memory of a process outside of it",
                target,
            ),
        }
    } else if let Some(connect) = event.as_connect() {
        connected(connect, process, event.target()?)
    } else if let Some(module) = event.as_module() {
        Some(Act {
            rule: "kernel-code",
            severity: Severity::Critical,
            confidence: 90,
            what: "loads a kernel module",
            object: text(module.path()),
        })
    } else {
        event.as_bpf().map(|bpf| Act {
            rule: "kernel-code",
            severity: Severity::Medium,
            confidence: 50,
            what: "loads a BPF program",
            object: format!("type {}", bpf.kind_name()),
        })
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The other process, if it is not of the same container.
fn outside<'a>(process: Process<'_>, other: Option<Process<'a>>) -> Option<Process<'a>> {
    other.filter(|other| other.key() != process.key() && !other.shares_container(process))
}

fn reached(
    severity: Severity,
    confidence: u8,
    what: &'static str,
    target: Process<'_>,
) -> Option<Act> {
    Some(Act {
        rule: "host-process",
        severity,
        confidence,
        what,
        object: format!("{} (pid {})", text(target.exe()), target.pid()),
    })
}

/// O_WRONLY and O_RDWR.
const WRITE: u32 = 3;

fn opened(open: Open<'_>, process: Process<'_>) -> Option<Act> {
    let has = |mark| open.marks() & mark != 0;
    let writes = open.flags() & WRITE != 0;
    let act = |rule, severity, confidence, what| Act {
        rule,
        severity,
        confidence,
        what,
        object: text(open.path()),
    };
    if has(open_mark::PROCESS_MEMORY) {
        let target = outside(process, open.owner())?;
        return match writes {
            true => reached(
                Severity::Critical,
                95,
                "opens the memory of a process outside of it to write",
                target,
            ),
            false => reached(
                Severity::High,
                85,
                "opens the memory of a process outside of it",
                target,
            ),
        };
    }
    if writes && let Some(act) = helper(open) {
        return Some(act);
    }
    if has(open_mark::BY_HANDLE) && has(open_mark::OUTSIDE_MOUNT) {
        let what = "opens by its handle a file that no mount of it shows";
        return Some(act("host-file", Severity::Critical, 95, what));
    }
    if has(open_mark::BLOCK_DEVICE) {
        return Some(match writes {
            true => act(
                "host-disk",
                Severity::Critical,
                85,
                "opens a block device to write",
            ),
            false => act("host-disk", Severity::High, 80, "opens a block device"),
        });
    }
    let unnamed =
        magic::UNNAMED.contains(&open.filesystem()) || open.path().starts_with(b"/memfd:");
    if has(open_mark::FOREIGN_MOUNT) && !unnamed {
        return Some(match (writes, has(open_mark::RUNNING_IMAGE)) {
            (true, _) => act(
                "host-file",
                Severity::Critical,
                92,
                "opens to write a file that is not in its mounts",
            ),
            (false, true) => act(
                "host-file",
                Severity::High,
                75,
                "opens the image of a process outside of it",
            ),
            (false, false) => act(
                "host-file",
                Severity::High,
                75,
                "opens a file that is not in its mounts",
            ),
        });
    }
    None
}

/// A file by which the kernel is told what to run, or to do, on the machine.
fn helper(open: Open<'_>) -> Option<Act> {
    let filesystem = open.filesystem();
    // Where the kernel could not read it the name has to do.
    let on = |wanted: &[u32]| filesystem == 0 || wanted.contains(&filesystem);
    let cgroup = || on(&[magic::CGROUP, magic::CGROUP2]);
    let (severity, confidence, what) = match base_name(open.path()) {
        b"release_agent" if cgroup() => (
            Severity::Critical,
            95,
            "sets what the kernel runs when a control group empties",
        ),
        b"notify_on_release" if cgroup() => (
            Severity::Medium,
            60,
            "makes a control group call its release agent",
        ),
        b"devices.allow" if cgroup() => (Severity::High, 80, "allows devices to a control group"),
        b"core_pattern" if on(&[magic::PROC]) => (
            Severity::Critical,
            95,
            "sets what the kernel runs when a process crashes",
        ),
        b"modprobe" | b"hotplug" | b"poweroff_cmd" if on(&[magic::PROC]) => (
            Severity::Critical,
            92,
            "sets a program that the kernel runs on its own account",
        ),
        b"uevent_helper" if on(&[magic::SYSFS]) => (
            Severity::Critical,
            95,
            "sets what the kernel runs when a device changes",
        ),
        b"register" if on(&[magic::BINFMT]) && filesystem != 0 => (
            Severity::High,
            80,
            "sets what the kernel runs for a form of executable",
        ),
        b"sysrq-trigger" if on(&[magic::PROC]) => {
            (Severity::High, 85, "gives the kernel a console command")
        }
        _ => return None,
    };
    Some(Act {
        rule: "kernel-helper",
        severity,
        confidence,
        what,
        object: text(open.path()),
    })
}

fn entered(setns: Setns<'_>, process: Process<'_>) -> Option<Act> {
    let into = |bit: u32, mark: u32| setns.changed() & bit != 0 && process.has(mark);
    let (severity, confidence, object) =
        if into(namespace::MOUNT, process_mark::HOST_MOUNT_NAMESPACE) {
            (Severity::Critical, 97, "its mounts")
        } else if into(namespace::PID, process_mark::HOST_PID_NAMESPACE) {
            (Severity::Critical, 90, "its processes")
        } else if into(namespace::USER, process_mark::HOST_USER_NAMESPACE) {
            (Severity::Critical, 90, "its users")
        } else if into(namespace::NETWORK, process_mark::HOST_NETWORK_NAMESPACE) {
            (Severity::High, 80, "its network")
        } else {
            return None;
        };
    Some(Act {
        rule: "host-namespace",
        severity,
        confidence,
        what: "enters namespaces of the machine",
        object: object.to_owned(),
    })
}

fn mounted(mount: Mount<'_>, process: Process<'_>) -> Option<Act> {
    let is = |magic: u32, name: &[u8]| mount.filesystem() == magic || mount.kind_name() == name;
    let (rule, severity, confidence, what) = if mount.marks() & mount_mark::BLOCK_DEVICE != 0 {
        ("host-disk", Severity::Critical, 88, "mounts a block device")
    } else if is(magic::CGROUP, b"cgroup") {
        (
            "kernel-filesystem",
            Severity::High,
            80,
            "mounts a hierarchy of control groups",
        )
    } else if is(magic::CGROUP2, b"cgroup2") {
        (
            "kernel-filesystem",
            Severity::Medium,
            50,
            "mounts the control groups",
        )
    } else if is(magic::PROC, b"proc") && process.in_host_pids() {
        (
            "kernel-filesystem",
            Severity::High,
            80,
            "mounts the machine's processes",
        )
    } else if is(magic::PROC, b"proc") {
        (
            "kernel-filesystem",
            Severity::Medium,
            45,
            "mounts processes anew, without what was masked",
        )
    } else if is(magic::BINFMT, b"binfmt_misc") {
        (
            "kernel-filesystem",
            Severity::High,
            75,
            "mounts the kernel's forms of executables",
        )
    } else {
        return None;
    };
    Some(Act {
        rule,
        severity,
        confidence,
        what,
        object: text(mount.target()),
    })
}

/// CAP_SYS_ADMIN.
const SYS_ADMIN: u64 = 1 << 21;

/// Ends of the paths by which container runtimes are reached where nobody moved them. That the
/// other side is a privileged process of the machine counts; a usual name adds to it.
const RUNTIMES: [&[u8]; 5] = [
    b"/docker.sock",
    b"/containerd.sock",
    b"/crio.sock",
    b"/podman.sock",
    b"/buildkitd.sock",
];

fn connected(connect: Connect<'_>, process: Process<'_>, peer: Process<'_>) -> Option<Act> {
    let peer = outside(process, Some(peer))?;
    let privileged = peer.container().is_none()
        && peer.in_host_mounts()
        && peer.in_host_pids()
        && peer.capabilities() & SYS_ADMIN != 0;
    if !privileged {
        return None;
    }
    let usual = RUNTIMES
        .iter()
        .any(|name| connect.address().ends_with(name));
    let (severity, confidence) = match usual {
        true => (Severity::High, 85),
        false => (Severity::Medium, 50),
    };
    let path = net::endpoint(connect.address(), 0);
    Some(Act {
        rule: "runtime-socket",
        severity,
        confidence,
        what: "talks to a privileged service of the machine",
        object: format!("{path} of {} (pid {})", text(peer.exe()), peer.pid()),
    })
}
