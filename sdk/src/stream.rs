//! What stands behind a descriptor.

use crate::event::Batch;
use crate::values::{stream_kind, stream_mark};
use crate::{net, raw};
use std::net::IpAddr;

/// What a standard descriptor of a process is.
#[derive(Clone, Copy)]
pub struct Stream<'a> {
    pub(crate) batch: Batch<'a>,
    pub(crate) raw: &'a raw::Stream,
}

impl<'a> Stream<'a> {
    /// The descriptor's number.
    pub fn fd(self) -> u32 {
        self.raw.fd
    }

    /// One of [`stream_kind`].
    pub fn kind(self) -> u32 {
        self.raw.kind
    }

    /// Bits of [`stream_mark`].
    pub fn marks(self) -> u32 {
        self.raw.marks
    }

    /// Whether any of these bits of [`stream_mark`] is set.
    pub fn has(self, marks: u32) -> bool {
        self.raw.marks & marks != 0
    }

    /// Inode of the pipe, fifo, socket or file; device of the terminal's devpts.
    pub fn id(self) -> u64 {
        self.raw.id
    }

    /// Inode of the peer of a unix socket; device of a fifo or a file.
    pub fn other(self) -> u64 {
        self.raw.other
    }

    /// Remote port of a socket, index of a terminal.
    pub fn port(self) -> u32 {
        self.raw.port
    }

    /// Remote address (4 or 16 bytes), path of a unix socket or file, or empty.
    pub fn address(self) -> &'a [u8] {
        self.batch.bytes(self.raw.address)
    }

    /// Remote address of an internet socket.
    pub fn ip(self) -> Option<IpAddr> {
        (self.raw.kind == stream_kind::INET)
            .then(|| net::ip(self.address()))
            .flatten()
    }

    /// Whether it is an internet connection that this side made.
    pub fn is_outbound(self) -> bool {
        self.raw.kind == stream_kind::INET && self.has(stream_mark::OUTBOUND)
    }

    /// Whether it is an internet connection that this side accepted.
    pub fn is_accepted(self) -> bool {
        self.raw.kind == stream_kind::INET && self.has(stream_mark::ACCEPTED)
    }

    /// The object behind it, the same for everybody who shares it.
    pub fn object(self) -> Option<Object> {
        Object::new(self.raw.kind, self.raw.id, self.raw.other, self.raw.port)
    }
}

/// What two processes can share and talk through, by the kernel's identity of it. Both ends of a
/// pair are the same object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Object {
    /// An anonymous pipe, by its inode.
    Pipe(u64),
    /// A named pipe, by its inode and device.
    Fifo(u64, u64),
    /// Both sides of a pseudo-terminal, by the device of its devpts and its index.
    Terminal(u64, u32),
    /// An internet socket, by its inode.
    Inet(u64),
    /// Both sockets of a unix connection, by their inodes, the smaller first.
    Unix(u64, u64),
}

impl Object {
    /// The object of a stream's kind, `id`, `other` and `port`.
    pub fn new(kind: u32, id: u64, other: u64, port: u32) -> Option<Object> {
        Some(match kind {
            stream_kind::PIPE => Object::Pipe(id),
            stream_kind::FIFO => Object::Fifo(id, other),
            stream_kind::TERMINAL | stream_kind::TERMINAL_MASTER => Object::Terminal(id, port),
            stream_kind::INET => Object::Inet(id),
            stream_kind::UNIX => Object::Unix(id.min(other), id.max(other)),
            _ => return None,
        })
    }
}
