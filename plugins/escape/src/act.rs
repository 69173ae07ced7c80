//! What one event is worth by itself.

use crate::file;
use crate::mount;
use crate::process::{self, outside, reached};
use vedette_sdk::Container;
use vedette_sdk::prelude::*;
use vedette_sdk::values::passed_how;

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

impl Act {
    /// Whether it alone is reason to end the process.
    pub fn is_grave(&self) -> bool {
        self.severity >= Severity::High && self.confidence >= 75
    }

    /// Takes it for no more than a hint.
    pub fn soften(&mut self) {
        self.severity = self.severity.min(Severity::Medium);
        self.confidence = self.confidence.min(40);
    }
}

/// Magic numbers of file systems (linux/magic.h).
pub mod magic {
    pub const PROC: u32 = 0x9fa0;
    pub const SYSFS: u32 = 0x6265_6572;
    pub const CGROUP: u32 = 0x0027_e0eb;
    pub const CGROUP2: u32 = 0x6367_7270;
    pub const BINFMT: u32 = 0x4249_4e4d;
    /// Where unnamed things live that are in nobody's mounts: pipes, sockets, event and
    /// namespace descriptors.
    pub const UNNAMED: [u32; 4] = [0x5049_5045, 0x534f_434b, 0x0904_1934, 0x6e73_6673];
}

/// What this event is worth, if anything; `rooted` says that the process has made the machine's
/// root directory its own.
pub fn of(
    event: Event<'_>,
    process: Process<'_>,
    container: Container<'_>,
    rooted: bool,
) -> Option<Act> {
    if let Some(open) = event.as_open() {
        file::opened(open, process, container, rooted)
    } else if let Some(mknod) = event.as_mknod() {
        file::made(mknod)
    } else if let Some(setns) = event.as_setns() {
        process::entered(setns, process, container)
    } else if let Some(mount) = event.as_mount() {
        mount::mounted(mount, process, container)
    } else if let Some(moved) = event.as_cgroup_move() {
        process::left(moved, process, container)
    } else if let Some(change) = event.as_credentials() {
        process::raised(change, process)
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
    } else if let Some(passed) = event.as_passed() {
        // What is sent to it, the sender wants it to have.
        if passed.how() != passed_how::FETCH {
            return None;
        }
        let target = outside(process, passed.sender())?;
        reached(
            Severity::Critical,
            90,
            "takes a descriptor out of a process outside of it",
            target,
        )
    } else if let Some(connect) = event.as_connect() {
        process::connected(connect, process, container, event.target()?)
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

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
