//! Killing one process and no other.
//!
//! A pid is only a number that the kernel gives again. So: take a pidfd, which stays with one
//! process; then check that this process began when the event's process began; then signal
//! through the pidfd. Whatever takes the pid in between cannot be hit.

use super::FileId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::HashSet;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use vedette_sensor::event::TaskRef;

/// How long to wait for the death of what was signalled: only to be able to say that it is dead.
const DEATH_WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// Ticks a second in /proc (`USER_HZ`, the same on every architecture that Rust's Linux runs on
/// but Alpha and ia64).
const USER_HZ: u64 = 100;

/// Why a process was not killed.
#[derive(Debug, thiserror::Error)]
pub enum KillError {
    /// It ended by itself, or its pid is another process's now.
    #[error("process {pid} is gone")]
    Gone {
        /// Its pid.
        pid: u32,
    },
    /// The kernel refused.
    #[error("the kernel refused to kill process {pid}: {source}")]
    Refused {
        /// Its pid.
        pid: u32,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The operator wants it spared.
    #[error("{path} is on the never-list")]
    Never {
        /// Path of its image.
        path: String,
    },
}

/// What a signal led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Killed {
    /// The process is dead.
    Dead,
    /// The signal is on its way; the process sits in a call that cannot be interrupted.
    Signalled,
}

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Killed::Dead => "killed",
            Killed::Signalled => "signalled, not dead yet",
        })
    }
}

/// Kills the process, unless its image is one of `never`.
pub fn kill(target: TaskRef, never: &HashSet<FileId>) -> Result<Killed, KillError> {
    let gone = || KillError::Gone { pid: target.pid };
    let refused = |error: rustix::io::Errno| match error {
        rustix::io::Errno::SRCH => gone(),
        other => KillError::Refused {
            pid: target.pid,
            source: other.into(),
        },
    };
    let pid = i32::try_from(target.pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(gone)?;
    let process = pidfd_open(pid, PidfdFlags::empty()).map_err(refused)?;
    let start = start_ticks(target.pid).ok_or_else(gone)?;
    if start != target.start / (1_000_000_000 / USER_HZ) {
        return Err(gone());
    }
    if !never.is_empty() && image_of(target.pid).is_some_and(|id| never.contains(&id)) {
        let path = std::fs::read_link(format!("/proc/{}/exe", target.pid)).unwrap_or_default();
        return Err(KillError::Never {
            path: path.display().to_string(),
        });
    }
    pidfd_send_signal(&process, Signal::KILL).map_err(refused)?;
    let mut ended = [PollFd::new(&process, PollFlags::IN)];
    match poll(&mut ended, Some(&DEATH_WAIT)) {
        Ok(1) => Ok(Killed::Dead),
        _ => Ok(Killed::Signalled),
    }
}

/// Device and inode of a file.
pub fn file_id(path: &Path) -> std::io::Result<FileId> {
    let meta = std::fs::metadata(path)?;
    Ok((meta.dev(), meta.ino()))
}

/// Device and inode of the image that a process runs.
pub fn image_of(pid: u32) -> Option<FileId> {
    file_id(Path::new(&format!("/proc/{pid}/exe"))).ok()
}

/// Start of a process in clock ticks since boot: the 22nd field of /proc/PID/stat, counted after
/// the command name, which may hold spaces and brackets of its own.
fn start_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let after = stat.iter().rposition(|b| *b == b')')? + 1;
    std::str::from_utf8(&stat[after..])
        .ok()?
        .split_ascii_whitespace()
        .nth(19)?
        .parse()
        .ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    /// A real process and its identity.
    pub fn victim() -> (Child, TaskRef) {
        let child = Command::new("sleep")
            .arg("1000")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let pid = child.id();
        let start = start_ticks(pid).unwrap() * (1_000_000_000 / USER_HZ) + 1_234;
        (child, TaskRef { pid, start })
    }

    #[test]
    fn kills_the_process_that_is_meant() {
        let (mut child, id) = victim();
        assert_eq!(kill(id, &HashSet::new()).unwrap(), Killed::Dead);
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn spares_a_process_that_got_the_pid_later() {
        let (mut child, id) = victim();
        let older = TaskRef {
            start: id.start - 50_000_000,
            ..id
        };
        let answer = kill(older, &HashSet::new());
        assert!(matches!(answer, Err(KillError::Gone { .. })));
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn spares_an_image_of_the_never_list_under_any_name() {
        let (mut child, id) = victim();
        let never = HashSet::from([image_of(id.pid).unwrap()]);
        let answer = kill(id, &never);
        assert!(matches!(answer, Err(KillError::Never { .. })));
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
