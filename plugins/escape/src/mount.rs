//! What is mounted, and where a process makes its root.

use crate::act::{Act, magic, text};
use crate::given::Mounts;
use vedette_sdk::Container;
use vedette_sdk::prelude::*;
use vedette_sdk::views::Mount;

/// The machine's root directory, which is mounted into it, becomes its own.
pub const MACHINE_ROOT: Act = Act {
    rule: "host-root",
    severity: Severity::High,
    confidence: 70,
    what: "makes the machine's root directory, which is mounted into it, its own",
    object: String::new(),
};

pub fn mounted(mount: Mount<'_>, process: Process<'_>, container: Container<'_>) -> Option<Act> {
    if let Some(root) = new_root(mount) {
        return Mounts::of(container).are_root_at(root).then(|| Act {
            object: text(root),
            ..MACHINE_ROOT
        });
    }
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

/// The directory that chroot or pivot_root has made the root.
pub fn new_root(mount: Mount<'_>) -> Option<&[u8]> {
    match mount.operation() {
        mount_operation::PIVOT_ROOT => Some(mount.source()),
        mount_operation::CHROOT => Some(mount.target()),
        _ => None,
    }
}
