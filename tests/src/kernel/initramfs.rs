//! The files of a virtual machine: a cpio archive that the kernel unpacks into memory at boot.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    time::UNIX_EPOCH,
};

/// What a path holds.
#[derive(Debug)]
enum Entry {
    Directory,
    Link(PathBuf),
    Copy(PathBuf),
    Bytes(Vec<u8>),
}

/// Files by the path that they are to have, all below one `usr` as on any merged system.
#[derive(Debug, Default)]
pub struct Initramfs {
    entries: BTreeMap<PathBuf, Entry>,
}

/// Where a path of the machine lies once `/bin` and the like are links.
fn merged(path: &Path) -> PathBuf {
    let path = path.strip_prefix("/").unwrap_or(path);
    let top = ["bin", "sbin", "lib", "lib64"];
    if top.iter().any(|top| path.starts_with(top)) {
        Path::new("usr").join(path)
    } else {
        path.to_owned()
    }
}

impl Initramfs {
    /// Empty directories to mount upon, and the links of a merged `usr`.
    pub fn new() -> Self {
        let mut this = Self::default();
        for directory in [
            "dev",
            "usr/share",
            "etc",
            "proc",
            "root",
            "run",
            "sys",
            "tmp",
            "var",
            "usr/bin",
            "usr/sbin",
            "usr/lib",
            "usr/lib64",
        ] {
            this.put(Path::new(directory), Entry::Directory);
        }
        for top in ["bin", "sbin", "lib", "lib64"] {
            let target = Path::new("usr").join(top);
            this.entries.insert(top.into(), Entry::Link(target));
        }
        this
    }

    fn put(&mut self, at: &Path, entry: Entry) {
        let at = merged(at);
        let parents: Vec<_> = at.ancestors().skip(1).map(Path::to_owned).collect();
        for parent in parents {
            if parent != Path::new("") {
                self.entries.entry(parent).or_insert(Entry::Directory);
            }
        }
        self.entries.insert(at, entry);
    }

    /// A file with that text, executable.
    pub fn text(&mut self, at: &str, text: &str) {
        self.bytes(at, text.as_bytes().to_vec());
    }

    /// A file with that content, executable.
    pub fn bytes(&mut self, at: &str, content: Vec<u8>) {
        self.put(Path::new(at), Entry::Bytes(content));
    }

    /// A symbolic link.
    pub fn link(&mut self, at: &str, to: &str) {
        self.put(Path::new(at), Entry::Link(to.into()));
    }

    /// A file of this machine.
    pub fn file(&mut self, at: impl AsRef<Path>, from: impl Into<PathBuf>) {
        self.put(at.as_ref(), Entry::Copy(from.into()));
    }

    /// A program of this machine and the libraries that it is linked with.
    pub fn program(&mut self, at: impl AsRef<Path>, from: impl AsRef<Path>) {
        let from = from.as_ref();
        self.file(at, from);
        for library in libraries(from) {
            self.file(library.clone(), library);
        }
    }

    /// A directory of this machine with all below it for which `keep` holds; shared objects come
    /// with the libraries that they are linked with.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn tree(&mut self, from: &Path, keep: &dyn Fn(&Path) -> bool) -> io::Result<()> {
        for entry in fs::read_dir(from)? {
            let path = entry?.path();
            if !keep(&path) {
                continue;
            }
            if path.is_dir() {
                self.tree(&path, keep)?;
            } else if path.extension().is_some_and(|extension| extension == "so") {
                self.program(path.clone(), &path);
            } else if path.is_file() {
                self.file(path.clone(), path);
            }
        }
        Ok(())
    }

    /// Writes the archive.
    ///
    /// # Errors
    /// When a file cannot be read or the archive cannot be written.
    pub fn write(&self, to: &Path) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(to)?);
        for (number, (at, entry)) in self.entries.iter().enumerate() {
            let (mode, modified, content) = match entry {
                Entry::Directory => (0o040_755, 0, Vec::new()),
                Entry::Link(to) => (0o120_777, 0, to.as_os_str().as_encoded_bytes().to_vec()),
                Entry::Bytes(content) => (0o100_755, 0, content.clone()),
                Entry::Copy(from) => {
                    let said =
                        |error: io::Error| io::Error::other(format!("{}: {error}", from.display()));
                    let metadata = fs::metadata(from).map_err(said)?;
                    // Python looks at the time of a source before it trusts what it compiled of it.
                    let modified = metadata.mtime().max(0).unsigned_abs();
                    let mode = 0o100_000 | metadata.permissions().mode() & 0o7777;
                    (mode, modified, fs::read(from).map_err(said)?)
                }
            };
            member(&mut out, number + 1, at, mode, modified, &content)?;
        }
        member(&mut out, 0, Path::new("TRAILER!!!"), 0, 0, &[])?;
        out.flush()
    }
}

/// One member in the "newc" form: thirteen numbers in hexadecimal, the name, the content, the last
/// two padded to four bytes.
fn member(
    out: &mut impl Write,
    number: usize,
    at: &Path,
    mode: u32,
    modified: u64,
    content: &[u8],
) -> io::Result<()> {
    let name = at.as_os_str().as_encoded_bytes();
    let modified = modified.min(u32::MAX.into());
    write!(
        out,
        "070701{number:08x}{mode:08x}{:08x}{:08x}{:08x}{modified:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}",
        0, // owner
        0, // group
        1, // links
        content.len(),
        0, // device of the file
        0,
        0, // device that it is
        0,
        name.len() + 1,
        0 // checksum, unused
    )?;
    out.write_all(name)?;
    // The head has 110 bytes.
    out.write_all(&[0; 4][..1 + padding(110 + name.len() + 1)])?;
    out.write_all(content)?;
    out.write_all(&[0; 4][..padding(content.len())])
}

fn padding(length: usize) -> usize {
    (4 - length % 4) % 4
}

/// What the dynamic linker would load for a program; nothing for one that is linked statically.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .filter_map(|line| {
            let path = line.split_once("=>").map_or(line, |(_, path)| path);
            let path = path.trim().split(' ').next()?;
            path.starts_with('/').then(|| path.into())
        })
        .collect()
}

/// Seconds since 1970 of the newest change of a file, to choose the newest of several.
pub(super) fn changed(path: &Path) -> u64 {
    fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_secs())
}
