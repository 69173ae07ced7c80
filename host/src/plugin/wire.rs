//! The batch as it crosses into a plugin: twins of the records in `detect.wit`.
//!
//! They stand beside the generated ones because their buffers are used again for every call, and
//! because a list of records without padding can be copied as memory.

use vedette_contract::NONE;
use wasmtime::component::{ComponentType, Lower};

/// Twin of `span`.
#[derive(ComponentType, Lower, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[component(record)]
#[repr(C)]
#[allow(missing_docs, reason = "documented in detect.wit")]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

/// Twin of `range`.
#[derive(ComponentType, Lower, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[component(record)]
#[repr(C)]
#[allow(missing_docs, reason = "documented in detect.wit")]
pub struct Range {
    pub first: u32,
    pub count: u32,
}

/// Twin of `stream`.
#[derive(ComponentType, Lower, Clone, Copy, Debug)]
#[component(record)]
#[repr(C)]
#[allow(missing_docs, reason = "documented in detect.wit")]
pub struct Stream {
    pub fd: u32,
    pub kind: u32,
    pub marks: u32,
    pub port: u32,
    pub id: u64,
    pub other: u64,
    pub address: Span,
}

/// Twin of `attr`.
#[derive(ComponentType, Lower, Clone, Copy, Debug)]
#[component(record)]
#[allow(missing_docs, reason = "documented in detect.wit")]
pub struct Attr {
    pub key: u32,
    pub value: u64,
    pub text: Span,
}

/// Twin of `container`.
#[derive(ComponentType, Lower, Clone, Copy, Debug)]
#[component(record)]
#[allow(missing_docs, reason = "documented in detect.wit")]
pub struct Container {
    pub key: u64,
    pub id: Span,
    pub name: Span,
    pub image: Span,
    pub pod: Span,
    pub namespace: Span,
    pub marks: u32,
    pub attrs: Range,
}

/// Twin of `process`.
#[derive(ComponentType, Lower, Clone, Copy, Debug)]
#[component(record)]
#[repr(C)]
#[allow(missing_docs, reason = "documented in detect.wit")]
pub struct Process {
    pub key: u64,
    pub parent: u32,
    pub container: u32,
    pub pid: u32,
    pub uid: u32,
    pub gid: u32,
    pub marks: u32,
    pub image: u32,
    #[component(name = "args-len")]
    pub args_len: u32,
    pub start: u64,
    pub capabilities: u64,
    pub inode: u64,
    pub device: u64,
    pub exe: Span,
    pub args: Span,
    pub cwd: Span,
    pub comm: Span,
    pub streams: Range,
    pub attrs: Range,
}

/// Twin of `event`.
#[derive(ComponentType, Lower, Clone, Copy, Debug)]
#[component(record)]
#[repr(C)]
#[allow(missing_docs, reason = "documented in detect.wit")]
pub struct Event {
    pub kind: u32,
    pub process: u32,
    pub target: u32,
    pub tid: u32,
    pub ret: i32,
    pub marks: u32,
    pub at: u64,
    pub id: u64,
    pub a: u64,
    pub b: u64,
    pub c: u64,
    pub text: Span,
    pub text2: Span,
    pub attrs: Range,
}

/// Twin of `batch`.
#[derive(ComponentType, Lower, Clone, Debug, Default)]
#[component(record)]
#[allow(missing_docs, reason = "documented in detect.wit")]
pub struct Batch {
    pub text: Vec<u8>,
    pub streams: Vec<Stream>,
    pub processes: Vec<Process>,
    pub containers: Vec<Container>,
    pub events: Vec<Event>,
    pub attrs: Vec<Attr>,
}

impl Batch {
    /// Empties it and keeps its buffers.
    pub fn clear(&mut self) {
        self.text.clear();
        self.streams.clear();
        self.processes.clear();
        self.containers.clear();
        self.events.clear();
        self.attrs.clear();
    }

    /// Puts text into the arena.
    pub fn span(&mut self, text: &[u8]) -> Span {
        if text.is_empty() {
            return Span::default();
        }
        let start = self.text.len();
        self.text.extend_from_slice(text);
        // The builder ends a batch long before its arena is 4 GiB long.
        Span {
            start: start as u32,
            len: text.len() as u32,
        }
    }
}

/// The number of a row that is about to be pushed to a table of this length.
pub fn row(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(NONE)
}
