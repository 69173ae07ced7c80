//! Which container a control group belongs to.
//!
//! A container is known by its control group's path: by the 64 hexadecimal digits that docker,
//! podman, containerd and cri-o put there, by what the runtime said of the group, or, for a
//! runtime with names of its own, by a process in a mount namespace of its own inside a group
//! that is not one of systemd's units.

use super::container::Container;
use std::collections::HashMap;
use std::sync::Arc;
use vedette_contract::values::container_mark;
use vedette_sensor::event::{Attr, Event, Namespaces, Task};

/// Groups that are kept. A container that makes groups without end would otherwise fill memory.
const GROUPS_CAP: usize = 65_536;

/// Containers that are kept.
const CONTAINERS_CAP: usize = 16_384;

/// Key of a group: hierarchies number their groups independently of each other.
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

/// Control groups and the containers that they belong to.
#[derive(Debug, Default)]
pub struct Containers {
    groups: HashMap<Group, Known>,
    /// Container of each group's path that has one, for the groups made below it.
    by_path: HashMap<String, String>,
    by_id: HashMap<String, Arc<Container>>,
}

impl Containers {
    /// Takes in a `cgroup` event.
    pub fn learn(&mut self, event: &Event) {
        let id = event.a;
        let group = match event.b as u32 {
            0 => Group::Unified(id),
            _ => Group::V1(id),
        };
        let path = String::from_utf8_lossy(&event.text).into_owned();
        let container = id_in_path(&path)
            .map(str::to_owned)
            .or_else(|| self.container_above(&path));
        if let Some(container) = &container {
            self.make(container, id);
            self.owns(&path, container);
        }
        if self.groups.len() >= GROUPS_CAP {
            // Which group goes is of no matter: it is learned again at the next start, and its
            // container is known by the other hierarchy.
            if let Some(any) = self.groups.keys().next().copied() {
                self.groups.remove(&any);
            }
        }
        self.groups.insert(group, Known { path, container });
    }

    /// Takes in a `container` event: what the runtime says.
    pub fn fill(&mut self, event: &Event) {
        let text = |key| attr_text(&event.attrs, key);
        let id = String::from_utf8_lossy(&event.text).into_owned();
        if id.is_empty() {
            return;
        }
        let key = self.by_id.get(&id).map_or(event.a, |c| c.key);
        for group in [Group::Unified(event.a), Group::V1(event.a)] {
            if let Some(known) = self.groups.get_mut(&group)
                && known.path.rsplit('/').next() == Some(id.as_str())
            {
                known.container = Some(id.clone());
                let path = known.path.clone();
                self.owns(&path, &id);
            }
        }
        self.insert(Container {
            key,
            name: String::from_utf8_lossy(&event.text2).into_owned(),
            image: text(1),
            pod: text(2),
            namespace: text(3),
            marks: event.b as u32,
            id,
        });
    }

    /// The container that a task is in.
    pub fn of(&mut self, task: &Task, host: &Namespaces) -> Option<Arc<Container>> {
        let groups = [Group::Unified(task.cgroup), Group::V1(task.cgroup_v1)];
        for group in groups {
            if let Some(id) = self.groups.get(&group).and_then(|k| k.container.as_ref()) {
                return self.by_id.get(id).cloned();
            }
        }
        if host.mount == 0 || task.namespaces.mount == host.mount {
            return None;
        }
        for group in groups {
            let Some(known) = self.groups.get_mut(&group) else {
                continue;
            };
            let Some(id) = own_name(&known.path).map(str::to_owned) else {
                continue;
            };
            known.container = Some(id.clone());
            let path = known.path.clone();
            self.owns(&path, &id);
            let (Group::Unified(key) | Group::V1(key)) = group;
            return Some(self.make(&id, key));
        }
        None
    }

    /// The container that a task's groups are known to belong to.
    pub fn of_groups(&self, task: &Task) -> Option<Arc<Container>> {
        [Group::Unified(task.cgroup), Group::V1(task.cgroup_v1)]
            .into_iter()
            .find_map(|group| self.groups.get(&group)?.container.as_ref())
            .and_then(|id| self.by_id.get(id))
            .cloned()
    }

    /// Whether the group of a `cgroup` event is known.
    pub fn knows(&self, event: &Event) -> bool {
        let group = match event.b as u32 {
            0 => Group::Unified(event.a),
            _ => Group::V1(event.a),
        };
        self.groups.contains_key(&group)
    }

    /// Key of the container that the groups belong to.
    pub fn key_of(&self, cgroup: u64, cgroup_v1: u64) -> Option<u64> {
        [Group::Unified(cgroup), Group::V1(cgroup_v1)]
            .into_iter()
            .find_map(|g| self.groups.get(&g)?.container.as_ref())
            .and_then(|id| self.by_id.get(id))
            .map(|c| c.key)
    }

    /// The container of the nearest group above that is one.
    fn container_above(&self, path: &str) -> Option<String> {
        let above = |p: &str| p.rfind('/').map(|end| &path[..end]);
        std::iter::successors(above(path), |p| above(p))
            .find_map(|p| self.by_path.get(p))
            .cloned()
    }

    fn owns(&mut self, path: &str, container: &str) {
        if self.by_path.len() >= GROUPS_CAP
            && let Some(any) = self.by_path.keys().next().cloned()
        {
            self.by_path.remove(&any);
        }
        self.by_path.insert(path.to_owned(), container.to_owned());
    }

    /// The container with this id, made now if it is new.
    fn make(&mut self, id: &str, key: u64) -> Arc<Container> {
        if let Some(known) = self.by_id.get(id) {
            return known.clone();
        }
        self.insert(Container {
            key,
            id: id.to_owned(),
            marks: container_mark::PENDING,
            ..Container::default()
        })
    }

    fn insert(&mut self, container: Container) -> Arc<Container> {
        if self.by_id.len() >= CONTAINERS_CAP
            && !self.by_id.contains_key(&container.id)
            && let Some(any) = self.by_id.keys().next().cloned()
        {
            self.by_id.remove(&any);
        }
        let container = Arc::new(container);
        self.by_id.insert(container.id.clone(), container.clone());
        container
    }
}

fn attr_text(attrs: &[Attr], key: u32) -> String {
    attrs
        .iter()
        .find(|a| a.key == key)
        .map(|a| String::from_utf8_lossy(&a.text).into_owned())
        .unwrap_or_default()
}

/// The last 64 hexadecimal digits that stand in a path as a component of their own, with a
/// runtime's prefix and systemd's suffix taken off. Monitors (conmon) are not containers.
fn id_in_path(path: &str) -> Option<&str> {
    path.rsplit('/').find_map(|component| {
        let name = component.strip_suffix(".scope").unwrap_or(component);
        if name.contains("conmon") {
            return None;
        }
        let id = name.rsplit(['-', ':']).next().unwrap_or(name);
        (id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit())).then_some(id)
    })
}

/// The name of a group that a runtime with names of its own made: not the root, not one of
/// systemd's units.
fn own_name(path: &str) -> Option<&str> {
    let unit = |c: &str| {
        [".service", ".scope", ".slice", ".mount", ".socket"]
            .iter()
            .any(|suffix| c.ends_with(suffix))
    };
    let last = path.rsplit('/').next().filter(|c| !c.is_empty())?;
    (!path.split('/').any(unit)).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_taken_from_the_paths_that_runtimes_make() {
        let hex = "ab".repeat(32);
        for path in [
            format!("/docker/{hex}"),
            format!("/system.slice/docker-{hex}.scope"),
            format!("/libpod_parent/libpod-{hex}"),
            format!("/kubepods/besteffort/pod1111/{hex}"),
            format!("/kubepods.slice/cri-containerd-{hex}.scope"),
            format!("/docker/{hex}/init.scope"),
        ] {
            assert_eq!(id_in_path(&path), Some(hex.as_str()), "{path}");
        }
        assert_eq!(id_in_path(&format!("/libpod-conmon-{hex}.scope")), None);
        assert_eq!(id_in_path("/user.slice/session-1.scope"), None);
    }

    #[test]
    fn units_of_systemd_are_not_containers() {
        assert_eq!(own_name("/demo"), Some("demo"));
        assert_eq!(own_name("/"), None);
        assert_eq!(own_name("/system.slice/ssh.service"), None);
    }
}
