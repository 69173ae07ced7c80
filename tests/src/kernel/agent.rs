//! The agent with the bundled plugins on another kernel: real acts, and what it says of them.

use super::{
    Kernel,
    initramfs::Initramfs,
    machine::{self, Step},
    userland,
};
use crate::{agent::Finding, workspace};
use serde_json::Value;
use std::{fs, io, time::Instant};

/// Starts the agent, waits until it detects, performs the acts and ends it. It compiles its plugins
/// here, for the processor at hand: code compiled on the machine outside would ask for more than the
/// emulated one has. That takes a minute, so it says now and then that it lives. An event costs a
/// plugin a hundred times what it costs outside, up to 2 ms where this machine is busy: batches of 64
/// would come up to a call's deadline of 100 ms.
const SCRIPT: &str = r#"
export VEDETTE_CACHE=/cache
/vedette run --json --batch 8 --plugins /plugins --ready-file /ready >/findings 2>/errors &
agent=$!
tries=0
until [ -e /ready ]; do
  kill -0 $agent || exit 1
  tries=$((tries + 1))
  [ $tries -lt 900 ] || exit 1
  [ $((tries % 30)) -ne 0 ] || echo "not ready after $tries s"
  sleep 1
done
cat /ready
python3 /acts.py
acts=$?
kill -INT $agent
wait $agent && exit $acts
"#;

/// An attack that was performed.
#[derive(Debug)]
pub struct Act {
    /// The category that a finding about it has.
    pub category: String,
    /// The process that did it, or an ancestor of it.
    pub pid: u32,
    /// The container that it happened in.
    pub container: Option<String>,
}

impl Act {
    /// Whether a finding is about it.
    pub fn is_told_by(&self, finding: &Finding) -> bool {
        let concerned = finding.pid() == Some(self.pid) || finding.ancestors().contains(&self.pid);
        finding.category() == self.category
            && concerned
            && finding.container() == self.container.as_deref()
    }
}

/// What was done and what was said of it.
#[derive(Debug)]
pub struct Results {
    /// The attacks, in their order.
    pub acts: Vec<Act>,
    /// All findings.
    pub findings: Vec<Finding>,
    /// The agent's summary at its end.
    pub summary: Value,
    /// All that it wrote to standard error.
    pub errors: String,
}

fn files() -> io::Result<Initramfs> {
    let mut files = userland::files()?;
    files.program("/vedette", workspace::vedette());
    for entry in fs::read_dir(workspace::plugins())? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            let name = path.file_name().unwrap_or_default();
            files.file(std::path::Path::new("/plugins").join(name), &path);
        }
    }
    files.file("/acts.py", workspace::root().join("tests/programs/acts.py"));
    files.text("/agent.sh", SCRIPT);
    Ok(files)
}

/// Boots the kernel, performs the acts under the agent's eyes, and gives what it said.
///
/// # Errors
/// When there is no such machine, an act does not work there, or the agent fails; with all that was
/// said.
pub fn run(kernel: &Kernel, hear: &mut dyn FnMut(&str)) -> Result<Results, String> {
    let files = files().map_err(|error| error.to_string())?;
    let steps = [
        Step {
            name: "agent",
            command: "sh /agent.sh".to_owned(),
        },
        Step {
            name: "findings",
            command: "cat /findings".to_owned(),
        },
        Step {
            name: "errors",
            command: "cat /errors".to_owned(),
        },
    ];
    let outcomes = machine::run(kernel, files, &steps, hear)?;
    let [acted, found, said] = outcomes.as_slice() else {
        return Err("the virtual machine left a step out".to_owned());
    };
    let errors = said.lines.join("\n");
    if acted.status != Some(0) {
        return Err(format!(
            "the agent or an act failed:\n{}\nthe agent said:\n{errors}",
            acted.lines.join("\n")
        ));
    }
    let findings = found.lines.iter().map(|line| {
        let json = serde_json::from_str(line).map_err(|error| format!("{error} in {line}"))?;
        Ok(Finding {
            json,
            read: Instant::now(),
        })
    });
    let summary = said
        .lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|line| line.get("summary").cloned());
    Ok(Results {
        acts: acted.lines.iter().filter_map(|line| act(line)).collect(),
        findings: findings.collect::<Result<_, String>>()?,
        summary: summary.ok_or_else(|| format!("no summary: {errors}"))?,
        errors,
    })
}

fn act(line: &str) -> Option<Act> {
    let mut words = line.strip_prefix("@act ")?.split_whitespace();
    Some(Act {
        category: words.next()?.to_owned(),
        pid: words.next()?.parse().ok()?,
        container: words.next().map(str::to_owned),
    })
}
