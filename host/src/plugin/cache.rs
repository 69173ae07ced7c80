//! Compiled components on disk, so that a start does not compile again.
//!
//! Compiled code is trusted by whoever loads it. So it comes from this machine alone, lies in a
//! directory that nobody else can write to, and is read back only if it is what was written.

use super::component::{Component, Digest};
use std::{
    collections::hash_map::DefaultHasher,
    fs::{self, DirBuilder, File, OpenOptions},
    hash::{Hash, Hasher},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};
use wasmtime::Engine;

/// Most compiled components that are kept: old versions must not fill the disk.
const MAX_ENTRIES: usize = 128;

/// From this size in bytes on, compiling takes so long that it is said: an interpreter is in it.
const LARGE: usize = 4 << 20;

/// Compilation failed.
#[derive(Debug, thiserror::Error)]
#[error("it does not compile: {0:#}")]
pub struct CompileError(wasmtime::Error);

/// The directory cannot be used as a cache.
#[derive(Debug, thiserror::Error)]
#[error("{}: not used as a cache of compiled plugins: {reason}", path.display())]
pub struct CacheError {
    path: PathBuf,
    reason: String,
}

/// Compiles components, and keeps what it compiled.
#[derive(Debug, Clone)]
pub struct Cache {
    engine: Engine,
    /// None where nothing is kept.
    directory: Option<Arc<Path>>,
    /// What else the code depends on: version and settings of the engine.
    engine_hash: u64,
}

/// Where a compiled component came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It was compiled now.
    Compiled,
    /// It was kept.
    Cached,
}

impl Cache {
    /// A cache that keeps nothing.
    pub fn none(engine: &Engine) -> Cache {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Cache {
            engine: engine.clone(),
            directory: None,
            engine_hash: hasher.finish(),
        }
    }

    /// A cache in a directory, which is made if it is missing.
    ///
    /// # Errors
    /// The directory cannot be made, or someone else could write to it.
    pub fn open(engine: &Engine, path: &Path) -> Result<Cache, CacheError> {
        let refused = |reason: String| CacheError {
            path: path.to_owned(),
            reason,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|e| refused(format!("it cannot be made: {e}; name another with --cache")))?;
        let meta = fs::symlink_metadata(path).map_err(|e| refused(e.to_string()))?;
        if !meta.is_dir() {
            return Err(refused("it is no directory; name another one".to_owned()));
        }
        if !ours(&meta) || meta.mode() & 0o077 != 0 {
            return Err(refused(
                "others can reach into it; give it to the agent's user with mode 0700".to_owned(),
            ));
        }
        let mut cache = Cache::none(engine);
        cache.directory = Some(path.into());
        Ok(cache)
    }

    /// The compiled form of a component: kept, or compiled and then kept.
    ///
    /// # Errors
    /// It does not compile.
    pub fn compile(
        &self,
        component: &Component,
    ) -> Result<(wasmtime::component::Component, Source), CompileError> {
        let compilable = component.code();
        let path = self.path(Digest::of(compilable));
        if let Some(path) = &path
            && let Some(code) = read(path)
        {
            // SAFETY: the bytes are what this agent wrote: the directory and the file belong to
            // its user alone, and the digest in the file fits. An engine of another version or
            // with other settings has another file name, and wasmtime checks it once more.
            let loaded =
                unsafe { wasmtime::component::Component::deserialize(&self.engine, &code) };
            match loaded {
                Ok(loaded) => return Ok((loaded, Source::Cached)),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "compiled plugin not usable, compiling again")
                }
            }
        }
        if component.bytes.len() > LARGE {
            // Somebody waits for it, at a start at least.
            tracing::warn!(
                plugin = %component.manifest.id,
                "compiling a component of {} MB: some ten seconds on a processor, once where compiled plugins are kept",
                component.bytes.len() / 1_000_000
            );
        }
        let compiled =
            wasmtime::component::Component::new(&self.engine, compilable).map_err(CompileError)?;
        if let Some(path) = path {
            let kept = compiled
                .serialize()
                .map_err(|e| io::Error::other(e.to_string()))
                .and_then(|code| write(&path, &code));
            match kept {
                Ok(()) => self.evict(),
                // The plugin runs all the same; only the next start is slower.
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "compiled plugin not kept")
                }
            }
        }
        Ok((compiled, Source::Compiled))
    }

    fn path(&self, digest: Digest) -> Option<PathBuf> {
        let name = format!("{digest}-{:016x}.cwasm", self.engine_hash);
        Some(self.directory.as_ref()?.join(name))
    }

    /// Removes the oldest files beyond what is kept.
    fn evict(&self) {
        let Some(directory) = &self.directory else {
            return;
        };
        let mut files: Vec<(SystemTime, PathBuf)> = fs::read_dir(directory)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file.path())))
            .collect();
        files.sort();
        for (_, path) in files.iter().rev().skip(MAX_ENTRIES) {
            // Whoever removed it first did what was wanted.
            let _ = fs::remove_file(path);
        }
    }
}

fn ours(meta: &fs::Metadata) -> bool {
    meta.uid() == rustix::process::geteuid().as_raw()
}

/// The code in a file, if it is a whole file of ours.
fn read(path: &Path) -> Option<Vec<u8>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
        .open(path)
        .ok()?;
    let meta = file.metadata().ok()?;
    if !meta.is_file() || !ours(&meta) || meta.mode() & 0o022 != 0 {
        tracing::warn!(path = %path.display(), "compiled plugin not trusted: others could write to it");
        return None;
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize);
    io::Read::read_to_end(&mut &file, &mut bytes).ok()?;
    let (digest, code) = bytes.split_first_chunk::<32>()?;
    if Digest::of(code).0 != *digest {
        tracing::warn!(path = %path.display(), "compiled plugin damaged, compiling again");
        return None;
    }
    Some(code.to_vec())
}

/// Writes a file that is either whole or not there.
fn write(path: &Path, code: &[u8]) -> io::Result<()> {
    let aside = path.with_extension(format!("{}.tmp", std::process::id()));
    let result = (|| {
        // A leftover of an agent that was killed has the same name only by its pid.
        let _ = fs::remove_file(&aside);
        let mut file: File = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&aside)?;
        file.write_all(&Digest::of(code).0)?;
        file.write_all(code)?;
        fs::rename(&aside, path)
    })();
    if result.is_err() {
        let _ = fs::remove_file(&aside);
    }
    result
}
