//! Context: who acted, from which lineage and in which container.
//!
//! A permanent subscriber of the sensor. It is fed every event in order and answers with the
//! rows of that moment; it looks at nothing but the events, so a replay gives the same rows.

pub mod container;
mod containers;
mod group_path;
mod past;
pub mod process;
mod row;
mod streams;
mod table;

use container::Container;
use containers::{Containers, Place};
use process::{Life, Process, key};
use row::{
    NAMESPACE_MARKS, cut, executed, image_cgroups, is_initial, is_outside_still, namespace_marks,
};
use std::sync::Arc;
use table::Table;
use vedette_contract::{kind, values::process_mark};
use vedette_sensor::event::{Event, Namespaces, Task, TaskRef};

pub use containers::Unexplained;
pub use past::{Moment, Past};
pub use table::Counters;

/// The process table and the container table.
#[derive(Debug, Default)]
pub struct Context {
    table: Table,
    containers: Containers,
    /// Namespaces of the machine's init, from the `existing` events of the first processes.
    host: Namespaces,
}

/// The rows that an event refers to.
#[derive(Debug, Default, Clone)]
pub struct Rows {
    /// Who acted.
    pub process: Option<Arc<Process>>,
    /// Who was acted upon.
    pub target: Option<Arc<Process>>,
}

impl Context {
    /// Takes in one event and answers with its rows.
    pub fn apply(&mut self, event: &Event) -> Rows {
        self.table.expire(event.at);
        self.containers.expire(event.at);
        match event.kind {
            kind::CGROUP => self.containers.learn(event),
            kind::CGROUP_REMOVED => self.containers.removed(event),
            kind::CONTAINER => self.containers.fill(event),
            _ => {}
        }
        if event.task.process.pid == 0 {
            return Rows::default();
        }
        let mut row = self.current(event);
        match event.kind {
            kind::EXEC | kind::EXISTING => {
                if let Some(image) = &event.image {
                    if row.parent.is_none() {
                        row = self.adopted(&row, event);
                    }
                    let outside = is_outside_still(&row, event, self.host.mount);
                    let contained = row.container.is_some();
                    let groups = match outside {
                        true => row.image_cgroups,
                        false => image_cgroups(&self.containers, contained, &event.task),
                    };
                    row = self.put(executed(&row, event, image, groups));
                }
            }
            kind::DUP => {
                if let Some(stream) = &event.stream {
                    row = self.put(Process {
                        streams: streams::replaced(&row.streams, stream),
                        ..(*row).clone()
                    });
                }
            }
            kind::EXIT => {
                row = self.put(Process {
                    marks: row.marks | process_mark::EXITED,
                    ..(*row).clone()
                });
                row.life.end(event.at);
                self.table.exited(row.id, event.at);
            }
            _ => {}
        }
        if event.kind == kind::EXISTING && is_initial(&row) {
            self.learn_host(event.task.namespaces);
            row = self.put((*row).clone());
        }
        let target = event.target.and_then(|id| match event.kind {
            kind::FORK => Some(self.forked(&row, id)),
            kind::CGROUP_MOVE => self.moved(event, &row, id),
            _ => self.table.get(id),
        });
        Rows {
            process: Some(row),
            target,
        }
    }

    /// The rows of all processes that are alive, parents before their children.
    pub fn living(&self) -> Vec<Arc<Process>> {
        let mut rows: Vec<_> = self.table.living().cloned().collect();
        rows.sort_by_key(|p| (p.id.start, p.id.pid));
        rows
    }

    /// What was, for whoever asks while the stream goes on. Kept from [`keep_past`] on.
    ///
    /// [`keep_past`]: Context::keep_past
    pub fn past(&self) -> Past {
        self.table.past().clone()
    }

    /// Begins to keep what was, or ends: it has its cost.
    pub fn keep_past(&self, on: bool) {
        self.table.keep_past(on);
    }

    /// The current row of a process.
    pub fn row(&self, id: TaskRef) -> Option<Arc<Process>> {
        self.table.get(id)
    }

    /// The machine's own mount namespace, 0 while it is not known.
    pub fn home(&self) -> u32 {
        self.host.mount
    }

    /// Whether the group that an event tells of is known to hold no container: the one rule by
    /// which the kernel may dismiss what is wanted of containers alone.
    pub fn group_holds_none(&self, event: &Event) -> bool {
        self.containers.holds_none(event)
    }

    /// The control groups of a container: hierarchy, 0 for the unified one, and number.
    pub fn groups_of(&self, container: &[u8]) -> Vec<(u32, u64)> {
        self.containers.groups_of(container)
    }

    /// Path of a control group, and the container that it belongs to; none where it is not known.
    /// The hierarchy is 0 for the unified one.
    pub fn group(&self, hierarchy: u32, id: u64) -> Option<(&str, Option<Arc<Container>>)> {
        self.containers.group(hierarchy, id)
    }

    /// Whether the control group of a `cgroup` event is known.
    pub fn knows_group(&self, event: &Event) -> bool {
        self.containers.knows(event)
    }

    /// The container that a task's control groups belong to.
    pub fn container_of(&self, task: &Task) -> Option<Arc<Container>> {
        self.containers.of_groups(task)
    }

    /// Whether a process is in the table.
    pub fn knows(&self, id: TaskRef) -> bool {
        self.table.get(id).is_some()
    }

    /// The next container that no runtime has been asked about.
    pub fn next_unexplained(&mut self) -> Option<Unexplained> {
        self.containers.next_unexplained()
    }

    /// Control groups and containers now in the tables.
    pub fn container_sizes(&self) -> (usize, usize) {
        self.containers.sizes()
    }

    /// What was evicted, left out and repaired so far.
    pub fn counters(&self) -> Counters {
        let (groups_left_out, containers_left_out) = self.containers.left_out();
        Counters {
            groups_left_out,
            containers_left_out,
            ..self.table.counters()
        }
    }

    /// The row of the acting process, brought up to date with what the event says of its task.
    fn current(&mut self, event: &Event) -> Arc<Process> {
        let task = &event.task;
        // A packet, like the end of a connection, knows its process as it was when it connected
        // or accepted.
        let of_connection = matches!(
            event.kind,
            kind::SENT | kind::RECEIVED | kind::DNS | kind::TLS | kind::ICMP | kind::DISCONNECT
        );
        let Some(row) = self.table.get(task.process) else {
            let row = self.found(event);
            if of_connection {
                // Most likely it is gone, and others keep what it connected: no exit is to come.
                self.table.exited(row.id, event.at);
            }
            return row;
        };
        if of_connection {
            return row;
        }
        let container = self.container(task, event.at, row.container.as_ref());
        let lost_exec = task.exec_id != row.exec_id
            && row.exec_id != 0
            && !matches!(event.kind, kind::EXEC | kind::EXISTING);
        let same = row.cgroup == task.cgroup
            && row.cgroup_v1 == task.cgroup_v1
            && row.namespaces == task.namespaces
            && row.uid == task.uid
            && row.gid == task.gid
            && row.capabilities == task.capabilities
            && row.comm == task.comm
            && row.container.as_ref().map(Arc::as_ptr) == container.as_ref().map(Arc::as_ptr)
            && !lost_exec;
        if same {
            return row;
        }
        if lost_exec {
            self.table.repaired();
        }
        let incomplete = if lost_exec {
            process_mark::INCOMPLETE
        } else {
            0
        };
        self.put(Process {
            container,
            uid: task.uid,
            gid: task.gid,
            marks: row.marks | incomplete,
            capabilities: task.capabilities,
            namespaces: task.namespaces,
            cgroup: task.cgroup,
            cgroup_v1: task.cgroup_v1,
            exec_id: task.exec_id,
            comm: task.comm,
            ..(*row).clone()
        })
    }

    /// The container that the acting task is in. Where its groups are not known it is still in
    /// the one that it was in: else making more groups than are kept would lead out of it. So it
    /// is where they are the machine's: who writes itself into another group, or enters another
    /// namespace, has left no container. Only [`moved`](Context::moved) leads out.
    fn container(
        &mut self,
        task: &Task,
        at: u64,
        before: Option<&Arc<Container>>,
    ) -> Option<Arc<Container>> {
        match self.containers.place(task, &self.host, at) {
            Place::Container(container) => Some(container),
            Place::Host => before.filter(|container| container.is_certain()).cloned(),
            Place::Unknown => before.cloned(),
        }
    }

    /// A row for a process whose beginning was not seen.
    fn found(&mut self, event: &Event) -> Arc<Process> {
        let task = &event.task;
        let parent = self.table.get(task.parent).map(cut);
        let inherited = parent.as_ref().and_then(|p| p.container.as_ref());
        let container = self.container(task, event.at, inherited);
        let contained = container.is_some();
        let existing = event.kind == kind::EXISTING
            && event
                .image
                .as_ref()
                .is_none_or(|image| image.marks & process_mark::INCOMPLETE == 0);
        if !existing {
            self.table.repaired();
        }
        // A fork was lost: what the child runs until it executes another image is what the
        // parent runs, if the parent is known.
        let (exe, image, streams) = match &parent {
            Some(p) => (p.exe.clone(), p.image.clone(), p.streams.clone()),
            None => Default::default(),
        };
        self.put(Process {
            key: key(task.process),
            id: task.process,
            depth: parent.as_ref().map_or(0, |p| p.depth + 1),
            parent,
            container,
            image_cgroups: image_cgroups(&self.containers, contained, task),
            uid: task.uid,
            gid: task.gid,
            marks: if existing {
                process_mark::EXISTING
            } else {
                process_mark::INCOMPLETE
            },
            capabilities: task.capabilities,
            namespaces: task.namespaces,
            cgroup: task.cgroup,
            cgroup_v1: task.cgroup_v1,
            exec_id: task.exec_id,
            comm: task.comm,
            exe,
            image,
            streams,
            life: Life::default(),
            revision: 0,
        })
    }

    /// The row with the parent that was not known when it was made.
    fn adopted(&self, row: &Arc<Process>, event: &Event) -> Arc<Process> {
        match self.table.get(event.task.parent).map(cut) {
            Some(parent) if parent.id != row.id => Arc::new(Process {
                depth: parent.depth + 1,
                parent: Some(parent),
                ..(**row).clone()
            }),
            _ => row.clone(),
        }
    }

    /// The row of a child that was just made.
    fn forked(&mut self, parent: &Arc<Process>, id: TaskRef) -> Arc<Process> {
        let above = cut(parent.clone());
        if let Some(known) = self.table.get(id) {
            // Its own first event was faster than the news of its birth.
            return self.put(Process {
                depth: above.depth + 1,
                parent: Some(above),
                marks: known.marks & !process_mark::INCOMPLETE,
                ..(*known).clone()
            });
        }
        let child = Process {
            key: key(id),
            id,
            depth: above.depth + 1,
            parent: Some(above),
            marks: parent.marks & !(process_mark::EXITED | process_mark::EXISTING),
            life: Life::default(),
            ..(**parent).clone()
        };
        self.put(child)
    }

    /// The row of a process that was moved to another control group. Out of its container leads
    /// what is done from outside of all of them alone.
    fn moved(&mut self, event: &Event, mover: &Process, id: TaskRef) -> Option<Arc<Process>> {
        let row = self.table.get(id)?;
        let (cgroup, cgroup_v1) = match event.b as u32 {
            0 => (event.a, row.cgroup_v1),
            _ => (row.cgroup, event.a),
        };
        let task = Task {
            process: row.id,
            cgroup,
            cgroup_v1,
            namespaces: row.namespaces,
            ..Task::default()
        };
        let container = match self.containers.place(&task, &self.host, event.at) {
            Place::Host if mover.container.is_none() => None,
            _ => self.container(&task, event.at, row.container.as_ref()),
        };
        Some(self.put(Process {
            container,
            cgroup,
            cgroup_v1,
            ..(*row).clone()
        }))
    }

    /// Takes over what is not known yet of the machine's own namespaces.
    fn learn_host(&mut self, seen: Namespaces) {
        let host = &mut self.host;
        for (known, seen) in [
            (&mut host.mount, seen.mount),
            (&mut host.pid, seen.pid),
            (&mut host.network, seen.network),
            (&mut host.user, seen.user),
        ] {
            if *known == 0 {
                *known = seen;
            }
        }
    }

    /// Completes the marks that follow from other fields, and makes it the process's current row.
    fn put(&mut self, mut row: Process) -> Arc<Process> {
        // From outside of every container: who moves from one into another, be it one that it
        // made within its own, sets up no container for the machine.
        let (unified, v1) = row.image_cgroups;
        row.marks &= !(process_mark::JOINING | process_mark::JOINING_INNER | NAMESPACE_MARKS);
        if let Some(container) = &row.container {
            if self.containers.are_outside(unified, v1) {
                row.marks |= process_mark::JOINING;
            } else if self.containers.are_around(container, unified, v1) {
                row.marks |= process_mark::JOINING_INNER;
            }
        }
        row.marks |= namespace_marks(&row.namespaces, &self.host);
        self.table.put(row)
    }
}

#[cfg(test)]
mod tests;
