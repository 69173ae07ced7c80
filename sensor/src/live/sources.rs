//! Where events of a kind come from, for people.

use super::{programs::ATTACHMENTS, syscalls::HANDLERS};
use serde::Serialize;

/// A program that tells of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Its name in the kernel.
    pub program: &'static str,
    /// What it looks at.
    pub at: String,
}

/// The programs that tell of a kind; none of what user space makes.
pub fn sources(kind: u16) -> Vec<Source> {
    let attachments = ATTACHMENTS.iter().filter(|row| row.kinds.contains(&kind));
    let handlers = HANDLERS.iter().filter(|row| row.kinds.contains(&kind));
    let places = attachments
        .flat_map(|row| row.alternatives)
        // The dispatcher serves whatever the system calls tell, and none by itself.
        .filter(|(_, place)| *place != "sys_exit")
        .map(|(program, place)| Source {
            program,
            at: match *place {
                "" => "packets".to_owned(),
                place => place.to_owned(),
            },
        });
    let calls = handlers.map(|row| Source {
        program: row.program,
        at: match row.calls.len() {
            1 => "a system call".to_owned(),
            several => format!("{several} system calls"),
        },
    });
    places.chain(calls).collect()
}
