//! A docker engine with a store and a socket of its own.

use crate::{
    image,
    podman::{remove_groups, unmount_below},
    process::{kill, wait_for},
    tools,
    workspace::random_word,
};
use rustix::process::Signal;
use std::{
    fs,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// The engine comes up and goes down within this time, or the test says that it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running engine with the tests' image. Dropped, all of it is gone.
#[derive(Debug)]
pub struct Docker {
    directory: TempDir,
    engine: Child,
    /// The control group that its containers' groups are made in.
    parent: String,
}

impl Docker {
    /// Starts it. It touches no network of the machine: no bridge, no rules.
    ///
    /// # Panics
    /// Where the engine does not come up, or does not take the image.
    pub fn start() -> Self {
        let directory = TempDir::with_prefix("vedette-docker-").expect("a temporary directory");
        let at = |name: &str| directory.path().join(name);
        let parent = format!("vedette-{}", random_word());
        let log = fs::File::create(at("log")).expect("an own directory");
        // Whatever the machine's own engine is told is not for this one.
        fs::write(at("settings"), "{}").expect("an own directory");
        let engine = Command::new(tools::find("dockerd").expect("dockerd is installed"))
            .arg(format!("--host=unix://{}", at("docker.sock").display()))
            .arg("--config-file")
            .arg(at("settings"))
            .arg("--data-root")
            .arg(at("store"))
            .arg("--exec-root")
            .arg(at("run"))
            .arg("--pidfile")
            .arg(at("pid"))
            .arg(format!("--cgroup-parent=/{parent}"))
            .args(["--storage-driver=vfs", "--bridge=none", "--iptables=false"])
            .args(["--ip-forward=false", "--ip-masq=false"])
            .args([
                "--userland-proxy=false",
                "--exec-opt=native.cgroupdriver=cgroupfs",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("dockerd is executable");
        let docker = Self {
            directory,
            engine,
            parent,
        };
        let up = wait_for(PATIENCE, || UnixStream::connect(docker.socket()).ok());
        assert!(up.is_some(), "dockerd does not listen: {}", docker.log());
        let layer = image::layer(docker.directory.path());
        docker.done(docker.command().arg("import").arg(layer).arg(image::NAME));
        docker
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("docker.sock")
    }

    /// What it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// A call of its client.
    pub fn command(&self) -> Command {
        let mut command = Command::new("docker");
        let host = format!("unix://{}", self.socket().display());
        command.args(["--host", &host]).stdin(Stdio::null());
        command
    }

    /// `docker run` in the machine's network.
    pub fn run(&self) -> Command {
        let mut command = self.command();
        command.args(["run", "--network", "host"]);
        command
    }

    /// Calls it and returns what it prints.
    ///
    /// # Panics
    /// Where it fails, with what it says.
    pub fn done(&self, command: &mut Command) -> String {
        let output = command.output().expect("docker is installed");
        let errors = String::from_utf8_lossy(&output.stderr);
        let log = if output.status.success() {
            String::new()
        } else {
            self.log()
        };
        assert!(output.status.success(), "{command:?}: {errors}\n{log}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let listed = self.command().args(["ps", "--all", "--quiet"]).output();
        let ids = listed.map(|output| output.stdout).unwrap_or_default();
        let ids = String::from_utf8_lossy(&ids);
        if !ids.trim().is_empty() {
            let removed = self
                .command()
                .args(["rm", "--force"])
                .args(ids.split_whitespace())
                .output();
            if !removed.is_ok_and(|output| output.status.success()) {
                eprintln!("docker does not remove its containers");
            }
        }
        // It waits for its containers' own processes where it is asked to end.
        kill(self.engine.id(), Signal::TERM);
        if wait_for(PATIENCE, || self.engine.try_wait().ok().flatten()).is_none() {
            let _ = self.engine.kill();
            let _ = self.engine.wait();
        }
        unmount_below(self.directory.path());
        remove_groups(&self.parent);
    }
}
