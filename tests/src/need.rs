//! What a test needs of the machine, and what happens where it is missing.

use crate::{tools, workspace};
use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
};

/// Something without which a test proves nothing.
#[derive(Debug, Clone, Copy)]
pub enum Need {
    /// The agent's binary.
    Agent,
    /// Root, BTF and the right to load BPF programs.
    Kernel,
    /// Being root.
    Root,
    /// A program in the search path.
    Tool(&'static str),
    /// The package registry of Debian.
    Registry,
}

/// Looks at the kernel's BPF programs before it counts as refusing.
const LOOKS: u32 = 50;

impl Need {
    fn missing(self) -> Option<String> {
        match self {
            Self::Agent => {
                let path = workspace::vedette();
                (!path.exists()).then(|| format!("{} is not built", path.display()))
            }
            Self::Root => (!rustix::process::geteuid().is_root()).then(|| "not root".into()),
            Self::Kernel => Self::Root.missing().or_else(|| {
                if !Path::new("/sys/kernel/btf/vmlinux").exists() {
                    return Some("the kernel has no BTF".into());
                }
                // A program can be gone between being listed and being opened; a kernel that
                // refuses does so every time.
                (0..LOOKS)
                    .map(|_| aya::programs::loaded_programs().next())
                    .try_fold(String::new(), |_, first| match first {
                        Some(Err(error)) => Some(format!("BPF is refused: {error}")),
                        _ => None,
                    })
            }),
            Self::Tool(name) => tools::find(name)
                .is_none()
                .then(|| format!("{name} is not installed")),
            Self::Registry => {
                let lists =
                    fs::read_dir("/var/lib/apt/lists").map(|entries| entries.flatten().count());
                (lists.unwrap_or(0) < 3).then(|| "no package lists of apt".into())
            }
        }
    }
}

/// The first need that the machine does not meet.
pub fn missing(needs: &[Need]) -> Option<String> {
    needs.iter().find_map(|need| need.missing())
}

/// Counts the running test as skipped. Where everything must run (`CI=true`) it fails.
///
/// # Panics
/// With `CI=true`.
pub fn skip(reason: &str) {
    let test = env::var("NEXTEST_TEST_NAME")
        .ok()
        .or_else(|| std::thread::current().name().map(str::to_owned))
        .unwrap_or_default();
    assert!(
        env::var("CI").as_deref() != Ok("true"),
        "{test} cannot run here: {reason}"
    );
    println!("SKIPPED: {reason}");
    if let Some(path) = env::var_os("VEDETTE_SKIPS").map(PathBuf::from) {
        let line = format!("{test}: {reason}\n");
        let written = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .and_then(|mut file| file.write_all(line.as_bytes()));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// Leaves the test, counted as skipped, unless the machine has all of this.
#[macro_export]
macro_rules! require {
    ($($need:expr),+ $(,)?) => {
        if let Some(reason) = $crate::need::missing(&[$($need),+]) {
            $crate::need::skip(&reason);
            return;
        }
    };
}
