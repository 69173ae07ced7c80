//! Other kernels: the sensor's live tests and the agent, as built for this machine, run on them in
//! qemu.

pub mod agent;
pub mod initramfs;
pub mod live;
pub mod machine;
pub mod userland;

use crate::workspace;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// One of Debian's kernels, as `scripts/kernels fetch` unpacks it.
#[derive(Debug, Clone)]
pub struct Kernel {
    directory: PathBuf,
    /// Its series: `6.1`.
    pub version: String,
}

impl Kernel {
    /// The kernel of that series, if it was fetched.
    pub fn find(version: &str) -> Option<Self> {
        let directory = workspace::root().join("target/kernels").join(version);
        directory.join("vmlinuz").exists().then(|| Self {
            directory,
            version: version.to_owned(),
        })
    }

    /// What boots.
    pub fn image(&self) -> PathBuf {
        self.directory.join("vmlinuz")
    }

    /// The file of a module, unless it is built in.
    pub fn module(&self, name: &str) -> Option<PathBuf> {
        // A module's file may have dashes where its name has none.
        let names = [name.to_owned(), name.replace('_', "-")]
            .map(|name| [format!("{name}.ko"), format!("{name}.ko.xz")])
            .concat();
        below(&self.directory.join("modules/kernel"), &names)
    }
}

/// The first file below a directory that has one of these names.
fn below(directory: &Path, names: &[String]) -> Option<PathBuf> {
    for entry in fs::read_dir(directory).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = below(&path, names) {
                return Some(found);
            }
        } else if names.iter().any(|name| path.ends_with(name)) {
            return Some(path);
        }
    }
    None
}
