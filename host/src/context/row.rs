//! How a row follows from the one before and from what an event says.

use super::containers::Containers;
use super::process::Process;
use std::sync::Arc;
use vedette_contract::values::process_mark;
use vedette_sensor::event::{Event, Image, Namespaces, Task};

/// Ancestors that a row keeps. A worm that forks and lets its parent die again and again would
/// otherwise hold every dead ancestor in memory.
pub(super) const LINEAGE_CAP: u32 = 64;

/// Bits of `process-mark` that come from the namespaces that a process is in.
pub(super) const NAMESPACE_MARKS: u32 = process_mark::HOST_MOUNT_NAMESPACE
    | process_mark::HOST_PID_NAMESPACE
    | process_mark::HOST_NETWORK_NAMESPACE
    | process_mark::HOST_USER_NAMESPACE;

/// Bits of `process-mark` that come from the executed image.
const IMAGE_MARKS: u32 = process_mark::MEMFD_IMAGE
    | process_mark::DELETED_IMAGE
    | process_mark::WRITTEN_IMAGE
    | process_mark::FOREIGN_IMAGE
    | process_mark::KERNEL_THREAD;

/// Whether a process is the machine's init, or the kernel thread made beside it. Some inits refuse
/// to have their namespaces read even by root; that thread is in the same ones.
pub(super) fn is_initial(row: &Process) -> bool {
    row.id.pid == 1 || (row.id.pid == 2 && row.marks & process_mark::KERNEL_THREAD != 0)
}

/// The marks of whoever is in these namespaces, where those of the machine are these.
pub(super) fn namespace_marks(own: &Namespaces, host: &Namespaces) -> u32 {
    [
        (own.mount, host.mount, process_mark::HOST_MOUNT_NAMESPACE),
        (own.pid, host.pid, process_mark::HOST_PID_NAMESPACE),
        (
            own.network,
            host.network,
            process_mark::HOST_NETWORK_NAMESPACE,
        ),
        (own.user, host.user, process_mark::HOST_USER_NAMESPACE),
    ]
    .into_iter()
    .filter(|(own, host, _)| own == host && *own != 0)
    .fold(0, |marks, (.., mark)| marks | mark)
}

/// Whether a process that executes an image is still outside of the container whose group it is
/// in already: it is in the machine's mount namespace, `host_mount`, or in that of the one who made
/// it, who is in another container or in none. So a runtime executes a copy of itself.
pub(super) fn is_outside_still(row: &Process, event: &Event, host_mount: u32) -> bool {
    let key = |row: &Process| row.container.as_ref().map(|container| container.key);
    let mount = event.task.namespaces.mount;
    let maker = row.parent.as_ref();
    let with_maker = |p: &Arc<Process>| p.namespaces.mount == mount && key(p) != key(row);
    mount != 0 && (mount == host_mount || maker.is_some_and(with_maker))
}

/// The groups in which an image is executed; none that is known for a process of a container that
/// has gone to a group of the machine's: it does not come back as a runtime.
pub(super) fn image_cgroups(containers: &Containers, contained: bool, task: &Task) -> (u64, u64) {
    match contained && containers.are_outside(task.cgroup, task.cgroup_v1) {
        true => (0, 0),
        false => (task.cgroup, task.cgroup_v1),
    }
}

/// The row as it is after it executed an image.
pub(super) fn executed(
    row: &Process,
    event: &Event,
    image: &Image,
    image_cgroups: (u64, u64),
) -> Process {
    let kept = row.marks & !(IMAGE_MARKS | process_mark::INCOMPLETE);
    Process {
        image_cgroups,
        marks: kept
            | (image.marks & (IMAGE_MARKS | process_mark::EXISTING | process_mark::INCOMPLETE)),
        exec_id: event.task.exec_id,
        exe: event.text.as_ref().into(),
        streams: image.streams.as_slice().into(),
        image: Arc::new(Image {
            streams: Vec::new(),
            ..image.clone()
        }),
        ..row.clone()
    }
}

/// The row as a parent: where the lineage has grown too long, with the nearer half of its
/// ancestors alone. Half, so that the copies are made once in many forks.
pub(super) fn cut(row: Arc<Process>) -> Arc<Process> {
    if row.depth < LINEAGE_CAP {
        return row;
    }
    let kept: Vec<&Process> = row.lineage().take(LINEAGE_CAP as usize / 2).collect();
    let above = kept
        .iter()
        .skip(1)
        .rev()
        .fold(None, |parent: Option<Arc<Process>>, p| {
            Some(Arc::new(Process {
                depth: parent.as_ref().map_or(0, |p| p.depth + 1),
                parent,
                ..(*p).clone()
            }))
        });
    Arc::new(Process {
        depth: above.as_ref().map_or(0, |p| p.depth + 1),
        parent: above,
        ..(*row).clone()
    })
}
