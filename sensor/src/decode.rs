//! Records as they come out of a ring, to [`Event`]s. Twin of `bpf/record.h`.
//!
//! A record is a fixed head, then the blocks that the head names, then the texts one after
//! another: `text`, `text2`, the attribute's, the image's `args` and `cwd`, each stream's address.
//! Numbers are in the machine's own byte order.
//!
//! ```
//! use vedette_sensor::decode::{DecodeError, decode, kind_of};
//!
//! assert_eq!(kind_of(b""), None);
//! assert!(matches!(decode(&[0; 7]), Err(DecodeError::Short { .. })));
//! ```

use crate::event::{Attr, Event, Image, Namespaces, Stream, Task, TaskRef};
use thiserror::Error;
use vedette_contract::{KINDS, kind, values::stream_kind};

/// A record that does not hold what it says it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The record ends before a part of it.
    #[error("a record of {len} bytes ends within its {part}; sensor and object do not match")]
    Short {
        /// The part.
        part: &'static str,
        /// Length of the record.
        len: usize,
    },
    /// The length in the head is not the record's.
    #[error("a record says {said} bytes and has {len}; sensor and object do not match")]
    Length {
        /// What the head says.
        said: u32,
        /// What there is.
        len: usize,
    },
    /// The kind is not in the catalogue.
    #[error("a record of kind {0}, which the catalogue does not know; rebuild sensor and object")]
    Kind(u16),
    /// A block that this version does not know.
    #[error("a record with unknown blocks {0:#x}; rebuild sensor and object")]
    Blocks(u16),
}

/// Attribute of a passed descriptor: number of the catalogue.
const PASSED_OTHER: u32 = 1;

const TARGET: u16 = 1;
const ATTR: u16 = 2;
const IMAGE: u16 = 4;
const STREAM: u16 = 8;
const NUMBER: u16 = 16;

/// Kinds that the catalogue knows, by number.
static KNOWN: [bool; 128] = {
    let mut known = [false; 128];
    let mut i = 0;
    while i < KINDS.len() {
        known[KINDS[i].number as usize & 127] = true;
        i += 1;
    }
    known
};

/// The kind of a record, without decoding it.
pub fn kind_of(record: &[u8]) -> Option<u16> {
    let bytes = record.first_chunk::<2>()?;
    Some(u16::from_ne_bytes(*bytes))
}

/// Decodes one record.
///
/// # Errors
/// When the bytes are not a whole record of a known kind. No bytes whatever make it panic.
pub fn decode(record: &[u8]) -> Result<Event, DecodeError> {
    let mut r = Reader {
        rest: record,
        len: record.len(),
        part: "head",
    };
    let kind = r.u16()?;
    let blocks = r.u16()?;
    let said = r.u32()?;
    if said as usize != record.len() {
        return Err(DecodeError::Length {
            said,
            len: record.len(),
        });
    }
    if !KNOWN.get(usize::from(kind)).is_some_and(|known| *known) {
        return Err(DecodeError::Kind(kind));
    }
    if blocks & !(TARGET | ATTR | IMAGE | STREAM | NUMBER) != 0 {
        return Err(DecodeError::Blocks(blocks));
    }
    let mut event = Event {
        kind,
        at: r.u64()?,
        id: r.u64()?,
        marks: r.u32()?,
        ret: r.u32()? as i32,
        task: r.task()?,
        ..Event::default()
    };
    let target_start = r.u64()?;
    let target = r.u32()?;
    let text_len = r.u16()?;
    let text2_len = r.u16()?;
    event.a = r.u64()?;
    event.b = r.u64()?;
    event.c = r.u64()?;
    if blocks & TARGET != 0 {
        event.target = Some(TaskRef {
            pid: target,
            start: target_start,
        });
    }
    let attr = if blocks & ATTR != 0 {
        Some(r.attr()?)
    } else {
        None
    };
    let image = if blocks & IMAGE != 0 {
        Some(r.image()?)
    } else {
        None
    };
    let stream = if blocks & STREAM != 0 {
        Some(r.stream()?)
    } else {
        None
    };
    // A second attribute, without text.
    let number = if blocks & NUMBER != 0 {
        Some(r.attr()?.0)
    } else {
        None
    };

    r.part = "texts";
    event.text = r.bytes(text_len)?;
    event.text2 = r.bytes(text2_len)?;
    if let Some((mut attr, len)) = attr {
        attr.text = r.bytes(len)?;
        event.attrs.push(attr);
    }
    event.attrs.extend(number);
    if let Some(head) = image {
        event.image = Some(Box::new(r.image_texts(head)?));
    }
    if let Some((mut stream, len)) = stream {
        stream.address = r.bytes(len)?;
        if stream.kind == stream_kind::SOCKET {
            stream.address = context_id(stream.address);
        }
        if kind == kind::DUP || kind == kind::PASSED {
            slots_of_stream(&mut event, &stream);
        }
        if kind == kind::PASSED {
            // It is in no row of the process, which holds the standard streams alone.
            event.attrs.push(Attr {
                key: PASSED_OTHER,
                value: stream.other,
                ..Attr::default()
            });
        }
        event.stream = Some(Box::new(stream));
    } else if event.is_of_vsock() {
        event.text = context_id(event.text);
    }
    Ok(event)
}

/// The context id of a vsock socket, which the kernel side sends as the number that it is and the
/// catalogue writes out.
fn context_id(bytes: Box<[u8]>) -> Box<[u8]> {
    match bytes[..].try_into() {
        Ok(id) => u32::from_ne_bytes(id)
            .to_string()
            .into_bytes()
            .into_boxed_slice(),
        Err(_) => bytes,
    }
}

/// The slots of a dup and of a passed descriptor repeat its stream, so that predicates can reach
/// it.
fn slots_of_stream(event: &mut Event, stream: &Stream) {
    event.a = u64::from(stream.fd) | u64::from(stream.kind) << 32;
    event.b = stream.id;
    event.c = u64::from(stream.marks) | u64::from(stream.port) << 32;
    event.text = stream.address.clone();
}

/// The fixed part of an image block.
struct ImageHead {
    image: Image,
    args_len: u16,
    cwd_len: u16,
    streams: [(Stream, u16); 3],
}

/// What is left of a record.
struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
    part: &'static str,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(DecodeError::Short {
                part: self.part,
                len: self.len,
            })?;
        self.rest = rest;
        Ok(*head)
    }

    fn u16(&mut self) -> Result<u16, DecodeError> {
        self.take().map(u16::from_ne_bytes)
    }

    fn u32(&mut self) -> Result<u32, DecodeError> {
        self.take().map(u32::from_ne_bytes)
    }

    fn u64(&mut self) -> Result<u64, DecodeError> {
        self.take().map(u64::from_ne_bytes)
    }

    fn bytes(&mut self, len: u16) -> Result<Box<[u8]>, DecodeError> {
        let (head, rest) =
            self.rest
                .split_at_checked(usize::from(len))
                .ok_or(DecodeError::Short {
                    part: self.part,
                    len: self.len,
                })?;
        self.rest = rest;
        Ok(head.into())
    }

    fn task(&mut self) -> Result<Task, DecodeError> {
        self.part = "actor";
        let start = self.u64()?;
        let parent_start = self.u64()?;
        let capabilities = self.u64()?;
        let cgroup = self.u64()?;
        let cgroup_v1 = self.u64()?;
        let process = TaskRef {
            pid: self.u32()?,
            start,
        };
        let parent = TaskRef {
            pid: self.u32()?,
            start: parent_start,
        };
        Ok(Task {
            process,
            parent,
            tid: self.u32()?,
            exec_id: self.u32()?,
            uid: self.u32()?,
            gid: self.u32()?,
            capabilities,
            cgroup,
            cgroup_v1,
            namespaces: Namespaces {
                mount: self.u32()?,
                pid: self.u32()?,
                network: self.u32()?,
                user: self.u32()?,
            },
            comm: self.take()?,
        })
    }

    fn attr(&mut self) -> Result<(Attr, u16), DecodeError> {
        self.part = "attribute";
        let value = self.u64()?;
        let key = self.u32()?;
        let len = self.u16()?;
        self.u16()?;
        Ok((
            Attr {
                key,
                value,
                ..Attr::default()
            },
            len,
        ))
    }

    fn stream(&mut self) -> Result<(Stream, u16), DecodeError> {
        self.part = "stream";
        let id = self.u64()?;
        let other = self.u64()?;
        let port = self.u32()?;
        let kind = self.u16()?.into();
        let marks = self.u16()?.into();
        let fd = self.u16()?.into();
        let len = self.u16()?;
        self.u32()?;
        Ok((
            Stream {
                fd,
                kind,
                marks,
                port,
                id,
                other,
                ..Stream::default()
            },
            len,
        ))
    }

    fn image(&mut self) -> Result<ImageHead, DecodeError> {
        self.part = "image";
        let image = Image {
            inode: self.u64()?,
            device: self.u32()?.into(),
            marks: self.u32()?,
            args_len: self.u32()?,
            ..Image::default()
        };
        Ok(ImageHead {
            image,
            args_len: self.u16()?,
            cwd_len: self.u16()?,
            streams: [self.stream()?, self.stream()?, self.stream()?],
        })
    }

    /// The texts of an image; streams that are closed are left out.
    fn image_texts(&mut self, head: ImageHead) -> Result<Image, DecodeError> {
        let mut image = head.image;
        image.args = self.bytes(head.args_len)?;
        image.cwd = self.bytes(head.cwd_len)?;
        for (mut stream, len) in head.streams {
            stream.address = self.bytes(len)?;
            if stream.kind != 0 {
                image.streams.push(stream);
            }
        }
        Ok(image)
    }
}
