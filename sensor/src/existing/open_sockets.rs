//! The sockets that one process has open, both of their ends told.
//!
//! They are looked up in the tables of the process's network namespace. No descriptor of it is
//! taken: whoever holds a socket when its owner goes away has to close it, and can be made to wait
//! for that.

use super::{
    number,
    process::bracketed,
    sockets::{ESTABLISHED, LISTEN, Row, row},
    unix::{self, UnixSocket},
};
use crate::{event::TaskRef, live::given::root::Root};
use rustix::fs::open;
use rustix::fs::{AtFlags, Dir, Mode, OFlags, StatxFlags, readlinkat, statx};
use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    os::fd::{AsFd, OwnedFd},
    time::Instant,
};
use vedette_contract::values::{stream_kind, stream_mark};

/// Stops a process with a million descriptors from keeping the agent busy: those that are looked
/// at.
const DESCRIPTORS_MOST: usize = 4096;

/// Sockets that one answer tells, the lowest descriptors first: what goes into a guest's memory.
const SOCKETS_MOST: usize = 256;

/// Stops a namespace with millions of sockets: bytes of one table that are read (150 a socket).
const TABLE_MOST: u64 = 16 << 20;

/// The same of unix sockets, which the kernel tells in one go: some tens of ms.
const UNIX_MOST: usize = 65_536;

const AF_UNIX: u32 = 1;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;

/// A socket that a process has open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenSocket {
    /// The descriptor's number.
    pub fd: u32,
    /// Catalogue set `stream-kind`.
    pub kind: u32,
    /// Catalogue set `stream-mark`. Which side made a connection is told only where the process
    /// itself listens on its port.
    pub marks: u32,
    /// Address family, 0 where it is in none of the tables that are read.
    pub family: u32,
    /// Inode of the socket.
    pub inode: u64,
    /// 4 or 16 bytes, or the path of a unix socket.
    pub local: Box<[u8]>,
    /// The same of the other end.
    pub remote: Box<[u8]>,
    /// Local port.
    pub local_port: u32,
    /// Remote port.
    pub remote_port: u32,
}

/// Why the sockets of a process cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SocketError {
    /// The process has ended.
    #[error("the process is gone")]
    Gone,
    /// The agent may not look at its descriptors.
    #[error("the descriptors of the process cannot be read")]
    Denied,
    /// The tables of its namespace are too long to be read in time.
    #[error("its network namespace has too many sockets to look through")]
    TooMany,
}

/// The sockets that a process has open now, by descriptor, and the bytes that were read for that.
/// `until` is when it is given up.
///
/// # Errors
/// Why they cannot be told.
pub fn open_sockets(
    process: TaskRef,
    until: Instant,
) -> Result<(Vec<OpenSocket>, u64), SocketError> {
    let here = || Root::of_process(process.pid, process.start).is_some();
    if !here() {
        return Err(SocketError::Gone);
    }
    let mut open = descriptors(process.pid)?;
    let mut read = 0;
    if !open.is_empty() {
        let mut tables = Tables {
            pid: process.pid,
            until,
            read: 0,
        };
        tables.describe(&mut open)?;
        read = tables.read;
    }
    // Whoever has the pid now may be another one.
    match here() {
        true => Ok((open, read)),
        false => Err(SocketError::Gone),
    }
}

/// The descriptors that are sockets, not yet described.
fn descriptors(pid: u32) -> Result<Vec<OpenSocket>, SocketError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir: OwnedFd =
        open(format!("/proc/{pid}/fd"), flags, Mode::empty()).map_err(|_| SocketError::Denied)?;
    let entries = Dir::read_from(&dir).map_err(|_| SocketError::Denied)?;
    let numbers = entries.flatten();
    let numbers = numbers.filter_map(|e| number::<u32>(e.file_name().to_bytes()));
    let mut open: Vec<OpenSocket> = numbers
        .take(DESCRIPTORS_MOST)
        .filter_map(|fd| descriptor(&dir, fd))
        .collect();
    open.sort_by_key(|socket| socket.fd);
    open.truncate(SOCKETS_MOST);
    Ok(open)
}

fn descriptor(dir: &OwnedFd, fd: u32) -> Option<OpenSocket> {
    let name = fd.to_string();
    let link = readlinkat(dir, &name, Vec::new()).ok()?.into_bytes();
    let inode = link.starts_with(b"socket:[").then(|| bracketed(&link))??;
    let flags = AtFlags::STATX_DONT_SYNC | AtFlags::SYMLINK_NOFOLLOW;
    let access = statx(dir.as_fd(), &name, flags, StatxFlags::MODE).ok()?;
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
    Some(OpenSocket {
        fd,
        kind: stream_kind::SOCKET,
        marks,
        inode,
        ..OpenSocket::default()
    })
}

/// The tables of a process's network namespace.
struct Tables {
    pid: u32,
    until: Instant,
    read: u64,
}

impl Tables {
    fn describe(&mut self, open: &mut [OpenSocket]) -> Result<(), SocketError> {
        // Several descriptors may be of one socket.
        let mut wanted: HashMap<u64, Vec<usize>> = HashMap::new();
        for (n, socket) in open.iter().enumerate() {
            wanted.entry(socket.inode).or_default().push(n);
        }
        for (name, family, stream) in [
            ("tcp", AF_INET, true),
            ("tcp6", AF_INET6, true),
            ("udp", AF_INET, false),
            ("udp6", AF_INET6, false),
            ("udplite", AF_INET, false),
            ("udplite6", AF_INET6, false),
            ("raw", AF_INET, false),
            ("raw6", AF_INET6, false),
        ] {
            if wanted.is_empty() {
                break;
            }
            self.table(name, |row| {
                for n in wanted.remove(&row.inode).unwrap_or_default() {
                    describe(&mut open[n], &row, family, stream);
                }
                !wanted.is_empty()
            })?;
        }
        accepted(open);
        if !wanted.is_empty() {
            self.unix(open, &wanted)?;
        }
        Ok(())
    }

    /// Goes through a table for as long as more of it is wanted.
    fn table(&mut self, name: &str, mut take: impl FnMut(Row) -> bool) -> Result<(), SocketError> {
        // A kernel may have been built without some of them.
        let Ok(file) = File::open(format!("/proc/{}/net/{name}", self.pid)) else {
            return Ok(());
        };
        let mut lines = BufReader::with_capacity(64 << 10, file.take(TABLE_MOST));
        let mut line = Vec::new();
        let mut read = 0;
        let mut looked = 0u32;
        while let Ok(1..) = lines.read_until(b'\n', &mut line) {
            read += line.len() as u64;
            looked += 1;
            if looked.is_multiple_of(256) && Instant::now() > self.until {
                return Err(SocketError::TooMany);
            }
            let more = row(&line).is_none_or(&mut take);
            line.clear();
            if !more {
                break;
            }
        }
        self.read += read;
        match read >= TABLE_MOST {
            true => Err(SocketError::TooMany),
            false => Ok(()),
        }
    }

    fn unix(
        &mut self,
        open: &mut [OpenSocket],
        wanted: &HashMap<u64, Vec<usize>>,
    ) -> Result<(), SocketError> {
        let namespace = rustix::fs::stat(format!("/proc/{}/ns/net", self.pid))
            .map_err(|_| SocketError::Gone)?;
        let namespace = u32::try_from(namespace.st_ino).map_err(|_| SocketError::Denied)?;
        let sockets = unix::sockets(self.pid, namespace, UNIX_MOST).unwrap_or_default();
        if sockets.len() >= UNIX_MOST {
            return Err(SocketError::TooMany);
        }
        self.read += sockets.len() as u64 * size_of::<UnixSocket>() as u64;
        for (inode, places) in wanted {
            let Some(socket) = sockets.get(inode) else {
                continue;
            };
            let peer = sockets.get(&socket.peer);
            for n in places {
                let told = &mut open[*n];
                told.kind = stream_kind::UNIX;
                told.marks |= socket.marks;
                told.family = AF_UNIX;
                told.local = socket.path.clone();
                told.remote = peer.map(|peer| peer.path.clone()).unwrap_or_default();
            }
        }
        Ok(())
    }
}

fn describe(socket: &mut OpenSocket, row: &Row, family: u32, stream: bool) {
    socket.kind = stream_kind::INET;
    socket.family = family;
    socket.local = row.local.clone();
    socket.local_port = row.local_port.into();
    socket.marks |= match (stream, row.state) {
        (true, LISTEN) => stream_mark::LISTENING,
        (true, _) => 0,
        (false, ESTABLISHED) => stream_mark::DATAGRAM | stream_mark::OUTBOUND,
        (false, _) => stream_mark::DATAGRAM,
    };
    if row.port != 0 {
        socket.remote = row.address.clone();
        socket.remote_port = row.port.into();
    }
}

/// A connection on a port that the process listens on was accepted there.
fn accepted(open: &mut [OpenSocket]) {
    let listening: Vec<u32> = open
        .iter()
        .filter(|socket| socket.marks & stream_mark::LISTENING != 0)
        .map(|socket| socket.local_port)
        .collect();
    for socket in open.iter_mut() {
        let connected = socket.remote_port != 0 && socket.marks & stream_mark::DATAGRAM == 0;
        if connected && listening.contains(&socket.local_port) {
            socket.marks |= stream_mark::ACCEPTED;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use std::{
        net::{TcpListener, TcpStream, UdpSocket},
        os::fd::AsRawFd,
        os::unix::net::UnixListener,
        time::Duration,
    };

    fn own() -> TaskRef {
        let pid = std::process::id();
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let ticks = stat.rsplit(')').next().unwrap().split(' ').nth(20).unwrap();
        let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
        TaskRef {
            pid,
            start: ticks.parse::<u64>().unwrap() * tick,
        }
    }

    #[test]
    fn both_ends_of_what_this_process_holds() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = u32::from(listener.local_addr().unwrap().port());
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, from) = listener.accept().unwrap();
        let datagram = UdpSocket::bind("[::1]:0").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let unix = UnixListener::bind(&path).unwrap();

        let until = Instant::now() + Duration::from_secs(60);
        let (told, read) = open_sockets(own(), until).unwrap();
        assert!(read > 0);
        let of = |fd: i32| told.iter().find(|s| s.fd == fd as u32).unwrap();
        let both = stream_mark::READABLE | stream_mark::WRITABLE;
        let local = [127, 0, 0, 1];

        let listening = of(listener.as_raw_fd());
        assert_eq!(
            (&*listening.local, listening.local_port),
            (&local[..], port)
        );
        assert_eq!(listening.marks, both | stream_mark::LISTENING);
        assert!(listening.remote.is_empty() && listening.remote_port == 0);

        let outgoing = of(client.as_raw_fd());
        assert_eq!(
            (&*outgoing.remote, outgoing.remote_port),
            (&local[..], port)
        );
        assert_eq!(outgoing.local_port, u32::from(from.port()));
        assert_eq!((outgoing.family, outgoing.marks), (AF_INET, both));

        let accepted = of(server.as_raw_fd());
        assert_eq!(accepted.marks, both | stream_mark::ACCEPTED);
        assert_eq!(accepted.remote_port, u32::from(from.port()));

        let datagram = of(datagram.as_raw_fd());
        assert_eq!((datagram.family, datagram.local.len()), (AF_INET6, 16));
        assert_eq!(datagram.marks, both | stream_mark::DATAGRAM);

        let unix = of(unix.as_raw_fd());
        assert_eq!((unix.family, unix.kind), (AF_UNIX, stream_kind::UNIX));
        assert_eq!(&*unix.local, path.as_os_str().as_encoded_bytes());
        assert_ne!(unix.marks & stream_mark::LISTENING, 0);
    }

    #[test]
    fn somebody_else_with_its_pid_is_not_it() {
        let mut other = own();
        other.start += 1_000_000_000;
        let until = Instant::now() + Duration::from_secs(60);
        assert_eq!(open_sockets(other, until), Err(SocketError::Gone));
    }
}
