//! Paths as system calls were given them, resolved a moment later.
//!
//! Most calls on a name leave nothing in the kernel that says what the name led to, so a record
//! carries the name and the kernel's own path of the directory that it is relative to (see
//! `bpf/given.h`). Here the two become the path that the process meant: `.` and `..` are gone,
//! links in the middle are followed in the process's own root, and inode and device are those of
//! what is found there. The mark `as-given` stays: another thread may have changed the name, and
//! anybody the links, since the call.
//!
//! Nothing here waits for a server or a user's file system: look-ups ask for what the kernel has
//! in its cache alone (`RESOLVE_CACHED`) and go further only on file systems that are known to be
//! local ([`walk`]), attributes are not synchronised, and a root directory on a server is never
//! opened. What cannot be had that way, or no longer, leaves the path as it was written, and the
//! mark `incomplete` says so.

pub(crate) mod root;
pub(crate) mod walk;

use crate::event::{Event, TaskRef};
use root::{File, Missing, Root};
use vedette_contract::{kind, values::event_mark};
use walk::Budget;

/// Twins of `enum given_mark` in `bpf/given.h`. They never leave the sensor.
const FOLLOW: u32 = 1 << 24;
const OLD_FOLLOW: u32 = 1 << 25;
const AGENT_ROOT: u32 = 1 << 26;
const PARENT_ROOT: u32 = 1 << 27;
const FOREIGN: u32 = 1 << 28;
const PRIVATE: u32 = FOLLOW | OLD_FOLLOW | AGENT_ROOT | PARENT_ROOT | FOREIGN;

/// Bytes of a path that an event keeps: its end, as the kernel side does (`PATH_KEPT`).
const PATH_KEPT: usize = 1024;

/// Turns given paths into resolved ones.
pub(super) struct Resolver {
    /// The sensor's own root directory, which most processes share.
    own: Option<Root>,
    walks: Budget,
}

/// Who gave a path: what some links say depends on it.
#[derive(Debug, Clone, Copy)]
struct Caller<'a> {
    pid: u32,
    tid: u32,
    walks: &'a Budget,
}

/// What one given path turned out to be.
#[derive(Default)]
struct Resolved {
    path: Vec<u8>,
    /// What stands there, where that was asked for and is there.
    file: Option<File>,
    /// Device of the directory that it is in.
    device: Option<u64>,
    /// The path could not be looked up and is what the caller wrote.
    unresolved: bool,
}

impl Resolver {
    pub(super) fn new() -> Resolver {
        Resolver {
            own: Root::of(std::process::id()),
            walks: Budget::new(),
        }
    }

    /// Resolves the given paths of an event; any other event stays as it is. Returns whether it
    /// tells anything: a request to open that was told by the file that it opened does not.
    pub(super) fn settle(&self, event: &mut Event) -> bool {
        let private = event.marks & PRIVATE;
        event.marks &= !PRIVATE;
        // Of a message's address there is nothing to resolve.
        if event.marks & event_mark::AS_GIVEN == 0 || event.kind == kind::SEND {
            return true;
        }
        // The file that was told in the place of this one, if any.
        let told = if event.kind == kind::OPEN { event.b } else { 0 };
        let of_mount = (event.kind == kind::MOUNT).then_some((event.b, event.c));
        let theirs;
        let root = if private & FOREIGN != 0 || event.marks & event_mark::TRUNCATED != 0 {
            None
        } else if private & AGENT_ROOT != 0 {
            self.own.as_ref()
        } else {
            theirs = root_of(event, private);
            theirs.as_ref()
        };
        let began = (event.c as u32, (event.c >> 32) as u32);
        let settled = event.ret >= 0;
        let caller = Caller {
            pid: event.task.process.pid,
            tid: event.task.tid,
            walks: &self.walks,
        };
        // Where a call failed, what it was about is still at its old place.
        let (look, look_old) = match event.kind {
            kind::UNLINK => (!settled, false),
            kind::RENAME | kind::LINK => (settled, !settled),
            // What was mounted there need not be there any more.
            kind::MOUNT => (false, false),
            _ => (true, false),
        };

        let mut new = None;
        if let Some(given) = Given::split(&event.text) {
            let found = given.resolve(root, caller, private & FOLLOW != 0, look);
            new = Some(cut(&found.path, &mut event.marks));
            event.b = found.file.as_ref().map_or(0, |file| file.inode);
            event.c = match &found.file {
                Some(file) if file.mount == u64::from(began.1) => began.0.into(),
                Some(file) => file.device,
                None => found.device.unwrap_or(0),
            };
            let vanished = look && settled && found.file.is_none();
            if found.unresolved || vanished {
                event.marks |= event_mark::INCOMPLETE;
            }
        }
        if let Some(new) = new {
            event.text = new;
        }
        if let Some(given) = Given::split(&event.text2) {
            let found = given.resolve(root, caller, private & OLD_FOLLOW != 0, look_old);
            let old = cut(&found.path, &mut event.marks);
            if let Some(file) = found.file {
                event.b = file.inode;
                event.c = file.device;
            }
            if found.unresolved {
                event.marks |= event_mark::INCOMPLETE;
            }
            event.text2 = old;
        }
        if let Some((b, c)) = of_mount {
            event.b = b;
            event.c = c & u64::from(u32::MAX);
        }
        told == 0 || told != event.b
    }
}

/// The root directory of the process, or of its parent if that is known to be the same one and
/// the process is gone.
fn root_of(event: &Event, private: u32) -> Option<Root> {
    let open = |process: TaskRef| Root::of_process(process.pid, process.start);
    open(event.task.process).or_else(|| {
        if private & PARENT_ROOT != 0 {
            open(event.task.parent)
        } else {
            None
        }
    })
}

fn cut(path: &[u8], marks: &mut u32) -> Box<[u8]> {
    if path.len() > PATH_KEPT {
        *marks |= event_mark::TRUNCATED;
    }
    path[path.len().saturating_sub(PATH_KEPT)..].into()
}

/// A path as a record carries it.
struct Given<'a> {
    /// The directory that a relative one is relative to, in the process's root.
    directory: &'a [u8],
    name: &'a [u8],
}

impl<'a> Given<'a> {
    /// None where the kernel has told the path itself: only a given one holds a NUL.
    fn split(text: &'a [u8]) -> Option<Given<'a>> {
        let end = memchr::memchr(0, text)?;
        Some(Given {
            directory: &text[..end],
            name: &text[end + 1..],
        })
    }

    fn resolve(
        &self,
        root: Option<&Root>,
        caller: Caller<'_>,
        follow: bool,
        look: bool,
    ) -> Resolved {
        let relative = !self.name.starts_with(b"/");
        let directory = if relative { self.directory } else { b"" };
        let whole = [directory, b"/", self.name].concat();
        let parts = parts(&whole, caller.pid);
        let unknown = self.name.is_empty() || relative && self.directory.is_empty();
        root.filter(|_| !unknown)
            .and_then(|root| resolve(root, &parts, caller, follow, look).ok())
            .unwrap_or_else(|| Resolved {
                path: lexical(&parts),
                unresolved: true,
                ..Resolved::default()
            })
    }
}

/// The parts of a path, without what means nothing. `/proc/self/root` is where the process is
/// already; in the sensor it would be another place.
fn parts(path: &[u8], process: u32) -> Vec<&[u8]> {
    let own = process.to_string();
    let mut parts: Vec<&[u8]> = path
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .collect();
    loop {
        let is_self =
            |part: &[u8]| part == b"self" || part == b"thread-self" || part == own.as_bytes();
        let own_root = match parts.as_slice() {
            [b"proc", of, b"root", ..] if is_self(of) => 3,
            [b"proc", of, b"task", _, b"root", ..] if is_self(of) => 5,
            _ => return parts,
        };
        parts.drain(..own_root);
    }
}

/// What the parts come to if no link is among them.
fn lexical(parts: &[&[u8]]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::with_capacity(parts.len());
    for part in parts {
        if *part == b".." {
            kept.pop();
        } else {
            kept.push(part);
        }
    }
    joined(&kept)
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let mut path = Vec::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for part in parts {
        path.push(b'/');
        path.extend_from_slice(part);
    }
    if path.is_empty() {
        path.push(b'/');
    }
    path
}

/// Looks the path up. The last part is followed if it is a link and `follow` says so; it is
/// looked at if `look` says so, and need not be there.
fn resolve(
    root: &Root,
    parts: &[&[u8]],
    caller: Caller<'_>,
    follow: bool,
    look: bool,
) -> Result<Resolved, Missing> {
    let (last, parents) = match parts.split_last() {
        Some((last, parents)) if *last != b".." && !follow => (*last, parents),
        _ => {
            let (place, path) = root.find(parts, caller)?;
            return Ok(Resolved {
                path,
                file: Some(root::look(&place)?),
                ..Resolved::default()
            });
        }
    };
    let (directory, mut path) = root.find(parents, caller)?;
    if path != b"/" {
        path.push(b'/');
    }
    path.extend_from_slice(last);
    let file = if look {
        root::entry(root, &directory, last, caller)?
    } else {
        None
    };
    let device = match &file {
        Some(_) => None,
        None => Some(root::look(&directory)?.device),
    };
    Ok(Resolved {
        path,
        file,
        device,
        unresolved: false,
    })
}

#[cfg(test)]
mod tests;
