//! Files that are opened or made.

use crate::act::{Act, magic, text};
use crate::given::Mounts;
use crate::process::{outside, reached};
use vedette_sdk::Container;
use vedette_sdk::cmdline::base_name;
use vedette_sdk::prelude::*;
use vedette_sdk::views::{Mknod, Open};

/// O_WRONLY and O_RDWR.
const WRITE: u32 = 3;

/// Numbers of devices, as the kernel has them: major << 20 | minor.
mod device {
    /// Physical memory, that of the kernel, and the ports of its devices.
    pub const MEMORY: [u32; 3] = [1 << 20 | 1, 1 << 20 | 2, 1 << 20 | 4];
    /// SCSI commands to a disk, and flash memory.
    pub const RAW: [u32; 2] = [21, 90];
    pub const fn major(device: u32) -> u32 {
        device >> 20
    }
}

/// What a character device is, by the number that it stands for.
fn character_device(
    device: u32,
    makes: bool,
) -> Option<(&'static str, Severity, u8, &'static str)> {
    if device::MEMORY.contains(&device) {
        let what = match makes {
            true => "makes a device file for the machine's memory",
            false => "opens the machine's memory",
        };
        return Some(("host-memory", Severity::High, 80, what));
    }
    device::RAW.contains(&device::major(device)).then_some((
        "host-disk",
        Severity::Medium,
        60,
        match makes {
            true => "makes a device file for commands to a disk",
            false => "opens a device for commands to a disk",
        },
    ))
}

/// The type in a mode, and a character device.
const S_IFMT: u32 = 0o170_000;
const S_IFCHR: u32 = 0o020_000;

pub fn made(mknod: Mknod<'_>) -> Option<Act> {
    if mknod.mode() & S_IFMT != S_IFCHR {
        return None;
    }
    let (rule, severity, confidence, what) = character_device(mknod.stands_for(), true)?;
    Some(Act {
        rule,
        severity,
        confidence,
        what,
        object: text(mknod.path()),
    })
}

/// An open; `rooted` says that the process has made the machine's root directory its own.
pub fn opened(
    open: Open<'_>,
    process: Process<'_>,
    container: Container<'_>,
    rooted: bool,
) -> Option<Act> {
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
    if writes && let Some(mut act) = helper(open) {
        // What a runtime inside of a container allows to one of its own is no more than itself has.
        if base_name(open.path()) == b"devices.allow" && is_others(open.path(), container) {
            act.soften();
        }
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
    if has(open_mark::CHARACTER_DEVICE)
        && let Some((rule, severity, confidence, what)) = character_device(open.device(), false)
    {
        return Some(act(rule, severity, confidence, what));
    }
    if open.filesystem() == magic::PROC && base_name(open.path()) == b"kcore" {
        return Some(act(
            "host-memory",
            Severity::High,
            80,
            "opens the kernel's memory",
        ));
    }
    if has(open_mark::FOREIGN_MOUNT) {
        return foreign(open, process, writes)
            .map(|(severity, confidence, what)| act("host-file", severity, confidence, what));
    }
    let path = match rooted {
        true => Some(open.path().to_owned()),
        false => Mounts::of(container).on_machine(open.path()),
    };
    (writes && path.is_some_and(|path| starts_programs(&path))).then(|| Act {
        object: text(open.path()),
        ..STARTS_PROGRAMS
    })
}

/// A file that is in none of the container's mounts.
fn foreign(
    open: Open<'_>,
    process: Process<'_>,
    writes: bool,
) -> Option<(Severity, u8, &'static str)> {
    let has = |mark| open.marks() & mark != 0;
    let filesystem = open.filesystem();
    if magic::UNNAMED.contains(&filesystem) || open.path().starts_with(b"/memfd:") {
        return None;
    }
    // Whoever leaves its mount namespace keeps the procfs that it had.
    if filesystem == magic::PROC
        && let Some(owner) = open.owner()
        && outside(process, Some(owner)).is_none()
    {
        return None;
    }
    Some(match (writes, has(open_mark::RUNNING_IMAGE)) {
        // A runtime that runs inside of a container opens the fifo by which it is told to go on,
        // and the terminal, after it has left for the new container's mounts.
        _ if has(open_mark::FIFO | open_mark::CHARACTER_DEVICE) => (
            Severity::Medium,
            45,
            "opens a fifo or device that is not in its mounts",
        ),
        (true, _) => (
            Severity::Critical,
            92,
            "opens to write a file that is not in its mounts",
        ),
        (false, true) => (
            Severity::High,
            75,
            "opens the image of a process outside of it",
        ),
        (false, false) => (Severity::High, 75, "opens a file that is not in its mounts"),
    })
}

/// Where it is written what the machine runs without being asked, by path on the machine.
const STARTS: [&[u8]; 16] = [
    b"/etc/cron",
    b"/var/spool/cron/",
    b"/etc/ld.so.preload",
    b"/etc/systemd/system/",
    b"/lib/systemd/system/",
    b"/usr/lib/systemd/system/",
    b"/run/systemd/system/",
    b"/etc/kubernetes/manifests/",
    b"/etc/rc.local",
    b"/etc/init.d/",
    b"/etc/profile",
    b"/etc/passwd",
    b"/etc/shadow",
    b"/etc/sudoers",
    b"/etc/pam.d/",
    b"/etc/udev/rules.d/",
];

/// What starts programs on the machine is written.
pub const STARTS_PROGRAMS: Act = Act {
    rule: "host-root",
    severity: Severity::High,
    confidence: 70,
    what: "opens to write what starts programs on the machine, or lets users in",
    object: String::new(),
};

/// Whether that may be what a file is that is opened, wherever the machine's root is mounted.
pub fn may_start_programs(open: Open<'_>) -> bool {
    let path = open.path();
    let holds = |start: &&[u8]| path.windows(start.len()).any(|part| part == *start);
    open.flags() & WRITE != 0 && (is_key(path) || STARTS.iter().any(holds))
}

fn is_key(path: &[u8]) -> bool {
    base_name(path).starts_with(b"authorized_keys")
}

/// Whether what a path on the machine leads to starts programs, or lets users in.
pub fn starts_programs(path: &[u8]) -> bool {
    is_key(path) || STARTS.iter().any(|start| path.starts_with(start))
}

/// Whether a file lies in the group of another container than this one, by the id that runtimes put
/// there.
fn is_others(path: &[u8], container: Container<'_>) -> bool {
    let group = path.rsplit(|byte| *byte == b'/').nth(1).unwrap_or_default();
    let group = group.strip_suffix(b".scope").unwrap_or(group);
    let id = group.rsplit(|byte| matches!(byte, b'-' | b':')).next();
    id.is_some_and(|id| {
        id.len() == 64 && id.iter().all(u8::is_ascii_hexdigit) && id != container.id()
    })
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
