//! Processes as `/proc` shows them, and the certainty that none of a test's is left.

use crate::workspace::random_hex;
use rustix::process::{Pid, Signal};
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

/// Asks again and again until there is an answer or time is up. For hangs, not for measuring.
pub fn wait_for<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A field of `/proc/PID/status`.
pub fn status_field(pid: u32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// Whether a process can still do something: it exists and is no zombie.
pub fn alive(pid: u32) -> bool {
    status_field(pid, "State").is_some_and(|state| !state.starts_with(['Z', 'X']))
}

/// The executed file.
pub fn exe(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// Kills a process that a test has started.
pub fn kill(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may just have ended by itself.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// A variable in the environment of what a test starts, by which all that comes of it is found
/// again, whatever it forks, executes or renames. Dropped, it ends all of that.
#[derive(Debug)]
pub struct Mark {
    value: String,
}

impl Mark {
    /// The variable's name.
    pub const NAME: &str = "VEDETTE_TEST";

    /// A mark that nothing bears yet.
    #[expect(clippy::new_without_default, reason = "two marks are never the same")]
    pub fn new() -> Self {
        Self {
            value: random_hex(8),
        }
    }

    /// What the variable is to hold.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Every process that bears it.
    pub fn processes(&self) -> Vec<u32> {
        let wanted = format!("{}={}", Self::NAME, self.value);
        let bears = |pid: &u32| {
            fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
                environ
                    .split(|&byte| byte == 0)
                    .any(|entry| entry == wanted.as_bytes())
            })
        };
        let Ok(entries) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        let pids = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(bears).collect()
    }

    /// The process that bears it and has this pid in its own, innermost pid namespace.
    pub fn by_own_pid(&self, own: u32) -> Option<u32> {
        self.processes().into_iter().find(|&pid| {
            status_field(pid, "NSpid")
                .and_then(|pids| pids.split_whitespace().next_back()?.parse().ok())
                == Some(own)
        })
    }

    /// Ends everything that bears it.
    pub fn end(&self) {
        let gone = wait_for(Duration::from_secs(10), || {
            let left = self.processes();
            left.iter().for_each(|&pid| kill(pid, Signal::KILL));
            left.iter().all(|&pid| !alive(pid)).then_some(())
        });
        if gone.is_none() {
            eprintln!("processes do not end: {:?}", self.processes());
        }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.end();
    }
}
