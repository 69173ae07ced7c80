//! The kernel's types, cut down to those that the programs name. The kernel tells of more than a
//! hundred thousand; reading all of them, and searching all for each type that a program touches,
//! took a third of a start.
//!
//! What comes out are two sets for aya, which searches each from its beginning: the layouts of what
//! the programs read, numbered anew, and the places that programs are attached to, where numbers
//! matter and nothing else.

use crate::casts::Cast;
use aya::{Btf, EbpfLoader, Endianness};
use object::{Object as _, ObjectSection as _, read::elf::ElfFile64};
use std::{
    collections::{HashMap, HashSet},
    fs, io, thread,
};
use thiserror::Error;

/// The kernel's own type information.
pub(crate) const TYPES_PATH: &str = "/sys/kernel/btf/vmlinux";

/// Functions of the kernel's that programs are attached to: the probe's.
const FUNCTIONS: [&[u8]; 1] = [b"commit_creds"];

/// Kinds of type, and what a type refers to, as in linux/btf.h.
mod kind {
    pub const INT: u32 = 1;
    pub const PTR: u32 = 2;
    pub const ARRAY: u32 = 3;
    pub const STRUCT: u32 = 4;
    pub const UNION: u32 = 5;
    pub const ENUM: u32 = 6;
    pub const FWD: u32 = 7;
    pub const TYPEDEF: u32 = 8;
    pub const VOLATILE: u32 = 9;
    pub const CONST: u32 = 10;
    pub const RESTRICT: u32 = 11;
    pub const FUNC: u32 = 12;
    pub const FUNC_PROTO: u32 = 13;
    pub const VAR: u32 = 14;
    pub const DATASEC: u32 = 15;
    pub const FLOAT: u32 = 16;
    pub const DECL_TAG: u32 = 17;
    pub const TYPE_TAG: u32 = 18;
    pub const ENUM64: u32 = 19;
}

const MAGIC: u16 = 0xeb9f;
const HEADER: usize = 24;
/// Bytes that every type begins with: its name, its kind, a size or another type.
const HEAD: usize = 12;

/// Why the kernel's types cannot be used.
#[derive(Debug, Error)]
pub(crate) enum TypesError {
    /// There is no such file, or it may not be read.
    #[error("{TYPES_PATH} cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It holds something else.
    #[error("{TYPES_PATH} cannot be understood")]
    Malformed,
}

/// What aya is given of the kernel's types.
pub(crate) struct Types {
    /// Layouts of what the objects name.
    pub(crate) layouts: Btf,
    /// Tracepoints, hooks and functions by their numbers in the kernel.
    pub(crate) places: Btf,
    /// What casts need, where the kernel knows them.
    pub(crate) cast: Option<Cast>,
}

/// Reads the running kernel's types as far as these objects name them, and makes a loader, which
/// reads them all for itself; one serves several objects. Each takes as long as the other.
pub(crate) fn read(objects: &[&[u8]]) -> (Result<Types, TypesError>, EbpfLoader<'static>) {
    thread::scope(|scope| {
        let types = scope.spawn(|| Types::of_kernel(objects));
        let loader = EbpfLoader::new();
        let types = types.join().unwrap_or(Err(TypesError::Malformed));
        (types, loader)
    })
}

impl Types {
    /// Reads the running kernel's types, as far as these objects name them.
    pub(crate) fn of_kernel(objects: &[&[u8]]) -> Result<Types, TypesError> {
        let all = fs::read(TYPES_PATH)?;
        let wanted = objects.iter().filter_map(|object| names_in(object));
        let wanted = wanted.flatten().collect();
        Types::cut(&all, &wanted).ok_or(TypesError::Malformed)
    }

    fn cut(all: &[u8], wanted: &HashSet<&[u8]>) -> Option<Types> {
        let all = Table::read(all)?;
        let (mut layouts, mut places) = (Layouts::new(&all), Places::default());
        let (mut function, mut holder) = (None, None);
        for number in 1..=all.count() {
            let name = all.name(number)?;
            match all.kind(number)? {
                kind::STRUCT | kind::UNION | kind::ENUM | kind::ENUM64 | kind::TYPEDEF
                    if wanted.contains(without_flavor(name)) =>
                {
                    layouts.keep(number);
                }
                _ => {}
            }
            match all.kind(number)? {
                of @ kind::TYPEDEF if name.starts_with(b"btf_trace_") => {
                    places.add(number, of, name);
                }
                of @ kind::FUNC
                    if name.starts_with(b"bpf_lsm_")
                        || name.starts_with(b"bpf_iter_")
                        || FUNCTIONS.contains(&name) =>
                {
                    places.add(number, of, name);
                }
                kind::FUNC if name == b"bpf_rdonly_cast" => function = Some(number as u32),
                kind::STRUCT if name == b"linux_binprm" => holder = Some(number as u32),
                _ => {}
            }
        }
        Some(Types {
            layouts: layouts.finish()?,
            places: places.finish()?,
            cast: function
                .zip(holder)
                .map(|(function, holder)| Cast { function, holder }),
        })
    }
}

/// A name without what tells variants of a type apart: `io_kiocb___tctx` means `io_kiocb`.
fn without_flavor(name: &[u8]) -> &[u8] {
    let end = memchr::memmem::find(name, b"___").unwrap_or(name.len());
    &name[..end]
}

/// Every name in the type information of an object: more than what is needed, and never less.
fn names_in(object: &[u8]) -> Option<Vec<&[u8]>> {
    let file = ElfFile64::<object::Endianness>::parse(object).ok()?;
    let types = file.section_by_name(".BTF")?.data().ok()?;
    let strings = Table::read(types)?.strings;
    let names = strings.split(|byte| *byte == 0).filter(|n| !n.is_empty());
    Some(names.map(without_flavor).collect())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

/// Bytes that follow the head of a type.
fn tail(kind: u32, members: usize) -> Option<usize> {
    Some(match kind {
        kind::INT | kind::VAR | kind::DECL_TAG => 4,
        kind::ARRAY => 12,
        kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => members * 12,
        kind::ENUM | kind::FUNC_PROTO => members * 8,
        kind::PTR
        | kind::FWD
        | kind::TYPEDEF
        | kind::VOLATILE
        | kind::CONST
        | kind::RESTRICT
        | kind::FUNC
        | kind::FLOAT
        | kind::TYPE_TAG => 0,
        _ => return None,
    })
}

/// Type information in the kernel's format.
struct Table<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Where each type begins, from number 1 on.
    starts: Vec<u32>,
}

impl<'a> Table<'a> {
    fn read(bytes: &'a [u8]) -> Option<Table<'a>> {
        if bytes.get(..2)? != MAGIC.to_ne_bytes() {
            return None;
        }
        let header = word(bytes, 4)? as usize;
        let part = |at| {
            let from = header.checked_add(word(bytes, at)? as usize)?;
            bytes.get(from..from.checked_add(word(bytes, at + 4)? as usize)?)
        };
        let (types, strings) = (part(8)?, part(16)?);
        let mut starts = Vec::with_capacity(types.len() / 32);
        let mut at = 0;
        while at < types.len() {
            starts.push(u32::try_from(at).ok()?);
            let info = word(types, at + 4)?;
            at += HEAD + tail(info >> 24 & 0x1f, info as usize & 0xffff)?;
        }
        Some(Table {
            types,
            strings,
            starts,
        })
    }

    fn count(&self) -> usize {
        self.starts.len()
    }

    fn start(&self, number: usize) -> Option<usize> {
        Some(*self.starts.get(number.checked_sub(1)?)? as usize)
    }

    /// The `index`th word of a type.
    fn word(&self, number: usize, index: usize) -> Option<u32> {
        word(self.types, self.start(number)? + index * 4)
    }

    fn kind(&self, number: usize) -> Option<u32> {
        Some(self.word(number, 1)? >> 24 & 0x1f)
    }

    fn members(&self, number: usize) -> Option<usize> {
        Some(self.word(number, 1)? as usize & 0xffff)
    }

    fn string(&self, at: u32) -> Option<&'a [u8]> {
        let rest = self.strings.get(at as usize..)?;
        Some(&rest[..memchr::memchr(0, rest)?])
    }

    fn name(&self, number: usize) -> Option<&'a [u8]> {
        self.string(self.word(number, 0)?)
    }
}

/// Which words of a type are names, and which are other types.
enum Word {
    Name,
    Type,
    Number,
}

fn meaning(kind: u32, index: usize) -> Word {
    match (kind, index) {
        (_, 0) => Word::Name,
        // What a pointer leads to is no part of a layout.
        (kind::PTR, 2) => Word::Number,
        (kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG, 2)
        | (kind::ARRAY, 3 | 4) => Word::Type,
        (kind::STRUCT | kind::UNION, 3..) => match index % 3 {
            0 => Word::Name,
            1 => Word::Type,
            _ => Word::Number,
        },
        (kind::ENUM, 3..) if index % 2 == 1 => Word::Name,
        (kind::ENUM64, 3..) if index.is_multiple_of(3) => Word::Name,
        _ => Word::Number,
    }
}

/// Types that are kept with all that lies within them.
struct Layouts<'a> {
    all: &'a Table<'a>,
    /// The new number of each type, 0 if it is not kept.
    numbers: Vec<u32>,
    kept: Vec<usize>,
}

impl<'a> Layouts<'a> {
    fn new(all: &'a Table<'a>) -> Layouts<'a> {
        Layouts {
            all,
            numbers: vec![0; all.count() + 1],
            kept: Vec::new(),
        }
    }

    /// The new number of a type, which is kept from now on.
    fn keep(&mut self, number: usize) -> u32 {
        match self.numbers.get_mut(number) {
            None => 0,
            Some(_) if number == 0 => 0,
            Some(new) => {
                if *new == 0 {
                    self.kept.push(number);
                    *new = self.kept.len() as u32;
                }
                *new
            }
        }
    }

    fn finish(mut self) -> Option<Btf> {
        let (mut types, mut strings) = (Vec::new(), Strings::default());
        let mut next = 0;
        while let Some(&number) = self.kept.get(next) {
            next += 1;
            let kind = self.all.kind(number)?;
            let words = (HEAD + tail(kind, self.all.members(number)?)?) / 4;
            for index in 0..words {
                let word = self.all.word(number, index)?;
                let word = match meaning(kind, index) {
                    Word::Name => strings.add(self.all.string(word)?),
                    Word::Type => self.keep(word as usize),
                    Word::Number if kind == kind::PTR && index == 2 => 0,
                    Word::Number => word,
                };
                types.extend(word.to_ne_bytes());
            }
        }
        table(&types, &strings)
    }
}

/// What programs are attached to, in the order of its numbers.
#[derive(Default)]
struct Places<'a> {
    known: Vec<(usize, u32, &'a [u8])>,
}

impl<'a> Places<'a> {
    fn add(&mut self, number: usize, kind: u32, name: &'a [u8]) {
        self.known.push((number, kind, name));
    }

    fn finish(self) -> Option<Btf> {
        let (mut types, mut strings) = (Vec::new(), Strings::default());
        for (number, kind, name) in self.known {
            // What lies between is of no kind.
            types.resize((number - 1) * HEAD, 0);
            for word in [strings.add(name), kind << 24, 0] {
                types.extend(word.to_ne_bytes());
            }
        }
        table(&types, &strings)
    }
}

/// Strings, each once.
struct Strings<'a> {
    bytes: Vec<u8>,
    known: HashMap<&'a [u8], u32>,
}

impl Default for Strings<'_> {
    fn default() -> Self {
        Strings {
            bytes: vec![0],
            known: HashMap::from([(&[][..], 0)]),
        }
    }
}

impl<'a> Strings<'a> {
    fn add(&mut self, string: &'a [u8]) -> u32 {
        *self.known.entry(string).or_insert_with(|| {
            let at = self.bytes.len() as u32;
            self.bytes.extend(string);
            self.bytes.push(0);
            at
        })
    }
}

fn table(types: &[u8], strings: &Strings<'_>) -> Option<Btf> {
    let mut bytes = Vec::with_capacity(HEADER + types.len() + strings.bytes.len());
    bytes.extend(MAGIC.to_ne_bytes());
    // Version 1, no flags.
    bytes.extend([1, 0]);
    let types_len = types.len() as u32;
    let strings_len = strings.bytes.len() as u32;
    for number in [HEADER as u32, 0, types_len, types_len, strings_len] {
        bytes.extend(number.to_ne_bytes());
    }
    bytes.extend(types);
    bytes.extend(&strings.bytes);
    Btf::parse(&bytes, Endianness::default()).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use aya_obj::btf::BtfKind;

    /// A kernel with few types: what is wanted lies within another, between what is not.
    fn kernel() -> Vec<u8> {
        let mut strings = Strings::default();
        let mut types: Vec<u32> = Vec::new();
        let mut name = |text: &'static str| strings.add(text.as_bytes());
        let (int, task, tid, other) = (name("int"), name("task"), name("tid"), name("other"));
        let (inner, hook, traced) = (name("inner"), name("bpf_lsm_open"), name("btf_trace_exec"));
        // 1: an int; 2: a struct that nobody names; 3: a pointer to it; 4: what lies in a task.
        types.extend([int, kind::INT << 24, 4, 32]);
        types.extend([other, kind::STRUCT << 24 | 1, 4, tid, 1, 0]);
        types.extend([0, kind::PTR << 24, 2]);
        types.extend([inner, kind::STRUCT << 24 | 1, 8, other, 3, 0]);
        types.extend([task, kind::STRUCT << 24 | 2, 16, tid, 1, 0, inner, 4, 64]);
        types.extend([hook, kind::FUNC << 24, 0]);
        types.extend([traced, kind::TYPEDEF << 24, 3]);
        let types: Vec<u8> = types.into_iter().flat_map(u32::to_ne_bytes).collect();
        table(&types, &strings).unwrap().to_bytes()
    }

    #[test]
    fn what_is_named_is_kept_with_what_lies_in_it() {
        let wanted = HashSet::from([&b"task"[..]]);
        let types = Types::cut(&kernel(), &wanted).unwrap();
        let kept = |name, kind| types.layouts.id_by_type_name_kind(name, kind).ok();
        assert_eq!(kept("task", BtfKind::Struct), Some(1));
        assert!(kept("inner", BtfKind::Struct).is_some());
        assert!(kept("int", BtfKind::Int).is_some());
        assert_eq!(kept("other", BtfKind::Struct), None);
    }

    #[test]
    fn places_keep_their_numbers() {
        let types = Types::cut(&kernel(), &HashSet::new()).unwrap();
        let number = |name, kind| types.places.id_by_type_name_kind(name, kind).ok();
        assert_eq!(number("bpf_lsm_open", BtfKind::Func), Some(6));
        assert_eq!(number("btf_trace_exec", BtfKind::Typedef), Some(7));
        assert_eq!(number("btf_trace_open", BtfKind::Typedef), None);
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let whole = kernel();
        for len in 0..whole.len() {
            assert!(
                Types::cut(&whole[..len], &HashSet::new()).is_none(),
                "{len}"
            );
        }
    }
}
