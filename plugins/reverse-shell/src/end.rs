//! The ends of what processes talk through.

use vedette_sdk::prelude::*;
use vedette_sdk::views::{Open, Passed};

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
    /// A unix socket (own inode, inode of its peer; that is 0 until the peer is accepted).
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

/// What a descriptor is, as streams and passed descriptors tell it.
#[derive(Clone, Copy)]
struct Descriptor {
    fd: u32,
    kind: u32,
    marks: u32,
    port: u32,
    id: u64,
    other: u64,
}

/// The ends that a stream is: two where a pipe is open for both.
pub fn of_stream(stream: Stream<'_>) -> impl Iterator<Item = End> {
    of_descriptor(Descriptor {
        fd: stream.fd(),
        kind: stream.kind(),
        marks: stream.marks(),
        port: stream.port(),
        id: stream.id(),
        other: stream.other(),
    })
}

/// The ends that a descriptor from elsewhere is.
pub fn of_passed(passed: Passed<'_>) -> impl Iterator<Item = End> {
    of_descriptor(Descriptor {
        fd: passed.fd(),
        kind: passed.stream(),
        marks: passed.marks(),
        port: passed.port(),
        id: passed.identity(),
        other: passed.other(),
    })
}

/// The ends of a connection over a unix socket that was accepted here. Who connected may have been
/// looked at before it was accepted, when this end had no identity yet.
pub fn of_accepted(socket: u64, peer: u64) -> [End; 2] {
    [End::Unix(socket, peer), End::Unix(0, peer)]
}

fn of_descriptor(of: Descriptor) -> impl Iterator<Item = End> {
    let Descriptor { id, other, .. } = of;
    let both = stream_mark::READABLE | stream_mark::WRITABLE;
    let (reads, writes) = match of.marks & both {
        // Not told: what the descriptor is for.
        0 => (of.fd == 0, of.fd != 0),
        marks => (
            marks & stream_mark::READABLE != 0,
            marks & stream_mark::WRITABLE != 0,
        ),
    };
    let (first, second) = match of.kind {
        stream_kind::PIPE => (
            reads.then_some(End::PipeRead(id)),
            writes.then_some(End::PipeWrite(id)),
        ),
        stream_kind::FIFO => (
            reads.then_some(End::FifoRead(id, other)),
            writes.then_some(End::FifoWrite(id, other)),
        ),
        stream_kind::TERMINAL => (Some(End::Slave(id, of.port)), None),
        stream_kind::TERMINAL_MASTER => (Some(End::Master(id, of.port)), None),
        stream_kind::UNIX => (Some(End::Unix(id, other)), None),
        _ => (None, None),
    };
    first.into_iter().chain(second)
}

/// The ends that come with opening a fifo, or an anonymous pipe by the name of a descriptor.
pub fn of_opened(open: Open<'_>) -> impl Iterator<Item = End> + use<> {
    /// O_WRONLY, O_RDWR and the bits that hold them.
    const WRITE_ONLY: u32 = 1;
    const BOTH: u32 = 2;
    const MODE: u32 = 3;
    /// Magic number of the file system that anonymous pipes are on.
    const PIPES: u32 = 0x5049_5045;
    let (inode, device) = (open.inode(), open.device().into());
    let (read, write) = match open.filesystem() {
        PIPES => (End::PipeRead(inode), End::PipeWrite(inode)),
        _ => (End::FifoRead(inode, device), End::FifoWrite(inode, device)),
    };
    let mode = open.flags() & MODE;
    let reads = (mode != WRITE_ONLY).then_some(read);
    let writes = (mode == WRITE_ONLY || mode == BOTH).then_some(write);
    reads.into_iter().chain(writes)
}
