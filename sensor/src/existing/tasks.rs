//! Processes as the kernel's own iterator tells them (`bpf/existing.h`), in the form of its events:
//! exact in start, image and descriptors, and read without a look at each one's files.

use super::process::args_of;
use crate::decode::decode;
use crate::event::{Event, Stream, TaskRef};
use crate::image::Classifier;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use vedette_contract::values::{event_mark, process_mark, stream_kind, stream_mark};

/// What the kernel writes at a time; a process is never cut.
const PART: usize = 32 << 10;

/// Stops a machine full of listening sockets from filling memory: those that are known.
const LISTENING_MAX: usize = 64 << 10;

/// A listening socket's network namespace and port.
pub(super) type Place = (u64, u64);

/// An iteration over all processes, under way.
#[derive(Debug)]
pub struct Tasks {
    file: File,
    part: Box<[u8]>,
    /// One whose first thread has ended is told by each of the others.
    told: HashSet<u32>,
    listening: HashSet<Place>,
}

/// A process that the kernel told of.
#[derive(Debug)]
pub(super) struct Told {
    event: Event,
    /// Where its connections end on this side: number of the stream, and place.
    ends: Vec<(usize, Place)>,
}

/// Kind and identity of a descriptor, zeros where it is closed.
pub fn identity(streams: &[Stream], fd: u32) -> (u32, u64) {
    let open = streams.iter().find(|stream| stream.fd == fd);
    open.map_or((0, 0), |stream| (stream.kind, stream.id))
}

impl Tasks {
    pub(crate) fn new(file: File) -> Tasks {
        Tasks {
            file,
            part: vec![0; PART].into(),
            told: HashSet::new(),
            listening: HashSet::new(),
        }
    }

    /// Appends some more processes; false once there are no more.
    pub(super) fn read(&mut self, out: &mut Vec<Told>) -> io::Result<bool> {
        let len = match self.file.read(&mut self.part) {
            Ok(len) => len,
            // The kernel came by many threads that are not to be told, and wants to be asked again.
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        let mut rest = &self.part[..len];
        let mut skips = false;
        while let Some((record, after)) = first(rest) {
            rest = after;
            let mut event =
                decode(record).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            if event.image.is_some() {
                skips = !self.told.insert(event.task.process.pid);
                // What a first thread calls itself is what its process is called.
                event.task.tid = event.task.process.pid;
                (event.a, event.b) = (0, 0);
                if !skips {
                    let ends = Vec::new();
                    out.push(Told { event, ends });
                }
            } else if let (Some(stream), Some(told), false) = (event.stream, out.last_mut(), skips)
            {
                let place = (event.b, event.a);
                if stream.marks & stream_mark::LISTENING != 0
                    && self.listening.len() < LISTENING_MAX
                {
                    self.listening.insert(place);
                }
                told.event.marks |= event.marks;
                told.add(*stream, place);
            }
        }
        if !rest.is_empty() {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        Ok(len > 0)
    }

    /// Where somebody listens, as far as was read.
    pub(super) fn listening(&self) -> &HashSet<Place> {
        &self.listening
    }
}

/// The first record, by the length in its head, and what follows.
fn first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = u32::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    bytes.split_at_checked(len as usize).filter(|_| len > 0)
}

impl Told {
    pub fn process(&self) -> TaskRef {
        self.event.task.process
    }

    pub fn parent(&self) -> TaskRef {
        self.event.task.parent
    }

    /// Device and inode of the executed file; zeros where it has none.
    pub fn image_identity(&self) -> (u64, u64) {
        let image = self.event.image.as_deref();
        image.map_or((0, 0), |image| (image.device, image.inode))
    }

    /// Kind and identity of the standard streams; none where it executed nothing.
    pub fn standard_streams(&self) -> Option<[(u32, u64); 3]> {
        let image = self.event.image.as_deref()?;
        Some([0, 1, 2].map(|fd| identity(&image.streams, fd)))
    }

    /// Path of the executed file in its own root.
    pub fn path(&self) -> &[u8] {
        &self.event.text
    }

    fn add(&mut self, stream: Stream, place: Place) {
        let Some(image) = &mut self.event.image else {
            return;
        };
        let undirected = stream.kind == stream_kind::INET
            && stream.port != 0
            && stream.marks
                & (stream_mark::DATAGRAM
                    | stream_mark::LISTENING
                    | stream_mark::OUTBOUND
                    | stream_mark::ACCEPTED)
                == 0;
        if undirected {
            self.ends.push((image.streams.len(), place));
        }
        image.streams.push(stream);
    }

    /// Its `existing` event. `listening` is where somebody listens.
    pub fn event(mut self, listening: &HashSet<Place>, classifier: &mut Classifier) -> Event {
        let event = &mut self.event;
        let Some(image) = &mut event.image else {
            return self.event;
        };
        for (stream, place) in self.ends {
            // A connection on a port that is listened on was accepted there. Who connected from
            // such a port, or closed the listener since, cannot be told.
            image.streams[stream].marks |= match listening.contains(&place) {
                true => stream_mark::ACCEPTED,
                false => stream_mark::OUTBOUND,
            };
        }
        if image.marks & process_mark::KERNEL_THREAD == 0 {
            let pid = event.task.process.pid;
            if image.marks & process_mark::INCOMPLETE == 0 {
                image.class = classifier.classify(pid, &event.text, image.device, image.inode);
            }
            let truncated;
            (image.args, image.args_len, truncated) = args_of(pid).unwrap_or_default();
            if truncated {
                event.marks |= event_mark::TRUNCATED;
            }
        }
        self.event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_lie_end_the_walk() {
        for len in [0u32, 7, 9, u32::MAX] {
            let bytes = [&[0; 4][..], &len.to_ne_bytes()].concat();
            assert_eq!(first(&bytes).is_some(), len == 7, "length {len}");
        }
        assert!(first(&[1, 2, 3]).is_none());
    }
}
