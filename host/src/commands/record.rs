//! `vedette record`: the event stream into a capture file.

use super::events::stop_after;
use super::run::stop_on_signals;
use super::summary::Summary;
use super::{PluginArgs, RuntimeArgs};
use crate::agent::Agent;
use crate::answers::Answers;
use crate::live::Live;
use crate::output::{Clock, messages::say};
use crate::plugin::{HostOptions, host::PluginHost};
use crate::recorder::Recorder;
use crate::selection::Selection;
use crate::span::duration;
use anyhow::Context as _;
use clap::Args;
use crossbeam_channel::unbounded;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use vedette_sensor::capture::{Header, Writer};
use vedette_sensor::filter::Filter;
use vedette_sensor::live::{Options, Sensor};
use vedette_sensor::probe::Features;

/// Arguments of `vedette record`.
#[derive(Debug, Args)]
pub struct Record {
    /// The file to write.
    #[arg(value_name = "FILE")]
    capture: PathBuf,

    /// Record only what these plugins want, rather than every kind of event.
    #[arg(long, value_name = "DIR", conflicts_with = "kinds")]
    wanted_by: Option<PathBuf>,

    #[command(flatten)]
    selection: Selection,

    /// End after this time (90s, 1500ms, 2m, 1h).
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,

    /// End when the file has so many MiB.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    max_size: Option<u64>,

    /// Directory for compiled plugins, kept from run to run.
    #[arg(
        long,
        value_name = "DIR",
        env = "VEDETTE_CACHE",
        default_value = "/var/cache/vedette"
    )]
    cache: PathBuf,

    #[command(flatten)]
    runtimes: RuntimeArgs,

    /// Run this command and record for as long as it runs.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What a command did last is in the rings by then.
const AFTERMATH: Duration = Duration::from_millis(300);

impl Record {
    /// Records until SIGINT or SIGTERM, or until it is enough.
    pub fn execute(self) -> anyhow::Result<()> {
        let features = Features::probe();
        features.sufficient()?;
        let stop = stop_on_signals()?;
        let (sender, _outcomes) = unbounded();
        let options = PluginArgs {
            plugins: self.wanted_by.clone().unwrap_or_default(),
            cache: self.cache.clone(),
            plugin_config: PathBuf::new(),
            workers: Some(1),
            batch: 64,
        }
        .options(false);
        let options = HostOptions {
            answers: Answers::of_machine(),
            ..options
        };
        let mut plugins = PluginHost::new(options, sender.clone())?;
        let base = if self.wanted_by.is_some() {
            plugins.load_all();
            Filter::context()
        } else {
            self.selection.filter()
        };
        let sensor = Sensor::start(&Options::default(), &Filter::context())
            .context("the sensor could not be started")?;
        let mut recorder = Recorder::new(create(&self.capture, &Clock::of_this_machine())?)
            .of(self.selection.clone());
        if let Some(most) = self.max_size {
            recorder = recorder.up_to(most << 20, stop.clone());
        }
        let mut agent = Agent::new(plugins, Some(recorder));
        let runtimes = self.runtimes.start(sensor.waker())?;
        let mut live = Live::begin(sensor, base, &mut agent, sender, runtimes)?;
        match self.command.split_first() {
            Some((program, arguments)) => {
                run_for(program, arguments, stop.clone())?;
                say(format_args!("recording into {}", self.capture.display()));
            }
            None => say(format_args!(
                "recording into {}: end it with Ctrl-C",
                self.capture.display()
            )),
        }
        if let Some(duration) = self.duration {
            stop_after(duration, stop.clone());
        }
        let ended = live.run(&mut agent, &stop);
        let lost = std::mem::take(&mut live.lost);
        drop(live);
        agent
            .finish()
            .with_context(|| format!("{}: the capture is incomplete", self.capture.display()))?;
        Summary::new(&agent, lost).print_events();
        ended.context("the sensor failed")
    }
}

/// Starts a command, and stops the recording a moment after it has ended.
fn run_for(program: &OsStr, arguments: &[OsString], stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    let mut child = Command::new(program)
        .args(arguments)
        .spawn()
        .with_context(|| format!("{}: cannot be run", program.display()))?;
    std::thread::Builder::new()
        .name("command".to_owned())
        .spawn(move || {
            match child.wait() {
                Ok(status) if status.success() => {}
                Ok(status) => say(format_args!("the command ended with {status}")),
                Err(error) => say(format_args!("the command's end is not known: {error}")),
            }
            std::thread::sleep(AFTERMATH);
            stop.store(true, Ordering::Relaxed);
        })?;
    Ok(())
}

/// A new capture file of this machine. The clock is that of what is told live: two looks at the
/// time of day differ, and a replay would tell of other times.
pub fn create(path: &Path, clock: &Clock) -> anyhow::Result<Writer> {
    let header = Header {
        boot_offset: clock.boot as i64,
        ..Header::here()
    };
    Ok(Writer::create(path, &header)?)
}
