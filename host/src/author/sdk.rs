//! The SDK that this binary carries, and how it is written beside a plugin.
//!
//! The sources go into the plugin's own directory, so that the plugin builds wherever it is
//! copied to, against exactly the contract that it was tried with.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// The files of the SDK and the contract, by their path from the top of the tree.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/sdk_files.rs"));

/// Where the SDK lies in a plugin's directory.
pub const PLACE: &str = "vendor/vedette";

/// The SDK could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be written: {source}; check the directory's permissions and the free space", path.display())]
pub struct WriteError {
    /// The file or directory.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// The file of the tree with this path.
pub(super) fn file(name: &str) -> Option<&'static [u8]> {
    FILES
        .iter()
        .find(|(path, _)| *path == name)
        .map(|(_, bytes)| *bytes)
}

/// The files below a directory of the tree, by their path from there.
pub(crate) fn below(directory: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES
        .iter()
        .filter_map(move |(path, bytes)| Some((path.strip_prefix(directory)?, *bytes)))
}

/// Writes what plugins in a language of its own interpreter are tested with: the SDK's package
/// `sdk/NAME`, to the same place below `directory`.
///
/// # Errors
/// A file cannot be written.
pub fn write_package(directory: &Path, name: &str) -> Result<(), WriteError> {
    let place = format!("sdk/{name}/");
    for (path, bytes) in below(&place) {
        write(&directory.join(&place).join(path), bytes)?;
    }
    write(&directory.join("LICENSE"), file("LICENSE").unwrap_or(b""))
}

/// Writes what plugins in Rust are built from below `directory`: the contract, the SDK, and a
/// workspace that holds the two.
///
/// # Errors
/// A file cannot be written.
pub fn write_rust(directory: &Path) -> Result<(), WriteError> {
    let is_rust = |name: &str| {
        !["sdk/python/", "sdk/javascript/"]
            .iter()
            .any(|other| name.starts_with(other))
    };
    for (name, bytes) in FILES {
        if name.contains('/') && is_rust(name) {
            write(&directory.join(name), bytes)?;
        }
    }
    write(&directory.join("LICENSE"), file("LICENSE").unwrap_or(b""))?;
    write(&directory.join("Cargo.toml"), workspace().as_bytes())
}

/// The manifest of the workspace that holds the SDK alone: what its crates inherit.
fn workspace() -> String {
    let whole = file("Cargo.toml").unwrap_or(b"");
    let whole: toml::Table = std::str::from_utf8(whole)
        .ok()
        .and_then(|text| toml::from_str(text).ok())
        .unwrap_or_default();
    let mut workspace = match whole.get("workspace") {
        Some(toml::Value::Table(table)) => table.clone(),
        _ => toml::Table::new(),
    };
    let manifests: Vec<(&str, &str)> = FILES
        .iter()
        .filter_map(|(name, bytes)| {
            let directory = name.strip_suffix("/Cargo.toml")?;
            Some((directory, std::str::from_utf8(bytes).ok()?))
        })
        .collect();
    let members = manifests
        .iter()
        .map(|(directory, _)| toml::Value::from(*directory));
    workspace.insert("members".to_owned(), toml::Value::Array(members.collect()));
    if let Some(toml::Value::Table(dependencies)) = workspace.get_mut("dependencies") {
        dependencies.retain(|name, _| manifests.iter().any(|(_, text)| text.contains(name)));
    }
    let mut top = toml::Table::new();
    top.insert("workspace".to_owned(), toml::Value::Table(workspace));
    format!(
        "# Written by `vedette plugin new`: the SDK of Vedette {}, contract {}.\n\
         # `vedette plugin sdk` brings it up to date.\n\n{}",
        env!("CARGO_PKG_VERSION"),
        vedette_contract::VERSION,
        toml::to_string(&top).unwrap_or_default()
    )
}

/// Writes a file and the directories that it lies in.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let failed = |source| WriteError {
        path: path.to_owned(),
        source,
    };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    fs::write(path, bytes).map_err(failed)
}
