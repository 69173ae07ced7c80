//! Before Linux 6.13 a program and the functions that it calls have 512 bytes of stack together; a
//! function that it hands to a helper to be called from there counts as called where its address is
//! taken. This machine's kernel may give them more, so it is counted here, as the verifier counts it.
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use object::{
    Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex, SectionKind, SymbolKind,
    SymbolSection,
};
use std::collections::{BTreeMap, BTreeSet};

/// What the verifier grants, and the steps in which it counts.
const MOST: u64 = 512;
const STEP: u64 = 32;

/// The register that points to the end of the stack frame.
const FRAME: u8 = 10;

/// Calls of a function, and loads of a number of 64 bits, which an address may be.
const CALL: u8 = 0x85;
const LOAD: u8 = 0x18;

#[derive(Default)]
struct Function {
    name: String,
    /// Bytes below the frame pointer that it touches or points to.
    stack: u64,
    /// What it calls, or has called.
    calls: BTreeSet<(usize, u64)>,
    /// What of these it has called by a helper.
    callbacks: BTreeSet<(usize, u64)>,
}

type Functions = BTreeMap<(usize, u64), Function>;

fn functions(file: &object::File) -> Functions {
    let mut functions = Functions::new();
    for symbol in file.symbols().filter(|s| s.kind() == SymbolKind::Text) {
        let SymbolSection::Section(section) = symbol.section() else {
            continue;
        };
        let content = file.section_by_index(section).unwrap();
        let calls = calls(file, section);
        let (from, len) = (symbol.address(), symbol.size());
        let code = &content.data().unwrap()[from as usize..(from + len) as usize];
        let mut function = Function {
            name: symbol.name().unwrap().to_owned(),
            ..Function::default()
        };
        walk(code, from, section, &calls, &mut function);
        functions.insert((section.0, from), function);
    }
    functions
}

/// Where the calls and addresses of functions in a section lead that the loader is to fill in, by
/// their place.
fn calls(file: &object::File, section: SectionIndex) -> BTreeMap<u64, (usize, u64, bool)> {
    let section = file.section_by_index(section).unwrap();
    let targets = section.relocations().filter_map(|(at, relocation)| {
        let RelocationTarget::Symbol(symbol) = relocation.target() else {
            return None;
        };
        let symbol = file.symbol_by_index(symbol).ok()?;
        let whole_section = symbol.kind() == SymbolKind::Section;
        let index = symbol.section_index()?;
        let code = file.section_by_index(index).ok()?.kind() == SectionKind::Text;
        code.then(|| (at, (index.0, symbol.address(), whole_section)))
    });
    targets.collect()
}

fn walk(
    code: &[u8],
    from: u64,
    section: SectionIndex,
    calls: &BTreeMap<u64, (usize, u64, bool)>,
    function: &mut Function,
) {
    // Registers that point into the frame, and how far below its end.
    let mut below: BTreeMap<u8, i64> = BTreeMap::from([(FRAME, 0)]);
    let mut at = 0;
    while at < code.len() {
        let (op, registers) = (code[at], code[at + 1]);
        let (to, source) = (registers & 15, registers >> 4);
        let offset = i64::from(i16::from_le_bytes([code[at + 2], code[at + 3]]));
        let value = i32::from_le_bytes(code[at + 4..at + 8].try_into().unwrap());
        let place = from + at as u64;
        at += if op == LOAD { 16 } else { 8 };
        let (class, old) = (op & 7, below.get(&to).copied());
        let touched = match class {
            1 => below.get(&source).map(|base| base + offset),
            2 | 3 => old.map(|base| base + offset),
            _ => None,
        };
        let new = match op {
            0xbf => below.get(&source).copied(),
            0x07 => old.map(|base| base + i64::from(value)),
            _ => None,
        };
        for deep in touched.into_iter().chain(new) {
            function.stack = function.stack.max(deep.min(0).unsigned_abs());
        }
        if op == LOAD
            && let Some((section, address, _)) = calls.get(&place)
        {
            let callback = address.wrapping_add_signed(i64::from(value));
            function.calls.insert((*section, callback));
            function.callbacks.insert((*section, callback));
        }
        if op == CALL {
            if source == 1 {
                function.calls.insert(match calls.get(&place) {
                    Some((section, address, true)) => (
                        *section,
                        address.wrapping_add_signed((i64::from(value) + 1) * 8),
                    ),
                    Some((section, address, false)) => (*section, *address),
                    None => (
                        section.0,
                        place.wrapping_add_signed((i64::from(value) + 1) * 8),
                    ),
                });
            }
            below.retain(|register, _| *register > 5);
        } else if matches!(class, 0 | 1 | 4 | 7) && to != FRAME {
            below.remove(&to);
            if let Some(new) = new {
                below.insert(to, new);
            }
        }
    }
}

/// The deepest way from here, and what the verifier makes of it.
fn deepest(functions: &Functions, at: (usize, u64)) -> (u64, String) {
    let Some(function) = functions.get(&at) else {
        return (0, format!("?{at:x?}"));
    };
    let own = function.stack.max(1).next_multiple_of(STEP);
    let below = function.calls.iter().map(|call| deepest(functions, *call));
    let (deep, way) = below.max().unwrap_or_default();
    let name = format!("{} {}", function.name, function.stack);
    let way = if way.is_empty() {
        name
    } else {
        format!("{name} > {way}")
    };
    (own + deep, way)
}

#[test]
fn every_program_fits_into_the_stack_of_older_kernels() {
    let code = std::fs::read(concat!(env!("OUT_DIR"), "/core.bpf.o")).unwrap();
    let file = object::File::parse(&*code).unwrap();
    let functions = functions(&file);
    assert!(functions.len() > 50, "{}", functions.len());
    // It knows what every call leads to, callbacks too.
    let mut called = functions.values().flat_map(|f| &f.calls);
    assert!(called.all(|to| functions.contains_key(to)));
    let judging = functions.values().find(|f| f.name == "line_held").unwrap();
    let mut callbacks = judging.callbacks.iter().map(|to| &functions[to].name);
    assert!(callbacks.any(|name| name == "judge_step"));
    let deep: Vec<_> = functions
        .keys()
        .map(|at| deepest(&functions, *at))
        .collect();
    // It counts at all: the deepest is known to come near.
    assert!(deep.iter().any(|(bytes, _)| *bytes > 300));
    let over: Vec<_> = deep
        .into_iter()
        .filter(|(bytes, _)| *bytes > MOST)
        .collect();
    assert!(over.is_empty(), "{over:#?}");
}
