//! The agent as an operator runs it: its command line, its findings as JSON lines, its end.

mod finding;

pub use finding::{Finding, summary};

use crate::{
    process::{alive, kill, wait_for},
    workspace,
};
use rustix::process::Signal;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, PipeWriter},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long anything that the agent does at once may take before the test says that it hangs.
pub const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Output {
    findings: Vec<Finding>,
    not_json: Vec<String>,
}

type Shared = Arc<(Mutex<Output>, Condvar)>;

/// A running agent. Stop it with [`Agent::stop`]; dropped otherwise, it is killed.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    name: String,
    directory: TempDir,
    output: Shared,
    reader: Option<JoinHandle<()>>,
    started: Instant,
    ready_after: Duration,
}

/// A name that no other agent has: tests start several, beside that of whoever works here.
pub fn own_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("test-{}-{count}", std::process::id())
}

/// ns since boot, the clock of events.
pub fn boot_time() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// An agent to be started.
///
/// Only what the tests' own process has started is judged: findings about whatever else runs on
/// the machine are left out.
#[derive(Debug)]
pub struct Options {
    plugins: PathBuf,
    arguments: Vec<String>,
    everything: bool,
    name: Option<String>,
    variables: Vec<(String, String)>,
    errors: Option<PipeWriter>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            plugins: workspace::plugins(),
            arguments: Vec::new(),
            everything: false,
            name: None,
            variables: Vec::new(),
            errors: None,
        }
    }
}

impl Options {
    /// By this name instead of one of its own: what an earlier agent of that name has decided
    /// counts for it.
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// With other plugins than the bundled ones.
    pub fn plugins(mut self, directory: &Path) -> Self {
        self.plugins = directory.to_owned();
        self
    }

    /// With a further argument.
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Keeping the findings about all of the machine, for a plugin that finds nothing but what
    /// the test does.
    pub fn everything(mut self) -> Self {
        self.everything = true;
        self
    }

    /// With a variable of its environment.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With standard error into a pipe, which the test reads or not, instead of into a file.
    pub fn errors(mut self, into: PipeWriter) -> Self {
        self.errors = Some(into);
        self
    }

    /// Acting on what is found.
    pub fn enforcing(self) -> Self {
        self.argument("--enforce")
    }

    /// Starts it and waits until it says that it is ready.
    ///
    /// # Panics
    /// With its error output, where it ends or hangs before that.
    pub fn start(self) -> Agent {
        Agent::start(self)
    }
}

impl Agent {
    /// One that watches the machine with the bundled plugins and acts on nothing.
    pub fn observing() -> Self {
        Options::default().start()
    }

    /// The same, acting on what is found.
    pub fn enforcing() -> Self {
        Options::default().enforcing().start()
    }

    fn start(options: Options) -> Self {
        let directory = TempDir::with_prefix("vedette-agent-").expect("a temporary directory");
        let ready = directory.path().join("ready");
        let errors = match options.errors {
            Some(pipe) => pipe.into(),
            None => Stdio::from(
                fs::File::create(directory.path().join("stderr")).expect("an own directory"),
            ),
        };
        let mut variables = options.variables;
        let name = options.name.unwrap_or_else(|| {
            // A pid comes again, and what was granted under its name must not.
            let state = directory.path().join("state");
            variables.push(("VEDETTE_STATE".to_owned(), state.display().to_string()));
            own_name()
        });
        let started = Instant::now();
        let mut child = Command::new(workspace::vedette())
            .arg("run")
            .arg("--json")
            .arg("--instance")
            .arg(&name)
            .arg("--ready-file")
            .arg(&ready)
            .arg("--plugins")
            .arg(&options.plugins)
            .env("VEDETTE_CACHE", compiled())
            .envs(variables)
            .args(&options.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("the agent is built");
        let output = Shared::default();
        let pipe = child.stdout.take().expect("it is piped");
        let theirs = Arc::clone(&output);
        let everything = options.everything;
        let reader = Some(thread::spawn(move || read_lines(pipe, &theirs, everything)));
        let mut agent = Self {
            child,
            name,
            directory,
            output,
            reader,
            started,
            ready_after: Duration::ZERO,
        };
        let ready = wait_for(3 * PATIENCE, || {
            if ready.exists() {
                return Some(true);
            }
            let ended = agent.child.try_wait().expect("it is our child");
            ended.map(|_| false)
        });
        assert!(
            ready == Some(true),
            "the agent does not get ready: {}",
            agent.errors()
        );
        agent.ready_after = started.elapsed();
        agent
    }

    /// What it is called by among agents.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// From its start to its ready file, to within 5 ms.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// What it has written to standard error so far.
    pub fn errors(&self) -> String {
        fs::read_to_string(self.directory.path().join("stderr")).unwrap_or_default()
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        self.output.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All findings so far.
    pub fn findings(&self) -> Vec<Finding> {
        self.output().findings.clone()
    }

    /// Waits for a finding.
    pub fn wait_for(&self, wanted: impl Fn(&Finding) -> bool) -> Option<Finding> {
        let end = Instant::now() + PATIENCE;
        let mut output = self.output();
        loop {
            if let Some(found) = output.findings.iter().find(|finding| wanted(finding)) {
                return Some(found.clone());
            }
            let left = end.checked_duration_since(Instant::now())?;
            output = self
                .output
                .1
                .wait_timeout(output, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits for a finding that there must be.
    ///
    /// # Panics
    /// Where there is none, with what there is instead.
    pub fn expect(&self, what: &str, wanted: impl Fn(&Finding) -> bool) -> Finding {
        self.wait_for(wanted)
            .unwrap_or_else(|| panic!("no finding: {what}; {}", self.describe()))
    }

    /// What it has said so far, for a failing test's message.
    pub fn describe(&self) -> String {
        let findings: Vec<_> = self.findings().iter().map(summary).collect();
        format!("findings: {findings:#?}\nstderr:\n{}", self.errors())
    }

    /// BPF programs that it holds, by their ids.
    pub fn programs(&self) -> BTreeSet<u32> {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{}/fdinfo", self.pid())) else {
            return BTreeSet::new();
        };
        let infos = descriptors
            .flatten()
            .filter_map(|entry| fs::read_to_string(entry.path()).ok());
        infos
            .filter_map(|info| {
                info.lines()
                    .find_map(|line| line.strip_prefix("prog_id:")?.trim().parse().ok())
            })
            .collect()
    }

    /// Ends it as Ctrl-C does and returns all of its findings: what happened before is in them.
    ///
    /// # Panics
    /// Where it hangs, fails, prints what is no JSON, or leaves a BPF program behind.
    pub fn stop(mut self) -> Stopped {
        let programs = self.programs();
        assert!(
            !programs.is_empty(),
            "the agent holds no BPF program: {}",
            self.errors()
        );
        kill(self.pid(), Signal::INT);
        let status = wait_for(PATIENCE, || self.child.try_wait().expect("it is our child"));
        let status = status.unwrap_or_else(|| panic!("the agent does not end: {}", self.errors()));
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader does not panic");
        }
        let errors = self.errors();
        assert!(status.success(), "the agent ended with {status}: {errors}");
        let not_json = std::mem::take(&mut self.output().not_json);
        assert!(
            not_json.is_empty(),
            "lines that are no JSON objects: {not_json:#?}"
        );
        // The kernel frees them a moment after their last holder is gone.
        let left = wait_for(PATIENCE, || loaded().is_disjoint(&programs).then_some(()));
        assert!(
            left.is_some(),
            "BPF programs stay behind: {:?}",
            loaded().intersection(&programs)
        );
        let findings = std::mem::take(&mut self.output().findings);
        Stopped { findings, errors }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.reader.is_some() && alive(self.pid()) {
            kill(self.pid(), Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// What an agent has left when it has ended.
#[derive(Debug)]
pub struct Stopped {
    /// All of its findings.
    pub findings: Vec<Finding>,
    /// All of its standard error.
    pub errors: String,
}

impl Stopped {
    /// The findings of that category.
    pub fn of(&self, category: &str) -> Vec<&Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.category() == category)
            .collect()
    }

    /// The summary at its end.
    ///
    /// # Panics
    /// Where there is none.
    pub fn summary(&self) -> Value {
        let summaries = self
            .errors
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut summaries = summaries.filter_map(|line| line.get("summary").cloned());
        summaries
            .next()
            .unwrap_or_else(|| panic!("no summary: {}", self.errors))
    }

    /// The findings that accuse somebody, in short.
    pub fn accusations(&self) -> Vec<String> {
        self.findings
            .iter()
            .filter(|finding| !finding.is_health())
            .map(summary)
            .collect()
    }
}

/// Another call of the agent's binary.
pub fn command(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(workspace::vedette());
    command
        .args(arguments)
        .env("VEDETTE_CACHE", compiled())
        .stdin(Stdio::null());
    command
}

/// Compiled plugins of the tests' agents: kept from test to test, apart from the machine's own.
fn compiled() -> PathBuf {
    workspace::cache().join("compiled")
}

/// The BPF programs that are in the kernel, by their ids.
pub fn loaded() -> BTreeSet<u32> {
    aya::programs::loaded_programs()
        .flatten()
        .map(|program| program.id())
        .collect()
}

fn read_lines(pipe: ChildStdout, shared: &Shared, everything: bool) {
    for line in BufReader::new(pipe).lines() {
        let Ok(line) = line else {
            return;
        };
        let read = Instant::now();
        let mut output = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        match serde_json::from_str::<Value>(&line) {
            Ok(json) if json.is_object() => {
                let finding = Finding { json, read };
                if everything || finding.is_ours() {
                    output.findings.push(finding);
                }
            }
            _ => output.not_json.push(line),
        }
        shared.1.notify_all();
    }
}
