//! A plugin's sources, watched: what an author changes, not what a build writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Most files that are looked at: stops a watch over a whole disk.
const MAX_FILES: usize = 4096;
/// Deepest directory that is looked into, for the same reason.
const MAX_DEPTH: usize = 12;

/// Directories that hold no sources of the author's.
const NO_SOURCES: [&str; 6] = [
    "target",
    "node_modules",
    "__pycache__",
    "build",
    "dist",
    "venv",
];

/// The sources of a plugin at one moment.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Sources(BTreeMap<PathBuf, (SystemTime, u64)>);

impl Sources {
    /// What there is now. A file that cannot be looked at is one that is not there.
    pub fn now(directory: &Path) -> Sources {
        let mut sources = Sources::default();
        sources.look(directory, 0);
        sources
    }

    fn look(&mut self, directory: &Path, depth: usize) {
        let Ok(entries) = fs::read_dir(directory) else {
            return;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // Hidden files are those of editors and version control.
            if name.starts_with('.') || name.ends_with('~') || self.0.len() >= MAX_FILES {
                continue;
            }
            let Ok(meta) = fs::metadata(&path) else {
                continue;
            };
            if meta.is_dir() {
                if depth < MAX_DEPTH && !NO_SOURCES.contains(&&*name) {
                    self.look(&path, depth + 1);
                }
            } else if !is_made(&name) {
                let changed = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                self.0.insert(path, (changed, meta.len()));
            }
        }
    }

    /// The files that are new, changed or gone since then.
    pub fn changed_since<'a>(&'a self, before: &'a Sources) -> Vec<&'a Path> {
        let new = self
            .0
            .iter()
            .filter(|(path, mark)| before.0.get(*path) != Some(mark));
        let gone = before.0.keys().filter(|path| !self.0.contains_key(*path));
        new.map(|(path, _)| path)
            .chain(gone)
            .map(PathBuf::as_path)
            .collect()
    }
}

/// What a build writes beside the sources.
fn is_made(name: &str) -> bool {
    name.ends_with(".wasm") || name.ends_with(".tmp") || name == "Cargo.lock"
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn changes_of_sources_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir_all(path("src")).unwrap();
        fs::create_dir_all(path("target/release")).unwrap();
        fs::write(path("src/lib.rs"), "a").unwrap();
        let before = Sources::now(directory.path());
        for made in [
            "x.wasm",
            "Cargo.lock",
            "target/release/x",
            ".swp",
            "lib.rs~",
        ] {
            fs::write(path(made), "b").unwrap();
        }
        assert_eq!(Sources::now(directory.path()), before);
        fs::write(path("src/lib.rs"), "ab").unwrap();
        let changed = Sources::now(directory.path());
        assert_eq!(changed.changed_since(&before), [path("src/lib.rs")]);
        fs::remove_file(path("src/lib.rs")).unwrap();
        let gone = Sources::now(directory.path());
        assert_eq!(gone.changed_since(&changed), [path("src/lib.rs")]);
    }
}
