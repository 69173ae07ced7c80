//! The open descriptors of a process, with the identities that the kernel side gives them.

use super::process::bracketed;
use super::sockets::Sockets;
use super::{number, read_at};
use crate::device::{kernel_device_of, major, minor};
use crate::event::Stream;
use rustix::fs::{AtFlags, Dir, Mode, OFlags, ResolveFlags, Statx, StatxFlags};
use rustix::fs::{openat, openat2, readlinkat, statx};
use std::os::fd::{AsFd, BorrowedFd};
use vedette_contract::values::{stream_kind, stream_mark};

/// Stops a process with a hundred thousand connections from filling the row of one process:
/// descriptors above 2 that are told, and one more where there are others.
const RELAYED_MAX: usize = 64;

/// Stops a process with a million open files from holding up the start: descriptors that are
/// looked at.
const OPEN_MAX: usize = 4096;

/// Bytes of a path that are kept, its end: as on the kernel's side.
const PATH_MAX: usize = 256;

const TYPE_MASK: u32 = 0o170_000;
const SOCKET: u32 = 0o140_000;
const REGULAR: u32 = 0o100_000;
const BLOCK_DEVICE: u32 = 0o060_000;
const DIRECTORY: u32 = 0o040_000;
const CHARACTER_DEVICE: u32 = 0o020_000;
const FIFO: u32 = 0o010_000;

/// Majors of pseudo-terminals' slave sides.
const SLAVES: std::ops::RangeInclusive<u32> = 136..=143;
/// `/dev/tty`, the process's own terminal.
const OWN_TERMINAL: u64 = kernel_device_of(5, 0);
/// `/dev/ptmx`: each open of it is a master side.
const PTMX: u64 = kernel_device_of(5, 2);
const NULL: u64 = kernel_device_of(1, 3);

/// Describes descriptors; knows the sockets of every network namespace it met.
#[derive(Debug)]
pub(super) struct Descriptors {
    sockets: Sockets,
}

impl Descriptors {
    pub fn new() -> Descriptors {
        Descriptors {
            sockets: Sockets::new(),
        }
    }

    /// Descriptors 0 to 2, and those above that a relay may hold; whether they are all that there may
    /// be. None where the process ended.
    pub fn streams(
        &mut self,
        dir: BorrowedFd,
        pid: u32,
        network: u32,
        terminal: u64,
    ) -> Option<(Vec<Stream>, bool)> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fds = openat(dir, "fd", flags, Mode::empty()).ok()?;
        let process = Process {
            dir,
            fds: fds.as_fd(),
            pid,
            network,
            terminal,
        };
        let mut streams = Vec::new();
        let mut above = 0;
        let entries = Dir::read_from(&fds).ok()?.flatten();
        let mut numbers = entries.filter_map(|e| number::<u32>(e.file_name().to_bytes()));
        for fd in numbers.by_ref().take(OPEN_MAX) {
            if let Some(stream) = self.stream(&process, fd)
                && (fd <= 2 || relayed(stream.kind))
            {
                streams.push(stream);
                above += usize::from(fd > 2);
                if above > RELAYED_MAX {
                    return Some((streams, false));
                }
            }
        }
        Some((streams, numbers.next().is_none()))
    }

    fn stream(&mut self, process: &Process, fd: u32) -> Option<Stream> {
        let name = fd.to_string();
        let link = readlinkat(process.fds, &name, Vec::new())
            .ok()?
            .into_bytes();
        // Never asks a file system in user space, which may not answer.
        let flags = AtFlags::STATX_DONT_SYNC;
        let stat = statx(process.fds, &name, flags, StatxFlags::BASIC_STATS).ok()?;
        let itself = flags | AtFlags::SYMLINK_NOFOLLOW;
        let access = statx(process.fds, &name, itself, StatxFlags::MODE).ok()?;
        let mut marks = 0;
        // The owner's bits of the link are the modes of the open file.
        for (bit, mark) in [
            (0o400, stream_mark::READABLE),
            (0o200, stream_mark::WRITABLE),
        ] {
            if access.stx_mode & bit != 0 {
                marks |= mark;
            }
        }
        let mut stream = Stream {
            fd,
            kind: stream_kind::OTHER,
            marks,
            id: stat.stx_ino,
            ..Stream::default()
        };
        let device = kernel_device_of(stat.stx_dev_major, stat.stx_dev_minor);
        let deleted = stat.stx_nlink == 0;
        match u32::from(stat.stx_mode) & TYPE_MASK {
            FIFO if link.starts_with(b"pipe:[") => stream.kind = stream_kind::PIPE,
            FIFO => {
                stream.kind = stream_kind::FIFO;
                stream.other = device;
            }
            SOCKET => {
                stream.kind = stream_kind::SOCKET;
                stream.id = bracketed(&link).unwrap_or(stat.stx_ino);
                self.sockets
                    .describe(process.pid, process.network, &mut stream);
            }
            CHARACTER_DEVICE => process.character_device(&stat, device, &link, &mut stream),
            BLOCK_DEVICE => {
                stream.kind = stream_kind::DEVICE;
                stream.other = device_of(&stat);
            }
            REGULAR | DIRECTORY => {
                let memory = deleted && link.starts_with(b"/memfd:");
                stream.kind = if memory {
                    stream_kind::MEMFD
                } else {
                    stream_kind::FILE
                };
                stream.other = device;
                let path = match deleted {
                    true => link.strip_suffix(b" (deleted)").unwrap_or(&link),
                    false => &link,
                };
                stream.address = path[path.len().saturating_sub(PATH_MAX)..].into();
            }
            _ => {}
        }
        Some(stream)
    }
}

/// Whether a process may pass on through it what another one says.
fn relayed(kind: u32) -> bool {
    matches!(
        kind,
        stream_kind::INET
            | stream_kind::UNIX
            | stream_kind::TERMINAL_MASTER
            | stream_kind::PIPE
            | stream_kind::FIFO
    )
}

fn device_of(stat: &Statx) -> u64 {
    kernel_device_of(stat.stx_rdev_major, stat.stx_rdev_minor)
}

struct Process<'a> {
    dir: BorrowedFd<'a>,
    fds: BorrowedFd<'a>,
    pid: u32,
    network: u32,
    /// Its controlling terminal as a device number, or 0.
    terminal: u64,
}

impl Process<'_> {
    fn character_device(&self, stat: &Statx, device: u64, link: &[u8], stream: &mut Stream) {
        let mut is = device_of(stat);
        if is == OWN_TERMINAL && self.terminal != 0 {
            is = crate::device::kernel_device(self.terminal);
        }
        stream.kind = stream_kind::TERMINAL;
        if is == PTMX || link.ends_with(b"/ptmx") {
            stream.kind = stream_kind::TERMINAL_MASTER;
            stream.port = self.terminal_index(stream.fd).unwrap_or(0);
            stream.id = match link.ends_with(b"/pts/ptmx") {
                true => device,
                false => self.devpts().unwrap_or(device),
            };
        } else if SLAVES.contains(&major(is)) {
            stream.port = (major(is) - SLAVES.start()) * 256 + minor(is);
            // Opened as /dev/tty, it is reached through another file system than its own.
            stream.id = match device_of(stat) == OWN_TERMINAL {
                true => self.devpts().unwrap_or(0),
                false => device,
            };
        } else if matches!(major(is), 4 | 5 | 188 | 204 | 229) {
            // The first minor of the driver: virtual consoles, serial lines, others.
            let first = match (major(is), minor(is)) {
                (4, 1..64) => 1,
                (4, 64..) => 64,
                _ => 0,
            };
            stream.port = minor(is) - first;
            stream.id = u64::from(major(is)) << 20 | u64::from(first);
        } else {
            stream.kind = stream_kind::DEVICE;
            stream.other = is;
            if is == NULL {
                stream.marks |= stream_mark::NULL;
            }
        }
    }

    fn terminal_index(&self, fd: u32) -> Option<u32> {
        let info = read_at(self.dir, &format!("fdinfo/{fd}"), 4096)?;
        let line = info
            .split(|b| *b == b'\n')
            .find_map(|l| l.strip_prefix(b"tty-index:"));
        number(line?)
    }

    /// Device of the devpts that stands beside `/dev/ptmx` in the process's root. Cached names
    /// alone: a lookup in a file system in user space may take for ever.
    fn devpts(&self) -> Option<u64> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let root = openat(self.dir, "root", flags, Mode::empty()).ok()?;
        let how = ResolveFlags::IN_ROOT | ResolveFlags::CACHED;
        let pts = openat2(&root, "/dev/pts", flags, Mode::empty(), how).ok()?;
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let stat = statx(&pts, "", flags, StatxFlags::BASIC_STATS).ok()?;
        Some(kernel_device_of(stat.stx_dev_major, stat.stx_dev_minor))
    }
}
