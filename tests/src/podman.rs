//! podman with a store of its own, and its service.

use crate::{image, process::wait_for};
use rustix::mount::{UnmountFlags, unmount};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// podman's service listens within this time, or the test says that it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// podman with the tests' image in a store of its own. Dropped, all of it is gone.
#[derive(Debug)]
pub struct Podman {
    directory: TempDir,
    service: Option<Child>,
}

impl Podman {
    /// Makes the store.
    ///
    /// # Panics
    /// Where podman fails.
    pub fn new() -> Self {
        let directory = TempDir::with_prefix("vedette-podman-").expect("a temporary directory");
        let podman = Self {
            directory,
            service: None,
        };
        let layer = image::layer(podman.directory.path());
        podman.done(podman.command().arg("import").arg(layer).arg(image::NAME));
        podman
    }

    /// A call of podman.
    pub fn command(&self) -> Command {
        let at = |name: &str| self.directory.path().join(name);
        let mut command = Command::new("podman");
        command.arg("--root").arg(at("store"));
        command.arg("--runroot").arg(at("run"));
        command.arg("--tmpdir").arg(at("tmp"));
        command.args(["--cgroup-manager", "cgroupfs", "--runtime", "runc"]);
        command.args(["--events-backend", "file"]);
        command.stdin(Stdio::null());
        command
    }

    /// `podman run` in the machine's network, within the limits that this machine can set.
    pub fn run(&self) -> Command {
        let mut command = self.command();
        command.args(["run", "--network", "host"]);
        command.args([
            "--ulimit",
            "nofile=1024:1024",
            "--ulimit",
            "nproc=1024:1024",
        ]);
        command
    }

    /// Calls it and returns what it prints.
    ///
    /// # Panics
    /// Where it fails, with what it says.
    pub fn done(&self, command: &mut Command) -> String {
        let output = command.output().expect("podman is installed");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Starts the service, which also speaks docker's protocol, and returns its socket.
    ///
    /// # Panics
    /// Where it does not listen.
    pub fn serve(&mut self) -> PathBuf {
        let socket = self.directory.path().join("podman.sock");
        let service = self
            .command()
            .args(["system", "service", "--time", "0"])
            .arg(format!("unix://{}", socket.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.service = Some(service.expect("podman is installed"));
        let up = wait_for(PATIENCE, || {
            std::os::unix::net::UnixStream::connect(&socket).ok()
        });
        assert!(up.is_some(), "podman's service does not listen");
        socket
    }
}

impl Default for Podman {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        if let Some(service) = &mut self.service {
            let _ = service.kill();
            let _ = service.wait();
        }
        let removed = self
            .command()
            .args(["rm", "--force", "--all", "--time", "0"])
            .output();
        if !removed.is_ok_and(|output| output.status.success()) {
            eprintln!("podman does not remove its containers");
        }
        unmount_below(self.directory.path());
        remove_groups("libpod_parent");
    }
}

/// Detaches what is still mounted below a directory, so that it can be removed.
pub fn unmount_below(directory: &Path) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    let below: Vec<_> = points
        .filter(|p| Path::new(p).starts_with(directory))
        .collect();
    for point in below.iter().rev() {
        if let Err(error) = unmount(*point, UnmountFlags::DETACH) {
            eprintln!("{point}: {error}");
        }
    }
}

/// Removes the control groups of that name, and those below, that no process is in.
pub fn remove_groups(name: &str) {
    let below = |path: &Path| {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        paths.filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    fn remove(path: &Path, below: &dyn Fn(&Path) -> Vec<PathBuf>) {
        for child in below(path) {
            remove(&child, below);
        }
        // Where somebody is still in it, it is not the tests' own.
        let _ = fs::remove_dir(path);
    }
    let root = Path::new("/sys/fs/cgroup");
    for hierarchy in below(root).into_iter().chain([root.to_owned()]) {
        let group = hierarchy.join(name);
        if group.is_dir() {
            // Zombies leave a group a moment after their parent has waited for them.
            let gone = wait_for(Duration::from_secs(1), || {
                remove(&group, &below);
                (!group.exists()).then_some(())
            });
            let _ = gone;
        }
    }
}
