//! Looking things up below the root directory of a process, without waiting for a file system.

use super::{Caller, joined, lexical, walk};
use crate::device::kernel_device_of;
use rustix::{
    fd::{AsFd, AsRawFd, OwnedFd},
    fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags, open, openat2, readlinkat, statx},
    io::Errno,
};
use std::io::Read as _;

/// How often a look-up is tried again that a change elsewhere in the tree disturbed.
const TRIES: u32 = 3;

/// Bytes of `/proc/PID/stat`: 52 numbers and a name of 64 bytes at most.
const STAT_MOST: u64 = 2048;

/// Why something could not be looked up: it is gone, not to be had without waiting, or behind a
/// link that means something else to every process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing;

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct File {
    pub inode: u64,
    /// Device, in the kernel's form.
    pub device: u64,
    /// Number of the mount that it was reached through.
    pub mount: u64,
    pub is_link: bool,
}

/// A root directory.
pub(crate) struct Root {
    pub fd: OwnedFd,
    /// Its own path as the sensor sees it, which begins every path below it; empty for `/`.
    path: Vec<u8>,
    /// A process that sees the mounts below it.
    pub pid: u32,
}

impl Root {
    /// The root directory of the process that has this pid now.
    pub(super) fn of(pid: u32) -> Option<Root> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = open(format!("/proc/{pid}/root"), flags, Mode::empty()).ok()?;
        let mut path = name_of(&fd).ok()?;
        if path == b"/" {
            path.clear();
        }
        Some(Root { fd, path, pid })
    }

    /// The root directory of the process that began at `start`.
    pub(crate) fn of_process(pid: u32, start: u64) -> Option<Root> {
        let root = Root::of(pid)?;
        // Looked at after it was opened: whoever has the pid then had it before.
        (began(pid)? == ticks(start)).then_some(root)
    }

    /// Finds what the parts lead to for this process, every link followed, and its path.
    pub(super) fn find(
        &self,
        parts: &[&[u8]],
        caller: Caller<'_>,
    ) -> Result<(OwnedFd, Vec<u8>), Missing> {
        let cached = ResolveFlags::IN_ROOT | ResolveFlags::CACHED;
        let path = joined(parts);
        let mut outcome = lookup(
            &self.fd,
            &path,
            OFlags::empty(),
            cached | ResolveFlags::NO_SYMLINKS,
        );
        if let Ok(fd) = outcome {
            return Ok((fd, lexical(parts)));
        }
        // A link into the sensor's own part of /proc is followed by the walk as the process would.
        if let Err(Errno::LOOP) = outcome {
            outcome = lookup(&self.fd, &path, OFlags::empty(), cached);
            if let Ok(fd) = &outcome
                && let Ok(path) = self.path_of(fd)
            {
                return outcome.map(|fd| (fd, path)).map_err(|_| Missing);
            }
        }
        match outcome {
            Ok(_) | Err(Errno::AGAIN | Errno::LOOP | Errno::XDEV) => {}
            // A link to /proc/self may lead nowhere for the sensor and somewhere for the process.
            Err(Errno::NOENT) if path.starts_with(b"/proc/") => {}
            Err(_) => return Err(Missing),
        }
        let fd = walk::walk(self, parts, caller)?;
        let path = self.path_of(&fd)?;
        Ok((fd, path))
    }

    /// The path of something that was found, in this root.
    fn path_of(&self, place: &OwnedFd) -> Result<Vec<u8>, Missing> {
        let path = name_of(place)?;
        let own = std::process::id().to_string();
        if path
            .split(|b| *b == b'/')
            .any(|part| part == own.as_bytes())
        {
            return Err(Missing);
        }
        Ok(match path.strip_prefix(self.path.as_slice()) {
            Some([]) => b"/".to_vec(),
            Some(below @ [b'/', ..]) => below.to_vec(),
            // Not below it: as its own mount namespace names it.
            _ => path,
        })
    }
}

/// What the kernel calls an open file.
fn name_of(fd: &OwnedFd) -> Result<Vec<u8>, Missing> {
    let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let name = readlinkat(CWD, link, Vec::new()).map_err(|_| Missing)?;
    Ok(name.into_bytes())
}

/// Opens something without looking into it, as far as `resolve` lets it.
pub(crate) fn lookup(
    directory: impl AsFd,
    path: &[u8],
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::PATH | OFlags::CLOEXEC;
    let mut outcome = Err(Errno::AGAIN);
    for _ in 0..TRIES {
        outcome = openat2(&directory, path, flags, Mode::empty(), resolve);
        if !matches!(outcome, Err(Errno::AGAIN)) {
            break;
        }
    }
    outcome
}

/// What an entry of a directory is, itself if it is a link; none where it is not there.
pub(super) fn entry(
    root: &Root,
    directory: &OwnedFd,
    name: &[u8],
    caller: Caller<'_>,
) -> Result<Option<File>, Missing> {
    match lookup(directory, name, OFlags::NOFOLLOW, ResolveFlags::CACHED) {
        Ok(fd) => look(&fd).map(Some),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::AGAIN) => look(&walk::entry(root, directory, name, caller)?).map(Some),
        Err(_) => Err(Missing),
    }
}

/// What was found, as far as this machine knows it without asking a server.
pub(super) fn look(place: &OwnedFd) -> Result<File, Missing> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let wanted = StatxFlags::TYPE | StatxFlags::INO | StatxFlags::MNT_ID;
    let told = statx(place, "", flags, wanted).map_err(|_| Missing)?;
    Ok(File {
        inode: told.stx_ino,
        device: kernel_device_of(told.stx_dev_major, told.stx_dev_minor),
        mount: told.stx_mnt_id,
        is_link: u32::from(told.stx_mode) & libc::S_IFMT == libc::S_IFLNK,
    })
}

/// A start in ns as `/proc` counts it.
fn ticks(start: u64) -> u64 {
    start / (1_000_000_000 / rustix::param::clock_ticks_per_second().max(1))
}

/// When the process that has this pid began, in ticks.
fn began(pid: u32) -> Option<u64> {
    let mut stat = Vec::with_capacity(512);
    let file = std::fs::File::open(format!("/proc/{pid}/stat")).ok()?;
    file.take(STAT_MOST).read_to_end(&mut stat).ok()?;
    // The name may hold anything, brackets too.
    let end = memchr::memrchr(b')', &stat)?;
    let mut fields = stat[end + 1..].trim_ascii_start().split(|b| *b == b' ');
    std::str::from_utf8(fields.nth(19)?).ok()?.parse().ok()
}
