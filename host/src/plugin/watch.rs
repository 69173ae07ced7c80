//! Watches where components lie, and says what changed once it has come to rest.
//!
//! What may run is decided by who can write there: a file that anyone but root or the agent's own
//! user could have put in place is refused.

use super::component::{Component, Digest, open_file};
use crate::manifest::MAX_SIZE;
use notify::{RecursiveMode, Watcher as _};
use rustix::fs::StatVfsMountFlags;
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    io::{self, Read as _},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

/// Time without a change after which a directory has come to rest: ten changes within a second
/// are one, and half a file is not taken for a whole one.
const REST: Duration = Duration::from_millis(100);
/// A look at least this often: notifications do not follow links to other directories, and can
/// be lost.
const LOOK: Duration = Duration::from_secs(2);
/// A file that is gone is taken for removed after this: editors, copiers and those who install
/// plugins by hand take a file away before they put the new one there, and a detector that is
/// gone in between sees nothing.
const GONE: Duration = Duration::from_secs(5);
/// Most files of a source: stops a directory full of files from being read.
const MAX_FILES: usize = 256;

/// What tells apart two contents of a path without reading them.
type Mark = (u64, u64, u64, i64, i64);

/// A place is not one that components may come from.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It cannot be looked at.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// Someone else could write there.
    #[error("{} can be written to by others; give it to root and take their right to write away (chown root, chmod go-w)", .0.display())]
    Writable(PathBuf),
}

/// Where components lie, and what was seen there last.
#[derive(Debug)]
pub struct Places {
    sources: Vec<PathBuf>,
    /// Directory of what operators set for plugins.
    settings: Option<PathBuf>,
    /// Marks of the last look: what is new must be the same in two looks.
    marks: BTreeMap<PathBuf, Mark>,
    known: BTreeMap<PathBuf, (Mark, Digest)>,
    refused: BTreeSet<PathBuf>,
    /// Known files that are not found, and since when.
    missing: BTreeMap<PathBuf, Instant>,
}

/// What changed.
#[derive(Debug)]
pub enum Seen {
    /// A file is new, or has another content.
    Changed {
        /// Its path, as it was named.
        path: PathBuf,
        /// Its content.
        bytes: Vec<u8>,
    },
    /// A file is no longer there.
    Gone(PathBuf),
    /// What an operator sets for the plugin of this id is new, different or gone.
    Settings(String),
    /// A place that was refused can be used again.
    Mended(PathBuf),
    /// A place or a file is not to be used.
    Refused {
        /// Its path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Places {
    /// Files and directories of files, and the directory of plugins' settings.
    pub fn new(sources: Vec<PathBuf>, settings: Option<PathBuf>) -> Places {
        Places {
            sources,
            settings,
            marks: BTreeMap::new(),
            known: BTreeMap::new(),
            refused: BTreeSet::new(),
            missing: BTreeMap::new(),
        }
    }

    /// Looks once and takes what is there as it is: the look at start.
    pub fn first(&mut self) -> Vec<Seen> {
        let (seen, _) = self.look(true);
        seen
    }

    /// Looks again; returns what changed and has come to rest, and whether something has not.
    pub fn again(&mut self) -> (Vec<Seen>, bool) {
        self.look(false)
    }

    fn look(&mut self, first: bool) -> (Vec<Seen>, bool) {
        let mut seen = Vec::new();
        let mut restless = false;
        let mut files = BTreeMap::new();
        let known = |path: &Path| self.known.get(path).map(|(mark, _)| *mark);
        for source in &self.sources {
            match list(source, &known) {
                Ok(found) => {
                    if self.refused.remove(source) {
                        seen.push(Seen::Mended(source.clone()));
                    }
                    files.extend(found);
                }
                Err(error) => {
                    // What cannot be looked at has not changed: a fault that passes must not take
                    // detectors out of service.
                    let there = |path: &&PathBuf| {
                        *path == source || path.parent() == Some(source.as_path())
                    };
                    let before = self.known.iter().filter(|(path, _)| there(path));
                    files.extend(before.map(|(path, (mark, _))| (path.clone(), *mark)));
                    // Said once, until it is mended.
                    if self.refused.insert(source.clone()) {
                        seen.push(Seen::Refused {
                            path: source.clone(),
                            reason: error.to_string(),
                        });
                    }
                }
            }
        }
        // What cannot be looked at is said when a plugin is loaded that wants to read it.
        if let Some(settings) = &self.settings {
            match files_of(settings, "toml", &known) {
                Ok(found) => files.extend(found),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => {
                    let before = self.known.iter();
                    let before =
                        before.filter(|(path, _)| path.parent() == Some(settings.as_path()));
                    files.extend(before.map(|(path, (mark, _))| (path.clone(), *mark)));
                }
            }
        }
        for (path, mark) in &files {
            self.missing.remove(path);
            let before = self.marks.get(path);
            if self.known.get(path).is_some_and(|(known, _)| known == mark) {
                continue;
            }
            if !first && before != Some(mark) {
                restless = true;
                continue;
            }
            match self.plugin_set_in(path) {
                Some(plugin) => {
                    let read = self.read_settings(path, *mark);
                    seen.extend(read.filter(|_| !first).map(|()| Seen::Settings(plugin)));
                }
                None => self.read(path, *mark, &mut seen),
            }
        }
        let gone: Vec<PathBuf> = self
            .known
            .keys()
            .filter(|path| !files.contains_key(*path))
            .cloned()
            .collect();
        for path in gone {
            let since = self
                .missing
                .entry(path.clone())
                .or_insert_with(Instant::now);
            if since.elapsed() < GONE {
                continue;
            }
            self.missing.remove(&path);
            self.known.remove(&path);
            seen.push(match self.plugin_set_in(&path) {
                Some(plugin) => Seen::Settings(plugin),
                None => Seen::Gone(path),
            });
        }
        self.marks = files;
        (seen, restless)
    }

    /// The plugin for which an operator sets something in this file.
    fn plugin_set_in(&self, path: &Path) -> Option<String> {
        let of_operator = self.settings.as_deref() == path.parent();
        let name = path.file_name()?.to_str()?.strip_suffix(".toml")?;
        of_operator.then(|| name.to_owned())
    }

    /// Whether a file of settings holds something else than it did.
    fn read_settings(&mut self, path: &Path, mark: Mark) -> Option<()> {
        let mut bytes = Vec::new();
        // What cannot be read, or is too long, is refused when the plugin is loaded.
        if let Ok(file) = open_file(path) {
            let _ = file.take(MAX_SIZE as u64 + 1).read_to_end(&mut bytes);
        }
        let digest = Digest::of(&bytes);
        let before = self.known.insert(path.to_owned(), (mark, digest));
        before
            .is_none_or(|(_, before)| before != digest)
            .then_some(())
    }

    fn read(&mut self, path: &Path, mark: Mark, seen: &mut Vec<Seen>) {
        match read_trusted(path) {
            Ok(bytes) => {
                let digest = Digest::of(&bytes);
                let same = self.known.get(path).is_some_and(|(_, d)| *d == digest);
                self.known.insert(path.to_owned(), (mark, digest));
                if !same {
                    seen.push(Seen::Changed {
                        path: path.to_owned(),
                        bytes,
                    });
                }
            }
            Err(reason) => {
                // What it held before is known no longer: once mended it is new.
                self.known.insert(path.to_owned(), (mark, Digest([0; 32])));
                seen.push(Seen::Refused {
                    path: path.to_owned(),
                    reason,
                });
            }
        }
    }
}

/// The bytes of a component, if nobody else could have put them there.
///
/// # Errors
/// Why they are not to be used.
pub fn read_trusted(path: &Path) -> Result<Vec<u8>, String> {
    trusted(path).map_err(|e| e.to_string())?;
    Component::read(path).map_err(|e| e.to_string())
}

/// The components that a source names, with their marks.
fn list(
    source: &Path,
    known: &impl Fn(&Path) -> Option<Mark>,
) -> Result<BTreeMap<PathBuf, Mark>, PlaceError> {
    let meta = match fs::metadata(source) {
        Ok(meta) => meta,
        // What is not there holds nothing; a file that comes back is new.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(e) => return Err(e.into()),
    };
    if !meta.is_dir() {
        return Ok([(source.to_owned(), mark(&meta))].into());
    }
    trusted(source)?;
    Ok(files_of(source, "wasm", known)?)
}

/// The files of a directory with this ending, with their marks. Those that are known come before
/// those that are new, of which there may be more than are read.
fn files_of(
    directory: &Path,
    ending: &str,
    known: &impl Fn(&Path) -> Option<Mark>,
) -> io::Result<BTreeMap<PathBuf, Mark>> {
    let (mut found, mut new) = (BTreeMap::new(), BTreeMap::new());
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let before = known(&path);
        if !has_ending(&path, ending) || (before.is_none() && new.len() == MAX_FILES) {
            continue;
        }
        // Links are followed: a mounted volume switches all its files by one link.
        match (fs::metadata(&path), before) {
            (Ok(meta), Some(_)) if meta.is_file() => drop(found.insert(path, mark(&meta))),
            (Ok(meta), None) if meta.is_file() => drop(new.insert(path, mark(&meta))),
            // What cannot be looked at is as it was.
            (Err(error), Some(before)) if error.kind() != io::ErrorKind::NotFound => {
                found.insert(path, before);
            }
            _ => {}
        }
    }
    let room = MAX_FILES.saturating_sub(found.len());
    found.extend(new.into_iter().take(room));
    Ok(found)
}

/// `*.wasm`, but not what editors and copiers put beside it while they work.
fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension() == Some(OsStr::new(ending))
        && !path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn mark(meta: &fs::Metadata) -> Mark {
    (
        meta.dev(),
        meta.ino(),
        meta.len(),
        meta.ctime(),
        meta.ctime_nsec(),
    )
}

/// Nobody but root and the agent's own user can change what is at this path, all links followed.
pub(crate) fn trusted(path: &Path) -> Result<(), PlaceError> {
    trusted_but(path, |_| false)
}

/// The same of settings. Kubernetes mounts them read-only, from a directory of mode 0777 that is
/// out of everybody's reach.
pub(super) fn trusted_settings(path: &Path) -> Result<(), PlaceError> {
    trusted_but(path, |directory| {
        let system = rustix::fs::statvfs(directory);
        system.is_ok_and(|system| system.f_flag.contains(StatVfsMountFlags::RDONLY))
    })
}

fn trusted_but(path: &Path, sealed: impl Fn(&Path) -> bool) -> Result<(), PlaceError> {
    let own = rustix::process::geteuid().as_raw();
    let real = fs::canonicalize(path)?;
    for (depth, place) in real.ancestors().enumerate() {
        let meta = fs::metadata(place)?;
        let others_write = meta.mode() & 0o022 != 0;
        // In a directory with the sticky bit nobody can move what belongs to another.
        let sticky = depth > 0 && meta.mode() & 0o1000 != 0;
        let owned = meta.uid() == 0 || meta.uid() == own;
        let sealed = || depth > 0 && sealed(place);
        if !owned || (others_write && !sticky && !sealed()) {
            return Err(PlaceError::Writable(place.to_owned()));
        }
    }
    Ok(())
}

/// Watches for as long as someone `listens`.
pub fn watch(mut places: Places, mut tell: impl FnMut(Seen), listens: impl Fn() -> bool) {
    let (send, changes) = mpsc::sync_channel(1);
    // The sender stays here too, so that without notifications the wait is for the time alone.
    let notify = send.clone();
    let watcher = notify::recommended_watcher(move |_| {
        // A full channel holds a wake-up already.
        let _ = notify.try_send(());
    });
    let mut watcher = watcher
        .inspect_err(|error| tracing::warn!(%error, "no notifications of changed plugins, looking every {LOOK:?}"))
        .ok();
    // By path what is there: another directory at the same path is to be watched anew.
    let mut watched: BTreeMap<PathBuf, (u64, u64)> = BTreeMap::new();
    let mut quiet_since = Instant::now();
    let mut restless = false;
    while listens() {
        for source in places.sources.iter().chain(&places.settings) {
            let directory = if source.is_dir() {
                source.as_path()
            } else {
                source.parent().unwrap_or(Path::new("/"))
            };
            let (Some(watcher), Ok(meta)) = (&mut watcher, fs::metadata(directory)) else {
                continue;
            };
            let there = (meta.dev(), meta.ino());
            let before = watched.get(directory);
            if before == Some(&there) {
                continue;
            }
            if before.is_some() {
                // The old one may be gone, and its watch with it.
                let _ = watcher.unwatch(directory);
            }
            match watcher.watch(directory, RecursiveMode::NonRecursive) {
                Ok(()) => drop(watched.insert(directory.to_owned(), there)),
                Err(error) => {
                    tracing::debug!(%error, directory = %directory.display(), "not notified of changes there, looking every {LOOK:?}");
                }
            }
        }
        let time = if restless {
            REST.saturating_sub(quiet_since.elapsed())
        } else {
            LOOK
        };
        match changes.recv_timeout(time) {
            Ok(()) => {
                restless = true;
                quiet_since = Instant::now();
                // A storm of notifications is one: they are not even looked at one by one.
                std::thread::sleep(REST / 4);
                continue;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let (seen, still) = places.again();
        restless = still;
        quiet_since = Instant::now();
        seen.into_iter().for_each(&mut tell);
    }
}
