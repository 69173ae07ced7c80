//! Components of Python and JavaScript as they were made, kept for as long as nothing changes that
//! they are made of: making one takes some ten seconds, and no two of the same sources have the
//! same bytes, so that it would be compiled again as well.

use super::{BuildError, tools};
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

/// Most components that are kept: some 20 MB each, they must not fill the disk.
const MAX_KEPT: usize = 16;
/// Most files that a component may be made of for it to be kept: stops a look over a whole disk.
const MAX_FILES: usize = 4096;
/// Most bytes in them, for the same reason.
const MAX_BYTES: u64 = 64 << 20;
/// Deepest directory that is looked into, for the same reason.
const MAX_DEPTH: usize = 16;

/// All that a component is made of, as a hash.
pub(super) struct Made {
    hash: Sha256,
    files: usize,
    bytes: u64,
    /// It is not all there: something could not be read, or was too much.
    lacking: bool,
}

impl Made {
    /// Made by this tool.
    pub(super) fn by(tool: &str) -> Made {
        let mut made = Made {
            hash: Sha256::new(),
            files: 0,
            bytes: 0,
            lacking: false,
        };
        made.part(tool.as_bytes());
        made
    }

    /// Of all files below a directory, but for those that this says are none of its sources.
    pub(super) fn of(mut self, directory: &Path, no_source: impl Fn(&Path) -> bool) -> Made {
        self.look(directory, directory, &no_source, 0);
        self
    }

    fn look(
        &mut self,
        root: &Path,
        directory: &Path,
        no_source: &impl Fn(&Path) -> bool,
        depth: usize,
    ) {
        let Ok(entries) = fs::read_dir(directory) else {
            self.lacking = true;
            return;
        };
        let mut paths: Vec<PathBuf> = (entries.flatten().map(|entry| entry.path())).collect();
        paths.sort();
        for path in paths {
            let place = path.strip_prefix(root).unwrap_or(&path);
            if no_source(place) {
                continue;
            }
            // By the thing itself, so that no link leads round and round.
            match fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_dir() && depth < MAX_DEPTH => {
                    self.look(root, &path, no_source, depth + 1);
                }
                Ok(meta) if meta.is_file() => self.file(&path, place),
                _ => self.lacking = true,
            }
            if self.lacking {
                return;
            }
        }
    }

    fn file(&mut self, path: &Path, place: &Path) {
        self.files += 1;
        let mut bytes = Vec::new();
        let left = MAX_BYTES.saturating_sub(self.bytes) + 1;
        let read = File::open(path).and_then(|file| file.take(left).read_to_end(&mut bytes));
        self.bytes += bytes.len() as u64;
        self.lacking = read.is_err() || self.files > MAX_FILES || self.bytes > MAX_BYTES;
        self.part(place.as_os_str().as_encoded_bytes());
        self.part(&bytes);
    }

    /// With its length, so that no two lists of parts look the same.
    fn part(&mut self, bytes: &[u8]) {
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes);
    }

    /// The component that was made of just that, or else the one that is made now.
    ///
    /// # Errors
    /// It could not be made.
    pub(super) fn component(
        self,
        make: impl FnOnce() -> Result<Vec<u8>, BuildError>,
    ) -> Result<Vec<u8>, BuildError> {
        if self.lacking {
            return make();
        }
        let directory = tools::directory()?.join("components");
        let hash: [u8; 32] = self.hash.finalize().into();
        let path = directory.join(format!("{}.wasm", crate::plugin::component::Digest(hash)));
        if let Ok(component) = fs::read(&path) {
            // So that what is used stays.
            let _ =
                File::open(&path).and_then(|file| file.set_modified(std::time::SystemTime::now()));
            return Ok(component);
        }
        let component = make()?;
        // Where it cannot be kept, it is made again the next time.
        if fs::create_dir_all(&directory).is_ok() && tools::write(&path, &component).is_ok() {
            evict(&directory);
        }
        Ok(component)
    }
}

/// Removes the oldest files beyond what is kept.
fn evict(directory: &Path) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file.path())))
        .collect();
    files.sort();
    for (_, path) in files.iter().rev().skip(MAX_KEPT) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    /// The hash of what is made of this directory.
    fn hash(directory: &Path) -> Option<Vec<u8>> {
        let made = Made::by("a tool").of(directory, |place| place.ends_with("not.py"));
        (!made.lacking).then(|| made.hash.finalize().to_vec())
    }

    #[test]
    fn every_source_counts_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("package")).unwrap();
        fs::write(path("plugin.py"), "a").unwrap();
        fs::write(path("package/more.py"), "bc").unwrap();
        let before = hash(directory.path()).unwrap();
        fs::write(path("not.py"), "x").unwrap();
        assert_eq!(hash(directory.path()).unwrap(), before);
        fs::write(path("package/more.py"), "bd").unwrap();
        let changed = hash(directory.path()).unwrap();
        assert_ne!(changed, before);
        fs::rename(path("package/more.py"), path("package/other.py")).unwrap();
        assert_ne!(hash(directory.path()).unwrap(), changed);
    }

    #[test]
    fn what_cannot_be_seen_whole_is_not_kept() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("elsewhere.py", directory.path().join("plugin.py")).unwrap();
        assert_eq!(hash(directory.path()), None);
        assert_eq!(hash(&directory.path().join("missing")), None);
    }
}
