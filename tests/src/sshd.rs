//! An SSH server of the test's own on loopback, with keys of its own.

use crate::{
    http::free_port,
    process::{Mark, kill, wait_for},
    tools::Tools,
};
use rustix::process::Signal;
use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Without this directory sshd does not start; Debian's service makes it.
const PRIVILEGE_SEPARATION: &str = "/run/sshd";

/// A running server. Dropped, it ends.
#[derive(Debug)]
pub struct Sshd {
    child: Child,
    directory: TempDir,
    made_directory: bool,
}

impl Sshd {
    /// Starts one; what its sessions start bears the mark.
    ///
    /// # Panics
    /// Where sshd or ssh-keygen refuse.
    pub fn start(tools: &Tools, mark: &Mark) -> Self {
        let directory = TempDir::with_prefix("vedette-sshd-").expect("a temporary directory");
        let at = |name: &str| directory.path().join(name).display().to_string();
        for key in ["host", "user"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)])
                .status();
            assert!(
                made.is_ok_and(|status| status.success()),
                "ssh-keygen makes a key"
            );
        }
        let made_directory = fs::create_dir(PRIVILEGE_SEPARATION).is_ok();
        let port = free_port();
        let server = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}.pub\nStrictModes no\nUsePAM no\n\
             PermitRootLogin yes\nPidFile none\nMaxStartups 100\nPrintMotd no\nSubsystem sftp internal-sftp\nSetEnv {}={}\n",
            at("host"),
            at("user"),
            Mark::NAME,
            mark.value(),
        );
        let client = format!(
            "Host machine\nHostName 127.0.0.1\nPort {port}\nUser root\nIdentityFile {}\nBatchMode yes\n\
             StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n",
            at("user"),
        );
        fs::write(at("server"), server).expect("an own directory");
        fs::write(at("client"), client).expect("an own directory");
        let child = Command::new(tools.get("sshd"))
            .args(["-D", "-f", &at("server"), "-E", &at("log")])
            .env(Mark::NAME, mark.value())
            .stdin(Stdio::null())
            .spawn()
            .expect("sshd is executable");
        let sshd = Self {
            child,
            directory,
            made_directory,
        };
        let listens = wait_for(Duration::from_secs(10), || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()
        });
        let log = fs::read_to_string(sshd.directory.path().join("log")).unwrap_or_default();
        assert!(listens.is_some(), "sshd does not listen: {log}");
        sshd
    }

    /// The options that bring a client here; the host is called `machine`.
    pub fn client(&self) -> String {
        format!("-F {}", self.directory.path().join("client").display())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        kill(self.child.id(), Signal::TERM);
        let _ = self.child.wait();
        if self.made_directory && Path::new(PRIVILEGE_SEPARATION).exists() {
            let _ = fs::remove_dir(PRIVILEGE_SEPARATION);
        }
    }
}
