//! The signs in a file's bytes by which shells and interpreters are known.

use aho_corasick::packed;
use object::elf::{self, PF_X, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind};
use std::{fs::File, os::unix::fs::FileExt};
use vedette_contract::values::image_class;

/// Stops a file of gigabytes from holding up the stream of events: bytes of one image that are
/// read, data before code. A file that goes on behind them and showed nothing is `unknown`.
const READ_MAX: u64 = 16 << 20;

/// Bytes read at a time: stays in the second-level cache between reading and searching.
const STEP: usize = 128 << 10;

/// Bytes at the end of one step that are searched again with the next: more than the longest
/// sign and what is looked at before it.
const OVERLAP: usize = 64;

/// What must stand before a sign.
#[derive(Clone, Copy)]
enum Before {
    Anything,
    /// The end of another C string, or the prefix byte that some tables use.
    Edge,
    /// The end of another string of 4-byte characters.
    WideEdge,
}
use Before::{Anything, Edge, WideEdge};

// The POSIX grammar: reserved words that no other language has, and state that only a program
// which runs the grammar keeps (one that only colours it does not).
const ESAC: u32 = 1 << 0;
const ELIF: u32 = 1 << 1;
const STATE: u32 = 1 << 2;
const POSIX: u32 = ESAC | ELIF | STATE;
// The grammar of csh.
const BREAKSW: u32 = 1 << 3;
const ENDSW: u32 = 1 << 4;
const CSH: u32 = BREAKSW | ENDSW;
// Built-in commands of rc.
const NEWPGRP: u32 = 1 << 5;
const WHATIS: u32 = 1 << 6;
const RC: u32 = NEWPGRP | WHATIS;
/// Signs of shells that need no second one.
const SHELL: u32 = 1 << 7;
const INTERPRETER: u32 = 1 << 8;
/// The first of the applets' bits.
const APPLET: u32 = 1 << 16;
const APPLETS: u32 = 0xff << 16;
/// Applets without which a shell is not one among many.
const APPLETS_MIN: u32 = 4;

const SIGNS: &[(&[u8], Before, u32)] = &[
    (b"esac\0", Edge, ESAC),
    (b"elif\0", Edge, ELIF),
    (b"getopts\0", Anything, STATE),
    (b"OLDPWD", Anything, STATE),
    // yash keeps its grammar in 4-byte characters.
    (b"e\0\0\0s\0\0\0a\0\0\0c\0\0\0\0\0\0\0", WideEdge, ESAC),
    (b"e\0\0\0l\0\0\0i\0\0\0f\0\0\0\0\0\0\0", WideEdge, ELIF),
    (
        b"O\0\0\0L\0\0\0D\0\0\0P\0\0\0W\0\0\0D\0\0\0",
        WideEdge,
        STATE,
    ),
    (b"breaksw\0", Edge, BREAKSW),
    (b"endsw\0", Edge, ENDSW),
    (b"newpgrp\0", Edge, NEWPGRP),
    (b"whatis\0", Edge, WHATIS),
    // fish: `fish_func`(tion_path), in 4-byte characters.
    (
        b"f\0\0\0i\0\0\0s\0\0\0h\0\0\0_\0\0\0f\0\0\0u\0\0\0n\0\0\0c\0\0\0",
        WideEdge,
        SHELL,
    ),
    // sash.
    (b"aliasall\0", Edge, SHELL),
    // elvish: the path of its own packages, which Go keeps in stripped files too.
    (b"src.elv.sh/pkg/eval", Anything, SHELL),
    // Applets of busybox and toybox that no other shell builds in.
    (b"ifconfig\0", Edge, APPLET),
    (b"insmod\0", Edge, APPLET << 1),
    (b"umount\0", Edge, APPLET << 2),
    (b"wget\0", Edge, APPLET << 3),
    (b"gunzip\0", Edge, APPLET << 4),
    (b"dmesg\0", Edge, APPLET << 5),
    (b"switch_root\0", Edge, APPLET << 6),
    (b"mkswap\0", Edge, APPLET << 7),
    // Runtimes: the symbol by which a front imports, or the whole runtime exports, the function
    // that runs a program (the dynamic symbols outlive a strip), or the variable that the
    // runtime's main function reads.
    (b"Py_BytesMain\0", Edge, INTERPRETER),
    (b"Py_Main\0", Edge, INTERPRETER),
    (b"PYTHONSTARTUP\0", Edge, INTERPRETER),
    (b"perl_run\0", Edge, INTERPRETER),
    (b"PERL5LIB\0", Edge, INTERPRETER),
    (b"ruby_run_node\0", Edge, INTERPRETER),
    (b"LUA_INIT", Anything, INTERPRETER),
    (b"Tcl_CreateInterp\0", Edge, INTERPRETER),
    (b"Tcl_MainEx\0", Edge, INTERPRETER),
    (b"napi_module_register\0", Edge, INTERPRETER),
    (b"php_request_startup\0", Edge, INTERPRETER),
];

/// Searches files for the signs, with memory that is used again.
pub(super) struct Scanner {
    search: Search,
    buffer: Vec<u8>,
}

/// The vectorised search where the processor has it.
enum Search {
    Packed(packed::Searcher),
    Plain(Box<aho_corasick::AhoCorasick>),
}

impl Scanner {
    pub fn new() -> Scanner {
        let patterns = || SIGNS.iter().map(|(bytes, ..)| *bytes);
        let packed = packed::Config::new().builder().extend(patterns()).build();
        let search = packed.map(Search::Packed).unwrap_or_else(|| {
            let plain = aho_corasick::AhoCorasick::new(patterns());
            Search::Plain(Box::new(
                plain.expect("a few short constants make an automaton"),
            ))
        });
        Scanner {
            search,
            buffer: vec![0; STEP + OVERLAP],
        }
    }

    /// The class of a file; none where it cannot be read.
    pub fn classify(&mut self, file: &File) -> Option<u32> {
        let have = read_some(file, &mut self.buffer[..STEP], 0)?;
        let parts = match parts(&self.buffer[..have]) {
            Some(parts) => parts,
            // Not ELF, or headers far from the start: all of it, then.
            None => vec![(0, u64::MAX)],
        };
        let mut signs = 0;
        let mut budget = READ_MAX;
        let mut whole = true;
        for (offset, len) in parts {
            let take = len.min(budget);
            let read = self.scan(file, offset, take, &mut signs)?;
            budget -= read;
            // Less than asked for is the end of the file.
            whole &= take == len || read < take;
        }
        Some(match class(signs) {
            image_class::OTHER if !whole => image_class::UNKNOWN,
            class => class,
        })
    }

    /// Searches a part of a file; returns how much of it there was.
    fn scan(&mut self, file: &File, offset: u64, len: u64, signs: &mut u32) -> Option<u64> {
        let mut done = 0;
        let mut kept = 0;
        while done < len {
            let want = (len - done).min(STEP as u64) as usize;
            let at = offset.checked_add(done)?;
            let have = read_some(file, &mut self.buffer[kept..kept + want], at)?;
            done += have as u64;
            let filled = kept + have;
            self.search.search(&self.buffer[..filled], kept == 0, signs);
            if have < want {
                break;
            }
            kept = filled.min(OVERLAP);
            self.buffer.copy_within(filled - kept..filled, 0);
        }
        Some(done)
    }
}

impl Search {
    /// `first` says that nothing stands before the bytes; otherwise a sign at their very start
    /// was already found with what stands before it.
    fn search(&self, bytes: &[u8], first: bool, signs: &mut u32) {
        let mut note = |sign: usize, start: usize| {
            let (_, before, bit) = SIGNS[sign];
            let edge = match before {
                Anything => true,
                Edge => start.checked_sub(1).map_or(first, |at| bytes[at] < b' '),
                WideEdge => start
                    .checked_sub(4)
                    .map_or(first, |at| bytes[at..start] == [0; 4]),
            };
            if edge {
                *signs |= bit;
            }
        };
        match self {
            Search::Packed(s) => s
                .find_iter(bytes)
                .for_each(|m| note(m.pattern().as_usize(), m.start())),
            Search::Plain(s) => s
                .find_iter(bytes)
                .for_each(|m| note(m.pattern().as_usize(), m.start())),
        }
    }
}

fn class(signs: u32) -> u32 {
    let all = |of: u32| signs & of == of;
    if all(POSIX) && (signs & APPLETS).count_ones() >= APPLETS_MIN {
        image_class::MULTICALL_SHELL
    } else if all(POSIX) || all(CSH) || all(RC) || all(SHELL) {
        image_class::SHELL
    } else if all(INTERPRETER) {
        image_class::INTERPRETER
    } else {
        image_class::OTHER
    }
}

/// Offset and length of what an ELF file loads, data before code; none where it is not ELF.
fn parts(start: &[u8]) -> Option<Vec<(u64, u64)>> {
    match FileKind::parse(start).ok()? {
        FileKind::Elf32 => loaded::<elf::FileHeader32<Endianness>>(start),
        FileKind::Elf64 => loaded::<elf::FileHeader64<Endianness>>(start),
        _ => None,
    }
}

fn loaded<Elf: FileHeader<Endian = Endianness>>(start: &[u8]) -> Option<Vec<(u64, u64)>> {
    let header = Elf::parse(start).ok()?;
    let endian = header.endian().ok()?;
    let mut segments: Vec<_> = header
        .program_headers(endian, start)
        .ok()?
        .iter()
        .filter(|s| s.p_type(endian) == PT_LOAD)
        .map(|s| {
            let (offset, len) = s.file_range(endian);
            (s.p_flags(endian) & PF_X != 0, offset, len)
        })
        .collect();
    segments.sort_by_key(|(code, ..)| *code);
    Some(segments.into_iter().map(|(_, at, len)| (at, len)).collect())
}

/// Fills the buffer unless the file ends before.
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> Option<usize> {
    let mut have = 0;
    while have < buffer.len() {
        match file.read_at(&mut buffer[have..], offset.checked_add(have as u64)?) {
            Ok(0) => break,
            Ok(n) => have += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    Some(have)
}
