//! Files that an event is about, read through the root of the process that acted.
//!
//! The agent looks a moment after the event: a file that is another one by then fails with
//! [`Failure::Changed`], one that is gone with [`Failure::NotFound`]. What it answers is kept in
//! captures, so a replay answers the same. In tests the test does
//! (`Scene::file` of the test kit); what it does not say is [`Failure::Unavailable`].
//!
//! ```
//! use vedette_sdk::prelude::*;
//!
//! /// What the operator's lists say of the program that was executed.
//! fn known(event: Event<'_>) -> Result<Option<intel::Hit>, Failure> {
//!     let digest = file::sha256(event, Role::Image)?;
//!     Ok(intel::digest(&digest)?.into_iter().next())
//! }
//! ```

#[cfg(target_arch = "wasm32")]
use crate::bindings::plugin::vedette::detect::file as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::testkit::services::file as host;

use crate::values::file_role;
use crate::{Event, Failure};

/// Which file of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The image that the process runs.
    Image,
    /// The file that the event names: what was opened, executed, renamed.
    Path,
    /// The other one that it names: the earlier name of a rename or link.
    OtherPath,
    /// The image that the target runs.
    TargetImage,
}

impl Role {
    fn number(self) -> u32 {
        match self {
            Role::Image => file_role::IMAGE,
            Role::Path => file_role::PATH,
            Role::OtherPath => file_role::OTHER_PATH,
            Role::TargetImage => file_role::TARGET_IMAGE,
        }
    }
}

/// What is known of a file without reading it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// Bytes.
    pub size: u64,
    /// Type and permissions, as in stat.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Names that it has.
    pub links: u32,
    /// Device, as in events.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Last change of the content, ns since 1970.
    pub modified: u64,
}

/// What an ELF file says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ElfFacts {
    /// Machine (EM_…).
    pub machine: u32,
    /// Type (ET_…).
    pub form: u32,
    /// 32 or 64.
    pub bits: u32,
    /// Bits of [`elf_mark`](crate::values::elf_mark).
    pub marks: u32,
    /// Program interpreter, empty if there is none.
    pub interpreter: String,
    /// Shared objects that it needs, in its order.
    pub needed: Vec<String>,
    /// Names of its sections, in their order.
    pub sections: Vec<String>,
    /// Build id, empty if there is none.
    pub build_id: Vec<u8>,
    /// Entropy of its loaded segments, thousandths of bits a byte.
    pub entropy: u32,
}

impl ElfFacts {
    /// Whether it has these marks: bits of [`elf_mark`](crate::values::elf_mark).
    pub fn has(&self, marks: u32) -> bool {
        self.marks & marks == marks
    }
}

/// What is known of a file without reading it, of whatever type it is.
///
/// # Errors
/// See [`Failure`].
pub fn stat(event: Event<'_>, role: Role) -> Result<Facts, Failure> {
    let facts = host::stat(event.id(), role.number()).map_err(Failure::from_number)?;
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

/// SHA-256 of the whole file.
///
/// # Errors
/// [`Failure::TooLarge`] above 256 MiB, [`Failure::Malformed`] where it is no plain file,
/// [`Failure::Quota`] where it cannot be read within the call's deadline; see [`Failure`] for the
/// others.
pub fn sha256(event: Event<'_>, role: Role) -> Result<[u8; 32], Failure> {
    let digest = host::sha256(event.id(), role.number()).map_err(Failure::from_number)?;
    digest.try_into().map_err(|_| Failure::Malformed)
}

/// Its first bytes, at most `len` and at most 64 KiB.
///
/// # Errors
/// As [`sha256`], whatever the size of the file.
pub fn head(event: Event<'_>, role: Role, len: u32) -> Result<Vec<u8>, Failure> {
    host::head(event.id(), role.number(), len).map_err(Failure::from_number)
}

/// What an ELF file says of itself.
///
/// # Errors
/// [`Failure::Malformed`] where it is none, [`Failure::TooLarge`] above 32 MiB; else as [`sha256`].
pub fn elf(event: Event<'_>, role: Role) -> Result<ElfFacts, Failure> {
    let facts = host::elf(event.id(), role.number()).map_err(Failure::from_number)?;
    Ok(ElfFacts {
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
