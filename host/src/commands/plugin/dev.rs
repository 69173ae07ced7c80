//! `vedette plugin dev`: every change built, tried and put to work at once.

use super::place::{BuildArgs, Ready};
use super::{replay, test};
use crate::author::fixtures;
use crate::author::sources::Sources;
use crate::author::trial::Capture;
use crate::commands::run::stop_on_signals;
use crate::grants::Grant;
use crate::output::text;
use anyhow::Context as _;
use clap::Args;
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use std::fs::DirBuilder;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Time between two looks at the sources.
const LOOK: Duration = Duration::from_millis(200);

/// How long an agent may take to end before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Arguments of `vedette plugin dev`.
#[derive(Debug, Args)]
pub struct Dev {
    /// Directory of the plugin.
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,

    /// Replay this capture after each change. Can be given several times.
    #[arg(long, value_name = "FILE")]
    capture: Vec<PathBuf>,

    /// Start no agent: only try fixtures and captures. So it is without root.
    #[arg(long)]
    no_agent: bool,

    /// Name of the agent, for `vedette plugin info ID --instance NAME` and the like [default:
    /// dev-PID].
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,

    #[command(flatten)]
    build: BuildArgs,
}

impl Dev {
    /// Goes on until Ctrl-C.
    pub fn execute(self) -> anyhow::Result<()> {
        if !self.directory.is_dir() {
            anyhow::bail!(
                "{}: no directory; name that of the plugin, where its plugin.toml is",
                self.directory.display()
            );
        }
        let stop = stop_on_signals()?;
        let mut agent = match !self.no_agent && rustix::process::geteuid().is_root() {
            true => Some(Agent::prepare(self.instance.clone())?),
            false => None,
        };
        if agent.is_none() && !self.no_agent {
            anstream::eprintln!(
                "dev: no root, so no agent: fixtures and captures are replayed instead"
            );
        }
        let mut before = Sources::default();
        while !stop.load(Ordering::Relaxed) {
            let now = Sources::now(&self.directory);
            if now == before {
                std::thread::sleep(LOOK);
                if let Some(agent) = &mut agent {
                    agent.look()?;
                }
                continue;
            }
            // An editor that writes several files is let finish.
            std::thread::sleep(LOOK / 2);
            let now = Sources::now(&self.directory);
            if before != Sources::default() {
                let changed = now.changed_since(&before);
                let first = changed.first().map(|path| path.display().to_string());
                anstream::eprintln!("\ndev: {} changed", first.unwrap_or_default());
            }
            before = now;
            match self.changed(agent.as_mut(), &stop) {
                // Whoever closes the pipe has seen enough; the agent is to end like on Ctrl-C.
                Err(error) if is_closed_pipe(&error) => break,
                Err(error) => anstream::eprintln!("dev: {error:#}"),
                Ok(()) => {}
            }
        }
        agent.map_or(Ok(()), Agent::end)
    }

    /// Builds, tries and puts to work what there is now.
    fn changed(&self, agent: Option<&mut Agent>, stop: &AtomicBool) -> anyhow::Result<()> {
        let begun = Instant::now();
        let plugin = self.build.ready(&self.directory)?;
        let manifest = &plugin.manifest;
        anstream::eprintln!(
            "dev: {} {} built in {:.1} s",
            manifest.id,
            manifest.version,
            begun.elapsed().as_secs_f64()
        );
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut out = anstream::stdout();
        if !manifest.fixtures.is_empty() {
            let mut told = Ok(());
            let report = fixtures::test(manifest, &self.directory, &plugin.subject, |verdict| {
                if told.is_ok() {
                    told = write!(out, "{}", test::line(verdict));
                }
            });
            told?;
            write!(out, "{}", test::end(&report))?;
        }
        for path in &self.capture {
            let capture = Capture::read(path)?;
            let (clock, length) = (capture.clock(), capture.length());
            let trial = plugin.subject.run(capture.events, 64)?;
            for finding in &trial.findings {
                write!(out, "{}", text::finding(finding, &[], &clock))?;
            }
            writeln!(out, "{}", path.display())?;
            let seconds = length as f64 / 1e9;
            write!(out, "{}", replay::figures(&manifest.id, &trial, seconds))?;
        }
        match agent {
            Some(agent) => agent.give(&plugin),
            None => Ok(()),
        }
    }
}

/// Whether nobody reads any more what is printed.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<std::io::Error>();
    error.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// An agent of its own, with a directory of its own, that runs the plugin on this machine.
struct Agent {
    directory: PathBuf,
    instance: String,
    child: Option<Child>,
    /// What the plugin asked for when the agent was started: that much it was granted.
    asked: Option<Grant>,
}

impl Agent {
    /// Makes the directory.
    fn prepare(instance: Option<String>) -> anyhow::Result<Agent> {
        let directory = std::env::temp_dir().join(format!("vedette-dev-{}", std::process::id()));
        // Not there before, so nobody else put anything into it.
        DirBuilder::new()
            .mode(0o700)
            .create(&directory)
            .with_context(|| format!("{}: cannot be made", directory.display()))?;
        let agent = Agent {
            directory,
            instance: instance.unwrap_or_else(|| format!("dev-{}", std::process::id())),
            child: None,
            asked: None,
        };
        for part in [agent.plugins(), agent.state()] {
            DirBuilder::new()
                .mode(0o700)
                .create(&part)
                .with_context(|| format!("{}: cannot be made", part.display()))?;
        }
        Ok(agent)
    }

    fn plugins(&self) -> PathBuf {
        self.directory.join("plugins")
    }

    fn state(&self) -> PathBuf {
        self.directory.join("state")
    }

    /// Puts a component where the agent takes it up; starts the agent with the first one.
    fn give(&mut self, plugin: &Ready) -> anyhow::Result<()> {
        let place = self.plugins().join(format!("{}.wasm", plugin.manifest.id));
        let aside = self.plugins().join(".next");
        std::fs::write(&aside, &plugin.subject.bytes)
            .and_then(|()| std::fs::rename(&aside, &place))
            .with_context(|| format!("{}: cannot be written", place.display()))?;
        // Another id is another plugin: what was there under the former one goes.
        for entry in std::fs::read_dir(self.plugins())?.flatten() {
            if entry.path() != place {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        // Whoever asks for more than before needs a grant; an author grants it by saving.
        let asked = Grant::asked(&plugin.manifest);
        if self.asked.as_ref() != Some(&asked) {
            self.stop()?;
            std::fs::remove_dir_all(self.state())?;
            DirBuilder::new().mode(0o700).create(self.state())?;
            self.asked = Some(asked);
        }
        if self.child.is_none() {
            let (id, name) = (&plugin.manifest.id, &self.instance);
            anstream::eprintln!(
                "dev: starting the agent {name}; `vedette plugin info {id} --instance {name}` looks into it"
            );
            self.child = Some(self.start(&plugin.subject.cache)?);
        }
        Ok(())
    }

    fn start(&self, cache: &Option<PathBuf>) -> anyhow::Result<Child> {
        let own = std::env::current_exe().context("the agent's own program is not known")?;
        let mut command = Command::new(own);
        command
            .arg("run")
            .arg("--plugins")
            .arg(self.plugins())
            .arg("--state")
            .arg(self.state())
            // The author wants to see what was just built.
            .args(["--shadow", "0s"])
            .arg("--instance")
            .arg(&self.instance)
            .args(cache.as_deref().map(|_| Path::new("--cache")))
            .args(cache)
            .stdin(Stdio::null())
            // The terminal's Ctrl-C is for this process, which ends the agent in its turn.
            .process_group(0);
        // SAFETY: between fork and exec it makes one system call and allocates nothing.
        unsafe {
            command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::INT))?));
        }
        command.spawn().context("the agent cannot be started")
    }

    /// Fails where the agent has ended by itself.
    fn look(&mut self) -> anyhow::Result<()> {
        if let Some(child) = &mut self.child
            && let Some(status) = child.try_wait()?
        {
            self.child = None;
            let _ = std::fs::remove_dir_all(&self.directory);
            anyhow::bail!(
                "the agent ended with {status}; its messages are above. --no-agent goes on without one"
            );
        }
        Ok(())
    }

    /// Ends the agent, as Ctrl-C does: it says what it has seen.
    fn end(mut self) -> anyhow::Result<()> {
        self.stop()?;
        std::fs::remove_dir_all(&self.directory)
            .with_context(|| format!("{}: cannot be removed", self.directory.display()))
    }

    fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(child) = &mut self.child {
            let pid = Pid::from_child(child);
            let _ = kill_process(pid, Signal::INT);
            let begun = Instant::now();
            while child.try_wait()?.is_none() {
                if begun.elapsed() > PATIENCE {
                    child.kill()?;
                    child.wait()?;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        self.child = None;
        Ok(())
    }
}
