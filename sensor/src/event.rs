//! An event as a plain value: what the kernel saw, decoded, before any context is attached.
//!
//! The numbers in it are those of the event catalogue ([`vedette_contract`]).

use serde::{Deserialize, Serialize};
use vedette_contract::{Slot, kind, values::stream_kind};

/// Address family of unix sockets, as in the `family` of sockets' events.
const AF_UNIX: u64 = 1;
/// The same of vsock, which connects a virtual machine with its host.
const AF_VSOCK: u64 = 40;

/// A process by the kernel's own identity.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub struct TaskRef {
    /// Thread group id in the initial pid namespace.
    pub pid: u32,
    /// Start of the thread group's leader, ns since boot.
    pub start: u64,
}

/// Inodes of the namespaces that a task is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Namespaces {
    /// Mount namespace.
    pub mount: u32,
    /// Pid namespace of its children.
    pub pid: u32,
    /// Network namespace.
    pub network: u32,
    /// User namespace of its credentials.
    pub user: u32,
}

/// The task that acted, as it was when it did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Task {
    /// Its process.
    pub process: TaskRef,
    /// The process's real parent.
    pub parent: TaskRef,
    /// Thread id in the initial pid namespace.
    pub tid: u32,
    /// Count of images that it executed (`self_exec_id`).
    pub exec_id: u32,
    /// Real user id in the initial user namespace.
    pub uid: u32,
    /// Real group id in the initial user namespace.
    pub gid: u32,
    /// Effective capabilities.
    pub capabilities: u64,
    /// Id of its control group in the unified hierarchy.
    pub cgroup: u64,
    /// Id of its control group in the pids hierarchy of version 1, or 0.
    pub cgroup_v1: u64,
    /// Its namespaces.
    pub namespaces: Namespaces,
    /// Its command name, which it can set itself: for display only.
    pub comm: [u8; 16],
}

/// What a file descriptor is. Twin of `record stream` in detect.wit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stream {
    /// 0, 1 or 2.
    pub fd: u32,
    /// Catalogue set `stream-kind`.
    pub kind: u32,
    /// Catalogue set `stream-mark`.
    pub marks: u32,
    /// Remote port of a socket, index of a terminal.
    pub port: u32,
    /// Inode of the object; device of the terminal's devpts.
    pub id: u64,
    /// Inode of the peer of a unix socket; device of a fifo or file.
    pub other: u64,
    /// Remote address (4 or 16 bytes), path of a unix socket or file, or empty.
    #[serde(with = "bytes")]
    pub address: Box<[u8]>,
}

/// A value that has no slot of its own. Twin of `record attr` in detect.wit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attr {
    /// Number in the catalogue, by kind.
    pub key: u32,
    /// Its number.
    pub value: u64,
    /// Its text.
    #[serde(with = "bytes")]
    pub text: Box<[u8]>,
}

/// What a process became by executing an image, or what it was found to be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Image {
    /// Command line, NUL between arguments, no NUL at the end; where the middle was cut, a
    /// NUL "..." NUL stands.
    #[serde(with = "bytes")]
    pub args: Box<[u8]>,
    /// Length of the whole command line in bytes.
    pub args_len: u32,
    /// Working directory.
    #[serde(with = "bytes")]
    pub cwd: Box<[u8]>,
    /// Bits of the catalogue set `process-mark` that concern the image.
    pub marks: u32,
    /// Catalogue set `image-class`.
    pub class: u32,
    /// Device of the executed file.
    pub device: u64,
    /// Inode of the executed file.
    pub inode: u64,
    /// Standard input, output and error, those that are open.
    pub streams: Vec<Stream>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Event {
    /// Catalogue number of the kind.
    pub kind: u16,
    /// Catalogue set `event-mark`.
    pub marks: u32,
    /// Unique for one run of the sensor: CPU << 48 | number on that CPU. Events that the agent
    /// makes itself use CPU 0xffff.
    pub id: u64,
    /// ns since boot, suspend included (`CLOCK_BOOTTIME`).
    pub at: u64,
    /// Who acted. All zero for ticks and losses.
    pub task: Task,
    /// Who was acted upon.
    pub target: Option<TaskRef>,
    /// What the system call returned.
    pub ret: i32,
    /// Slot `a` of the kind.
    pub a: u64,
    /// Slot `b` of the kind.
    pub b: u64,
    /// Slot `c` of the kind.
    pub c: u64,
    /// Slot `text` of the kind.
    #[serde(with = "bytes")]
    pub text: Box<[u8]>,
    /// Slot `text2` of the kind.
    #[serde(with = "bytes")]
    pub text2: Box<[u8]>,
    /// Further values.
    pub attrs: Vec<Attr>,
    /// Of an `exec` or `existing` event: the new image.
    pub image: Option<Box<Image>>,
    /// Of a `dup` event: what now stands behind the descriptor.
    pub stream: Option<Box<Stream>>,
}

impl Event {
    /// The number in a slot, or none where the slot holds a text or a process. A missing
    /// attribute is 0.
    pub fn number(&self, slot: Slot) -> Option<u64> {
        let low = |word: u64| word & 0xffff_ffff;
        Some(match slot {
            Slot::Ret => i64::from(self.ret) as u64,
            Slot::A => self.a,
            Slot::B => self.b,
            Slot::C => self.c,
            Slot::ALo => low(self.a),
            Slot::AHi => self.a >> 32,
            Slot::BLo => low(self.b),
            Slot::BHi => self.b >> 32,
            Slot::CLo => low(self.c),
            Slot::CHi => self.c >> 32,
            Slot::Attr(key) => self.attr(key).map_or(0, |a| a.value),
            Slot::Target | Slot::Text | Slot::Text2 | Slot::AttrText(_) => return None,
        })
    }

    /// The bytes in a slot of text, or none where the slot holds something else.
    pub fn bytes(&self, slot: Slot) -> Option<&[u8]> {
        match slot {
            Slot::Text => Some(&self.text),
            Slot::Text2 => Some(&self.text2),
            Slot::AttrText(key) => Some(self.attr(key).map_or(&[], |a| &a.text)),
            _ => None,
        }
    }

    /// Whether the event's address is a text: the path of a unix socket, or the context id of a
    /// vsock one. Its bytes alone do not tell: "/run" could be 47.114.117.110.
    pub fn has_text_address(&self) -> bool {
        match self.kind {
            kind::DUP | kind::PASSED => {
                let stream = (self.a >> 32) as u32;
                stream == stream_kind::UNIX || stream == stream_kind::SOCKET
            }
            _ => self.is_of_vsock() || self.family() == Some(AF_UNIX),
        }
    }

    /// Whether the event is of a vsock socket.
    pub(crate) fn is_of_vsock(&self) -> bool {
        self.family() == Some(AF_VSOCK)
    }

    /// Address family of the socket that the event is about, where it says one.
    fn family(&self) -> Option<u64> {
        match self.kind {
            kind::CONNECT | kind::ACCEPT | kind::BIND | kind::LISTEN | kind::SEND => {
                Some(self.a >> 32 & 0xffff)
            }
            _ => None,
        }
    }

    fn attr(&self, key: u32) -> Option<&Attr> {
        self.attrs.iter().find(|a| a.key == key)
    }
}

/// Byte strings as msgpack `bin` rather than as arrays of numbers.
mod bytes {
    use serde::{Deserializer, Serializer, de::Visitor};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Box<[u8]>, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Box<[u8]>;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a byte string")
            }
            fn visit_bytes<E>(self, v: &[u8]) -> Result<Self::Value, E> {
                Ok(v.into())
            }
            fn visit_byte_buf<E>(self, v: Vec<u8>) -> Result<Self::Value, E> {
                Ok(v.into())
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<Self::Value, A::Error> {
                let mut v = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    v.push(byte);
                }
                Ok(v.into())
            }
        }
        from.deserialize_byte_buf(Bytes)
    }
}
