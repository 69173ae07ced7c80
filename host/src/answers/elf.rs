//! What an ELF file says of itself. It comes from whom it may be about: every number in it may lie.

use object::{
    Endianness, FileKind,
    elf::{self, PF_W, PF_X, PT_GNU_STACK, PT_INTERP, PT_LOAD},
    read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader},
};
use serde::{Deserialize, Serialize};
use vedette_contract::values::elf_mark;

/// Names of each sort that are told, bytes of one name and of the build id: what goes into a guest's
/// memory.
const MAX_NAMES: usize = 256;
const MAX_NAME: usize = 256;
const MAX_BUILD_ID: usize = 64;
/// Entries of a table that are looked at: a program has some ten segments and hundreds of dynamic
/// entries.
const MAX_ENTRIES: usize = 4096;

/// What an ELF file is. Twin of `elf-facts` in detect.wit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "detect.wit says it")]
pub struct ElfFacts {
    pub machine: u32,
    pub form: u32,
    pub bits: u32,
    pub marks: u32,
    pub interpreter: String,
    pub needed: Vec<String>,
    pub sections: Vec<String>,
    pub build_id: Vec<u8>,
    pub entropy: u32,
}

impl ElfFacts {
    /// What these bytes say, if they are an ELF file.
    pub fn read(file: &[u8]) -> Option<ElfFacts> {
        match FileKind::parse(file).ok()? {
            FileKind::Elf32 => read::<elf::FileHeader32<Endianness>>(file, 32),
            FileKind::Elf64 => read::<elf::FileHeader64<Endianness>>(file, 64),
            _ => None,
        }
    }
}

fn read<H: FileHeader<Endian = Endianness>>(file: &[u8], bits: u32) -> Option<ElfFacts> {
    let header = H::parse(file).ok()?;
    let endian = header.endian().ok()?;
    let mut facts = ElfFacts {
        machine: header.e_machine(endian).into(),
        form: header.e_type(endian).into(),
        bits,
        ..ElfFacts::default()
    };
    let segments = header.program_headers(endian, file).unwrap_or_default();
    let segments = &segments[..segments.len().min(MAX_ENTRIES)];
    let mut bytes = Bytes::default();
    for segment in segments {
        let flags = segment.p_flags(endian);
        match segment.p_type(endian) {
            PT_LOAD => {
                bytes.count(segment.data(endian, file).unwrap_or_default());
                if flags & (PF_W | PF_X) == PF_W | PF_X {
                    facts.marks |= elf_mark::WRITABLE_CODE;
                }
            }
            PT_GNU_STACK if flags & PF_X != 0 => facts.marks |= elf_mark::EXECUTABLE_STACK,
            PT_INTERP => facts.interpreter = name(segment.data(endian, file).unwrap_or_default()),
            _ => {}
        }
        if let Ok(Some(notes)) = segment.notes(endian, file) {
            let mut notes = notes.take(MAX_ENTRIES).filter_map(Result::ok);
            let id = notes.find_map(|note| {
                let is_id = note.name() == b"GNU" && note.n_type(endian) == elf::NT_GNU_BUILD_ID;
                is_id.then(|| note.desc())
            });
            if let Some(id) = id {
                facts.build_id = id[..id.len().min(MAX_BUILD_ID)].to_vec();
            }
        }
    }
    facts.entropy = bytes.entropy();
    facts.needed = needed::<H>(segments, endian, file);
    if !facts.needed.is_empty() || !facts.interpreter.is_empty() {
        facts.marks |= elf_mark::DYNAMIC;
    }
    if header.e_type(endian) == elf::ET_DYN {
        facts.marks |= elf_mark::POSITION_INDEPENDENT;
    }
    let sections = header.sections(endian, file).ok();
    match sections.filter(|sections| !sections.is_empty()) {
        None => facts.marks |= elf_mark::NO_SECTIONS | elf_mark::STRIPPED,
        Some(sections) => {
            let all = || sections.iter().take(MAX_ENTRIES);
            if !all().any(|section| section.sh_type(endian) == elf::SHT_SYMTAB) {
                facts.marks |= elf_mark::STRIPPED;
            }
            // The first of every table has no name.
            let names = all().skip(1).take(MAX_NAMES);
            facts.sections = names
                .map(|section| name(sections.section_name(endian, section).unwrap_or_default()))
                .collect();
        }
    }
    Some(facts)
}

/// Names of the shared objects that it needs.
fn needed<H: FileHeader<Endian = Endianness>>(
    segments: &[H::ProgramHeader],
    endian: Endianness,
    file: &[u8],
) -> Vec<String> {
    let dynamic = segments
        .iter()
        .find_map(|segment| segment.dynamic(endian, file).ok().flatten())
        .unwrap_or_default();
    let entries = || {
        let values = dynamic.iter().take(MAX_ENTRIES);
        let values = values.map(|entry| (entry.d_tag(endian).into(), entry.d_val(endian).into()));
        values.take_while(|(tag, _): &(i64, u64)| *tag != elf::DT_NULL)
    };
    let value = |wanted: i64| entries().find(|(tag, _)| *tag == wanted).map(|e| e.1);
    let Some((address, size)) = value(elf::DT_STRTAB).zip(value(elf::DT_STRSZ)) else {
        return Vec::new();
    };
    let strings = segments
        .iter()
        .filter(|segment| segment.p_type(endian) == PT_LOAD)
        .find_map(|segment| {
            segment
                .data_range(endian, file, address, size)
                .ok()
                .flatten()
        })
        .unwrap_or_default();
    let names = entries().filter(|(tag, _)| *tag == elf::DT_NEEDED);
    names
        .take(MAX_NAMES)
        .filter_map(|(_, at)| strings.get(usize::try_from(at).ok()?..).map(name))
        .collect()
}

/// Text up to a NUL, as far as it is told.
fn name(bytes: &[u8]) -> String {
    let end = bytes.iter().take(MAX_NAME).position(|byte| *byte == 0);
    let end = end.unwrap_or(bytes.len().min(MAX_NAME));
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// How often each byte was met.
struct Bytes([u64; 256]);

impl Default for Bytes {
    fn default() -> Bytes {
        Bytes([0; 256])
    }
}

impl Bytes {
    fn count(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0[usize::from(*byte)] += 1;
        }
    }

    /// Thousandths of bits a byte.
    fn entropy(&self) -> u32 {
        let total: u64 = self.0.iter().sum();
        let part = |count: &u64| {
            let share = *count as f64 / total as f64;
            -share * share.log2()
        };
        let bits: f64 = self.0.iter().filter(|n| **n > 0).map(part).sum();
        (bits * 1000.0).round() as u32
    }
}
