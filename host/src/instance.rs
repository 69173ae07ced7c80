//! One agent a machine, unless more are asked for by name.
//!
//! Two agents would each answer the same finding, and each judge what the other one does. So an
//! agent holds a lock for as long as it runs; the kernel takes it back however the agent ends.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Where agents keep what lasts no longer than they run.
pub const RUNTIME: &str = "/run/vedette";

/// Stops a name from being a path or filling a screen: its bytes.
const NAME_MAX: usize = 64;

/// Why an agent may not run.
#[derive(Debug, Error)]
pub enum InstanceError {
    /// There is one already.
    #[error(
        "an agent runs already{}; stop it{}, or start this one beside it with --instance NAME",
        .pid.map(|pid| format!(" as pid {pid}")).unwrap_or_default(),
        .pid.map(|pid| format!(" (kill {pid})")).unwrap_or_default()
    )]
    Runs {
        /// Its pid, where it has said so.
        pid: Option<u32>,
    },
    /// The name cannot be one.
    #[error("`{0}` cannot name an agent: use up to 64 letters, digits, `-` and `_`")]
    Name(String),
    /// The lock cannot be made.
    #[error("{}: the agent's lock cannot be made: {source}", .path.display())]
    Lock {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// The right to be the agent of this name. Dropped, another one may be.
#[derive(Debug)]
pub struct Instance {
    _lock: File,
    path: PathBuf,
}

impl Drop for Instance {
    fn drop(&mut self) {
        // While the lock is held, so that it is nobody else's file.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Instance {
    /// Takes the lock of this name in the directory.
    ///
    /// # Errors
    /// When another process has it; the error names it.
    pub fn claim(directory: &Path, name: &str) -> Result<Instance, InstanceError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(fits) {
            return Err(InstanceError::Name(name.to_owned()));
        }
        let path = directory.join(format!("{name}.lock"));
        let failed = |source| InstanceError::Lock {
            path: path.clone(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(failed)?;
        let mut file = loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)
                .map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut text = String::new();
                    // What cannot be read only leaves the pid out.
                    let _ = Read::by_ref(&mut file).take(16).read_to_string(&mut text);
                    return Err(InstanceError::Runs {
                        pid: text.trim().parse().ok(),
                    });
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            // An agent that ended meanwhile took its file with it, and this one would lock nothing.
            let ours = file.metadata().map_err(failed)?.ino();
            if path.metadata().is_ok_and(|there| there.ino() == ours) {
                break file;
            }
        };
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(Instance { _lock: file, path })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_agent_of_a_name_and_the_other_is_told_its_pid() {
        let directory = tempfile::tempdir().unwrap();
        let first = Instance::claim(directory.path(), "default").unwrap();
        let error = Instance::claim(directory.path(), "default").unwrap_err();
        let own = std::process::id();
        assert!(matches!(error, InstanceError::Runs { pid: Some(pid) } if pid == own));
        let text = error.to_string();
        assert!(
            text.contains(&format!("pid {own}")) && text.contains("--instance"),
            "{text}"
        );
        Instance::claim(directory.path(), "other").unwrap();
        drop(first);
        assert!(!directory.path().join("default.lock").exists());
        Instance::claim(directory.path(), "default").unwrap();
    }

    #[test]
    fn a_name_is_no_path() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["", "../x", "a/b", "a b", &"x".repeat(65)] {
            let error = Instance::claim(directory.path(), name).unwrap_err();
            assert!(matches!(error, InstanceError::Name(_)), "{name}");
        }
    }
}
