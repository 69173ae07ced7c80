//! `file`: the files that events are about, as they are when the plugin asks.

use super::{
    super::{bindings::vedette::detect::file, component::Digest},
    Services,
};
use crate::answers::{About, ElfFacts, FileFacts, MAX_HEAD, What};

impl file::Host for Services {
    fn stat(&mut self, event: u64, role: u32) -> Result<file::Facts, u32> {
        let record = self.event(event)?;
        let facts: FileFacts =
            self.of_machine(event, What::Stat { role }, About::Event(&record))?;
        Ok(file::Facts {
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

    fn sha256(&mut self, event: u64, role: u32) -> Result<Vec<u8>, u32> {
        let record = self.event(event)?;
        let digest: Digest =
            self.of_machine(event, What::Sha256 { role }, About::Event(&record))?;
        Ok(digest.0.to_vec())
    }

    fn head(&mut self, event: u64, role: u32, len: u32) -> Result<Vec<u8>, u32> {
        let record = self.event(event)?;
        // What is asked beyond the most is the same question.
        let len = len.min(MAX_HEAD);
        self.bytes_of_machine(event, What::Head { role, len }, About::Event(&record))
    }

    fn elf(&mut self, event: u64, role: u32) -> Result<file::ElfFacts, u32> {
        let record = self.event(event)?;
        let facts: ElfFacts = self.of_machine(event, What::Elf { role }, About::Event(&record))?;
        Ok(file::ElfFacts {
            machine: facts.machine,
            form: facts.form,
            bits: facts.bits,
            marks: facts.marks,
            interpreter: facts.interpreter,
            needed: facts.needed,
            sections: facts.sections,
            build_id: facts.build_id,
            entropy: facts.entropy,
        })
    }
}
