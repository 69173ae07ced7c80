//! `vedette plugin build`: from sources and a `plugin.toml` to a component.
//!
//! What lies beside the manifest tells the language: `rust` has cargo make a module, `python`
//! and `javascript` have componentize-py and componentize-js make a component of the author's
//! files, the SDK (which the agent carries, so that both are of one version) and an interpreter.

mod javascript;
mod kept;
mod python;
mod rust;
mod tools;

use super::component::{Component, ComponentError, manifest_section};
use crate::manifest::{MAX_SIZE, Manifest, ManifestError};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};
use wasmparser::{Parser, Payload};

/// The language that a plugin is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Rust: the fastest, a few hundred KB.
    Rust,
    /// Python: some microseconds an event, 19 MB.
    Python,
    /// JavaScript: some ten microseconds an event, 12 MB.
    #[value(name = "js", alias = "javascript")]
    #[serde(rename = "js")]
    JavaScript,
}

impl Language {
    /// The language of the plugin in a directory.
    pub fn of(directory: &Path) -> Option<Language> {
        let has = |name: &str| directory.join(name).exists();
        if has("Cargo.toml") {
            Some(Language::Rust)
        } else if has("plugin.py") || has("plugin/__init__.py") {
            Some(Language::Python)
        } else if has("package.json") || has("plugin.js") {
            Some(Language::JavaScript)
        } else {
            None
        }
    }

    /// Memory that plugins in it do well with: an interpreter has its own needs.
    fn usual_memory(self) -> u64 {
        match self {
            Language::Rust => crate::manifest::DEFAULT_MEMORY,
            Language::Python | Language::JavaScript => 48 << 20,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Language::Rust => "Rust",
            Language::Python => "Python",
            Language::JavaScript => "JavaScript",
        })
    }
}

/// What to build, and where.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// Directory of the sources, with `plugin.toml` in it.
    pub directory: PathBuf,
    /// The component; `ID.wasm` in the directory if not given.
    pub output: Option<PathBuf>,
    /// Cargo's target directory, if it is not to be cargo's own choice.
    pub target_directory: Option<PathBuf>,
}

/// A plugin that was built.
#[derive(Debug)]
pub struct Built {
    /// Where the component is.
    pub path: PathBuf,
    /// The component.
    pub component: Component,
}

/// A plugin could not be built.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum BuildError {
    /// A file is missing or cannot be read.
    #[error("{}: cannot be read: {source}; a plugin is a directory with a plugin.toml beside its sources", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no plugin in the directory.
    #[error(
        "{}: no plugin lies there: beside plugin.toml there is a Cargo.toml (Rust), a plugin.py (Python) or a package.json (JavaScript)",
        .0.display()
    )]
    NoSources(PathBuf),
    /// The manifest is not sound.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Manifest(Box<ManifestError>),
    /// Cargo could not be started.
    #[error("cargo does not run: {0}; install Rust from https://rustup.rs")]
    Cargo(io::Error),
    /// Cargo failed.
    #[error("cargo failed; its messages are above")]
    Compile,
    /// The compiler has no library for guests.
    #[error(
        "the Rust compiler lacks the target {0}: `rustup target add {0}`, or set VEDETTE_GUEST_RUSTC to a rustc that has it",
        rust::TARGET
    )]
    Target,
    /// The crate made no module.
    #[error("{}: the crate made no WebAssembly module; put crate-type = [\"cdylib\"] under [lib]", .0.display())]
    NoModule(PathBuf),
    /// The module is no plugin of the contract.
    #[error(
        "the module cannot become a component: {0}; build it against vedette-sdk or the contract's WIT"
    )]
    Encode(String),
    /// What builds plugins of this language is not there and cannot be had.
    #[error("{message}")]
    Tools {
        /// What is missing, and what to do.
        message: String,
    },
    /// The author's sources are not a plugin.
    #[error("the plugin does not load; what is wrong with it stands above")]
    Sources,
    /// componentize-py or componentize-js failed.
    #[error("{0} failed; its messages are above")]
    Componentize(&'static str),
    /// It would trap at its first breath.
    #[error(
        "a {language} plugin begins with {} MiB of memory, and its manifest allows {} MiB; put memory = \"{} MiB\" under [limits]",
        needs.div_ceil(1 << 20), has >> 20, language.usual_memory() >> 20
    )]
    Memory {
        /// The language.
        language: Language,
        /// Bytes that it begins with.
        needs: u64,
        /// Bytes that its manifest allows.
        has: u64,
    },
    /// The component would be refused by an agent.
    #[error("an agent would refuse this plugin: {0}")]
    Gate(#[from] ComponentError),
    /// The component could not be written.
    #[error("{}: cannot be written: {source}; check its directory's permissions and the free space", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Builds a plugin. The messages of the tools that do the work go to stderr.
///
/// # Errors
/// See [`BuildError`].
pub fn build(options: &BuildOptions) -> Result<Built, BuildError> {
    let (manifest, text) = read_manifest(&options.directory)?;
    let bytes = with_manifest(component_of(options)?, &text);
    let component = Component::verify(bytes)?;
    let path = options
        .output
        .clone()
        .unwrap_or_else(|| options.directory.join(format!("{}.wasm", manifest.id)));
    write(&path, &component.bytes).map_err(|source| BuildError::Write {
        path: path.clone(),
        source,
    })?;
    Ok(Built { path, component })
}

/// Builds a component that has no manifest yet.
///
/// # Errors
/// See [`BuildError`].
pub fn component_of(options: &BuildOptions) -> Result<Vec<u8>, BuildError> {
    let directory = &options.directory;
    let language =
        Language::of(directory).ok_or_else(|| BuildError::NoSources(directory.clone()))?;
    if language == Language::Rust {
        return rust::component_of(options);
    }
    let manifest = manifest_of(directory)?;
    let component = match language {
        Language::Python => python::component_of(directory, &manifest)?,
        _ => javascript::component_of(directory, &manifest)?,
    };
    let (needs, has) = (initial_memory(&component)?, manifest.limits.memory);
    if needs > has {
        return Err(BuildError::Memory {
            language,
            needs,
            has,
        });
    }
    Ok(component)
}

/// The manifest of the plugin in a directory.
///
/// # Errors
/// It cannot be read, or is not sound.
pub fn manifest_of(directory: &Path) -> Result<Manifest, BuildError> {
    read_manifest(directory).map(|(manifest, _)| manifest)
}

fn read_manifest(directory: &Path) -> Result<(Manifest, String), BuildError> {
    let path = directory.join("plugin.toml");
    let text = read_text(&path)?;
    let manifest =
        Manifest::parse(&text, &path.display().to_string()).map_err(BuildError::Manifest)?;
    Ok((manifest, text))
}

/// Bytes of memory that a component has from its beginning.
fn initial_memory(component: &[u8]) -> Result<u64, BuildError> {
    let malformed = |e: wasmparser::BinaryReaderError| BuildError::Encode(e.to_string());
    let mut bytes = 0u64;
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::MemorySection(memories) = payload.map_err(malformed)? {
            for memory in memories {
                bytes = bytes.saturating_add(memory.map_err(malformed)?.initial << 16);
            }
        }
    }
    Ok(bytes)
}

/// Puts a manifest into a component.
pub fn with_manifest(mut component: Vec<u8>, manifest: &str) -> Vec<u8> {
    component.extend(manifest_section(manifest));
    component
}

fn read_text(path: &Path) -> Result<String, BuildError> {
    let refused = |source| BuildError::Read {
        path: path.to_owned(),
        source,
    };
    // The parser refuses what is longer than a manifest may be; only hold no more of it.
    let file = fs::File::open(path).map_err(refused)?;
    let mut text = String::new();
    io::Read::read_to_string(&mut io::Read::take(file, MAX_SIZE as u64 + 4), &mut text)
        .map_err(refused)?;
    Ok(text)
}

/// Writes beside the file and moves over it: an agent that watches it never sees half of it.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".tmp");
    let aside = path.with_file_name(name);
    fs::write(&aside, bytes)?;
    fs::rename(&aside, path).inspect_err(|_| {
        let _ = fs::remove_file(&aside);
    })
}
