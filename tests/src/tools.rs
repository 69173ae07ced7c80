//! The programs that attacks and honest work are done with, under their own names or under others.

use crate::workspace::{self, random_word};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// Only the system's directories: what a developer's own search path puts before them is no
/// program that could be copied into a container.
const SEARCH: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Where a program of the machine lies, every link followed.
pub fn find(name: &str) -> Option<PathBuf> {
    let candidates = SEARCH
        .iter()
        .map(|directory| Path::new(directory).join(name));
    candidates
        .filter_map(|path| fs::canonicalize(path).ok())
        .find(|path| path.is_file())
}

/// Where something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On the machine itself.
    Host,
    /// In a container of its own.
    Container,
}

/// What the programs are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// As their makers called them.
    Own,
    /// Copies, at paths and under names that nobody has seen before.
    Others,
}

/// Programs for one attack or one piece of work, with a file layer that holds the copies.
#[derive(Debug)]
pub struct Tools {
    names: Names,
    layer: TempDir,
    /// The directory of the copies as their user sees it, below the layer.
    directory: String,
    place: Place,
}

impl Tools {
    /// An empty set.
    pub fn new(place: Place, names: Names) -> Self {
        let layer = TempDir::with_prefix("vedette-tools-").expect("a temporary directory");
        fs::set_permissions(layer.path(), fs::Permissions::from_mode(0o755))
            .expect("an own directory");
        let word = match names {
            Names::Own => "tools".to_owned(),
            Names::Others => random_word(),
        };
        let tools = Self {
            names,
            layer,
            directory: format!("opt/{word}"),
            place,
        };
        fs::create_dir_all(tools.layer.path().join(&tools.directory)).expect("an own directory");
        tools
    }

    /// How the programs are called.
    pub fn names(&self) -> Names {
        self.names
    }

    /// The files to lay over a container's root.
    pub fn layer(&self) -> &Path {
        self.layer.path()
    }

    /// A scratch file's path: in `/tmp` of the container, in an own directory on the host.
    pub fn scratch(&self, name: &str) -> String {
        match self.place {
            Place::Host => self.layer.path().join(name).display().to_string(),
            Place::Container => format!("/tmp/{name}"),
        }
    }

    /// The command for a program of the machine.
    ///
    /// # Panics
    /// Where it is not installed: ask with `require!` first.
    pub fn get(&self, name: &str) -> String {
        let found = find(name).unwrap_or_else(|| panic!("{name} is not installed"));
        match self.names {
            Names::Own => self.own_path(name),
            // A busybox looks for its applets only if its name begins so.
            Names::Others if name == "busybox" => {
                self.copy(&found, &format!("busybox{}", random_word()))
            }
            Names::Others => self.copy(&found, &random_word()),
        }
    }

    /// The command for one of the C programs in `tests/programs`, compiled once and linked
    /// statically, so that it runs in any container.
    ///
    /// # Panics
    /// Where it does not compile.
    pub fn program(&self, name: &str) -> String {
        let built = build_program(name);
        let as_name = match self.names {
            Names::Own => name.to_owned(),
            Names::Others => random_word(),
        };
        self.copy(&built, &as_name)
    }

    fn own_path(&self, name: &str) -> String {
        let candidates = SEARCH
            .iter()
            .map(|directory| Path::new(directory).join(name));
        let path = candidates
            .filter(|path| path.exists())
            .min_by_key(|path| path.as_os_str().len());
        path.unwrap_or_else(|| name.into()).display().to_string()
    }

    fn copy(&self, from: &Path, name: &str) -> String {
        let below = Path::new(&self.directory).join(name);
        let to = self.layer.path().join(&below);
        if !to.exists() {
            fs::copy(from, &to)
                .unwrap_or_else(|error| panic!("{} to {}: {error}", from.display(), to.display()));
        }
        match self.place {
            Place::Host => to.display().to_string(),
            Place::Container => format!("/{}", below.display()),
        }
    }
}

/// A static program of `tests/programs`.
///
/// # Panics
/// Where it does not compile.
pub fn build_program(name: &str) -> PathBuf {
    let source = workspace::root()
        .join("tests/programs")
        .join(name)
        .with_extension("c");
    let built = workspace::cache().join("programs").join(name);
    let _lock = workspace::locked("programs.lock");
    fs::create_dir_all(built.parent().expect("it lies in a directory"))
        .expect("the target directory is writable");
    let modified = |path: &Path| {
        path.metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
    };
    if modified(&built) > modified(&source) {
        return built;
    }
    let status = Command::new("cc")
        .args(["-static", "-O1", "-Wall", "-Werror", "-pthread", "-o"])
        .args([&built, &source])
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "{} compiles",
        source.display()
    );
    built
}
