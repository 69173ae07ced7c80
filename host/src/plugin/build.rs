//! `vedette plugin build`: from a crate and its `plugin.toml` to a component.

use super::component::{Component, ComponentError};
use crate::manifest::{MAX_SIZE, Manifest, ManifestError, SECTION};
use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use wasm_encoder::{ComponentSection, CustomSection};

/// What guests are compiled for: a target without any system behind it.
const TARGET: &str = "wasm32-unknown-unknown";

/// How guests are compiled unless the author's environment says otherwise: small components load
/// and compile faster, and a guest has nobody to unwind to.
const GUEST_PROFILE: [(&str, &str); 5] = [
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_RELEASE_STRIP", "debuginfo"),
    ("CARGO_PROFILE_RELEASE_LTO", "true"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
];

/// What to build, and where.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// Directory of the crate, with `plugin.toml` beside `Cargo.toml`.
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
    #[error("{}: cannot be read: {source}; a plugin is a crate with a plugin.toml beside its Cargo.toml", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest is not sound.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Manifest(Box<ManifestError>),
    /// Cargo could not be started.
    #[error("cargo does not run: {0}; install Rust from https://rustup.rs")]
    Cargo(io::Error),
    /// Cargo failed.
    #[error(
        "cargo failed; its messages are above. If the target is missing: rustup target add {TARGET}, or set VEDETTE_GUEST_RUSTC to a rustc that has it"
    )]
    Compile,
    /// The crate made no module.
    #[error("{}: the crate made no WebAssembly module; put crate-type = [\"cdylib\"] under [lib]", .0.display())]
    NoModule(PathBuf),
    /// The module is no plugin of the contract.
    #[error(
        "the module cannot become a component: {0}; build it against vedette-sdk or the contract's WIT"
    )]
    Encode(String),
    /// The component would be refused by an agent.
    #[error("an agent would refuse this plugin: {0}")]
    Gate(#[from] ComponentError),
    /// The component could not be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Builds a plugin. Cargo's messages go to stderr.
///
/// # Errors
/// See [`BuildError`].
pub fn build(options: &BuildOptions) -> Result<Built, BuildError> {
    let manifest_path = options.directory.join("plugin.toml");
    let text = read_text(&manifest_path)?;
    let manifest = Manifest::parse(&text, &manifest_path.display().to_string())
        .map_err(BuildError::Manifest)?;
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

/// Compiles a plugin's crate to a component that has no manifest yet.
///
/// # Errors
/// See [`BuildError`].
pub fn component_of(options: &BuildOptions) -> Result<Vec<u8>, BuildError> {
    let path = compile(options)?;
    let module = fs::read(&path).map_err(|source| BuildError::Read { path, source })?;
    componentize(&module)
}

/// Makes a component of a core module that `wit-bindgen` had a part in.
fn componentize(module: &[u8]) -> Result<Vec<u8>, BuildError> {
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|e| BuildError::Encode(format!("{e:#}")))
}

/// Puts a manifest into a component.
pub fn with_manifest(mut component: Vec<u8>, manifest: &str) -> Vec<u8> {
    CustomSection {
        name: SECTION.into(),
        data: manifest.as_bytes().into(),
    }
    .append_to_component(&mut component);
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

/// Runs cargo and returns the module that it made.
fn compile(options: &BuildOptions) -> Result<PathBuf, BuildError> {
    let crate_manifest = options.directory.join("Cargo.toml");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--release", "--target", TARGET])
        .args([
            "--message-format",
            "json-render-diagnostics",
            "--manifest-path",
        ])
        .arg(&crate_manifest)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        // Flags and wrappers of a build that this one runs in are for the host, not for guests.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    for (setting, value) in GUEST_PROFILE {
        if std::env::var_os(setting).is_none() {
            cargo.env(setting, value);
        }
    }
    if let Some(rustc) = std::env::var_os("VEDETTE_GUEST_RUSTC") {
        cargo.env("RUSTC", rustc);
    }
    if let Some(directory) = &options.target_directory {
        cargo.arg("--target-dir").arg(directory);
    }
    let output = cargo.output().map_err(BuildError::Cargo)?;
    if !output.status.success() {
        return Err(BuildError::Compile);
    }
    let wanted = fs::canonicalize(&crate_manifest).map_err(|source| BuildError::Read {
        path: crate_manifest.clone(),
        source,
    })?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| {
            message["reason"] == "compiler-artifact"
                && message["manifest_path"].as_str().map(Path::new) == Some(&wanted)
        })
        .filter_map(|message| {
            message["filenames"]
                .as_array()?
                .iter()
                .filter_map(|name| Some(PathBuf::from(name.as_str()?)))
                .find(|name| name.extension() == Some(OsStr::new("wasm")))
        })
        .next_back()
        .ok_or(BuildError::NoModule(crate_manifest))
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
