//! Following a path part by part, where the kernel cannot follow it from its cache alone: a link
//! whose time of access is due to be written, a file system that asks anew for every name (proc,
//! sysfs, control groups), a link into the caller's own part of `/proc`.
//!
//! This may touch a file system, so it touches those alone that have all they know in this
//! machine. Which those are is read from the process's table of mounts.

use super::Caller;
use super::root::{Missing, Root, look, lookup};
use crate::device::kernel_device_of;
use rustix::{
    fd::OwnedFd,
    fs::{CWD, OFlags, ResolveFlags, readlinkat},
    io::Errno,
};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io::{BufRead as _, BufReader, Read as _},
    time::{Duration, Instant},
};

/// Links that one path may lead through, as the kernel counts them.
const LINKS_MOST: u32 = 40;

/// Parts of a path, links included: what the longest path can have is 2048; this is what one event
/// may cost.
const PARTS_MOST: u32 = 256;

/// Bytes of a table of mounts that are read.
const MOUNTS_MOST: u64 = 1 << 20;

/// Walks in [`WALKS_EVERY`]. One may take a millisecond where it was made to: a flood of such paths
/// must not take the reader's time from every other event.
const WALKS_MOST: u32 = 100;
const WALKS_EVERY: Duration = Duration::from_millis(100);

/// How many walks may still be made.
#[derive(Debug)]
pub(super) struct Budget(Cell<(Instant, u32)>);

impl Budget {
    pub(super) fn new() -> Budget {
        Budget(Cell::new((Instant::now(), WALKS_MOST)))
    }

    fn take(&self) -> Result<(), Missing> {
        let (mut since, mut left) = self.0.get();
        if since.elapsed() > WALKS_EVERY {
            (since, left) = (Instant::now(), WALKS_MOST);
        }
        let taken = left.checked_sub(1);
        self.0.set((since, taken.unwrap_or(0)));
        taken.map(|_| ()).ok_or(Missing)
    }
}

/// The type of a file system, if it is one that never makes its callers wait.
type Local = Option<&'static [u8]>;

/// The mounts that one walk has met, by number.
struct Mounts<'a> {
    root: &'a Root,
    met: RefCell<Vec<(u64, Local)>>,
}

/// File systems that never wait for anything outside of this machine. Overlay counts among them:
/// its layers do, save on machines without a disk.
const LOCAL: &[&[u8]] = &[
    b"bpf",
    b"btrfs",
    b"cgroup",
    b"cgroup2",
    b"configfs",
    b"debugfs",
    b"devpts",
    b"devtmpfs",
    b"erofs",
    b"ext2",
    b"ext3",
    b"ext4",
    b"f2fs",
    b"mqueue",
    b"overlay",
    b"proc",
    b"ramfs",
    b"rootfs",
    b"securityfs",
    b"squashfs",
    b"sysfs",
    b"tmpfs",
    b"tracefs",
    b"vfat",
    b"xfs",
];

/// Follows the parts from the root, every link among them too.
pub(super) fn walk(root: &Root, parts: &[&[u8]], caller: Caller<'_>) -> Result<OwnedFd, Missing> {
    caller.walks.take()?;
    let mounts = Mounts::of(root);
    let top = look(&root.fd)?;
    let mut at = again(root)?;
    let mut rest: VecDeque<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
    let own = [caller.pid, caller.tid].map(|number| number.to_string().into_bytes());
    let mut before = Vec::new();
    let (mut links, mut steps) = (0, 0);
    while let Some(part) = rest.pop_front() {
        steps += 1;
        if steps > PARTS_MOST {
            return Err(Missing);
        }
        if part == b".." && look(&at)? == top {
            continue;
        }
        let next = step(&mounts, &at, &part)?;
        if !look(&next)?.is_link {
            at = next;
            before = part;
            continue;
        }
        links += 1;
        if links > LINKS_MOST {
            return Err(Missing);
        }
        if part == b"root" && own.contains(&before) && own_proc(&next) {
            at = again(root)?;
            continue;
        }
        let content = content(&mounts, &next, &part, caller)?;
        if content.starts_with(b"/") {
            at = again(root)?;
        }
        let more = content.split(|byte| *byte == b'/');
        for part in more.filter(|part| !part.is_empty() && *part != b".").rev() {
            rest.push_front(part.to_vec());
        }
    }
    Ok(at)
}

fn again(root: &Root) -> Result<OwnedFd, Missing> {
    root.fd.try_clone().map_err(|_| Missing)
}

/// One entry of a directory, itself if it is a link.
pub(super) fn entry(
    root: &Root,
    at: &OwnedFd,
    name: &[u8],
    caller: Caller<'_>,
) -> Result<OwnedFd, Missing> {
    caller.walks.take()?;
    step(&Mounts::of(root), at, name)
}

fn step(mounts: &Mounts<'_>, at: &OwnedFd, part: &[u8]) -> Result<OwnedFd, Missing> {
    match lookup(at, part, OFlags::NOFOLLOW, ResolveFlags::CACHED) {
        Err(Errno::AGAIN) if mounts.local(at).is_some() => {
            let flags = ResolveFlags::NO_MAGICLINKS;
            lookup(at, part, OFlags::NOFOLLOW, flags).map_err(|_| Missing)
        }
        outcome => outcome.map_err(|_| Missing),
    }
}

/// What a link says to the process.
fn content(
    mounts: &Mounts<'_>,
    link: &OwnedFd,
    name: &[u8],
    caller: Caller<'_>,
) -> Result<Vec<u8>, Missing> {
    let local = mounts.local(link).ok_or(Missing)?;
    let content = readlinkat(link, "", Vec::new())
        .map_err(|_| Missing)?
        .into_bytes();
    if local != b"proc" {
        return Ok(content);
    }
    // What /proc shows depends on who looks.
    match name {
        b"self" | b"thread-self" if !own_proc(link) => Err(Missing),
        b"self" => Ok(caller.pid.to_string().into_bytes()),
        b"thread-self" => Ok(format!("{}/task/{}", caller.pid, caller.tid).into_bytes()),
        // These say where to go in words that mean something else to every process.
        _ if content.starts_with(b"/") || content.contains(&b':') => Err(Missing),
        _ => Ok(content),
    }
}

/// Whether this is the /proc in which processes have the numbers that events give them.
fn own_proc(place: &OwnedFd) -> bool {
    let own = lookup(CWD, b"/proc", OFlags::DIRECTORY, ResolveFlags::empty());
    match (own.map(|own| look(&own)), look(place)) {
        (Ok(Ok(own)), Ok(place)) => own.device == place.device,
        _ => false,
    }
}

impl Mounts<'_> {
    fn of(root: &Root) -> Mounts<'_> {
        Mounts {
            root,
            met: RefCell::default(),
        }
    }

    fn local(&self, place: &OwnedFd) -> Local {
        let mount = look(place).ok()?.mount;
        let mut met = self.met.borrow_mut();
        if let Some((_, kind)) = met.iter().find(|(number, _)| *number == mount) {
            return *kind;
        }
        let kind = local_mount(self.root.pid, mount).map(|mount| mount.kind);
        met.push((mount, kind));
        kind
    }
}

/// A mount of a file system that never makes its callers wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalMount {
    /// The type of the file system.
    pub kind: &'static [u8],
    /// Its device, in the kernel's form: that which events carry, also where `stat` gives another
    /// one for each subvolume or layer.
    pub device: u64,
}

/// The mount with this number in the table of a process, if it is of such a file system.
pub(crate) fn local_mount(pid: u32, mount: u64) -> Option<LocalMount> {
    let number = mount.to_string();
    let table = std::fs::File::open(format!("/proc/{pid}/mountinfo")).ok()?;
    let mut table = BufReader::new(table.take(MOUNTS_MOST));
    let mut line = Vec::new();
    // "NUMBER PARENT DEVICE ROOT MOUNTPOINT OPTIONS [TAGS] - TYPE SOURCE …"
    while matches!(table.read_until(b'\n', &mut line), Ok(1..)) {
        if line.split(|b| *b == b' ').next() == Some(number.as_bytes()) {
            let tail = memchr::memmem::find(&line, b" - ")? + 3;
            let kind = line[tail..].split(|b| *b == b' ').next()?;
            let device = std::str::from_utf8(line.split(|b| *b == b' ').nth(2)?).ok()?;
            let (major, minor) = device.split_once(':')?;
            return Some(LocalMount {
                kind: LOCAL.iter().copied().find(|local| *local == kind)?,
                device: kernel_device_of(major.parse().ok()?, minor.parse().ok()?),
            });
        }
        line.clear();
    }
    None
}
