//! A look at the machine: at the file of an event, or at the sockets of a process.

use super::{
    elf::ElfFacts,
    said::{Looked, Told},
};
use crate::{
    context::process::Process, live::boot_time, plugin::component::Digest, record::Record,
};
use rustix::time::{ClockId, clock_gettime};
use sha2::{Digest as _, Sha256};
use std::{fmt, fs::File, os::unix::fs::FileExt as _, time::Instant};
use vedette_contract::{
    Kind, Slot, Type, kind,
    values::{failure, file_role},
};
use vedette_sensor::{
    event::TaskRef,
    existing::{SocketError, open_sockets},
    file::{FileError, Found, Link, Wanted},
};

/// Most bytes that `file.head` gives: what goes into a guest's memory, and into a capture.
pub const MAX_HEAD: u32 = 64 << 10;
/// Largest file that is hashed: what one question may cost. Few programs are larger.
pub const MAX_HASHED: u64 = 256 << 20;
/// Largest file that is taken apart: it is held in memory meanwhile.
pub const MAX_ELF: u64 = 32 << 20;
/// Bytes that are read between two looks at the clock.
const STEP: usize = 128 << 10;
/// Ancestors that a file is reached through where its process has ended.
const MAX_ANCESTORS: usize = 8;
/// How late the kernel's time of a change may stand before the event that it was made before, ns:
/// a tick of the coarsest clock.
const TICK: u64 = 10_000_000;

/// A question about the machine. As text it is what a capture finds the answer by.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'r> {
    /// What is asked.
    pub what: What,
    /// Who it is about: the event and, of its sockets, the process.
    pub about: About<'r>,
    /// When it is given up.
    pub until: Instant,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the functions of detect.wit")]
pub enum What {
    Stat { role: u32 },
    Sha256 { role: u32 },
    Head { role: u32, len: u32 },
    Elf { role: u32 },
    Sockets { key: u64 },
}

/// Who a question is about.
#[derive(Debug, Clone, Copy)]
pub enum About<'r> {
    /// A file of this event.
    Event(&'r Record),
    /// This process.
    Process(TaskRef),
}

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Stat { role } => write!(f, "file.stat {role}"),
            What::Sha256 { role } => write!(f, "file.sha256 {role}"),
            What::Head { role, len } => write!(f, "file.head {role} {len}"),
            What::Elf { role } => write!(f, "file.elf {role}"),
            What::Sockets { key } => write!(f, "context.sockets {key}"),
        }
    }
}

impl Asked<'_> {
    /// Looks.
    pub(super) fn look(&self) -> Looked {
        let mut reading = Reading {
            until: self.until,
            read: 0,
        };
        let told = match self.about {
            About::Process(process) => reading.sockets(process),
            About::Event(record) => reading.file(self.what, record),
        };
        Looked {
            read: reading.read,
            told,
        }
    }
}

/// What is read for one answer.
struct Reading {
    until: Instant,
    read: u64,
}

impl Reading {
    fn sockets(&mut self, process: TaskRef) -> Result<Told, u32> {
        let (sockets, read) = open_sockets(process, self.until).map_err(|error| match error {
            SocketError::Gone => failure::NOT_FOUND,
            SocketError::Denied => failure::DENIED,
            SocketError::TooMany => failure::TOO_LARGE,
        })?;
        self.read += read;
        Ok(Told::Sockets(sockets.into_iter().map(Into::into).collect()))
    }

    fn file(&mut self, what: What, record: &Record) -> Result<Told, u32> {
        let role = match what {
            What::Stat { role }
            | What::Sha256 { role }
            | What::Head { role, .. }
            | What::Elf { role } => role,
            What::Sockets { .. } => return Err(failure::MALFORMED),
        };
        let found = find(record, role, self.until)?;
        Ok(match what {
            What::Sha256 { .. } => Told::Digest(self.sha256(&found)?.to_string()),
            What::Head { len, .. } => Told::Head(self.head(&found, len.min(MAX_HEAD))?),
            What::Elf { .. } => Told::Elf(self.elf(&found)?),
            _ => Told::Facts(found.facts.into()),
        })
    }

    fn sha256(&mut self, found: &Found) -> Result<Digest, u32> {
        let file = found.open().map_err(why)?;
        let mut facts = found.facts;
        let mut before = None;
        loop {
            if facts.size > MAX_HASHED {
                return Err(failure::TOO_LARGE);
            }
            let mut hash = Sha256::new();
            let mut from = 0;
            while let Some(step) = self.step(&file, from, STEP)? {
                from += step.len() as u64;
                if from > facts.size {
                    return Err(failure::CHANGED);
                }
                hash.update(step);
            }
            let digest = Digest(hash.finalize().into());
            let now = found.now().map_err(why)?;
            // Its name may go while it is read, which changes what is known of it and not what it
            // holds: what is read twice alike has stayed.
            if now == facts || before == Some(digest) {
                return Ok(digest);
            }
            if before.is_some() {
                return Err(failure::CHANGED);
            }
            before = Some(digest);
            facts = now;
        }
    }

    fn head(&mut self, found: &Found, len: u32) -> Result<Vec<u8>, u32> {
        let file = found.open().map_err(why)?;
        let mut head = Vec::new();
        while head.len() < len as usize
            && let Some(more) = self.step(&file, head.len() as u64, len as usize - head.len())?
        {
            head.extend(more);
        }
        Ok(head)
    }

    fn elf(&mut self, found: &Found) -> Result<ElfFacts, u32> {
        let file = found.open().map_err(why)?;
        // Most of what is no ELF file is known by its first bytes.
        if !self.head(found, 4)?.starts_with(b"\x7fELF") {
            return Err(failure::MALFORMED);
        }
        if found.facts.size > MAX_ELF {
            return Err(failure::TOO_LARGE);
        }
        let mut bytes = Vec::with_capacity(found.facts.size as usize);
        while let Some(step) = self.step(&file, bytes.len() as u64, STEP)? {
            bytes.extend(step);
            if bytes.len() as u64 > MAX_ELF {
                return Err(failure::TOO_LARGE);
            }
        }
        ElfFacts::read(&bytes).ok_or(failure::MALFORMED)
    }

    /// The next bytes of a file, none at its end.
    fn step(&mut self, file: &File, from: u64, most: usize) -> Result<Option<Vec<u8>>, u32> {
        if Instant::now() >= self.until {
            return Err(failure::QUOTA);
        }
        let mut bytes = vec![0; most.min(STEP)];
        let read = file.read_at(&mut bytes, from);
        let read = read.map_err(|_| failure::DENIED)?;
        self.read += read as u64;
        bytes.truncate(read);
        Ok((read > 0).then_some(bytes))
    }
}

fn why(error: FileError) -> u32 {
    match error {
        FileError::Gone => failure::NOT_FOUND,
        FileError::Changed => failure::CHANGED,
        FileError::Denied => failure::DENIED,
        FileError::NotPlain => failure::MALFORMED,
        FileError::Late => failure::QUOTA,
    }
}

/// The file of an event that a role names.
fn find(record: &Record, role: u32, until: Instant) -> Result<Found, u32> {
    let event = &record.event;
    // An event about an image names the same file by its path.
    let of_image = matches!(event.kind, kind::EXEC | kind::EXISTING);
    match role {
        file_role::PATH if of_image => image(record, record.process.as_deref(), until),
        file_role::IMAGE => image(record, record.process.as_deref(), until),
        file_role::TARGET_IMAGE => image(record, record.target.as_deref(), until),
        file_role::PATH => named(record, Slot::Text, until),
        file_role::OTHER_PATH => named(record, Slot::Text2, until),
        _ => Err(failure::MALFORMED),
    }
}

fn image(record: &Record, process: Option<&Process>, until: Instant) -> Result<Found, u32> {
    let process = process.ok_or(failure::NOT_FOUND)?;
    let found = Wanted {
        through: &through(process),
        link: Link::Image,
        path: &process.exe,
        inode: process.image.inode,
        device: process.image.device,
        until,
    }
    .find()
    .map_err(why)?;
    // While it is executed nobody can write to it; once nobody does, its name is all that is left.
    if !found.linked && boot_time_of(found.facts.changed) > record.event.at.saturating_add(TICK) {
        return Err(failure::CHANGED);
    }
    Ok(found)
}

fn named(record: &Record, slot: Slot, until: Instant) -> Result<Found, u32> {
    let event = &record.event;
    let process = record.process.as_deref().ok_or(failure::NOT_FOUND)?;
    let kind = Kind::by_number(event.kind).ok_or(failure::MALFORMED)?;
    let mut fields = kind.fields.iter();
    let path = fields
        .find(|field| field.slot == slot && matches!(field.ty, Type::Path))
        .and_then(|field| event.bytes(field.slot))
        .filter(|path| !path.is_empty())
        .ok_or(failure::MALFORMED)?;
    let number = |name| {
        let field = kind.fields.iter().find(|field| field.name == name)?;
        event.number(field.slot)
    };
    let opened = u32::try_from(event.ret).ok();
    let descriptor = opened.filter(|_| event.kind == kind::OPEN);
    Wanted {
        through: &through(process),
        link: descriptor.map_or(Link::None, Link::Descriptor),
        path,
        inode: number("inode").unwrap_or(0),
        device: number("device").unwrap_or(0),
        until,
    }
    .find()
    .map_err(why)
}

/// The process, then its ancestors that see the same mounts: those that have ended lead nowhere.
fn through(process: &Process) -> Vec<TaskRef> {
    let mounts = process.namespaces.mount;
    let ancestors = process.lineage().skip(1);
    let ancestors = ancestors.filter(|row| mounts != 0 && row.namespaces.mount == mounts);
    let ancestors = ancestors.take(MAX_ANCESTORS).map(|row| row.id);
    std::iter::once(process.id).chain(ancestors).collect()
}

/// A time of day as ns since boot.
fn boot_time_of(ns: u64) -> u64 {
    let now = clock_gettime(ClockId::Realtime);
    let now = now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64;
    let ago = now.saturating_sub(ns);
    boot_time().saturating_sub(ago)
}
