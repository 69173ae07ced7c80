//! From rows of the moment to the tables of a batch.

use super::fd::Fd;
use super::scene::Told;
use crate::raw;
use crate::values::{image_class, process_mark};
use std::collections::HashMap;
use std::rc::Rc;
use vedette_contract::NONE;

/// Attributes of a container by the catalogue's kind `container`: key, value, text.
pub(super) type Attrs = Rc<Vec<(u32, u64, Vec<u8>)>>;

/// A process as it is at one moment of a story.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the fields of `record process` in detect.wit")]
pub struct MomentRow {
    pub key: u64,
    pub parent: Option<Rc<MomentRow>>,
    /// Key of its container; 0 for none.
    pub container: u64,
    /// Bits of `container-mark`.
    pub container_marks: u32,
    pub(super) container_attrs: Attrs,
    pub pid: u32,
    pub uid: u32,
    pub marks: u32,
    pub image: u32,
    pub start: u64,
    pub capabilities: u64,
    pub inode: u64,
    pub exe: Vec<u8>,
    pub args: Vec<u8>,
    pub(super) fds: [Option<Fd>; 3],
}

impl Default for MomentRow {
    fn default() -> Self {
        MomentRow {
            key: 0,
            parent: None,
            container: 0,
            container_marks: 0,
            container_attrs: Attrs::default(),
            pid: 0,
            uid: 0,
            marks: process_mark::HOST_MOUNT_NAMESPACE
                | process_mark::HOST_PID_NAMESPACE
                | process_mark::HOST_NETWORK_NAMESPACE
                | process_mark::HOST_USER_NAMESPACE,
            image: image_class::OTHER,
            start: 0,
            capabilities: 0,
            inode: 0,
            exe: Vec::new(),
            args: Vec::new(),
            fds: [None, None, None],
        }
    }
}

/// Marks that a new image does not inherit from the one before.
const IMAGE_MARKS: u32 = process_mark::EXISTING
    | process_mark::JOINING
    | process_mark::MEMFD_IMAGE
    | process_mark::DELETED_IMAGE
    | process_mark::WRITTEN_IMAGE
    | process_mark::FOREIGN_IMAGE;

impl MomentRow {
    pub(super) fn execute(&mut self, exe: Vec<u8>, args: Vec<u8>, class: u32, marks: u32) {
        self.exe = exe;
        self.args = args;
        self.image = class;
        self.marks = self.marks & !IMAGE_MARKS | marks;
    }

    /// Puts something behind a standard descriptor.
    pub fn set_fd(&mut self, fd: u32, what: Fd) {
        self.fds[fd as usize] = Some(what);
    }
}

/// Every process of a story, as it is at one moment.
pub(super) type Rows = Rc<[Rc<MomentRow>]>;

/// The tables of a batch while they are filled.
pub(super) struct Tables {
    batch: raw::Batch,
    rows: HashMap<*const MomentRow, u32>,
    /// By key, marks and attributes.
    containers: HashMap<(u64, u32, Attrs), u32>,
}

impl Tables {
    /// One batch of these events.
    pub fn batch(told: &[Told]) -> raw::Batch {
        let mut tables = Tables::new();
        for event in told {
            tables.event(event);
        }
        tables.batch
    }

    fn new() -> Tables {
        Tables {
            batch: raw::Batch {
                text: Vec::new(),
                streams: Vec::new(),
                processes: Vec::new(),
                containers: Vec::new(),
                events: Vec::new(),
                attrs: Vec::new(),
            },
            rows: HashMap::new(),
            containers: HashMap::new(),
        }
    }

    /// A batch without events: these rows first, their lineages behind them.
    pub fn rows(rows: &[Rc<MomentRow>]) -> raw::Batch {
        let mut tables = Tables::new();
        for row in rows {
            tables.add(row);
        }
        for row in rows {
            tables.link(row);
        }
        tables.batch
    }

    fn text(&mut self, text: &[u8]) -> raw::Span {
        let start = self.batch.text.len() as u32;
        self.batch.text.extend_from_slice(text);
        raw::Span {
            start,
            len: text.len() as u32,
        }
    }

    fn attrs(&mut self, attrs: &[(u32, u64, Vec<u8>)]) -> raw::Range {
        let first = self.batch.attrs.len() as u32;
        for (key, value, text) in attrs {
            let text = self.text(text);
            self.batch.attrs.push(raw::Attr {
                key: *key,
                value: *value,
                text,
            });
        }
        raw::Range {
            first,
            count: attrs.len() as u32,
        }
    }

    fn event(&mut self, told: &Told) {
        let process = told.process.as_ref().map_or(NONE, |p| self.process(p));
        let target = told.target.as_ref().map_or(NONE, |p| self.process(p));
        let act = &told.act;
        let attrs = self.attrs(&act.attrs);
        let text = self.text(&act.text);
        let text2 = self.text(&act.text2);
        self.batch.events.push(raw::Event {
            kind: act.kind.into(),
            process,
            target,
            tid: told.process.as_ref().map_or(0, |p| p.pid),
            ret: act.ret,
            marks: act.marks,
            at: told.at,
            id: told.id,
            a: act.a,
            b: act.b,
            c: act.c,
            text,
            text2,
            attrs,
        });
    }

    fn process(&mut self, row: &Rc<MomentRow>) -> u32 {
        if let Some(index) = self.rows.get(&Rc::as_ptr(row)) {
            return *index;
        }
        let index = self.add(row);
        self.link(row);
        index
    }

    /// Puts in the parent of a row that is there.
    fn link(&mut self, row: &Rc<MomentRow>) {
        if let Some(parent) = &row.parent {
            let parent = self.process(parent);
            let index = self.rows[&Rc::as_ptr(row)];
            self.batch.processes[index as usize].parent = parent;
        }
    }

    /// A row, as yet without a parent.
    fn add(&mut self, row: &Rc<MomentRow>) -> u32 {
        let container = self.container(row);
        let first = self.batch.streams.len() as u32;
        for (fd, what) in row.fds.iter().enumerate() {
            let Some(what) = what else { continue };
            let address = self.text(&what.address);
            self.batch.streams.push(raw::Stream {
                fd: fd as u32,
                kind: what.kind,
                marks: what.marks,
                port: what.port,
                id: what.id,
                other: what.other,
                address,
            });
        }
        let streams = raw::Range {
            first,
            count: self.batch.streams.len() as u32 - first,
        };
        let exe = self.text(&row.exe);
        let args = self.text(&row.args);
        let nothing = raw::Span { start: 0, len: 0 };
        let index = self.batch.processes.len() as u32;
        self.batch.processes.push(raw::Process {
            key: row.key,
            parent: NONE,
            container,
            pid: row.pid,
            uid: row.uid,
            gid: row.uid,
            marks: row.marks,
            image: row.image,
            args_len: row.args.len() as u32,
            start: row.start,
            capabilities: row.capabilities,
            inode: row.inode,
            device: 1,
            exe,
            args,
            cwd: nothing,
            comm: nothing,
            streams,
            attrs: raw::Range { first: 0, count: 0 },
        });
        self.rows.insert(Rc::as_ptr(row), index);
        index
    }

    fn container(&mut self, row: &MomentRow) -> u32 {
        let key = row.container;
        if key == 0 {
            return NONE;
        }
        let described = (key, row.container_marks, row.container_attrs.clone());
        if let Some(index) = self.containers.get(&described) {
            return *index;
        }
        let attrs = self.attrs(&row.container_attrs);
        let id = self.text(format!("{key:064x}").as_bytes());
        let nothing = raw::Span { start: 0, len: 0 };
        let index = self.batch.containers.len() as u32;
        self.batch.containers.push(raw::Container {
            key,
            id,
            name: nothing,
            image: nothing,
            pod: nothing,
            namespace: nothing,
            marks: row.container_marks,
            attrs,
        });
        self.containers.insert(described, index);
        index
    }
}
