//! What happens in a container before its runtime has said what of the machine is mounted into it.

use crate::file;
use crate::given::Mounts;
use crate::mount;
use vedette_sdk::bounded::Map;
use vedette_sdk::prelude::*;
use vedette_sdk::{Container, views};

/// Containers whose acts wait to be judged. Stops whoever starts containers that no runtime knows
/// from filling the plugin's memory; the oldest is forgotten.
const MAX_CONTAINERS: usize = 256;

/// Acts of one container that wait. Stops a container that does nothing else.
const MAX_HELD: usize = 64;

/// An act whose worth lies in what is mounted where it is done.
#[derive(Debug, Clone)]
pub struct Held {
    /// Whether the path was made its root; else it was opened to write.
    pub changes_root: bool,
    /// Of the process's own root.
    pub path: Vec<u8>,
    /// Key of the process, and of those that it comes from.
    pub lineage: Vec<u64>,
    /// Its executable.
    pub exe: Vec<u8>,
    /// The event.
    pub event: u64,
}

/// Acts that wait, by the key of their container, with its id.
#[derive(Debug)]
pub struct Early(Map<u64, (Vec<u8>, Vec<Held>)>);

impl Default for Early {
    fn default() -> Self {
        Early(Map::new(MAX_CONTAINERS))
    }
}

impl Early {
    /// Remembers an act that cannot be judged yet.
    pub fn hold(&mut self, event: Event<'_>, process: Process<'_>, container: Container<'_>) {
        if container.marks() & container_mark::PENDING == 0 {
            return;
        }
        let (changes_root, path) = if let Some(change) = event.as_mount() {
            match mount::new_root(change) {
                Some(path) => (true, path),
                None => return,
            }
        } else if let Some(open) = event.as_open()
            && file::may_start_programs(open)
        {
            (false, open.path())
        } else {
            return;
        };
        let new = || (container.id().to_owned(), Vec::new());
        let (_, held) = self.0.get_or_insert_with(container.key(), new);
        if held.len() < MAX_HELD {
            held.push(Held {
                changes_root,
                path: path.to_owned(),
                lineage: process.lineage().map(Process::key).collect(),
                exe: process.exe().to_owned(),
                event: event.id(),
            });
        }
    }

    /// The acts of a container that its runtime has described, and its mounts.
    pub fn described<'a>(
        &mut self,
        container: views::Container<'_>,
        event: Event<'a>,
    ) -> (Vec<Held>, Mounts<'a>) {
        let pending = container.marks() & container_mark::PENDING != 0;
        let of = |entry: &(&u64, &(Vec<u8>, _))| !pending && entry.1.0 == container.id();
        let key = self.0.iter().find(of).map(|(key, _)| *key);
        let held = key.and_then(|key| self.0.remove(&key));
        (held.unwrap_or_default().1, Mounts::told(event))
    }
}
