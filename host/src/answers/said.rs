//! The form of an answer: `ok BYTES` or `failure NUMBER BYTES`, a line end, and what was answered.
//! BYTES is what was read for it, which a plugin's quota counts.

use super::elf::ElfFacts;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::sync::Arc;
use vedette_contract::values::failure;
use vedette_sensor::{existing::OpenSocket, file::Facts};

/// What a question came to.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Told {
    Facts(FileFacts),
    /// In hexadecimal digits.
    Digest(String),
    Head(Vec<u8>),
    Elf(ElfFacts),
    Sockets(Vec<Socket>),
}

/// A look at the machine.
pub(super) struct Looked {
    /// Bytes that were read for it.
    pub read: u64,
    /// What was seen, or why nothing.
    pub told: Result<Told, u32>,
}

/// An answer, as captures keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said(Arc<[u8]>);

impl Said {
    pub(super) fn of(looked: Looked) -> Said {
        let read = looked.read;
        // The types hold nothing that JSON does not have.
        let json = |value: serde_json::Result<Vec<u8>>| value.unwrap_or_default();
        let (head, body) = match looked.told {
            Err(failure) => (format!("failure {failure} {read}\n"), Vec::new()),
            Ok(told) => {
                let body = match told {
                    Told::Facts(facts) => json(serde_json::to_vec(&facts)),
                    Told::Digest(digest) => json(serde_json::to_vec(&digest)),
                    Told::Elf(facts) => json(serde_json::to_vec(&facts)),
                    Told::Sockets(sockets) => json(serde_json::to_vec(&sockets)),
                    Told::Head(bytes) => bytes,
                };
                (format!("ok {read}\n"), body)
            }
        };
        Said([head.into_bytes(), body].concat().into())
    }

    pub(super) fn unavailable() -> Said {
        Said(
            format!("failure {} 0\n", failure::UNAVAILABLE)
                .into_bytes()
                .into(),
        )
    }

    pub(super) fn recorded(bytes: Arc<[u8]>) -> Said {
        Said(bytes)
    }

    /// Its form in a capture.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes that were read for it, and what was answered. What is no answer, as a capture may
    /// hold, is as none.
    pub fn bytes(&self) -> (u64, Result<&[u8], u32>) {
        self.parse().unwrap_or((0, Err(failure::UNAVAILABLE)))
    }

    fn parse(&self) -> Option<(u64, Result<&[u8], u32>)> {
        let end = self.0.iter().position(|byte| *byte == b'\n')?;
        let head = std::str::from_utf8(&self.0[..end]).ok()?;
        let body = &self.0[end + 1..];
        let words: Vec<&str> = head.split(' ').collect();
        Some(match words[..] {
            ["ok", read] => (read.parse().ok()?, Ok(body)),
            ["failure", failure, read] => (read.parse().ok()?, Err(failure.parse().ok()?)),
            _ => return None,
        })
    }

    /// The same, of an answer that is not bytes.
    pub fn value<T: DeserializeOwned>(&self) -> (u64, Result<T, u32>) {
        let (read, body) = self.bytes();
        let value = |bytes| serde_json::from_slice(bytes).map_err(|_| failure::UNAVAILABLE);
        (read, body.and_then(value))
    }
}

/// What is known of a file without reading it. Twin of `facts` in detect.wit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "detect.wit says it")]
pub struct FileFacts {
    pub size: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub links: u32,
    pub device: u64,
    pub inode: u64,
    pub modified: u64,
}

impl From<Facts> for FileFacts {
    fn from(facts: Facts) -> FileFacts {
        FileFacts {
            size: facts.size,
            mode: facts.mode,
            uid: facts.uid,
            gid: facts.gid,
            links: facts.links,
            device: facts.device,
            inode: facts.inode,
            modified: facts.modified,
        }
    }
}

/// An open socket. Twin of `socket` in detect.wit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "detect.wit says it")]
pub struct Socket {
    pub fd: u32,
    pub kind: u32,
    pub marks: u32,
    pub family: u32,
    pub inode: u64,
    pub local: Vec<u8>,
    pub remote: Vec<u8>,
    pub local_port: u32,
    pub remote_port: u32,
}

impl From<OpenSocket> for Socket {
    fn from(socket: OpenSocket) -> Socket {
        Socket {
            fd: socket.fd,
            kind: socket.kind,
            marks: socket.marks,
            family: socket.family,
            inode: socket.inode,
            local: socket.local.into(),
            remote: socket.remote.into(),
            local_port: socket.local_port,
            remote_port: socket.remote_port,
        }
    }
}
