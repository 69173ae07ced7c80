//! A file that an event was about, reached a moment later.
//!
//! It belongs to somebody who may want to hold up or mislead whoever looks: so it is reached by the
//! kernel's own links where there are some, else by name through the root of the process, part by
//! part and without following a link, on file systems alone that never make their callers wait. What
//! is found is compared with what the event names, and is opened only if it is a plain file with
//! content of its own: no device, fifo or socket, nothing of `/proc` or `/sys`.

use crate::{
    device::kernel_device_of,
    event::TaskRef,
    live::given::{
        root::{Root, lookup},
        walk::{LocalMount, local_mount},
    },
};
use rustix::{
    fd::{AsRawFd, OwnedFd},
    fs::{
        AtFlags, MemfdFlags, Mode, OFlags, ResolveFlags, Statx, StatxFlags, memfd_create, open,
        statx,
    },
    io::Errno,
};
use std::{fs::File, sync::LazyLock, time::Instant};

/// Parts of a path that are followed: more is an attempt to keep the agent busy.
const PARTS_MOST: usize = 256;

const TYPE_MASK: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// File systems of [`local_mount`] whose plain files hold bytes that somebody has written, and not
/// what the kernel makes up when they are read.
const STORED: &[&[u8]] = &[
    b"btrfs",
    b"devtmpfs",
    b"erofs",
    b"ext2",
    b"ext3",
    b"ext4",
    b"f2fs",
    b"overlay",
    b"ramfs",
    b"rootfs",
    b"squashfs",
    b"tmpfs",
    b"vfat",
    b"xfs",
];

/// Device of the files that `memfd_create` makes, which stand in no table of mounts.
static MEMORY: LazyLock<Option<u64>> = LazyLock::new(|| {
    let fd = memfd_create(c"device", MemfdFlags::CLOEXEC).ok()?;
    let told = look(&fd).ok()?;
    Some(device(&told))
});

/// Why a file could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// There is none, or no longer, or its process has ended.
    #[error("the file, or the process that it is reached through, is gone")]
    Gone,
    /// What is there is another file.
    #[error("what is there now is not the file of the event")]
    Changed,
    /// Whoever looks could be made to wait, or may not look.
    #[error("the file is where the agent does not look")]
    Denied,
    /// It is no plain file.
    #[error("it is not a plain file")]
    NotPlain,
    /// The way to it was made so long that the time was over.
    #[error("the file could not be reached in time")]
    Late,
}

/// The kernel's own link to a file, which holds whatever its name is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// There is none.
    None,
    /// The image that the process executes.
    Image,
    /// An open descriptor of the process.
    Descriptor(u32),
}

/// Which file is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Who may be asked for it: first the process whose it is, then others that see the same
    /// mounts. Of those nothing is taken whose inode and device are not known to be right.
    pub through: &'a [TaskRef],
    /// The kernel's link to it, of the first of them.
    pub link: Link,
    /// Its path in the root of the process, every link followed.
    pub path: &'a [u8],
    /// Its inode, 0 where that is not known.
    pub inode: u64,
    /// Its device in the kernel's form, 0 where that is not known.
    pub device: u64,
    /// When it is given up: whoever laid the way may have put a thousand mounts on it.
    pub until: Instant,
}

/// What is known of a file without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Bytes.
    pub size: u64,
    /// Type and permissions, as in stat.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Names that it has.
    pub links: u32,
    /// Device, in the kernel's form.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Last change of the content, ns since 1970.
    pub modified: u64,
    /// Last change of the content or of what is known of it, ns since 1970: no program can set it.
    pub changed: u64,
}

/// A file that was found.
#[derive(Debug)]
pub struct Found {
    place: OwnedFd,
    /// What was known of it when it was found.
    pub facts: Facts,
    /// It was reached by the kernel's own link to it.
    pub linked: bool,
    /// It holds what somebody wrote.
    stored: bool,
}

impl Wanted<'_> {
    /// Finds it.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub fn find(&self) -> Result<Found, FileError> {
        let mut why = FileError::Gone;
        let mut note = |error| {
            // That something else is there says more than that another way led nowhere.
            if why == FileError::Gone || matches!(error, FileError::Changed | FileError::Late) {
                why = error;
            }
        };
        for (n, process) in self.through.iter().enumerate() {
            let certain = self.inode != 0 && self.device != 0;
            if n > 0 && !certain {
                break;
            }
            let Some(root) = Root::of_process(process.pid, process.start) else {
                continue;
            };
            let linked = (n == 0).then(|| self.linked(process)).flatten();
            let named = || self.named(&root);
            let ways = [linked, (!self.path.is_empty()).then(named)];
            let ways = ways.into_iter().enumerate();
            for (way, place) in ways.filter_map(|(way, place)| Some((way, place?))) {
                match place.and_then(|place| self.check(place, process.pid)) {
                    Ok(found) => {
                        let linked = way == 0;
                        return Ok(Found { linked, ..found });
                    }
                    Err(error) => note(error),
                }
            }
        }
        Err(why)
    }

    /// What the kernel's own link leads to.
    fn linked(&self, process: &TaskRef) -> Option<Result<OwnedFd, FileError>> {
        let link = match self.link {
            Link::None => return None,
            Link::Image => format!("/proc/{}/exe", process.pid),
            // It may have been closed and used again: without an inode nobody could tell.
            Link::Descriptor(_) if self.inode == 0 => return None,
            Link::Descriptor(fd) => format!("/proc/{}/fd/{fd}", process.pid),
        };
        let place = open(link, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
        // Of a descriptor that was used again the name may still tell.
        Root::of_process(process.pid, process.start).map(|_| Ok(place))
    }

    /// What the path leads to, followed part by part. One that leads through a link is not what it
    /// was: events tell paths with every link followed.
    fn named(&self, root: &Root) -> Result<OwnedFd, FileError> {
        if !self.path.starts_with(b"/") {
            return Err(FileError::Gone);
        }
        let parts = self.path.split(|byte| *byte == b'/');
        let parts = parts.filter(|part| !part.is_empty() && *part != b".");
        let mut at = root.fd.try_clone().map_err(|_| FileError::Denied)?;
        // The last mount that was found to be local.
        let mut local = None;
        for (n, part) in parts.enumerate() {
            if n == PARTS_MOST || part == b".." {
                return Err(FileError::Denied);
            }
            if Instant::now() >= self.until {
                return Err(FileError::Late);
            }
            at = step(root.pid, &at, part, &mut local)?;
            let told = look(&at).map_err(|_| FileError::Denied)?;
            if u32::from(told.stx_mode) & TYPE_MASK == LINK {
                return Err(FileError::Changed);
            }
        }
        Ok(at)
    }

    /// Whether it is the one, and where the agent may look.
    fn check(&self, place: OwnedFd, pid: u32) -> Result<Found, FileError> {
        let told = look(&place).map_err(|_| FileError::Denied)?;
        if self.inode != 0 && told.stx_ino != self.inode {
            return Err(FileError::Changed);
        }
        let seen = device(&told);
        let memory = *MEMORY == Some(seen);
        let own = std::process::id();
        let mount = || local_mount(pid, told.stx_mnt_id).or(local_mount(own, told.stx_mnt_id));
        let (device, stored) = match memory {
            true => (seen, true),
            false => {
                let LocalMount { kind, device } = mount().ok_or(FileError::Denied)?;
                (device, STORED.contains(&kind))
            }
        };
        if self.device != 0 && ![device, seen].contains(&self.device) {
            return Err(FileError::Changed);
        }
        Ok(Found {
            place,
            facts: facts(&told, device),
            linked: false,
            stored,
        })
    }
}

impl Found {
    /// The same file, open for reading: never for long, whoever holds a lease on it.
    ///
    /// # Errors
    /// Why it is not read.
    pub fn open(&self) -> Result<File, FileError> {
        if self.facts.mode & TYPE_MASK != REGULAR {
            return Err(FileError::NotPlain);
        }
        if !self.stored {
            return Err(FileError::Denied);
        }
        let path = format!("/proc/self/fd/{}", self.place.as_raw_fd());
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let opened = match open(&path, flags | OFlags::NOATIME, Mode::empty()) {
            Err(Errno::PERM) => open(&path, flags, Mode::empty()),
            opened => opened,
        };
        opened.map(File::from).map_err(|_| FileError::Denied)
    }

    /// What is known of it now.
    ///
    /// # Errors
    /// It cannot be looked at any more.
    pub fn now(&self) -> Result<Facts, FileError> {
        let told = look(&self.place).map_err(|_| FileError::Denied)?;
        Ok(facts(&told, self.facts.device))
    }
}

fn step(
    pid: u32,
    at: &OwnedFd,
    part: &[u8],
    local: &mut Option<u64>,
) -> Result<OwnedFd, FileError> {
    let why = |errno| match errno {
        Errno::NOENT | Errno::NOTDIR => FileError::Gone,
        _ => FileError::Denied,
    };
    match lookup(at, part, OFlags::NOFOLLOW, ResolveFlags::CACHED) {
        Err(Errno::AGAIN) => {
            let mount = look(at).map_err(|_| FileError::Denied)?.stx_mnt_id;
            if *local != Some(mount) {
                local_mount(pid, mount).ok_or(FileError::Denied)?;
                *local = Some(mount);
            }
            lookup(at, part, OFlags::NOFOLLOW, ResolveFlags::NO_MAGICLINKS).map_err(why)
        }
        outcome => outcome.map_err(why),
    }
}

/// What this machine knows of a place without asking a server.
fn look(place: &OwnedFd) -> Result<Statx, Errno> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    statx(
        place,
        "",
        flags,
        StatxFlags::BASIC_STATS | StatxFlags::MNT_ID,
    )
}

fn device(told: &Statx) -> u64 {
    kernel_device_of(told.stx_dev_major, told.stx_dev_minor)
}

fn facts(told: &Statx, device: u64) -> Facts {
    let ns = |time: rustix::fs::StatxTimestamp| {
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(time.tv_nsec.into())
    };
    Facts {
        size: told.stx_size,
        mode: told.stx_mode.into(),
        uid: told.stx_uid,
        gid: told.stx_gid,
        links: told.stx_nlink,
        device,
        inode: told.stx_ino,
        modified: ns(told.stx_mtime),
        changed: ns(told.stx_ctime),
    }
}

#[cfg(test)]
mod tests;
