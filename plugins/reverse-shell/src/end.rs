//! The ends of what processes talk through.

use vedette_sdk::prelude::*;

/// One end of something that two processes can talk through, by the kernel's identity of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// Where a pipe (inode) is read.
    PipeRead(u64),
    /// Where a pipe is written.
    PipeWrite(u64),
    /// Where a fifo (inode, device) is read.
    FifoRead(u64, u64),
    /// Where a fifo is written.
    FifoWrite(u64, u64),
    /// The side of a pseudo-terminal (device, index) that programs run on.
    Slave(u64, u32),
    /// The side of a pseudo-terminal from which programs are driven.
    Master(u64, u32),
    /// A unix socket (own inode, inode of its peer).
    Unix(u64, u64),
}

impl End {
    /// Where what goes in here comes out, and the other way round.
    pub fn opposite(self) -> End {
        match self {
            End::PipeRead(id) => End::PipeWrite(id),
            End::PipeWrite(id) => End::PipeRead(id),
            End::FifoRead(id, device) => End::FifoWrite(id, device),
            End::FifoWrite(id, device) => End::FifoRead(id, device),
            End::Slave(device, index) => End::Master(device, index),
            End::Master(device, index) => End::Slave(device, index),
            End::Unix(own, peer) => End::Unix(peer, own),
        }
    }

    /// Whether one can read here.
    pub fn gives(self) -> bool {
        !matches!(self, End::PipeWrite(_) | End::FifoWrite(..))
    }

    /// Whether one can write here.
    pub fn takes(self) -> bool {
        !matches!(self, End::PipeRead(_) | End::FifoRead(..))
    }
}

/// The ends that a stream is: two where a pipe is open for both.
pub fn of_stream(stream: Stream<'_>) -> impl Iterator<Item = End> {
    let (id, other) = (stream.id(), stream.other());
    let both = stream_mark::READABLE | stream_mark::WRITABLE;
    let (reads, writes) = match stream.marks() & both {
        // Not told: what the descriptor is for.
        0 => (stream.fd() == 0, stream.fd() != 0),
        marks => (
            marks & stream_mark::READABLE != 0,
            marks & stream_mark::WRITABLE != 0,
        ),
    };
    let (first, second) = match stream.kind() {
        stream_kind::PIPE => (
            reads.then_some(End::PipeRead(id)),
            writes.then_some(End::PipeWrite(id)),
        ),
        stream_kind::FIFO => (
            reads.then_some(End::FifoRead(id, other)),
            writes.then_some(End::FifoWrite(id, other)),
        ),
        stream_kind::TERMINAL => (Some(End::Slave(id, stream.port())), None),
        stream_kind::TERMINAL_MASTER => (Some(End::Master(id, stream.port())), None),
        stream_kind::UNIX if other != 0 => (Some(End::Unix(id, other)), None),
        _ => (None, None),
    };
    first.into_iter().chain(second)
}

/// The ends that come with opening a fifo.
pub fn of_fifo(inode: u64, device: u64, flags: u32) -> impl Iterator<Item = End> {
    /// O_WRONLY, O_RDWR and the bits that hold them.
    const WRITE_ONLY: u32 = 1;
    const BOTH: u32 = 2;
    const MODE: u32 = 3;
    let mode = flags & MODE;
    let read = (mode != WRITE_ONLY).then_some(End::FifoRead(inode, device));
    let write = (mode == WRITE_ONLY || mode == BOTH).then_some(End::FifoWrite(inode, device));
    read.into_iter().chain(write)
}
