//! Unix sockets with their peers, from the kernel's socket diagnostics: `/proc/net/unix` does
//! not tell who is connected to whom.

use rustix::fs::{Mode, OFlags, open};
use rustix::io;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::collections::HashMap;
use std::os::fd::AsFd;
use vedette_contract::values::stream_mark;

/// Stops a namespace with millions of sockets from filling memory.
pub(super) const SOCKETS_MAX: usize = 1 << 20;

/// A unix socket.
#[derive(Debug, Default)]
pub(super) struct UnixSocket {
    pub marks: u32,
    /// Inode of the socket at the other end, or 0.
    pub peer: u64,
    /// Path that it is bound to; an abstract name begins with NUL.
    pub path: Box<[u8]>,
}

/// The unix sockets of the network namespace that a process is in, at most so many.
pub(super) fn sockets(
    pid: u32,
    namespace: u32,
    most: usize,
) -> io::Result<HashMap<u64, UnixSocket>> {
    let own = rustix::fs::stat("/proc/self/ns/net")?.st_ino;
    if own == u64::from(namespace) {
        return dump(most);
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let target = open(format!("/proc/{pid}/ns/net"), flags, Mode::empty())?;
    // A socket belongs to the namespace that its thread is in: a thread of its own enters it.
    let entered = std::thread::scope(|scope| {
        let enter = || {
            move_into_link_name_space(target.as_fd(), Some(LinkNameSpaceType::Network))?;
            dump(most)
        };
        scope.spawn(enter).join()
    });
    entered.unwrap_or(Err(io::Errno::IO))
}

const DONE: u16 = 3;
const ERROR: u16 = 2;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const REQUEST_DUMP: u16 = 0x301;
const SHOW_NAME_AND_PEER: u32 = 1 | 4;
const ATTRIBUTE_NAME: u16 = 0;
const ATTRIBUTE_PEER: u16 = 2;
const AF_UNIX: u8 = 1;
const SOCK_STREAM: u8 = 1;
const TCP_LISTEN: u8 = 10;

/// Length of `struct nlmsghdr` and of `struct unix_diag_msg`.
const HEADER: usize = 16;

fn dump(most: usize) -> io::Result<HashMap<u64, UnixSocket>> {
    let flags = SocketFlags::CLOEXEC;
    let diag = Some(netlink::SOCK_DIAG);
    let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, diag)?;
    send(&fd, &request(), SendFlags::empty())?;
    let mut sockets = HashMap::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let (len, _) = recv(&fd, &mut buffer[..], RecvFlags::empty())?;
        for (kind, body) in records(&buffer[..len], u32_len, 16) {
            match kind {
                DONE => return Ok(sockets),
                ERROR => return Err(io::Errno::OPNOTSUPP),
                _ if sockets.len() < most => sockets.extend(socket(body)),
                _ => return Ok(sockets),
            }
        }
        if len == 0 {
            return Ok(sockets);
        }
    }
}

/// `struct nlmsghdr` and `struct unix_diag_req`: all unix sockets, with name and peer.
fn request() -> [u8; 40] {
    let mut bytes = [0; 40];
    bytes[..4].copy_from_slice(&40u32.to_ne_bytes());
    bytes[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes[6..8].copy_from_slice(&REQUEST_DUMP.to_ne_bytes());
    bytes[16] = AF_UNIX;
    bytes[20..24].copy_from_slice(&u32::MAX.to_ne_bytes());
    bytes[28..32].copy_from_slice(&SHOW_NAME_AND_PEER.to_ne_bytes());
    bytes
}

/// `struct unix_diag_msg` and its attributes.
fn socket(body: &[u8]) -> Option<(u64, UnixSocket)> {
    let (message, attributes) = body.split_at_checked(HEADER)?;
    let mut socket = UnixSocket::default();
    if message[1] != SOCK_STREAM {
        socket.marks |= stream_mark::DATAGRAM;
    }
    if message[2] == TCP_LISTEN {
        socket.marks |= stream_mark::LISTENING;
    }
    for (kind, value) in records(attributes, u16_len, 4) {
        match kind {
            ATTRIBUTE_NAME => socket.path = name(value),
            ATTRIBUTE_PEER => socket.peer = u32_at(value, 0).unwrap_or(0).into(),
            _ => {}
        }
    }
    Some((u32_at(message, 4)?.into(), socket))
}

/// A path without the NUL at its end; an abstract name as it is.
fn name(value: &[u8]) -> Box<[u8]> {
    match value {
        [0, ..] => value.into(),
        _ => value.split(|b| *b == 0).next().unwrap_or_default().into(),
    }
}

/// Splits netlink messages or attributes: both begin with their length, header included, and a
/// type, and are padded to 4 bytes.
fn records(
    mut bytes: &[u8],
    head: fn(&[u8]) -> Option<(usize, u16)>,
    header: usize,
) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (len, kind) = head(bytes)?;
        let body = bytes.get(header..len)?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, body))
    })
}

/// Length and type of a message.
fn u32_len(bytes: &[u8]) -> Option<(usize, u16)> {
    Some((u32_at(bytes, 0)? as usize, u16_at(bytes, 4)?))
}

/// Length and type of an attribute.
fn u16_len(bytes: &[u8]) -> Option<(usize, u16)> {
    Some((u16_at(bytes, 0)?.into(), u16_at(bytes, 2)?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_lie_end_the_walk() {
        for len in [0u16, 3, 4, 5, 200] {
            let bytes = [&len.to_ne_bytes()[..], &[2, 0, 9, 9, 9, 9]].concat();
            assert!(records(&bytes, u16_len, 4).count() <= 2, "length {len}");
        }
        assert!(socket(&[0; 15]).is_none());
        assert_eq!(&*name(b"\0abstract"), b"\0abstract");
        assert_eq!(&*name(b"/run/x\0"), b"/run/x");
    }
}
