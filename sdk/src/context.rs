//! What the agent knows beyond a batch, as it was when an event of this batch happened.
//!
//! ```
//! use vedette_sdk::prelude::*;
//!
//! /// How many shells a process has started that live.
//! fn shells(event: Event<'_>, process: Process<'_>) -> Result<usize, Failure> {
//!     let children = context::children(event, process, 100)?;
//!     Ok(children.iter().filter(|child| child.is_shell()).count())
//! }
//! ```

#[cfg(target_arch = "wasm32")]
use crate::bindings::plugin::vedette::detect::context as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::testkit::services::context as host;

use crate::{Batch, Container, Event, Failure, Process, Subject, raw};

/// The rows of processes with their lineages, as they were at an event.
pub struct Rows {
    batch: raw::Batch,
    len: u32,
}

impl Rows {
    /// How many processes were asked for and found.
    pub fn len(&self) -> usize {
        (self.len as usize).min(self.batch.processes.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The processes.
    pub fn iter(&self) -> impl Iterator<Item = Process<'_>> {
        (0..self.len).filter_map(|row| Batch::new(&self.batch).process(row))
    }

    /// The first of them.
    pub fn first(&self) -> Option<Process<'_>> {
        self.iter().next()
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The process with this key and its lineage, as one row.
///
/// # Errors
/// [`Failure::NotFound`] where nothing was known of it then; see [`Failure`] for the others.
pub fn process(event: Event<'_>, process: impl Subject) -> Result<Rows, Failure> {
    let batch = host::process(event.id(), process.key()).map_err(Failure::from_number)?;
    Ok(Rows { batch, len: 1 })
}

/// The living children of a process, oldest first, at most so many.
///
/// # Errors
/// See [`Failure`].
pub fn children(event: Event<'_>, process: impl Subject, most: u32) -> Result<Rows, Failure> {
    rows(host::children(event.id(), process.key(), most))
}

/// The living processes of a container, oldest first, at most so many.
///
/// # Errors
/// See [`Failure`].
pub fn members(event: Event<'_>, container: Container<'_>, most: u32) -> Result<Rows, Failure> {
    rows(host::members(event.id(), container.key(), most))
}

/// A socket that a process has open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Socket {
    /// The descriptor's number.
    pub fd: u32,
    /// One of [`stream_kind`](crate::values::stream_kind).
    pub kind: u32,
    /// Bits of [`stream_mark`](crate::values::stream_mark).
    pub marks: u32,
    /// Address family: AF_INET is 2, AF_INET6 10, AF_UNIX 1; 0 is not known.
    pub family: u32,
    /// Inode of the socket.
    pub inode: u64,
    /// 4 or 16 bytes, or the path of a unix socket.
    pub local: Vec<u8>,
    /// The same of the other end, empty where there is none.
    pub remote: Vec<u8>,
    /// Local port.
    pub local_port: u32,
    /// Remote port.
    pub remote_port: u32,
}

impl Socket {
    /// Whether it has these marks: bits of [`stream_mark`](crate::values::stream_mark).
    pub fn has(&self, marks: u32) -> bool {
        self.marks & marks == marks
    }

    /// Remote address of an internet socket.
    pub fn remote_ip(&self) -> Option<std::net::IpAddr> {
        matches!(self.family, 2 | 10)
            .then(|| crate::net::ip(&self.remote))
            .flatten()
    }
}

/// The sockets that a process has open when the agent looks, a moment after the event: at most 256,
/// the lowest descriptors first. A replay answers as the agent did where it was recorded, and in a
/// test the test does; else it is [`Failure::Unavailable`].
///
/// # Errors
/// [`Failure::NotFound`] where the process has ended; see [`Failure`] for the others.
pub fn sockets(event: Event<'_>, process: impl Subject) -> Result<Vec<Socket>, Failure> {
    let sockets = host::sockets(event.id(), process.key()).map_err(Failure::from_number)?;
    let socket = |socket: host::Socket| Socket {
        fd: socket.fd,
        kind: socket.kind,
        marks: socket.marks,
        family: socket.family,
        inode: socket.inode,
        local: socket.local,
        remote: socket.remote,
        local_port: socket.local_port,
        remote_port: socket.remote_port,
    };
    Ok(sockets.into_iter().map(socket).collect())
}

fn rows(answer: Result<(u32, raw::Batch), u32>) -> Result<Rows, Failure> {
    let (len, batch) = answer.map_err(Failure::from_number)?;
    Ok(Rows { batch, len })
}
