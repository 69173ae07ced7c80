//! Which container a control group belongs to.
//!
//! A container is known by its control group's path: by the 64 hexadecimal digits that docker,
//! podman, containerd and cri-o put there, by what the runtime said of the group, or, for a
//! runtime with names of its own, by a process in a mount namespace of its own inside a group
//! that is not one of systemd's units.

use super::container::{Container, Later, attr};
use super::group_path;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use vedette_contract::values::container_mark;
use vedette_sensor::event::{Attr, Event, Namespaces, Task, TaskRef};

/// Groups that are kept. A container that makes groups without end would otherwise fill memory.
const GROUPS_CAP: usize = 65_536;

/// Containers that are kept, with some KB each. More run on no machine; groups whose names look
/// like containers could be made without end.
const CONTAINERS_CAP: usize = 8_192;

/// Containers that wait to be asked for. Where nobody asks (a replay) the list would grow.
const UNEXPLAINED_CAP: usize = 4_096;

/// How long a removed group can still be looked up, ns of event time: records of other CPUs that
/// name it may be behind.
const REMOVED_KEPT: u64 = 2_000_000_000;

/// Key of a group: hierarchies number their groups independently of each other, and of version 1
/// only the pids hierarchy is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Group {
    Unified(u64),
    V1(u64),
}

/// What is known of a control group.
#[derive(Debug, Clone)]
struct Known {
    path: String,
    /// Id of the container that it belongs to.
    container: Option<String>,
}

#[derive(Debug)]
struct Entry {
    row: Arc<Container>,
    /// Groups that belong to it, in both hierarchies.
    groups: u32,
}

/// A container that nobody has said anything of yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unexplained {
    /// Its id, or what would be its id.
    pub id: String,
    /// Id of its group.
    pub cgroup: u64,
    /// Whether it is a container for certain; otherwise only a runtime can say so.
    pub certain: bool,
    /// Who made its group.
    pub by: TaskRef,
}

/// In which container a task is.
#[derive(Debug)]
pub enum Place {
    /// In none.
    Host,
    /// In this one.
    Container(Arc<Container>),
    /// Its groups are not known: they were made while events were lost, or are too many.
    Unknown,
}

/// Control groups and the containers that they belong to.
#[derive(Debug, Default)]
pub struct Containers {
    groups: HashMap<Group, Known>,
    /// Container of each group's path that has one, for the groups made below it, and in how
    /// many hierarchies there is such a group.
    by_path: HashMap<String, (String, u32)>,
    by_id: HashMap<String, Entry>,
    removed: VecDeque<(u64, Group)>,
    unexplained: VecDeque<Unexplained>,
    groups_left_out: u64,
    containers_left_out: u64,
}

impl Containers {
    /// Takes in a `cgroup` event.
    pub fn learn(&mut self, event: &Event) {
        let group = group_of(event);
        let path = String::from_utf8_lossy(&event.text).into_owned();
        if self.groups.get(&group).is_some_and(|k| k.path == path) {
            return;
        }
        self.forget(group);
        if self.groups.len() >= GROUPS_CAP {
            // Processes that move there stay in the container that they were in.
            self.groups_left_out += 1;
            return;
        }
        let named = group_path::id(&path).map(str::to_owned);
        let container = named.or_else(|| self.container_above(&path));
        let known = Known { path, container };
        match (&known.container, group_path::own_name(&known.path)) {
            (Some(id), _) => {
                self.make(id, &known.path, event);
                self.owns(&known.path, id);
            }
            (None, Some(name)) => self.ask(name, event, false),
            (None, None) => {}
        }
        self.groups.insert(group, known);
    }

    /// Groups and containers for which there was no room so far.
    pub fn left_out(&self) -> (u64, u64) {
        (self.groups_left_out, self.containers_left_out)
    }

    /// Takes in a `cgroup-removed` event.
    pub fn removed(&mut self, event: &Event) {
        let group = group_of(event);
        if self.groups.contains_key(&group) {
            self.removed.push_back((event.at, group));
        }
    }

    /// Forgets groups that were removed long enough before `now`, and containers without any.
    pub fn expire(&mut self, now: u64) {
        while let Some(&(at, group)) = self.removed.front() {
            if at.saturating_add(REMOVED_KEPT) > now {
                break;
            }
            self.removed.pop_front();
            self.forget(group);
        }
    }

    /// Takes in a `container` event: what the runtime says.
    pub fn fill(&mut self, event: &Event) {
        let id = String::from_utf8_lossy(&event.text).into_owned();
        if id.is_empty() {
            return;
        }
        if !self.by_id.contains_key(&id) && !self.make_named(&id, event) {
            // It is gone already.
            return;
        }
        let Some(entry) = self.by_id.get_mut(&id) else {
            return;
        };
        let before = &entry.row;
        let text = |key| attr_text(&event.attrs, key);
        let mut attrs = event.attrs.clone();
        attrs.retain(|a| a.key >= attr::DIGEST);
        // What the path told stands, where the runtime says nothing of it.
        let said = |key| attrs.iter().any(|a| a.key == key);
        let mut kept = before.attrs.clone();
        kept.retain(|a| [attr::POD_UID, attr::OUTER].contains(&a.key) && !said(a.key));
        attrs.extend(kept);
        let row = Container {
            key: before.key,
            name: String::from_utf8_lossy(&event.text2).into_owned(),
            image: text(attr::IMAGE),
            pod: text(attr::POD),
            namespace: text(attr::NAMESPACE),
            marks: event.b as u32,
            attrs,
            since: before.since,
            later: before.later.clone(),
            id,
        };
        row.later.note(event.at, &row);
        entry.row = Arc::new(row);
    }

    /// Where a task is.
    pub fn place(&mut self, task: &Task, host: &Namespaces, at: u64) -> Place {
        let groups = [Group::Unified(task.cgroup), Group::V1(task.cgroup_v1)];
        let mut any = false;
        for group in groups {
            let Some(known) = self.groups.get(&group) else {
                continue;
            };
            any = true;
            if let Some(id) = &known.container {
                let row = self.by_id.get(id).map(|entry| entry.row.clone());
                let (Group::Unified(number) | Group::V1(number)) = group;
                // Past the cap it is a container all the same, though one without names.
                return Place::Container(row.unwrap_or_else(|| Arc::new(bare(id, number, at))));
            }
        }
        if !any {
            return Place::Unknown;
        }
        if host.mount == 0 || task.namespaces.mount == host.mount {
            return Place::Host;
        }
        // In a mount namespace of its own, in a group that a runtime may have named.
        for group in groups {
            let Some(path) = self.groups.get(&group).map(|k| k.path.clone()) else {
                continue;
            };
            let Some(id) = group_path::own_name(&path) else {
                continue;
            };
            let (Group::Unified(a) | Group::V1(a)) = group;
            let seen = Event {
                a,
                at,
                ..Event::default()
            };
            let row = self.make(id, &path, &seen);
            self.takes(&path, id);
            return Place::Container(row);
        }
        Place::Host
    }

    /// The container that a task's groups are known to belong to.
    pub fn of_groups(&self, task: &Task) -> Option<Arc<Container>> {
        [Group::Unified(task.cgroup), Group::V1(task.cgroup_v1)]
            .into_iter()
            .find_map(|group| self.groups.get(&group)?.container.as_ref())
            .and_then(|id| self.by_id.get(id))
            .map(|entry| entry.row.clone())
    }

    /// Whether the group of a `cgroup` event is known.
    pub fn knows(&self, event: &Event) -> bool {
        self.groups.contains_key(&group_of(event))
    }

    /// Whether the group of a `cgroup` event is known to hold no container, whatever its processes
    /// in the machine's own mount namespace do.
    pub fn holds_none(&self, event: &Event) -> bool {
        let known = self.groups.get(&group_of(event));
        known.is_some_and(|k| k.container.is_none() && group_path::own_name(&k.path).is_none())
    }

    /// The groups of a container: hierarchy, 0 for the unified one, and number.
    pub fn groups_of(&self, id: &[u8]) -> Vec<(u32, u64)> {
        let groups = self.groups.iter();
        groups
            .filter(|(_, known)| known.container.as_deref().map(str::as_bytes) == Some(id))
            .map(|(group, _)| match group {
                Group::Unified(number) => (0, *number),
                Group::V1(number) => (1, *number),
            })
            .collect()
    }

    /// Path of a group, and the container that it belongs to, if it is known.
    pub fn group(&self, hierarchy: u32, id: u64) -> Option<(&str, Option<Arc<Container>>)> {
        let group = match hierarchy {
            0 => Group::Unified(id),
            _ => Group::V1(id),
        };
        let known = self.groups.get(&group)?;
        let container = known.container.as_ref();
        let row = container.and_then(|id| self.by_id.get(id));
        Some((&known.path, row.map(|entry| entry.row.clone())))
    }

    /// Whether the groups are known and belong to no container.
    pub fn are_outside(&self, cgroup: u64, cgroup_v1: u64) -> bool {
        let groups = [Group::Unified(cgroup), Group::V1(cgroup_v1)];
        let mut known = groups.iter().filter_map(|g| self.groups.get(g)).peekable();
        known.peek().is_some() && known.all(|k| k.container.is_none())
    }

    /// Whether the groups are known and one belongs to the container that this one was made in.
    pub fn are_around(&self, inner: &Container, cgroup: u64, cgroup_v1: u64) -> bool {
        let outer = inner.text(attr::OUTER);
        let groups = [Group::Unified(cgroup), Group::V1(cgroup_v1)];
        let mut of = groups
            .iter()
            .filter_map(|g| self.groups.get(g)?.container.as_deref());
        !outer.is_empty() && of.any(|id| id.as_bytes() == outer)
    }

    /// The next container that nobody has been asked about and that is still there.
    pub fn next_unexplained(&mut self) -> Option<Unexplained> {
        loop {
            let next = self.unexplained.pop_front()?;
            if !next.certain || self.by_id.contains_key(&next.id) {
                return Some(next);
            }
        }
    }

    /// Groups and containers now in the tables.
    pub fn sizes(&self) -> (usize, usize) {
        (self.groups.len(), self.by_id.len())
    }

    /// The container of the nearest group above that is one.
    fn container_above(&self, path: &str) -> Option<String> {
        std::iter::successors(group_path::above(path), |p| group_path::above(p))
            .find_map(|p| self.by_path.get(p))
            .map(|(id, _)| id.clone())
    }

    /// Makes a container that only its runtime knew to be one. Says whether there is such a group.
    fn make_named(&mut self, id: &str, event: &Event) -> bool {
        let found = [Group::Unified(event.a), Group::V1(event.a)]
            .into_iter()
            .filter_map(|group| self.groups.get(&group))
            .find(|known| known.path.rsplit('/').next() == Some(id));
        let Some(path) = found.map(|known| known.path.clone()) else {
            return false;
        };
        self.make(id, &path, event);
        self.takes(&path, id);
        true
    }

    /// Gives all groups with this path to a container.
    fn takes(&mut self, path: &str, id: &str) {
        let mut groups = 0;
        for known in self.groups.values_mut() {
            if known.path == path && known.container.is_none() {
                known.container = Some(id.to_owned());
                groups += 1;
            }
        }
        for _ in 0..groups {
            self.owns(path, id);
        }
    }

    /// Notes that one more group belongs to a container.
    fn owns(&mut self, path: &str, id: &str) {
        let of_path = self.by_path.entry(path.to_owned());
        of_path.or_insert_with(|| (id.to_owned(), 0)).1 += 1;
        if let Some(entry) = self.by_id.get_mut(id) {
            entry.groups += 1;
        }
    }

    /// Takes a group out of all tables, and its container with its last group.
    fn forget(&mut self, group: Group) {
        let Some(Known { path, container }) = self.groups.remove(&group) else {
            return;
        };
        let Some(id) = container else { return };
        if let Some((_, groups)) = self.by_path.get_mut(&path) {
            *groups -= 1;
            if *groups == 0 {
                self.by_path.remove(&path);
            }
        }
        if let Some(entry) = self.by_id.get_mut(&id) {
            entry.groups = entry.groups.saturating_sub(1);
            if entry.groups == 0 {
                self.by_id.remove(&id);
            }
        }
    }

    /// The container with this id, made now if it is new.
    fn make(&mut self, id: &str, path: &str, event: &Event) -> Arc<Container> {
        if let Some(known) = self.by_id.get(id) {
            return known.row.clone();
        }
        let mut container = bare(id, event.a, event.at);
        let mut told = |key, text: &[u8]| {
            container.attrs.push(Attr {
                key,
                value: 0,
                text: text.into(),
            });
        };
        if let Some(uid) = group_path::pod_uid(path) {
            told(attr::POD_UID, uid.as_bytes());
        }
        if let Some(outer) = self.container_above(path).filter(|outer| outer != id) {
            told(attr::OUTER, outer.as_bytes());
        }
        let row = Arc::new(container);
        if self.by_id.len() >= CONTAINERS_CAP {
            self.containers_left_out += 1;
            return row;
        }
        let entry = Entry {
            row: row.clone(),
            groups: 0,
        };
        self.by_id.insert(id.to_owned(), entry);
        self.ask(id, event, true);
        row
    }

    fn ask(&mut self, id: &str, event: &Event, certain: bool) {
        if self.unexplained.len() == UNEXPLAINED_CAP {
            self.unexplained.pop_front();
        }
        self.unexplained.push_back(Unexplained {
            id: id.to_owned(),
            cgroup: event.a,
            certain,
            by: event.task.process,
        });
    }
}

/// A container of which nothing is known but that it is one.
fn bare(id: &str, cgroup: u64, since: u64) -> Container {
    Container {
        key: key(id, cgroup),
        id: id.to_owned(),
        marks: container_mark::PENDING,
        since,
        later: Later::new(),
        ..Container::default()
    }
}

fn group_of(event: &Event) -> Group {
    match event.b as u32 {
        0 => Group::Unified(event.a),
        _ => Group::V1(event.a),
    }
}

/// The stable key of a container: its id, which a runtime with names of its own may use again,
/// and the number of the group by which it was first seen. (FNV-1a, then the finalizer of
/// SplitMix64.)
fn key(id: &str, cgroup: u64) -> u64 {
    let bytes = id.bytes().chain(cgroup.to_le_bytes());
    let mut z = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)).max(1)
}

fn attr_text(attrs: &[Attr], key: u32) -> String {
    attrs
        .iter()
        .find(|a| a.key == key)
        .map(|a| String::from_utf8_lossy(&a.text).into_owned())
        .unwrap_or_default()
}
