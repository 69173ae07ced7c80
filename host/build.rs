//! Puts the SDK's and the contract's sources into the binary: `vedette plugin new` writes them
//! beside a new plugin, so that an author needs no checkout of this tree.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Directories whose files go along, relative to the top of the tree.
const TREES: [&str; 2] = ["sdk", "wit"];

/// Single files that go along.
const FILES: [&str; 3] = ["Cargo.toml", "Cargo.lock", "LICENSE"];

/// Directories below [`TREES`] that no author needs.
const LEFT_OUT: [&str; 7] = [
    "tests",
    "examples",
    "benches",
    "target",
    "node_modules",
    "__pycache__",
    "blessed",
];

fn main() {
    let host = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let top = Path::new(&host)
        .parent()
        .expect("host is below the top of the tree")
        .to_owned();
    println!("cargo::rerun-if-changed=build.rs");
    let mut files: Vec<PathBuf> = FILES.iter().map(|name| top.join(name)).collect();
    for tree in TREES {
        println!("cargo::rerun-if-changed={}", top.join(tree).display());
        collect(&top.join(tree), &mut files);
    }
    files.sort();
    let mut out = String::from("&[\n");
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file.strip_prefix(&top).expect("below the top");
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "({:?}, include_bytes!({:?})),",
            name.display().to_string(),
            file.display().to_string()
        );
    }
    out.push_str("]\n");
    let to = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&to).join("sdk_files.rs"), out).expect("OUT_DIR is writable");
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).expect("the SDK is beside the host");
    for entry in entries {
        let path = entry.expect("readable").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !LEFT_OUT.contains(&&*name) && !name.starts_with('.') {
                collect(&path, files);
            }
        } else if !name.starts_with('.') && !name.ends_with(".wasm") {
            files.push(path);
        }
    }
}
