//! `vedette plugin new`: a plugin that works, to begin with.

use super::sdk::{self, PLACE, WriteError, write};
use crate::manifest::OWN_ID;
pub use crate::plugin::build::Language;
use std::path::{Path, PathBuf};

impl Language {
    /// The line that runs its native tests, with what it does.
    pub fn native_tests(self) -> &'static str {
        match self {
            Language::Rust => "cargo test --release    # test the code natively",
            Language::Python => "python3 -m unittest     # test the code natively",
            Language::JavaScript => "npm install && npm test # test the code natively",
        }
    }

    /// Where the detection is written.
    pub fn source(self) -> &'static str {
        match self {
            Language::Rust => "src/lib.rs",
            Language::Python => "plugin.py",
            Language::JavaScript => "plugin.js",
        }
    }
}

/// A file of a template: where it goes, and its text or bytes.
type File = (&'static str, &'static [u8]);

/// The files of the template in Rust. `{{…}}` in texts is filled in.
const RUST: &[File] = &[
    ("Cargo.toml", include_bytes!("templates/rust/Cargo.toml.in")),
    (
        "plugin.toml",
        include_bytes!("templates/rust/plugin.toml.in"),
    ),
    ("README.md", include_bytes!("templates/rust/README.md.in")),
    (".gitignore", include_bytes!("templates/rust/gitignore.in")),
    ("src/lib.rs", include_bytes!("templates/rust/src/lib.rs")),
];

/// The files of the template in Python.
const PYTHON: &[File] = &[
    (
        "plugin.toml",
        include_bytes!("templates/python/plugin.toml.in"),
    ),
    ("plugin.py", include_bytes!("templates/python/plugin.py")),
    (
        "test_plugin.py",
        include_bytes!("templates/python/test_plugin.py"),
    ),
    (
        "pyproject.toml",
        include_bytes!("templates/python/pyproject.toml.in"),
    ),
    ("README.md", include_bytes!("templates/python/README.md.in")),
    (
        ".gitignore",
        include_bytes!("templates/python/gitignore.in"),
    ),
];

/// The files of the template in JavaScript.
const JAVASCRIPT: &[File] = &[
    (
        "plugin.toml",
        include_bytes!("templates/javascript/plugin.toml.in"),
    ),
    (
        "package.json",
        include_bytes!("templates/javascript/package.json.in"),
    ),
    (
        "plugin.js",
        include_bytes!("templates/javascript/plugin.js"),
    ),
    (
        "plugin.test.js",
        include_bytes!("templates/javascript/plugin.test.js"),
    ),
    (
        "README.md",
        include_bytes!("templates/javascript/README.md.in"),
    ),
    (
        ".gitignore",
        include_bytes!("templates/javascript/gitignore.in"),
    ),
];

/// The captures that every template is tested with: real ones.
const FIXTURES: &[File] = &[
    (
        "fixtures/memfd.capture",
        include_bytes!("templates/fixtures/memfd.capture"),
    ),
    (
        "fixtures/benign.capture",
        include_bytes!("templates/fixtures/benign.capture"),
    ),
];

/// A plugin could not be begun.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The name is no id of a plugin.
    #[error(
        "{0:?} cannot be the name of a plugin: use 2 to 64 of the characters a-z, 0-9 and -, a letter first, as in \"web-shell\""
    )]
    Name(String),
    /// The name is taken by what the plugin is made of.
    #[error("{0:?} is the name of a part of Vedette; name the plugin after what it detects")]
    Reserved(String),
    /// There is something already.
    #[error("{}: is there already; give another name, or another place with --path", .0.display())]
    Exists(PathBuf),
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Writes a new plugin. The directory must not exist, or be empty.
///
/// # Errors
/// See [`NewError`].
pub fn create(language: Language, name: &str, directory: &Path) -> Result<(), NewError> {
    check_name(name)?;
    let empty = std::fs::read_dir(directory).map(|mut entries| entries.next().is_none());
    // Whatever cannot be listed is there, or will fail to be written.
    let free = match &empty {
        Ok(empty) => *empty,
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if !free {
        return Err(NewError::Exists(directory.to_owned()));
    }
    let files = match language {
        Language::Rust => RUST,
        Language::Python => PYTHON,
        Language::JavaScript => JAVASCRIPT,
    };
    for (path, bytes) in files {
        write(&directory.join(path), &filled_in(bytes, name))?;
    }
    for (path, bytes) in FIXTURES {
        write(&directory.join(path), bytes)?;
    }
    write_sdk(language, directory)?;
    if language == Language::Rust {
        // The versions that the SDK was tested with; cargo drops what is not needed.
        let lock = sdk::file("Cargo.lock").unwrap_or(b"");
        write(&directory.join("Cargo.lock"), lock)?;
    }
    Ok(())
}

/// Writes the SDK of this binary into a plugin's directory, over one that is there.
///
/// # Errors
/// A file cannot be written.
pub fn write_sdk(language: Language, directory: &Path) -> Result<(), WriteError> {
    let place = directory.join(PLACE);
    match language {
        Language::Rust => sdk::write_rust(&place),
        Language::Python => sdk::write_package(&place, "python"),
        Language::JavaScript => sdk::write_package(&place, "javascript"),
    }
}

/// The language of the plugin in a directory, by what lies there.
pub fn language_of(directory: &Path) -> Option<Language> {
    Language::of(directory)
}

fn check_name(name: &str) -> Result<(), NewError> {
    let good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let bytes = name.as_bytes();
    if !(2..=64).contains(&bytes.len())
        || !bytes[0].is_ascii_lowercase()
        || bytes.ends_with(b"-")
        || !bytes.iter().all(|c| good(*c))
    {
        return Err(NewError::Name(name.to_owned()));
    }
    if name == OWN_ID || name.starts_with("vedette-") {
        return Err(NewError::Reserved(name.to_owned()));
    }
    Ok(())
}

fn filled_in(template: &[u8], name: &str) -> Vec<u8> {
    match std::str::from_utf8(template) {
        Ok(text) => text
            .replace("{{id}}", name)
            .replace("{{contract}}", vedette_contract::VERSION)
            .into_bytes(),
        Err(_) => template.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["ab", "web-shell", "x2"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "2x", "-a", "a-", "Web", "a_b", "a/b", "..", "é1"] {
            assert!(matches!(check_name(bad), Err(NewError::Name(_))), "{bad}");
        }
        for taken in ["vedette", "vedette-sdk"] {
            assert!(matches!(check_name(taken), Err(NewError::Reserved(_))));
        }
    }
}
