//! One process as `/proc` shows it.

use super::control_groups::ControlGroups;
use super::descriptors::Descriptors;
use super::{number, read_at};
use crate::device::kernel_device_of;
use crate::event::{Event, Image, Namespaces, Task, TaskRef};
use crate::image::Classifier;
use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags, open, readlinkat, statx};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use vedette_contract::kind;
use vedette_contract::values::{event_mark, image_class, process_mark};

/// Stops a process with a command line of megabytes: bytes of it that are read.
const CMDLINE_MAX: u64 = 256 << 10;
/// Bytes kept of a longer command line's beginning.
const ARGS_HEAD: usize = 3 << 10;
/// Bytes kept of a longer command line's end.
const ARGS_TAIL: usize = 1 << 10;
/// More than any of the kernel's texts on one process holds; stops nothing but mistakes.
const TEXT_MAX: u64 = 64 << 10;

/// `PF_KTHREAD` of the kernel.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// A clock tick in ns: what `/proc` cuts start times to.
fn tick() -> u64 {
    1_000_000_000 / rustix::param::clock_ticks_per_second().max(1)
}

/// A process that was found, with what its order among the others depends on.
#[derive(Debug)]
pub(super) struct Found {
    pub pid: u32,
    pub parent: u32,
    pub start: u64,
    comm: [u8; 16],
    flags: u64,
    terminal: u64,
}

impl Found {
    /// Every process.
    pub fn all() -> Vec<Found> {
        Found::pids().into_iter().filter_map(Found::of).collect()
    }

    /// The numbers of all processes.
    pub fn pids() -> Vec<u32> {
        let Ok(entries) = std::fs::read_dir("/proc") else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect()
    }

    /// The process with this number, if it lives.
    pub fn of(pid: u32) -> Option<Found> {
        Some(Found::one(pid)?.0)
    }

    /// Whether it is that one; the kernel's own events know its start to the ns.
    pub fn is(&self, process: TaskRef) -> bool {
        self.pid == process.pid && self.start == process.start - process.start % tick()
    }

    /// Device and inode of the executed file; zeros where it has none.
    pub fn image_identity(&self) -> (u64, u64) {
        let flags = AtFlags::STATX_DONT_SYNC;
        statx(
            rustix::fs::CWD,
            format!("/proc/{}/exe", self.pid),
            flags,
            StatxFlags::INO,
        )
        .map_or((0, 0), |stat| {
            let device = kernel_device_of(stat.stx_dev_major, stat.stx_dev_minor);
            (device, stat.stx_ino)
        })
    }

    /// A process and its directory in `/proc`, which stays its own though the pid be used again.
    /// None where it is gone, or dead and only waited for.
    fn one(pid: u32) -> Option<(Found, OwnedFd)> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = open(format!("/proc/{pid}"), flags, Mode::empty()).ok()?;
        let text = read_at(&dir, "stat", TEXT_MAX)?;
        // The name may hold anything, brackets too.
        let name = memchr::memchr(b'(', &text)? + 1;
        let end = memchr::memrchr(b')', &text)?;
        let mut comm = [0; 16];
        let bytes = text.get(name..end)?;
        let len = bytes.len().min(15);
        comm[..len].copy_from_slice(&bytes[..len]);
        let rest: Vec<&[u8]> = text[end + 1..].trim_ascii().split(|b| *b == b' ').collect();
        // Numbered as in proc_pid_stat(5), which counts pid and name.
        let field = |n: usize| rest.get(n - 3).copied();
        // A leader that ended before its threads is a zombie too, and lives.
        if matches!(field(3)?, b"Z" | b"X") && number::<u32>(field(20)?)? <= 1 {
            return None;
        }
        let ticks: u64 = number(field(22)?)?;
        let found = Found {
            pid,
            parent: number(field(4)?)?,
            start: ticks.saturating_mul(tick()),
            comm,
            flags: number(field(9)?)?,
            terminal: number::<i64>(field(7)?)? as u64,
        };
        Some((found, dir))
    }

    /// Its `existing` event. None where it ended meanwhile.
    pub fn event(
        &self,
        parent: TaskRef,
        groups: &ControlGroups,
        descriptors: &mut Descriptors,
        classifier: &mut Classifier,
    ) -> Option<Event> {
        // Not kept open since it was found: there may be more processes than descriptors.
        let (found, dir) = Found::one(self.pid)?;
        if found.start != self.start {
            return None;
        }
        let dir = dir.as_fd();
        let status = read_at(dir, "status", TEXT_MAX)?;
        let namespaces = Namespaces {
            mount: namespace(dir, "ns/mnt"),
            pid: namespace(dir, "ns/pid_for_children"),
            network: namespace(dir, "ns/net"),
            user: namespace(dir, "ns/user"),
        };
        let (cgroup, cgroup_v1) = groups.ids(&read_at(dir, "cgroup", TEXT_MAX)?);
        let id = |name| row(&status, name).and_then(number).unwrap_or(0);
        let task = Task {
            process: TaskRef {
                pid: self.pid,
                start: self.start,
            },
            parent,
            tid: self.pid,
            exec_id: 0,
            uid: id(b"Uid:"),
            gid: id(b"Gid:"),
            capabilities: row(&status, b"CapEff:").map_or(0, hexadecimal),
            cgroup,
            cgroup_v1,
            namespaces,
            comm: self.comm,
        };
        let (path, mut image) = self.image(dir, classifier);
        let mut marks = 0;
        if image.marks & process_mark::KERNEL_THREAD == 0 {
            let truncated;
            (image.args, image.args_len, truncated) = args(read_at(dir, "cmdline", CMDLINE_MAX)?);
            image.cwd = link_in_root(dir, "cwd").unwrap_or_default().into();
            let whole;
            (image.streams, whole) =
                descriptors.streams(dir, self.pid, namespaces.network, self.terminal)?;
            if !whole {
                marks |= event_mark::INCOMPLETE;
            }
            if truncated {
                marks |= event_mark::TRUNCATED;
            }
        }
        Some(Event {
            kind: kind::EXISTING,
            marks,
            task,
            text: path.into(),
            image: Some(Box::new(image)),
            ..Event::default()
        })
    }

    /// Path of the executed file in its own root.
    pub fn path(&self) -> Option<Vec<u8>> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = open(format!("/proc/{}", self.pid), flags, Mode::empty()).ok()?;
        let path = link_in_root(dir.as_fd(), "exe")?;
        let kept = path
            .strip_suffix(b" (deleted)")
            .map_or(path.len(), <[u8]>::len);
        Some(path[..kept].to_vec())
    }

    /// Path of the executed file, and what is known of it.
    fn image(&self, dir: BorrowedFd, classifier: &mut Classifier) -> (Vec<u8>, Image) {
        let mut image = Image {
            marks: process_mark::EXISTING,
            class: image_class::UNKNOWN,
            ..Image::default()
        };
        if self.flags & KERNEL_THREAD != 0 {
            image.marks |= process_mark::KERNEL_THREAD;
            return (Vec::new(), image);
        }
        let flags = AtFlags::STATX_DONT_SYNC;
        let mask = StatxFlags::INO | StatxFlags::NLINK;
        let (Some(mut path), Ok(stat)) = (link_in_root(dir, "exe"), statx(dir, "exe", flags, mask))
        else {
            image.marks |= process_mark::INCOMPLETE;
            return (Vec::new(), image);
        };
        image.device = kernel_device_of(stat.stx_dev_major, stat.stx_dev_minor);
        image.inode = stat.stx_ino;
        // A file may be called "x (deleted)", so the count of names decides.
        if stat.stx_nlink == 0 {
            image.marks |= match classifier.is_memory(image.device) {
                true => process_mark::MEMFD_IMAGE | process_mark::DELETED_IMAGE,
                false => process_mark::DELETED_IMAGE,
            };
            let kept = path
                .strip_suffix(b" (deleted)")
                .map_or(path.len(), <[u8]>::len);
            path.truncate(kept);
        }
        image.class = classifier.classify(self.pid, &path, image.device, image.inode);
        (path, image)
    }
}

/// Where a link of a process points, as seen from the process's own root.
fn link_in_root(dir: BorrowedFd, name: &str) -> Option<Vec<u8>> {
    let path = readlinkat(dir, name, Vec::new()).ok()?.into_bytes();
    let root = readlinkat(dir, "root", Vec::new()).ok()?.into_bytes();
    Some(in_root(path, &root))
}

fn in_root(path: Vec<u8>, root: &[u8]) -> Vec<u8> {
    match path.strip_prefix(root) {
        _ if root == b"/" => path,
        Some(b"") => b"/".to_vec(),
        Some(inside) if inside[0] == b'/' => inside.to_vec(),
        _ => path,
    }
}

/// Inode of a namespace out of a link like `mnt:[4026531841]`; 0 where it cannot be read.
fn namespace(dir: BorrowedFd, name: &str) -> u32 {
    readlinkat(dir, name, Vec::new())
        .ok()
        .and_then(|link| bracketed(link.to_bytes()))
        .unwrap_or(0)
}

/// The number in brackets of a link like `pipe:[123]`.
pub(super) fn bracketed<T: std::str::FromStr>(link: &[u8]) -> Option<T> {
    let start = memchr::memchr(b'[', link)? + 1;
    number(link.get(start..)?.strip_suffix(b"]")?)
}

/// The first value in a row of `/proc/PID/status`.
fn row<'a>(status: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    status
        .split(|b| *b == b'\n')
        .find_map(|line| line.strip_prefix(name))?
        .split(|b| *b == b'\t')
        .find(|value| !value.is_empty())
}

fn hexadecimal(text: &[u8]) -> u64 {
    std::str::from_utf8(text)
        .ok()
        .and_then(|t| u64::from_str_radix(t.trim(), 16).ok())
        .unwrap_or(0)
}

/// The command line of a process, as events carry it; see [`args`].
pub(super) fn args_of(pid: u32) -> Option<(Box<[u8]>, u32, bool)> {
    read_at(
        rustix::fs::CWD,
        &format!("/proc/{pid}/cmdline"),
        CMDLINE_MAX,
    )
    .map(args)
}

/// The command line as events carry it, its whole length, and whether its middle was cut.
fn args(mut line: Vec<u8>) -> (Box<[u8]>, u32, bool) {
    if line.last() == Some(&0) {
        line.pop();
    }
    let len = line.len();
    let cut = len > ARGS_HEAD + ARGS_TAIL;
    if cut {
        line.splice(ARGS_HEAD..len - ARGS_TAIL, *b"\0...\0");
    }
    (line.into(), len as u32, cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_line_keeps_both_ends() {
        let (short, len, cut) = args(b"a\0b c\0".to_vec());
        assert_eq!((&*short, len, cut), (&b"a\0b c"[..], 5, false));
        let long = [vec![b'a'; 5000], b"end\0".to_vec()].concat();
        let (kept, len, cut) = args(long);
        assert_eq!(
            (kept.len(), len, cut),
            (ARGS_HEAD + 5 + ARGS_TAIL, 5003, true)
        );
        assert!(kept.ends_with(b"end") && kept.windows(5).any(|w| w == b"\0...\0"));
    }

    #[test]
    fn a_path_is_that_inside_the_root() {
        let inside = |path: &[u8], root: &[u8]| in_root(path.to_vec(), root);
        assert_eq!(inside(b"/bin/sh", b"/"), b"/bin/sh");
        assert_eq!(inside(b"/jail/bin/sh", b"/jail"), b"/bin/sh");
        assert_eq!(inside(b"/jail", b"/jail"), b"/");
        assert_eq!(inside(b"/jailer/x", b"/jail"), b"/jailer/x");
    }

    #[test]
    fn rows_of_the_kernels_text() {
        let status = b"Name:\tx\nUid:\t7\t8\t9\t10\nCapEff:\t000001ff\n";
        assert_eq!(row(status, b"Uid:").unwrap(), b"7");
        assert_eq!(hexadecimal(row(status, b"CapEff:").unwrap()), 0x1ff);
        assert_eq!(bracketed::<u32>(b"mnt:[4026531841]"), Some(4_026_531_841));
        assert_eq!(bracketed::<u32>(b"/dev/null"), None);
    }
}
