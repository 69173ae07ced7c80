//! `file`: what the test says of files, by their paths.

use super::super::given::{Question, Said};
use super::super::scene::Told;
use super::answer;
pub use crate::bindings::plugin::vedette::detect::file::{ElfFacts, Facts};
use crate::values::{failure, file_role};

/// Most bytes that `head` gives, as in the agent.
const MAX_HEAD: u32 = 64 << 10;

/// The path of the file of an event that a role names.
fn path(told: &Told, role: u32) -> Option<&[u8]> {
    match role {
        file_role::IMAGE => told.process.as_ref().map(|row| &*row.exe),
        file_role::TARGET_IMAGE => told.target.as_ref().map(|row| &*row.exe),
        file_role::PATH => Some(&told.act.text),
        file_role::OTHER_PATH => Some(&told.act.text2),
        _ => None,
    }
}

fn ask(event: u64, role: u32, asked: String, question: Question) -> Result<Said, u32> {
    answer(event, asked, |given, told| {
        given.of_file(path(told, role), question)
    })
}

pub fn stat(event: u64, role: u32) -> Result<Facts, u32> {
    let said = ask(event, role, format!("file.stat {role}"), Question::Stat);
    let Said::Facts(facts) = said? else {
        return Err(failure::UNAVAILABLE);
    };
    Ok(Facts {
        size: facts.size,
        mode: facts.mode,
        uid: facts.uid,
        gid: facts.gid,
        links: facts.links,
        device: facts.device,
        inode: facts.inode,
        modified: facts.modified,
    })
}

pub fn sha256(event: u64, role: u32) -> Result<Vec<u8>, u32> {
    let asked = format!("file.sha256 {role}");
    match ask(event, role, asked, Question::Sha256)? {
        Said::Digest(digest) => Ok(digest.to_vec()),
        _ => Err(failure::UNAVAILABLE),
    }
}

pub fn head(event: u64, role: u32, len: u32) -> Result<Vec<u8>, u32> {
    let len = len.min(MAX_HEAD);
    let asked = format!("file.head {role} {len}");
    match ask(event, role, asked, Question::Head(len))? {
        Said::Head(bytes) => Ok(bytes),
        _ => Err(failure::UNAVAILABLE),
    }
}

pub fn elf(event: u64, role: u32) -> Result<ElfFacts, u32> {
    let said = ask(event, role, format!("file.elf {role}"), Question::Elf);
    let Said::Elf(elf) = said? else {
        return Err(failure::UNAVAILABLE);
    };
    Ok(ElfFacts {
        machine: elf.machine,
        form: elf.form,
        bits: elf.bits,
        marks: elf.marks,
        interpreter: elf.interpreter,
        needed: elf.needed,
        sections: elf.sections,
        build_id: elf.build_id,
        entropy: elf.entropy,
    })
}
