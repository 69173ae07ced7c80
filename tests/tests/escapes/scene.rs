//! The machine around an escape.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;
use vedette_tests::{
    container::Spec,
    tools::{Names, Place, Tools},
};

/// What an escape is about to be told, and what it needs around it.
pub struct Scene {
    pub tools: Tools,
    /// A file on the machine, outside of the container, holding "outside".
    pub outside: PathBuf,
    /// A directory of the machine that the container sees as `/mnt/shared`.
    pub shared: PathBuf,
    pub victim: Victim,
    pub spec: Spec,
    /// The machine's network instead of its own.
    pub host_network: bool,
    _directory: TempDir,
}

/// A sleeping process on the machine, with an executable of its own.
pub struct Victim {
    child: Child,
}

impl Victim {
    fn start(directory: &Path) -> Self {
        let image = directory.join("sleeper");
        let sleep = vedette_tests::tools::find("sleep").expect("every machine has it");
        fs::copy(sleep, &image).expect("an own directory");
        let child = Command::new(image)
            .arg("300")
            .stdin(Stdio::null())
            .spawn()
            .expect("it is executable");
        Self { child }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // One escape has killed it already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Scene {
    pub fn new(names: Names) -> Self {
        let directory = TempDir::with_prefix("vedette-machine-").expect("a temporary directory");
        let shared = directory.path().join("shared");
        fs::create_dir(&shared).expect("an own directory");
        let outside = directory.path().join("outside");
        fs::write(&outside, "outside").expect("an own directory");
        let victim = Victim::start(directory.path());
        let spec = Spec {
            privileged: true,
            binds: vec![(shared.clone(), "/mnt/shared".into())],
            ..Spec::default()
        };
        Self {
            tools: Tools::new(Place::Container, names),
            outside,
            shared,
            victim,
            spec,
            host_network: false,
            _directory: directory,
        }
    }

    pub fn host_pids(&mut self) {
        self.spec.host_pids = true;
    }
}

/// A file of the kernel that an escape writes to; dropped, it holds again what it held.
pub struct Restored {
    path: PathBuf,
    content: Vec<u8>,
}

impl Restored {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let content = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, content }
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        // An empty value takes a line feed to be written at all.
        let content: &[u8] = if self.content.is_empty() {
            b"\n"
        } else {
            &self.content
        };
        let changed = fs::read(&self.path).is_ok_and(|now| now != self.content);
        if changed && let Err(error) = fs::write(&self.path, content) {
            eprintln!("{} could not be restored: {error}", self.path.display());
        }
    }
}

/// A loop device over a small file system; dropped, it is detached.
pub struct LoopDevice {
    path: String,
    numbers: (u32, u32),
    _image: TempDir,
}

impl LoopDevice {
    pub fn new() -> Self {
        let directory = TempDir::with_prefix("vedette-disk-").expect("a temporary directory");
        let image = directory.path().join("image");
        fs::write(&image, vec![0; 4 << 20]).expect("an own directory");
        let output = Command::new("losetup")
            .args(["--find", "--show"])
            .arg(&image)
            .output()
            .expect("util-linux");
        assert!(output.status.success(), "a loop device: {output:?}");
        let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let device = rustix::fs::stat(&path).expect("the device exists").st_rdev;
        let numbers = (rustix::fs::major(device), rustix::fs::minor(device));
        let disk = Self {
            path,
            numbers,
            _image: directory,
        };
        let made = Command::new("busybox")
            .args(["mke2fs", &disk.path])
            .output()
            .expect("busybox is installed");
        assert!(made.status.success(), "a file system: {made:?}");
        disk
    }

    pub fn mknod(&self, tools: &Tools) -> String {
        format!(
            "{} /tmp/disk b {} {}",
            tools.get("mknod"),
            self.numbers.0,
            self.numbers.1
        )
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        let detached = Command::new("losetup")
            .args(["--detach", &self.path])
            .status();
        if !detached.is_ok_and(|status| status.success()) {
            eprintln!("{} is not detached", self.path);
        }
    }
}
