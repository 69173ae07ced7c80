//! The control groups that exist.

use super::number;
use crate::event::Event;
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, openat, stat};
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use vedette_contract::kind;

/// Stops a container that may make control groups from holding up the start: groups of one
/// hierarchy that are told.
const GROUPS_MAX: usize = 64 << 10;

/// The controller of version 1 whose hierarchy tells containers apart.
const CONTROLLER: &[u8] = b"pids";

/// The groups of the unified hierarchy and of the pids hierarchy of version 1.
#[derive(Debug)]
pub(super) struct ControlGroups {
    unified: Hierarchy,
    pids: Hierarchy,
}

#[derive(Debug, Default)]
struct Hierarchy {
    number: u32,
    /// Path below the root and id, parents before children.
    groups: Vec<(Vec<u8>, u64)>,
    ids: HashMap<Vec<u8>, u64>,
}

impl ControlGroups {
    pub fn read() -> ControlGroups {
        let mounts = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
        let table = std::fs::read("/proc/cgroups").unwrap_or_default();
        let mount = |kind: &[u8], option: Option<&[u8]>| {
            mounts
                .split(|b| *b == b'\n')
                .find_map(|line| mount_point(line, kind, option))
        };
        let hierarchy = |number, root: Option<Vec<u8>>| {
            root.map_or_else(Hierarchy::default, |root| Hierarchy::walk(number, &root))
        };
        ControlGroups {
            unified: hierarchy(0, mount(b"cgroup2", None)),
            pids: match hierarchy_number(&table) {
                Some(number) => hierarchy(number, mount(b"cgroup", Some(CONTROLLER))),
                None => Hierarchy::default(),
            },
        }
    }

    pub fn events(&self) -> Vec<Event> {
        [&self.unified, &self.pids]
            .into_iter()
            .flat_map(|h| h.groups.iter().map(|g| (h.number, g)))
            .map(|(number, (path, id))| Event {
                kind: kind::CGROUP,
                text: path.clone().into(),
                a: *id,
                b: number.into(),
                ..Event::default()
            })
            .collect()
    }

    /// Ids in both hierarchies out of the text of `/proc/PID/cgroup`; 0 where there is none.
    pub fn ids(&self, text: &[u8]) -> (u64, u64) {
        let mut ids = (0, 0);
        for line in text.split(|b| *b == b'\n') {
            let mut fields = line.splitn(3, |b| *b == b':');
            let (Some(number_), Some(_), Some(path)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            match number::<u32>(number_) {
                Some(0) => ids.0 = self.unified.id(path),
                Some(n) if n == self.pids.number => ids.1 = self.pids.id(path),
                _ => {}
            }
        }
        ids
    }
}

impl Hierarchy {
    fn id(&self, path: &[u8]) -> u64 {
        self.ids.get(path).copied().unwrap_or(0)
    }

    fn walk(number: u32, root: &[u8]) -> Hierarchy {
        let mut hierarchy = Hierarchy {
            number,
            ..Hierarchy::default()
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let (Ok(fd), Ok(meta)) = (openat(CWD, root, flags, Mode::empty()), stat(root)) else {
            return hierarchy;
        };
        hierarchy.groups.push((b"/".to_vec(), meta.st_ino));
        hierarchy.children(fd, b"");
        hierarchy.ids = hierarchy.groups.iter().cloned().collect();
        hierarchy
    }

    /// The kernel's own limit on depth bounds the recursion; paths end at `PATH_MAX` besides.
    fn children(&mut self, fd: OwnedFd, path: &[u8]) {
        let Ok(dir) = Dir::read_from(&fd) else { return };
        for entry in dir.flatten() {
            let name = entry.file_name().to_bytes();
            if entry.file_type() != FileType::Directory || name == b"." || name == b".." {
                continue;
            }
            if self.groups.len() == GROUPS_MAX {
                return;
            }
            let path = [path, b"/", name].concat();
            // A directory's inode is the id of its group.
            self.groups.push((path.clone(), entry.ino()));
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            if path.len() < 4096
                && let Ok(child) = openat(&fd, name, flags, Mode::empty())
            {
                self.children(child, &path);
            }
        }
    }
}

/// The mount point in a line of mountinfo, if it is the whole of such a hierarchy.
fn mount_point(line: &[u8], kind: &[u8], option: Option<&[u8]>) -> Option<Vec<u8>> {
    let fields: Vec<&[u8]> = line.split(|b| *b == b' ').collect();
    let dash = fields.iter().position(|f| *f == b"-")?;
    let options = fields.get(dash + 3)?;
    let fits = *fields.get(dash + 1)? == kind
        && *fields.get(3)? == b"/"
        && option.is_none_or(|o| options.split(|b| *b == b',').any(|x| x == o));
    fits.then(|| fields[4].to_vec())
}

/// The number of the pids hierarchy in `/proc/cgroups`; none where version 1 does not have it.
fn hierarchy_number(table: &[u8]) -> Option<u32> {
    table.split(|b| *b == b'\n').find_map(|line| {
        let mut fields = line.split(|b| *b == b'\t');
        (fields.next()? == CONTROLLER).then_some(())?;
        number(fields.next()?).filter(|n| *n != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_are_found_in_the_kernels_tables() {
        let line = b"31 23 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids";
        let point = mount_point(line, b"cgroup", Some(b"pids"));
        assert_eq!(point.unwrap(), b"/sys/fs/cgroup/pids");
        assert_eq!(mount_point(line, b"cgroup", Some(b"pid")), None);
        assert_eq!(mount_point(line, b"cgroup2", None), None);
        let bound = b"31 23 0:27 /a /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids";
        assert_eq!(mount_point(bound, b"cgroup", Some(b"pids")), None);
        assert_eq!(hierarchy_number(b"cpu\t1\t1\t1\npids\t8\t1\t1\n"), Some(8));
        assert_eq!(hierarchy_number(b"pids\t0\t1\t1\n"), None);
    }

    #[test]
    fn our_own_group_is_known() {
        let groups = ControlGroups::read();
        let (unified, pids) = groups.ids(&std::fs::read("/proc/self/cgroup").unwrap());
        assert!(unified != 0 || pids != 0);
        for (hierarchy, id) in [(&groups.unified, unified), (&groups.pids, pids)] {
            assert!(id == 0 || hierarchy.groups.iter().any(|(_, g)| *g == id));
        }
    }
}
