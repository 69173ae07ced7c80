//! Connections: who made them, and with whom.

use vedette_sdk::prelude::*;
use vedette_sdk::views::{Accept, Connect, Passed};
use vedette_sdk::{Event, net};

/// Which side made a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// This one.
    Outbound,
    /// The other one.
    Accepted,
}

/// A connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conn {
    /// Inode of its socket.
    pub socket: u64,
    /// Which side made it.
    pub side: Side,
    /// Remote address: the first 4 or all 16 bytes; the first [`VSOCK_LEN`] of a vsock.
    pub address: [u8; 16],
    /// How many of them count.
    pub address_len: u8,
    /// Remote port.
    pub port: u32,
    /// The event that told of it.
    pub event: u64,
    /// When, ns since boot.
    pub at: u64,
    /// The process made or accepted it itself, or was given one that was made for it.
    pub own: bool,
}

impl Conn {
    fn new(socket: u64, side: Side, address: &[u8], port: u32, event: Event<'_>) -> Conn {
        let mut bytes = [0; 16];
        let len = address.len().min(16);
        bytes[..len].copy_from_slice(&address[..len]);
        Conn {
            socket,
            side,
            address: bytes,
            address_len: len as u8,
            port,
            event: event.id(),
            at: event.at(),
            own: true,
        }
    }

    /// The same where its address is of this family.
    fn of_family(mut self, family: u32) -> Conn {
        if family & 0xffff == VSOCK && self.address_len == 4 {
            self.address_len = VSOCK_LEN;
        }
        self
    }

    /// Whether this side made it.
    pub fn is_outbound(&self) -> bool {
        self.side == Side::Outbound
    }

    /// The remote address.
    fn remote(&self) -> &[u8] {
        &self.address[..self.address_len.into()]
    }

    /// Whether the other side is this machine.
    pub fn is_loopback(&self) -> bool {
        match self.address_len {
            VSOCK_LEN => self.context() == VSOCK_LOCAL,
            _ => net::ip(self.remote()).is_some_and(|ip| ip.is_loopback()),
        }
    }

    /// The remote address and port as people write them.
    pub fn endpoint(&self) -> String {
        match self.address_len {
            VSOCK_LEN => format!("vsock {}:{}", self.context(), self.port),
            _ => net::endpoint(self.remote(), self.port),
        }
    }

    fn context(&self) -> u32 {
        let [a, b, c, d, ..] = self.address;
        u32::from_le_bytes([a, b, c, d])
    }
}

/// How a process came by the connection that somebody else accepted for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// The connection.
    pub conn: Conn,
    /// By a mere fork: the same program accepted it. Otherwise it was executed with it, or was
    /// passed it, as only who means to serve a session is.
    pub forked: bool,
}

/// SOCK_STREAM. Datagram sockets are connected for name look-ups and to learn routes, by nearly
/// everything; as a standard stream they count all the same.
const STREAM: u32 = 1;
/// AF_INET, AF_INET6 and AF_VSOCK, the last being how a virtual machine talks to its host.
const REMOTE: [u32; 3] = [2, 10, VSOCK];
const VSOCK: u32 = 40;
/// Bytes of a vsock's address: those of its context id and a zero, which tells it from IPv4.
const VSOCK_LEN: u8 = 5;
/// The context id of the machine itself.
const VSOCK_LOCAL: u32 = 1;
/// AF_UNIX.
const UNIX: u32 = 1;
/// EINPROGRESS and EINTR: the kernel goes on with it.
const UNDER_WAY: [i32; 2] = [-115, -4];
/// ERESTARTSYS to ERESTART_RESTARTBLOCK: the same, before the kernel has decided which of both the
/// program will see.
const BROKEN_OFF: std::ops::RangeInclusive<i32> = -516..=-512;

fn is_stream(family: u32) -> bool {
    REMOTE.contains(&(family & 0xffff)) && family >> 16 == STREAM
}

/// The connection that a `connect` began.
pub fn outbound(event: Event<'_>, connect: Connect<'_>) -> Option<Conn> {
    let ret = event.ret();
    let begun = ret >= 0 || UNDER_WAY.contains(&ret) || BROKEN_OFF.contains(&ret);
    (begun && is_stream(connect.family())).then(|| {
        let (socket, port) = (connect.socket(), connect.port());
        Conn::new(socket, Side::Outbound, connect.address(), port, event)
            .of_family(connect.family())
    })
}

/// The connection that an `accept` took.
pub fn accepted(event: Event<'_>, accept: Accept<'_>) -> Option<Conn> {
    (event.succeeded() && is_stream(accept.family())).then(|| {
        let (socket, port) = (accept.socket(), accept.port());
        Conn::new(socket, Side::Accepted, accept.address(), port, event).of_family(accept.family())
    })
}

/// The connection that came from another process. One that was accepted there makes a session of
/// whoever it is handed to, like one that is inherited.
pub fn passed(event: Event<'_>, passed: Passed<'_>) -> Option<Conn> {
    if passed.stream() != stream_kind::INET {
        return None;
    }
    let outbound = passed.marks() & stream_mark::OUTBOUND != 0;
    let side = match outbound {
        true => Side::Outbound,
        false if passed.marks() & stream_mark::ACCEPTED != 0 => Side::Accepted,
        false => return None,
    };
    let (socket, port) = (passed.identity(), passed.port());
    let mut conn = Conn::new(socket, side, passed.address(), port, event);
    conn.own = outbound;
    Some(conn)
}

/// Inodes of the two ends of a unix connection that an `accept` took.
pub fn accepted_unix(event: Event<'_>, accept: Accept<'_>) -> Option<(u64, u64)> {
    let unix = accept.family() & 0xffff == UNIX;
    (unix && event.succeeded() && accept.peer_socket() != 0)
        .then(|| (accept.socket(), accept.peer_socket()))
}

/// The connection that a stream is by its own marks.
pub fn of_stream(stream: Stream<'_>, event: Event<'_>) -> Option<Conn> {
    let side = if stream.is_outbound() {
        Side::Outbound
    } else if stream.is_accepted() {
        Side::Accepted
    } else {
        return None;
    };
    let mut conn = Conn::new(stream.id(), side, stream.address(), stream.port(), event);
    conn.own = false;
    Some(conn)
}

/// Whether this stream is a socket that may be a connection.
pub fn is_socket(stream: Stream<'_>) -> bool {
    matches!(stream.kind(), stream_kind::INET | stream_kind::SOCKET)
}
