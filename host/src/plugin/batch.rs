//! Builds batches: events as flat rows, the processes and containers that they refer to once.

use super::wire::{self, Batch, Range, Span, row};
use crate::{
    context::{container::Container, process::Process},
    manifest::Sensitive,
    record::Record,
};
use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};
use vedette_contract::{NONE, kind};
use vedette_sensor::event::{Attr, Image, Stream};

/// A batch ends when its arena or its process table has grown to this: long command lines of
/// deep lineages must not fill a plugin's memory.
const MAX_TEXT: usize = 1 << 20;
const MAX_PROCESSES: usize = 4096;

/// Builds one batch after another in the same buffers.
#[derive(Debug)]
pub struct Builder {
    batch: Arc<Batch>,
    rows: HashMap<usize, u32, BuildHasherDefault<AddressHasher>>,
    texts: HashMap<usize, [Span; 2], BuildHasherDefault<AddressHasher>>,
    containers: HashMap<usize, u32, BuildHasherDefault<AddressHasher>>,
    arguments: bool,
    payload: bool,
}

impl Builder {
    /// A builder for a plugin that may see these sensitive fields.
    pub fn new(fields: &BTreeSet<Sensitive>) -> Builder {
        Builder {
            batch: Arc::default(),
            rows: HashMap::default(),
            texts: HashMap::default(),
            containers: HashMap::default(),
            arguments: fields.contains(&Sensitive::Arguments),
            payload: fields.contains(&Sensitive::Payload),
        }
    }

    /// Builds a batch from the first of `records`, at least one; returns it and how many it
    /// holds. `sent` is told each process row that is in it.
    pub fn build<'r>(
        &mut self,
        records: impl IntoIterator<Item = &'r Arc<Record>>,
        mut sent: impl FnMut(&Arc<Process>),
    ) -> (Arc<Batch>, usize) {
        // The guest's copy is its own: after a call nobody else holds the batch.
        let mut batch = std::mem::take(&mut self.batch);
        let tables = Arc::make_mut(&mut batch);
        tables.clear();
        self.rows.clear();
        self.texts.clear();
        self.containers.clear();
        let mut count = 0;
        for record in records {
            self.push(tables, record, &mut sent);
            count += 1;
            if tables.text.len() >= MAX_TEXT || tables.processes.len() >= MAX_PROCESSES {
                break;
            }
        }
        (batch, count)
    }

    /// Builds a batch without events: these processes in its first rows, as many as it has room
    /// for, and their lineages behind them. Returns how many those are. `sent` is told each row.
    pub fn list(
        &mut self,
        processes: &[Arc<Process>],
        mut sent: impl FnMut(&Arc<Process>),
    ) -> (u32, Arc<Batch>) {
        let mut batch = Batch::default();
        self.rows.clear();
        self.texts.clear();
        self.containers.clear();
        for process in processes {
            if batch.text.len() >= MAX_TEXT {
                break;
            }
            let index = row(batch.processes.len());
            self.rows.insert(Arc::as_ptr(process) as usize, index);
            self.push_process(&mut batch, process);
            sent(process);
        }
        let count = batch.processes.len();
        for (index, process) in processes[..count].iter().enumerate() {
            let parent = self.process(&mut batch, process.parent.as_ref(), &mut sent);
            batch.processes[index].parent = parent;
        }
        (row(count), Arc::new(batch))
    }

    /// Gives a batch back, for the next one to use its buffers.
    pub fn reuse(&mut self, batch: Arc<Batch>) {
        self.batch = batch;
    }

    fn push(&mut self, to: &mut Batch, record: &Record, sent: &mut impl FnMut(&Arc<Process>)) {
        let event = &record.event;
        let process = self.process(to, record.process.as_ref(), sent);
        let target = self.process(to, record.target.as_ref(), sent);
        let carries = matches!(event.kind, kind::SENT | kind::RECEIVED | kind::ICMP);
        let text = if carries && !self.payload {
            Span::default()
        } else {
            to.span(&event.text)
        };
        let text2 = to.span(&event.text2);
        let attrs = push_attrs(to, &event.attrs);
        to.events.push(wire::Event {
            kind: event.kind.into(),
            process,
            target,
            tid: event.task.tid,
            ret: event.ret,
            marks: event.marks,
            at: event.at,
            id: event.id,
            a: event.a,
            b: event.b,
            c: event.c,
            text,
            text2,
            attrs,
        });
    }

    /// The row of a process. Its whole lineage is put in, whatever else is in the batch: what a
    /// plugin sees must not depend on which events happen to share a batch.
    fn process(
        &mut self,
        to: &mut Batch,
        process: Option<&Arc<Process>>,
        sent: &mut impl FnMut(&Arc<Process>),
    ) -> u32 {
        let mut first = NONE;
        let mut below: Option<u32> = None;
        let mut next = process;
        while let Some(process) = next {
            let address = Arc::as_ptr(process) as usize;
            let known = self.rows.get(&address).copied();
            let index = known.unwrap_or_else(|| row(to.processes.len()));
            match below {
                Some(child) => to.processes[child as usize].parent = index,
                None => first = index,
            }
            if known.is_some() {
                break;
            }
            self.rows.insert(address, index);
            self.push_process(to, process);
            sent(process);
            below = Some(index);
            next = process.parent.as_ref();
        }
        first
    }

    fn push_process(&mut self, to: &mut Batch, process: &Process) {
        let container = self.container(to, process.container.as_ref());
        let exe = to.span(&process.exe);
        let [args, cwd] = self.image_texts(to, &process.image);
        let comm_len = process.comm.iter().position(|b| *b == 0);
        let comm = to.span(&process.comm[..comm_len.unwrap_or(process.comm.len())]);
        let streams = push_streams(to, &process.streams);
        to.processes.push(wire::Process {
            key: process.key,
            parent: NONE,
            container,
            pid: process.id.pid,
            uid: process.uid,
            gid: process.gid,
            marks: process.marks,
            image: process.image.class,
            args_len: if self.arguments {
                process.image.args_len
            } else {
                0
            },
            start: process.id.start,
            capabilities: process.capabilities,
            inode: process.image.inode,
            device: process.image.device,
            exe,
            args,
            cwd,
            comm,
            streams,
            attrs: Range::default(),
        });
    }

    /// Command line and working directory: once for all processes of one image.
    fn image_texts(&mut self, to: &mut Batch, image: &Arc<Image>) -> [Span; 2] {
        let arguments = self.arguments;
        *self
            .texts
            .entry(Arc::as_ptr(image) as usize)
            .or_insert_with(|| {
                let args = if arguments {
                    to.span(&image.args)
                } else {
                    Span::default()
                };
                [args, to.span(&image.cwd)]
            })
    }

    fn container(&mut self, to: &mut Batch, container: Option<&Arc<Container>>) -> u32 {
        let Some(container) = container else {
            return NONE;
        };
        *self
            .containers
            .entry(Arc::as_ptr(container) as usize)
            .or_insert_with(|| {
                let index = row(to.containers.len());
                let attrs = push_attrs(to, &container.attrs);
                let row = wire::Container {
                    key: container.key,
                    id: to.span(container.id.as_bytes()),
                    name: to.span(container.name.as_bytes()),
                    image: to.span(container.image.as_bytes()),
                    pod: to.span(container.pod.as_bytes()),
                    namespace: to.span(container.namespace.as_bytes()),
                    marks: container.marks,
                    attrs,
                };
                to.containers.push(row);
                index
            })
    }
}

fn push_attrs(to: &mut Batch, attrs: &[Attr]) -> Range {
    let first = row(to.attrs.len());
    for attr in attrs {
        let text = to.span(&attr.text);
        to.attrs.push(wire::Attr {
            key: attr.key,
            value: attr.value,
            text,
        });
    }
    Range {
        first,
        count: row(attrs.len()),
    }
}

fn push_streams(to: &mut Batch, streams: &[Stream]) -> Range {
    let first = row(to.streams.len());
    for stream in streams {
        let address = to.span(&stream.address);
        to.streams.push(wire::Stream {
            fd: stream.fd,
            kind: stream.kind,
            marks: stream.marks,
            port: stream.port,
            id: stream.id,
            other: stream.other,
            address,
        });
    }
    Range {
        first,
        count: row(streams.len()),
    }
}

/// Hashes an address or a key that is mixed already. Nobody outside chooses these numbers, so
/// that a keyed hash would buy nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, n: u64) {
        // The high bits of the product are the good ones; the table uses both ends.
        self.0 = n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }
}

#[cfg(test)]
mod tests;
