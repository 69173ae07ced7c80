//! Programs and rings that outlive their agent, so that the next one goes on where it ended.
//!
//! Below the directory that the operator names each agent has one of its own, called after the
//! layout of the object and of its rings. In it are pinned the attached programs, the tables of
//! handlers, the rings and the counters. The next agent attaches its own programs, reads what the
//! rings of the earlier one hold up to that moment, and removes them.

use super::{Options, SensorError, programs::Link};
use aya::maps::{Map, MapData, MapError};
use rustix::fs::statfs;
use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};
use thiserror::Error;

/// `BPF_FS_MAGIC` of the kernel.
const BPF_FS: i64 = 0xcafe_4a11;

/// The maps that the next agent reads.
const MAPS: [&str; 5] = ["SECURITY", "BULK", "COUNTERS", "LOSSES", "TOLD"];

/// Why nothing can be pinned.
#[derive(Debug, Error)]
pub enum PinError {
    /// A step failed.
    #[error("{}: {doing}: {source}", .path.display())]
    Failed {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not a place for pins.
    #[error(
        "{}: is not on a BPF file system; mount one (mount -t bpf none /sys/fs/bpf) and name a directory in it",
        .0.display()
    )]
    NoBpfFs(PathBuf),
    /// Others could put their own rings there.
    #[error("{}: can be written by others than root; give it to root with mode 700", .0.display())]
    Unsafe(PathBuf),
    /// An agent is at it.
    #[error("{}: an agent uses these pins; stop it first", .0.display())]
    Busy(PathBuf),
    /// An object could not be pinned or opened.
    #[error("{}: {doing}: {reason}", .path.display())]
    Object {
        /// What was tried.
        doing: &'static str,
        /// The pin.
        path: PathBuf,
        /// Why it failed.
        reason: String,
    },
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PinError {
    let path = path.to_owned();
    move |source| PinError::Failed {
        doing,
        path,
        source,
    }
}

fn object(doing: &'static str, path: &Path, reason: impl ToString) -> PinError {
    PinError::Object {
        doing,
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// The pins of this agent. Dropped, they stay.
#[derive(Debug)]
pub(super) struct Pins {
    base: PathBuf,
    own: PathBuf,
    layout: String,
    _lock: File,
}

impl Pins {
    /// Takes the directory, so that no other agent can, and makes room for this one's pins.
    pub(super) fn open(base: &Path, bytes: &[u8], options: &Options) -> Result<Pins, PinError> {
        // Elsewhere directories may be refused for another reason, which would say nothing.
        on_bpf_fs(base)?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(base)
            .map_err(failed("making the directory", base))?;
        let lock = lock(base)?;
        let layout = layout(bytes, options);
        let own = (0..u32::MAX)
            .map(|n| base.join(format!("{layout}-{n}")))
            .find(|path| !path.exists())
            .ok_or_else(|| PinError::Busy(base.to_owned()))?;
        DirBuilder::new()
            .mode(0o700)
            .create(&own)
            .map_err(failed("making the directory", &own))?;
        Ok(Pins {
            base: base.to_owned(),
            own,
            layout,
            _lock: lock,
        })
    }

    /// Pins the rings, the counters, and every table of programs: the kernel empties one that no
    /// file stands for.
    pub(super) fn keep_maps<'a>(
        &self,
        maps: impl Iterator<Item = (&'a str, &'a Map)>,
    ) -> Result<(), PinError> {
        for (name, map) in maps {
            if MAPS.contains(&name) || matches!(map, Map::ProgramArray(_)) {
                let path = self.own.join(name);
                map.pin(&path)
                    .map_err(|error| object("pinning a map", &path, error))?;
            }
        }
        Ok(())
    }

    /// Pins an attached program.
    pub(super) fn keep_link(&self, program: &str, link: Link) -> Result<Link, PinError> {
        let Link::Held(link) = link else {
            return Ok(link);
        };
        let path = self.own.join(format!("link_{program}"));
        link.pin(&path)
            .map(Link::Pinned)
            .map_err(|error| object("pinning a program", &path, error))
    }

    /// The directories of earlier agents, and whether each has this one's layout.
    pub(super) fn earlier(&self) -> Vec<(PathBuf, bool)> {
        let entries = fs::read_dir(&self.base).into_iter().flatten().flatten();
        let mut found: Vec<_> = entries
            .map(|entry| entry.path())
            .filter(|path| *path != self.own)
            .map(|path| {
                let name = path.file_name().and_then(|name| name.to_str());
                let same = name.is_some_and(|name| {
                    name.strip_prefix(&self.layout)
                        .is_some_and(|rest| rest.starts_with('-'))
                });
                (path, same)
            })
            .collect();
        found.sort();
        found
    }
}

/// Opens a pinned map.
pub(super) fn pinned<M: TryFrom<Map, Error = MapError>>(
    directory: &Path,
    name: &'static str,
    of: fn(MapData) -> Map,
) -> Result<M, SensorError> {
    let failed = |source| SensorError::map(name, source);
    let data = MapData::from_pin(directory.join(name)).map_err(failed)?;
    M::try_from(of(data)).map_err(failed)
}

/// Removes the pins of one agent: what they alone held in the kernel goes.
pub(super) fn remove(directory: &Path) -> Result<(), PinError> {
    let entries = fs::read_dir(directory).map_err(failed("reading the directory", directory))?;
    for entry in entries.flatten() {
        let path = entry.path();
        fs::remove_file(&path).map_err(failed("removing the pin", &path))?;
    }
    fs::remove_dir(directory).map_err(failed("removing the directory", directory))
}

/// Removes all pins below the directory that agents were told to use: what an agent that crashed
/// has left running ends. Says of how many agents there were any.
///
/// # Errors
/// When an agent is using them, or they cannot be removed.
pub fn unpin(base: &Path) -> Result<usize, PinError> {
    if !base.exists() {
        return Ok(0);
    }
    let _lock = lock(base)?;
    let entries = fs::read_dir(base).map_err(failed("reading the directory", base))?;
    let mut agents = 0;
    for entry in entries.flatten() {
        remove(&entry.path())?;
        agents += 1;
    }
    fs::remove_dir(base).map_err(failed("removing the directory", base))?;
    Ok(agents)
}

/// Checks the nearest directory that exists.
fn on_bpf_fs(base: &Path) -> Result<(), PinError> {
    let there = base.ancestors().find(|path| path.exists());
    match there.map(statfs) {
        Some(Ok(system)) if system.f_type == BPF_FS => Ok(()),
        _ => Err(PinError::NoBpfFs(base.to_owned())),
    }
}

/// Checks the directory and locks it.
fn lock(base: &Path) -> Result<File, PinError> {
    on_bpf_fs(base)?;
    let file = File::open(base).map_err(failed("opening it", base))?;
    let metadata = file.metadata().map_err(failed("looking at it", base))?;
    if metadata.uid() != 0 || metadata.mode() & 0o022 != 0 {
        return Err(PinError::Unsafe(base.to_owned()));
    }
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(PinError::Busy(base.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed("locking it", base)(source)),
    }
}

/// What two agents must have in common for one to read what the other's programs wrote: a number
/// of the object's bytes (FNV-1a, 64 bits) and the sizes of the rings.
fn layout(bytes: &[u8], options: &Options) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!(
        "{hash:016x}-{}-{}",
        options.security_ring, options.bulk_ring
    )
}
