//! The sensor's live tests on another kernel.

use super::{
    Kernel,
    initramfs::{Initramfs, changed},
    machine::{self, Step},
    userland,
};
use crate::workspace;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What became of every test.
#[derive(Debug, Default)]
pub struct Results {
    /// Those that passed, by name.
    pub passed: Vec<String>,
    /// Those that failed.
    pub failed: Vec<String>,
    /// Those that this kernel cannot pass, with the reason.
    pub skipped: Vec<String>,
}

/// The newest built binary of the live tests.
pub fn binary() -> Option<PathBuf> {
    let built = fs::read_dir(workspace::root().join("target/release/deps")).ok()?;
    built
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_none())
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("live-"))
        })
        .max_by_key(|path| changed(path))
}

/// What the tests need to run.
fn files(binary: &Path) -> io::Result<Initramfs> {
    let mut files = userland::files()?;
    files.program("/live", binary);
    Ok(files)
}

/// Runs those tests whose name contains one of `filters`, or all.
///
/// # Errors
/// When there is no such machine, or it did not live to the end.
pub fn run(
    kernel: &Kernel,
    filters: &[String],
    hear: &mut dyn FnMut(&str),
) -> Result<Results, String> {
    let binary = binary().ok_or(
        "the live tests are not built: cargo test --release -p vedette-sensor --test live --no-run",
    )?;
    let files = files(&binary).map_err(|error| error.to_string())?;
    let steps = [
        Step {
            name: "boot",
            command: "uname -r; cat /sys/kernel/security/lsm; echo".to_owned(),
        },
        Step {
            name: "live",
            // One at a time: there is one sensor, and they share it.
            command: format!(
                "VEDETTE_SKIPS=/skipped /live --test-threads=1 --color=never {}",
                filters.join(" ")
            ),
        },
        Step {
            name: "skipped",
            command: "cat /skipped".to_owned(),
        },
    ];
    let outcomes = machine::run(kernel, files, &steps, hear)?;
    let mut results = Results::default();
    // What a test's children say may stand between its name and its result.
    let mut running = None;
    for line in &outcomes[1].lines {
        let (name, result) = match line
            .strip_prefix("test ")
            .map(|line| line.split_once(" ... "))
        {
            Some(Some((name, result))) => (name, result),
            _ => match running {
                Some(name) => (name, line.as_str()),
                None => continue,
            },
        };
        let list = match result {
            "ok" => &mut results.passed,
            "FAILED" => &mut results.failed,
            _ => {
                running = Some(name);
                continue;
            }
        };
        running = None;
        list.push(name.to_owned());
    }
    if outcomes[2].status == Some(0) {
        results.skipped.clone_from(&outcomes[2].lines);
    }
    let names: Vec<_> = results
        .skipped
        .iter()
        .filter_map(|line| line.split(": ").next())
        .collect();
    results
        .passed
        .retain(|name| !names.contains(&name.as_str()));
    let clean = outcomes[1].status == Some(0);
    if clean == results.failed.is_empty() {
        Ok(results)
    } else {
        Err(format!(
            "the tests ended with {:?}, and these have failed: {:?}",
            outcomes[1].status, results.failed
        ))
    }
}

/// Adds a line to the list of what was skipped, without failing where everything must run: that
/// another kernel lacks something is no fault of the machine that the tests run on.
pub fn note_skip(line: &str) {
    use std::io::Write;
    println!("SKIPPED: {line}");
    if let Some(path) = std::env::var_os("VEDETTE_LACKING") {
        let written = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .and_then(|mut file| writeln!(file, "{line}"));
        // The list is for people; the test's own result stands.
        if let Err(error) = written {
            eprintln!("the list of what kernels lack: {error}");
        }
    }
}
