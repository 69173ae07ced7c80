//! Acts upon processes, namespaces and services of the machine.

use crate::act::{Act, text};
use crate::given::{self, Mounts};
use vedette_sdk::Container;
use vedette_sdk::net;
use vedette_sdk::prelude::*;
use vedette_sdk::values::credentials_cause;
use vedette_sdk::views::{CgroupMove, Connect, Credentials, Setns};

/// CLONE_NEW… bits.
mod namespace {
    pub const MOUNT: u32 = 0x0002_0000;
    pub const USER: u32 = 0x1000_0000;
    pub const PID: u32 = 0x2000_0000;
    pub const NETWORK: u32 = 0x4000_0000;
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

/// The other process, if it is outside of the container: not of its pod either, and not in a
/// container that was made in this one.
pub fn outside<'a>(process: Process<'_>, other: Option<Process<'a>>) -> Option<Process<'a>> {
    let other = other?;
    if other.key() == process.key() || other.shares_container(process) {
        return None;
    }
    if let (Some(own), Some(its)) = (process.container(), other.container()) {
        let same_pod = !own.pod_uid().is_empty() && own.pod_uid() == its.pod_uid();
        let made_in = !own.id().is_empty() && own.id() == its.outer();
        if same_pod || made_in {
            return None;
        }
    }
    Some(other)
}

/// An act upon a process outside of the container.
pub fn reached(
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

pub fn entered(setns: Setns<'_>, process: Process<'_>, container: Container<'_>) -> Option<Act> {
    let into = |bit: u32, mark: u32| setns.changed() & bit != 0 && process.has(mark);
    // Who comes back to where its container is anyhow has entered nothing.
    let anew = |bit: u32, mark: u32, shared: u32| {
        into(bit, mark) && !given::shares(process, container, shared, mark)
    };
    let (severity, confidence, object) =
        if into(namespace::MOUNT, process_mark::HOST_MOUNT_NAMESPACE) {
            (Severity::Critical, 97, "its mounts")
        } else if anew(
            namespace::PID,
            process_mark::HOST_PID_NAMESPACE,
            container_mark::HOST_PID,
        ) {
            (Severity::Critical, 90, "its processes")
        } else if anew(
            namespace::USER,
            process_mark::HOST_USER_NAMESPACE,
            container_mark::HOST_USER,
        ) {
            (Severity::Critical, 90, "its users")
        } else if anew(
            namespace::NETWORK,
            process_mark::HOST_NETWORK_NAMESPACE,
            container_mark::HOST_NETWORK,
        ) {
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

/// A process of the container that is in a group now which is not the container's.
pub fn left(moved: CgroupMove<'_>, process: Process<'_>, container: Container<'_>) -> Option<Act> {
    let target = moved.moved()?;
    let id = container.id();
    // Of groups below the container's own the path holds its id; who sets another container up
    // moves its processes into that one's.
    let within = id.is_empty() || moved.path().windows(id.len()).any(|part| part == id);
    if within || !target.shares_container(process) {
        return None;
    }
    // Where it was given the machine's groups, the container's own init may take them for its own.
    let given = Mounts::of(container).give_of(b"/sys/fs/cgroup");
    let pending = container.marks() & container_mark::PENDING != 0;
    Some(Act {
        rule: "leaves-group",
        severity: Severity::High,
        confidence: if given || pending { 70 } else { 85 },
        what: "leaves the control groups of its container",
        object: text(moved.path()),
    })
}

/// Credentials that grew without anything that may let them.
pub fn raised(change: Credentials<'_>, process: Process<'_>) -> Option<Act> {
    let unexplained = change.cause() == credentials_cause::UNEXPLAINED;
    let root = change.effective_uid() == 0 && change.old_effective_uid() != 0;
    let capable = process.capabilities() & !change.old_capabilities() != 0;
    (unexplained && (root || capable)).then(|| Act {
        rule: "kernel-exploit",
        severity: Severity::Critical,
        confidence: 85,
        what: "has rights that nothing gave it",
        object: format!(
            "user {} was {}, capabilities {:x} were {:x}",
            change.effective_uid(),
            change.old_effective_uid(),
            process.capabilities(),
            change.old_capabilities()
        ),
    })
}

pub fn connected(
    connect: Connect<'_>,
    process: Process<'_>,
    container: Container<'_>,
    peer: Process<'_>,
) -> Option<Act> {
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
    // The address is that on the machine. Before the runtime has said what it has mounted, nobody
    // knows whether that was on purpose.
    let given = Mounts::of(container).give(connect.address());
    let pending = container.marks() & container_mark::PENDING != 0;
    let (severity, confidence) = match (usual, given) {
        (true, false) if !pending => (Severity::High, 85),
        (true, _) => (Severity::Medium, 60),
        (false, true) => (Severity::Low, 40),
        (false, false) => (Severity::Medium, 50),
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
