//! What a container was given of the machine when it was started: by its mounts and its shared
//! namespaces, as its runtime tells them.

use vedette_sdk::Container;
use vedette_sdk::prelude::*;

/// Directories of the machine that hold everything, among it what starts programs. Who is given a
/// directory below them is given just that.
const BROAD: [&[u8]; 5] = [b"/", b"/etc", b"/root", b"/home", b"/var"];

/// Number of a mount among the attributes of the catalogue's kind `container`.
const MOUNT: u32 = 6;

/// What of the machine is mounted into a container: source and destination.
#[derive(Debug)]
pub struct Mounts<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Mounts<'a> {
    /// Those of a container, none before its runtime has told them.
    pub fn of(container: Container<'a>) -> Self {
        Mounts(container.mounts().filter_map(parts).collect())
    }

    /// Those that an event of the kind `container` tells.
    pub fn told(event: Event<'a>) -> Self {
        Mounts(event.attr_texts(MOUNT).filter_map(parts).collect())
    }

    /// Whether a file of the machine was mounted on purpose, by itself or with a directory that it
    /// is in.
    pub fn give(&self, path: &[u8]) -> bool {
        let path = behind_link(path);
        self.0.iter().any(|(source, _)| {
            let source = behind_link(source);
            source != b"/" && below(path, source).is_some()
        })
    }

    /// Whether a directory of the machine, or some of it, was mounted.
    pub fn give_of(&self, directory: &[u8]) -> bool {
        let mut sources = self.0.iter().map(|(source, _)| *source);
        sources
            .any(|source| below(source, directory).is_some() || below(directory, source).is_some())
    }

    /// Whether the machine's root directory is mounted here.
    pub fn are_root_at(&self, path: &[u8]) -> bool {
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let is_here = |destination| below(path, destination) == Some(b"");
        self.0
            .iter()
            .any(|(source, destination)| *source == b"/" && is_here(destination))
    }

    /// The path on the machine of what is seen at `path` through a mount of a directory that holds
    /// everything.
    pub fn on_machine(&self, path: &[u8]) -> Option<Vec<u8>> {
        let mut broad = self.0.iter().filter(|(source, _)| BROAD.contains(source));
        broad.find_map(|(source, destination)| {
            let rest = below(path, destination)?;
            let source = source.strip_suffix(b"/").unwrap_or(source);
            Some([source, rest].concat())
        })
    }
}

fn parts(mount: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = mount.split(|byte| *byte == b':');
    Some((parts.next()?, parts.next()?))
}

/// What is left of a path below a directory; empty for the directory itself.
fn below<'a>(path: &'a [u8], directory: &[u8]) -> Option<&'a [u8]> {
    let directory = directory.strip_suffix(b"/").unwrap_or(directory);
    let rest = path.strip_prefix(directory)?;
    (rest.is_empty() || rest[0] == b'/').then_some(rest)
}

/// The path behind the link that most machines have at `/var/run`.
fn behind_link(path: &[u8]) -> &[u8] {
    match below(path, b"/var/run") {
        Some(_) => &path[b"/var".len()..],
        None => path,
    }
}

/// Whether a process that is in a namespace of the machine now belongs there: its container shares
/// that, or those that it comes from were there, in the same container.
pub fn shares(process: Process<'_>, container: Container<'_>, shared: u32, host: u32) -> bool {
    container.marks() & shared != 0
        || process
            .ancestors()
            .take_while(|above| above.shares_container(process) && !above.is_joining())
            .any(|above| above.has(host))
}
