//! The file in which grants are written down.

use super::{Binding, Grant};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Most grants of a file: stops files without end.
pub const MAX_ENTRIES: usize = 4096;
/// Largest file in bytes, for the same reason.
const MAX_SIZE: u64 = 8 << 20;

/// Grants cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum GrantsError {
    /// The file cannot be read or written.
    #[error("{}: the grants cannot be read or written: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others could write to it.
    #[error("{}: others than its owner {uid} can write to this file, or it is another user's; it decides what plugins may do: run chown root and chmod 600 on it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its owner.
        uid: u32,
    },
    /// It is not what an agent writes.
    #[error("{}: {message}; correct it, or move it away and grant afresh", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// There are too many.
    #[error("there are more than {MAX_ENTRIES} grants; revoke those of plugins that are gone")]
    Full,
    /// Nothing can be granted here.
    #[error("this agent keeps no grants: start it with --grants FILE")]
    Fixed,
}

/// Who granted something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Given {
    /// The operator.
    Operator,
    /// The policy, when the plugin was first seen.
    FirstUse,
    /// Nobody: the operator has taken all from the plugin, and the policy gives it nothing.
    Revoked,
}

impl std::fmt::Display for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Given::Operator => "the operator",
            Given::FirstUse => "first use",
            Given::Revoked => "nobody: it was revoked",
        })
    }
}

/// One grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Id of the plugin.
    pub plugin: String,
    /// Who granted it.
    pub given: Given,
    /// What is granted.
    #[serde(flatten)]
    pub grant: Grant,
    /// What it is bound to.
    #[serde(rename = "to")]
    pub binding: Binding,
}

/// Everything that was granted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entries {
    #[serde(default)]
    pub grant: Vec<Entry>,
}

impl Entries {
    /// Reads a file; nothing was granted where there is none.
    pub fn read(path: &Path) -> Result<Entries, GrantsError> {
        let failed = |source| GrantsError::File {
            path: path.to_owned(),
            source,
        };
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32 | OFlags::NONBLOCK.bits() as i32)
            .open(path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Entries::default()),
            Err(error) => return Err(failed(error)),
        };
        let metadata = file.metadata().map_err(failed)?;
        let own = rustix::process::geteuid().as_raw();
        let trusted = metadata.uid() == 0 || metadata.uid() == own;
        if !trusted || metadata.mode() & 0o022 != 0 {
            return Err(GrantsError::Exposed {
                path: path.to_owned(),
                uid: metadata.uid(),
            });
        }
        let malformed = |message: String| GrantsError::Malformed {
            path: path.to_owned(),
            message,
        };
        if !metadata.is_file() || metadata.len() > MAX_SIZE {
            return Err(malformed("it is no file, or too large".to_owned()));
        }
        let mut text = String::new();
        file.take(MAX_SIZE)
            .read_to_string(&mut text)
            .map_err(failed)?;
        let entries: Entries =
            toml::from_str(&text).map_err(|e| malformed(e.to_string().replace('\n', " ")))?;
        if entries.grant.len() > MAX_ENTRIES {
            return Err(GrantsError::Full);
        }
        Ok(entries)
    }

    /// Changes what stands in a file, alone among all agents and commands.
    pub fn change<T>(
        path: &Path,
        change: impl FnOnce(&mut Entries) -> Result<T, GrantsError>,
    ) -> Result<T, GrantsError> {
        let failed = |source| GrantsError::File {
            path: path.to_owned(),
            source,
        };
        if let Some(directory) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .map_err(failed)?;
        }
        // Beside the file, which is replaced by another one.
        let lock = open_own(&beside(path, ".lock")).map_err(failed)?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|e| failed(e.into()))?;
        let mut entries = Entries::read(path)?;
        let changed = change(&mut entries)?;
        entries.write(path).map_err(failed)?;
        Ok(changed)
    }

    /// Writes beside the file and moves over it: nobody finds half of it, not after a crash either.
    fn write(&self, path: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        let aside = beside(path, ".new");
        let mut file = open_own(&aside)?;
        file.set_len(0)?;
        file.write_all(
            b"# What plugins may do. Written by the agent and by `vedette plugin grant`.\n\n",
        )?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&aside, path)
    }

    /// The grants of one plugin.
    pub fn of<'e>(&'e self, plugin: &'e str) -> impl Iterator<Item = &'e Entry> {
        self.grant.iter().filter(move |e| e.plugin == plugin)
    }

    /// Adds a grant to what the plugin has.
    pub fn add(
        &mut self,
        plugin: &str,
        binding: Binding,
        given: Given,
        grant: Grant,
    ) -> Result<(), GrantsError> {
        let same = |e: &&mut Entry| e.plugin == plugin && e.binding == binding && e.given == given;
        if let Some(entry) = self.grant.iter_mut().find(same) {
            entry.grant.add(&grant);
            return Ok(());
        }
        if self.grant.len() >= MAX_ENTRIES {
            return Err(GrantsError::Full);
        }
        self.grant.push(Entry {
            plugin: plugin.to_owned(),
            given,
            binding,
            grant,
        });
        Ok(())
    }

    /// Removes all grants of a plugin and notes that it has none; returns whether that is news.
    pub fn revoke(&mut self, plugin: &str) -> Result<bool, GrantsError> {
        if let [entry] = &self.of(plugin).collect::<Vec<_>>()[..]
            && entry.given == Given::Revoked
        {
            return Ok(false);
        }
        self.grant.retain(|e| e.plugin != plugin);
        self.add(plugin, Binding::Any, Given::Revoked, Grant::none())?;
        Ok(true)
    }
}

/// The file's name with something behind it.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

/// Opens a file for writing that only its owner may use.
fn open_own(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(
        path,
        flags,
        Mode::RUSR | Mode::WUSR,
    )?))
}
