//! Reaching an executed file without being held up by who made it.
//!
//! A file system in user space can let an open, a lookup or a read wait for ever. So files are
//! found through `O_PATH` descriptors and cached names alone, and are opened for reading only
//! where the kernel itself serves them.

use crate::device::kernel_device_of;
use rustix::fs::{
    AtFlags, CWD, MemfdFlags, Mode, OFlags, ResolveFlags, StatxFlags, memfd_create, open, openat2,
    statx,
};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Stops a container that makes mounts by the ten thousand from holding up an exec: bytes of one
/// mount table that are read.
const MOUNTS_MAX: u64 = 4 << 20;

/// What changes when a file is replaced or rewritten. The change time, which no program can set,
/// is what catches a rewrite that restores size and modification time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub device: u64,
    pub inode: u64,
    pub size: u64,
    pub modified: (i64, u32),
    pub changed: (i64, u32),
}

/// A regular file that was found, not yet open for reading.
pub(super) struct Opened {
    fd: OwnedFd,
    pub fingerprint: Fingerprint,
    pub mount: u64,
}

impl Opened {
    /// The file that a process executes.
    pub fn executed_by(pid: u32) -> Option<Opened> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let fd = open(format!("/proc/{pid}/exe"), flags, Mode::empty()).ok()?;
        Opened::new(fd)
    }

    /// The file of this name in a process's root, where the kernel has the name in its cache.
    pub fn in_root_of(pid: u32, path: &[u8]) -> Option<Opened> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let root = open(format!("/proc/{pid}/root"), flags, Mode::empty()).ok()?;
        let how = ResolveFlags::IN_ROOT | ResolveFlags::CACHED | ResolveFlags::NO_MAGICLINKS;
        Opened::new(openat2(&root, path, flags, Mode::empty(), how).ok()?)
    }

    fn new(fd: OwnedFd) -> Option<Opened> {
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let mask = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
        let stat = statx(fd.as_fd(), c"", flags, mask).ok()?;
        if u32::from(stat.stx_mode) & libc_file_type::MASK != libc_file_type::REGULAR {
            return None;
        }
        let time = |t: rustix::fs::StatxTimestamp| (t.tv_sec, t.tv_nsec);
        Some(Opened {
            fd,
            fingerprint: Fingerprint {
                device: kernel_device_of(stat.stx_dev_major, stat.stx_dev_minor),
                inode: stat.stx_ino,
                size: stat.stx_size,
                modified: time(stat.stx_mtime),
                changed: time(stat.stx_ctime),
            },
            mount: stat.stx_mnt_id,
        })
    }

    /// The same file, open for reading.
    pub fn reopen(&self) -> Option<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let path = format!("/proc/self/fd/{}", self.fd.as_raw_fd());
        Some(open(path, flags, Mode::empty()).ok()?.into())
    }
}

/// Type bits of a file's mode.
mod libc_file_type {
    pub const MASK: u32 = 0o170_000;
    pub const REGULAR: u32 = 0o100_000;
}

/// The device of files that `memfd_create` makes.
pub(super) fn memory_device() -> Option<u64> {
    let fd = memfd_create(c"device", MemfdFlags::CLOEXEC).ok()?;
    Opened::new(fd).map(|f| f.fingerprint.device)
}

/// Whether a mount, of the process's table or our own, is of a file system in the kernel. A
/// mount in neither table is not trusted.
pub(super) fn served_by_kernel(pid: u32, mount: u64) -> bool {
    let in_table = |table: String| {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let table = File::from(rustix::fs::openat(CWD, table, flags, Mode::empty()).ok()?);
        let mut lines = BufReader::new(table.take(MOUNTS_MAX)).split(b'\n');
        lines.find_map(|line| file_system(&line.ok()?, mount))
    };
    in_table(format!("/proc/{pid}/mountinfo"))
        .or_else(|| in_table("/proc/self/mountinfo".into()))
        .is_some_and(|name| !name.starts_with(b"fuse"))
}

/// The file system's type out of a line of mountinfo, if the line is that of the mount.
fn file_system(line: &[u8], mount: u64) -> Option<Vec<u8>> {
    let mut fields = line.split(|b| *b == b' ');
    let id: u64 = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    if id != mount {
        return None;
    }
    fields.find(|f| *f == b"-")?;
    fields.next().map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_told_by_its_type() {
        let line = b"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - fuse.sshfs /dev/root rw";
        assert_eq!(file_system(line, 36).unwrap(), b"fuse.sshfs");
        assert_eq!(file_system(line, 35), None);
        assert_eq!(file_system(b"", 0), None);
    }

    #[test]
    fn our_own_image_is_served_by_the_kernel() {
        let pid = std::process::id();
        let image = Opened::executed_by(pid).unwrap();
        assert!(served_by_kernel(pid, image.mount));
        assert!(!served_by_kernel(pid, u64::MAX));
    }

    #[test]
    fn a_fifo_is_no_image() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        rustix::fs::mknodat(CWD, &path, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        let path = path.into_os_string().into_encoded_bytes();
        assert!(Opened::in_root_of(std::process::id(), &path).is_none());
    }
}
