//! Which opens are wanted. They are so many that the kernel decides on them before anything of
//! the event is put together.

use crate::event::Event;
use std::collections::BTreeMap;
use vedette_contract::values::event_mark;

/// `O_ACCMODE`, `O_WRONLY`, `O_RDWR`, `O_CREAT` and `O_TRUNC` of Linux on every architecture that
/// we build for.
const O_ACCMODE: u64 = 0o3;
const O_WRONLY: u64 = 0o1;
const O_RDWR: u64 = 0o2;
const O_CREAT: u64 = 0o100;
const O_TRUNC: u64 = 0o1000;

/// The flags of which an open that can write has any; with both of the mode it can neither.
pub const WRITES: u64 = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;

/// Which opens of a watched file matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Opens that can write.
    Write,
    /// All opens.
    Any,
}

/// Which opens are wanted: those to which any line applies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opens {
    /// Every open of this access.
    pub all: Option<Access>,
    /// Opens with any of these bits of the catalogue set `open-mark`.
    pub marks: u32,
    /// Opens of files whose last path component is one of these.
    pub names: BTreeMap<Vec<u8>, Access>,
    /// Opens of files whose path begins with one of these.
    pub prefixes: BTreeMap<Vec<u8>, Access>,
}

impl Opens {
    /// Adds what the other one wants.
    pub fn union(&mut self, other: &Opens) {
        self.all = self.all.max(other.all);
        self.marks |= other.marks;
        for (from, to) in [
            (&other.names, &mut self.names),
            (&other.prefixes, &mut self.prefixes),
        ] {
            for (name, access) in from {
                let entry = to.entry(name.clone()).or_insert(*access);
                *entry = (*entry).max(*access);
            }
        }
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        *self == Opens::default()
    }

    /// Whether the open is wanted. One whose path could not be read or had to be cut is, if
    /// anything is.
    pub fn want(&self, event: &Event) -> bool {
        let fits = |access: &Access| *access == Access::Any || writes(event);
        let unreadable = event.marks & (event_mark::INCOMPLETE | event_mark::TRUNCATED) != 0;
        let name = event.text.rsplit(|b| *b == b'/').next().unwrap_or_default();
        self.all.as_ref().is_some_and(fits)
            || (event.a >> 32) as u32 & self.marks != 0
            || unreadable && !self.is_empty()
            || self.names.get(name).is_some_and(fits)
            || (self.prefixes.iter())
                .any(|(head, access)| event.text.starts_with(head) && fits(access))
    }
}

/// Whether a file was opened in a way that can change it. With both bits of the mode set a file
/// can neither be read nor written, only asked about.
pub fn writes(open: &Event) -> bool {
    let flags = open.a & 0xffff_ffff;
    matches!(flags & O_ACCMODE, O_WRONLY | O_RDWR) || flags & (O_CREAT | O_TRUNC) != 0
}
