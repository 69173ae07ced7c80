//! From a crate to a component.

use super::{BuildError, BuildOptions};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What guests are compiled for: a target without any system behind it.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// How guests are compiled unless the author's environment says otherwise: small components load
/// and compile faster, and a guest has nobody to unwind to.
const GUEST_PROFILE: [(&str, &str); 5] = [
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_RELEASE_STRIP", "debuginfo"),
    ("CARGO_PROFILE_RELEASE_LTO", "true"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
];

/// Compiles a plugin's crate to a component that has no manifest yet.
///
/// # Errors
/// See [`BuildError`].
pub(super) fn component_of(options: &BuildOptions) -> Result<Vec<u8>, BuildError> {
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
        return Err(match has_target(&options.directory) {
            true => BuildError::Compile,
            false => BuildError::Target,
        });
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

/// Whether the compiler that cargo uses in this directory can compile guests. Where it cannot be
/// asked, cargo has said why.
fn has_target(directory: &Path) -> bool {
    let rustc = ["VEDETTE_GUEST_RUSTC", "RUSTC"].iter();
    let rustc = rustc.filter_map(std::env::var_os).next();
    let asked = Command::new(rustc.unwrap_or_else(|| "rustc".into()))
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(directory)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    match asked {
        Ok(output) if output.status.success() => {
            Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
        }
        _ => true,
    }
}
