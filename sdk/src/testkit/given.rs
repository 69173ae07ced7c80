//! What a test gives the services to answer from.

use super::lists::Lists;
use crate::Failure;
use crate::context::Socket;
use crate::file::{ElfFacts, Facts};
use crate::values::failure;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Bytes of state of a plugin whose manifest does not say, as in the agent.
const STATE: usize = 4 << 20;

/// What a test says of a file, see [`Scene::file`](super::Scene::file). What it does not say is not
/// known: [`Failure::Unavailable`].
#[derive(Debug, Clone, Default)]
pub struct File {
    facts: Option<Facts>,
    sha256: Option<[u8; 32]>,
    content: Option<Vec<u8>>,
    elf: Option<ElfFacts>,
    failure: Option<Failure>,
}

impl File {
    /// A file of which nothing is said yet.
    pub fn new() -> File {
        File::default()
    }

    /// A file of which every question fails for this reason.
    pub fn fails(failure: Failure) -> File {
        File {
            failure: Some(failure),
            ..File::default()
        }
    }

    /// What is known of it without reading it.
    pub fn facts(mut self, facts: Facts) -> File {
        self.facts = Some(facts);
        self
    }

    /// Its digest.
    pub fn sha256(mut self, sha256: [u8; 32]) -> File {
        self.sha256 = Some(sha256);
        self
    }

    /// What it holds, of which [`file::head`](crate::file::head) gives the beginning.
    pub fn content(mut self, content: impl Into<Vec<u8>>) -> File {
        self.content = Some(content.into());
        self
    }

    /// What it says of itself.
    pub fn elf(mut self, elf: ElfFacts) -> File {
        self.elf = Some(elf);
        self
    }
}

/// All that a story's services answer from.
#[derive(Debug, Clone)]
pub(super) struct Given {
    /// The operator's lists, where the story has some.
    pub lists: Option<Lists>,
    /// By path.
    pub files: BTreeMap<Vec<u8>, File>,
    /// By the key of the process.
    pub sockets: BTreeMap<u64, Vec<Socket>>,
    /// Bytes of state that the plugin may have.
    pub state: usize,
}

impl Default for Given {
    fn default() -> Given {
        Given {
            lists: None,
            files: BTreeMap::new(),
            sockets: BTreeMap::new(),
            state: STATE,
        }
    }
}

/// A question about a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    Stat,
    Sha256,
    Head(u32),
    Elf,
}

/// What was answered to a question about the machine.
#[derive(Debug, Clone)]
pub(super) enum Said {
    Facts(Facts),
    Digest([u8; 32]),
    Head(Vec<u8>),
    Elf(ElfFacts),
    Sockets(Vec<Socket>),
}

impl Given {
    /// What is said of the file at a path.
    pub fn of_file(&self, path: Option<&[u8]>, question: Question) -> Result<Said, u32> {
        let file = path.and_then(|path| self.files.get(path));
        let file = file.ok_or(failure::UNAVAILABLE)?;
        if let Some(failure) = file.failure {
            return Err(failure.number());
        }
        let said = match question {
            Question::Stat => file.facts.map(Said::Facts),
            Question::Sha256 => file.sha256.map(Said::Digest),
            Question::Elf => file.elf.clone().map(Said::Elf),
            Question::Head(len) => file.content.as_ref().map(|content| {
                let len = content.len().min(len as usize);
                Said::Head(content[..len].to_owned())
            }),
        };
        said.ok_or(failure::UNAVAILABLE)
    }

    /// What is said of the sockets of a process.
    pub fn of_sockets(&self, process: u64) -> Result<Said, u32> {
        let sockets = self.sockets.get(&process).cloned();
        sockets.map(Said::Sockets).ok_or(failure::UNAVAILABLE)
    }
}

impl Said {
    /// As `vedette plugin scene` reads it.
    pub fn to_json(&self) -> Value {
        match self {
            Said::Facts(facts) => json!({ "facts": {
                "size": facts.size,
                "mode": facts.mode,
                "uid": facts.uid,
                "gid": facts.gid,
                "links": facts.links,
                "device": facts.device,
                "inode": facts.inode,
                "modified": facts.modified,
            }}),
            Said::Digest(digest) => {
                let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                json!({ "digest": digits })
            }
            Said::Head(bytes) => json!({ "head": bytes }),
            Said::Elf(elf) => json!({ "elf": {
                "machine": elf.machine,
                "form": elf.form,
                "bits": elf.bits,
                "marks": elf.marks,
                "interpreter": elf.interpreter,
                "needed": elf.needed,
                "sections": elf.sections,
                "build_id": elf.build_id,
                "entropy": elf.entropy,
            }}),
            Said::Sockets(sockets) => {
                let sockets = sockets.iter().map(|socket| {
                    json!({
                        "fd": socket.fd,
                        "kind": socket.kind,
                        "marks": socket.marks,
                        "family": socket.family,
                        "inode": socket.inode,
                        "local": socket.local,
                        "remote": socket.remote,
                        "local_port": socket.local_port,
                        "remote_port": socket.remote_port,
                    })
                });
                json!({ "sockets": sockets.collect::<Vec<_>>() })
            }
        }
    }
}
