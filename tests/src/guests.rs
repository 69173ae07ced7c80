//! Components of `tests/guests`, and plugin directories that tests fill with them.

use crate::workspace;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A built component.
#[derive(Debug, Clone)]
pub struct Component {
    bytes: Vec<u8>,
}

impl Component {
    /// A guest of the tests.
    ///
    /// # Panics
    /// Where it is not built.
    pub fn guest(name: &str) -> Self {
        let path = workspace::guests().join(name).with_extension("wasm");
        let bytes = fs::read(&path);
        Self {
            bytes: bytes
                .unwrap_or_else(|error| panic!("{}: {error}; run make test", path.display())),
        }
    }

    /// The guest that tells of every event below [`crate::storm::DIRECTORY`], under this id.
    pub fn witness(id: char) -> Self {
        Self::guest("witness").with("witness-a", &format!("witness-{id}"))
    }

    /// The guest that does harm; the deed has five letters.
    pub fn saboteur(deed: &str) -> Self {
        let named = Self::guest("saboteur").with(
            "id = \"saboteur-peace\"",
            &format!("id = \"saboteur-{deed}\""),
        );
        named.with("deed = \"peace\"", &format!("deed = \"{deed}\""))
    }

    /// A later generation of a witness.
    pub fn generation(&self, number: u32) -> Self {
        self.with(
            "version = \"1.00.0\"",
            &format!("version = \"1.{number:02}.0\""),
        )
        .with(
            "generation = \"00\"",
            &format!("generation = \"{number:02}\""),
        )
    }

    /// A witness that tells of an event as soon as it is given it.
    pub fn eager(&self) -> Self {
        self.with("gather = \"40\"", "gather = \"01\"")
    }

    /// The same with another text of the same length in its manifest, which it holds as it was
    /// written: that makes another plugin of it without another build.
    ///
    /// # Panics
    /// Where the manifest does not hold the text exactly once, or lengths differ.
    pub fn with(&self, text: &str, other: &str) -> Self {
        assert_eq!(
            text.len(),
            other.len(),
            "{text} and {other} are equally long"
        );
        let (text, other) = (text.as_bytes(), other.as_bytes());
        let places: Vec<_> = (0..self.bytes.len())
            .filter(|&at| self.bytes[at..].starts_with(text))
            .collect();
        assert_eq!(
            places.len(),
            1,
            "the manifest holds {} once",
            String::from_utf8_lossy(text)
        );
        let mut bytes = self.bytes.clone();
        bytes[places[0]..places[0] + text.len()].copy_from_slice(other);
        Self { bytes }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A directory of plugins for one agent.
#[derive(Debug)]
pub struct PluginDirectory {
    directory: TempDir,
}

impl PluginDirectory {
    /// An empty one, which root alone may write to.
    #[expect(clippy::new_without_default, reason = "it makes a directory")]
    pub fn new() -> Self {
        let directory = TempDir::with_prefix_in("plugins-", workspace::cache())
            .expect("the target directory is writable");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))
            .expect("an own directory");
        Self { directory }
    }

    /// One with the bundled plugins.
    ///
    /// # Panics
    /// Where they are not built.
    pub fn bundled() -> Self {
        let own = Self::new();
        let bundled = fs::read_dir(workspace::plugins()).expect("the bundled plugins are built");
        for path in bundled.flatten().map(|entry| entry.path()) {
            if path
                .extension()
                .is_some_and(|extension| extension == "wasm")
            {
                let name = path
                    .file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                own.put_bytes(&name, &fs::read(&path).expect("a readable file"));
            }
        }
        own
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name).with_extension("wasm")
    }

    /// Puts a component in place at once, as a careful operator does.
    pub fn put(&self, name: &str, component: &Component) {
        self.put_bytes(name, component.bytes());
    }

    /// The same with any bytes.
    pub fn put_bytes(&self, name: &str, bytes: &[u8]) {
        let aside = self.path().join(format!(".{name}"));
        fs::write(&aside, bytes).expect("an own directory");
        fs::rename(&aside, self.file(name)).expect("both lie in one directory");
    }

    /// Takes one away.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.file(name)).expect("it is there");
    }
}
