//! What a descriptor of a process of the story leads to.

use crate::values::{stream_kind, stream_mark};

/// What to put behind a descriptor.
#[derive(Debug, Clone)]
pub struct Fd {
    pub(super) kind: u32,
    pub(super) marks: u32,
    pub(super) port: u32,
    pub(super) id: u64,
    pub(super) other: u64,
    pub(super) address: Vec<u8>,
}

impl Fd {
    fn of(kind: u32, id: u64, other: u64) -> Fd {
        Fd {
            kind,
            marks: 0,
            port: 0,
            id,
            other,
            address: Vec::new(),
        }
    }

    /// A file.
    pub fn file(inode: u64) -> Fd {
        Fd::of(stream_kind::FILE, inode, 1)
    }

    /// The null device.
    pub fn null() -> Fd {
        Fd::of(stream_kind::DEVICE, 4, 5).marks(stream_mark::NULL)
    }

    /// The end of a pipe from which one reads.
    pub fn pipe_read(inode: u64) -> Fd {
        Fd::of(stream_kind::PIPE, inode, 0).marks(stream_mark::READABLE)
    }

    /// The end of a pipe to which one writes.
    pub fn pipe_write(inode: u64) -> Fd {
        Fd::of(stream_kind::PIPE, inode, 0).marks(stream_mark::WRITABLE)
    }

    /// A named pipe, opened for reading.
    pub fn fifo_read(inode: u64) -> Fd {
        Fd::of(stream_kind::FIFO, inode, 1).marks(stream_mark::READABLE)
    }

    /// A named pipe, opened for writing.
    pub fn fifo_write(inode: u64) -> Fd {
        Fd::of(stream_kind::FIFO, inode, 1).marks(stream_mark::WRITABLE)
    }

    /// The slave side of the pseudo-terminal with this index.
    pub fn terminal(index: u32) -> Fd {
        Fd::of(stream_kind::TERMINAL, 24, 0).port(index)
    }

    /// The master side of the pseudo-terminal with this index.
    pub fn master(index: u32) -> Fd {
        Fd::of(stream_kind::TERMINAL_MASTER, 24, 0).port(index)
    }

    /// An internet socket.
    pub fn inet(inode: u64) -> Fd {
        Fd::of(stream_kind::INET, inode, 0)
    }

    /// One of two connected unix sockets.
    pub fn unix(inode: u64, peer: u64) -> Fd {
        Fd::of(stream_kind::UNIX, inode, peer)
    }

    /// It is of this kind (one of [`stream_kind`]).
    pub fn of_kind(mut self, kind: u32) -> Fd {
        self.kind = kind;
        self
    }

    /// It was connected to this address.
    pub fn outbound(mut self, address: [u8; 4], port: u32) -> Fd {
        self.address = address.to_vec();
        self.port(port).marks(stream_mark::OUTBOUND)
    }

    /// It was accepted from this address.
    pub fn accepted(mut self, address: [u8; 4], port: u32) -> Fd {
        self.address = address.to_vec();
        self.port(port).marks(stream_mark::ACCEPTED)
    }

    /// It has these marks too.
    pub fn marks(mut self, marks: u32) -> Fd {
        self.marks |= marks;
        self
    }

    fn port(mut self, port: u32) -> Fd {
        self.port = port;
        self
    }
}
