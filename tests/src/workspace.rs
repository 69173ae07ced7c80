//! Where things are, and what tests must not do at the same time.

use std::{
    env,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

/// The top of the source tree.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace")
}

fn from_env(variable: &str, otherwise: &str) -> PathBuf {
    env::var_os(variable).map_or_else(|| root().join(otherwise), PathBuf::from)
}

/// The agent: `$VEDETTE_BIN`, or what `make build` made.
pub fn vedette() -> PathBuf {
    from_env("VEDETTE_BIN", "target/release/vedette")
}

/// The bundled plugins: `$VEDETTE_PLUGINS`, or what `make plugins` made.
pub fn plugins() -> PathBuf {
    from_env("VEDETTE_PLUGINS", "target/plugins")
}

/// Plugins made for the tests: `$VEDETTE_GUESTS`, or what `make test` made of `tests/guests`.
pub fn guests() -> PathBuf {
    from_env("VEDETTE_GUESTS", "target/guests")
}

/// Where tests keep what they build once and use often.
pub fn cache() -> PathBuf {
    let path = root().join("target/tests");
    fs::create_dir_all(&path).expect("the target directory is writable");
    path
}

/// The machine, held by one test at a time.
///
/// An agent sees all of it, so a test that starts one or that attacks holds this while it runs. It
/// works between threads, processes and checkouts.
#[derive(Debug)]
pub struct Alone {
    _lock: File,
}

/// Waits until no other test holds the machine.
pub fn alone() -> Alone {
    Alone {
        _lock: locked_file(&env::temp_dir().join("vedette-tests.lock")),
    }
}

/// Takes the lock of that name in this checkout; it is free again when the file is closed.
pub(crate) fn locked(name: &str) -> File {
    locked_file(&cache().join(name))
}

fn locked_file(path: &Path) -> File {
    let lock = File::create(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    lock.lock().expect("files can be locked");
    lock
}

/// Letters and digits that nobody has used before.
pub fn random_hex(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut buffer))
        .expect("the kernel has random bytes");
    buffer.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A name as an attacker would give to a copied tool: letters that say nothing.
pub fn random_word() -> String {
    let hex = random_hex(5);
    // zsh called by a name that begins with r is a restricted shell, and ksh likewise.
    let first = std::iter::once('x');
    let rest = hex.bytes().map(|digit| {
        char::from(
            b'g' + if digit < b'a' {
                digit - b'0'
            } else {
                digit - b'a' + 10
            },
        )
    });
    first.chain(rest).collect()
}
