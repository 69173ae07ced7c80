//! `vedette events`: what happens, or happened, as text or JSON lines.

use super::RuntimeArgs;
use super::run::stop_on_signals;
use crate::agent::{Agent, Watcher};
use crate::live::Live;
use crate::output::{Clock, json, line, messages::say};
use crate::plugin::{HostOptions, PluginHost};
use crate::record::Record;
use crate::selection::Selection;
use crate::span::{SpanArgs, duration};
use anyhow::Context as _;
use clap::Args;
use crossbeam_channel::unbounded;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use vedette_contract::{kind, values::event_mark};
use vedette_sensor::capture::Reader;
use vedette_sensor::filter::Filter;
use vedette_sensor::live::{Options, Sensor};
use vedette_sensor::probe::Features;

/// Arguments of `vedette events`.
#[derive(Debug, Args)]
pub struct Events {
    /// A capture to print; without one, the events of this machine as they happen.
    #[arg(value_name = "CAPTURE")]
    capture: Option<PathBuf>,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    span: SpanArgs,

    #[command(flatten)]
    runtimes: RuntimeArgs,

    /// End after so many events.
    #[arg(long, value_name = "N")]
    count: Option<u64>,

    /// End after this time (90s, 1500ms, 2m, 1h). Not for captures: see --until.
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with = "capture")]
    duration: Option<Duration>,

    /// Print JSON lines, also on a terminal. Into a pipe they always are, unless --text is given.
    #[arg(long, conflicts_with = "text")]
    json: bool,

    /// Print text, also into a pipe.
    #[arg(long)]
    text: bool,
}

impl Events {
    /// Prints until the capture's end, or until SIGINT, SIGTERM or a closed pipe.
    pub fn execute(self) -> anyhow::Result<()> {
        let stop = stop_on_signals()?;
        match &self.capture {
            Some(path) => self.recorded(path, &stop),
            None => self.live(&stop),
        }
    }

    /// An agent without plugins: it gives the events their context.
    fn agent() -> anyhow::Result<(
        Agent,
        crossbeam_channel::Sender<crate::plugin::outcome::Outcome>,
    )> {
        let (sender, _) = unbounded();
        let options = HostOptions {
            sources: Vec::new(),
            cache: None,
            workers: 1,
            watch: false,
            ..HostOptions::default()
        };
        Ok((
            Agent::new(PluginHost::new(options, sender.clone())?, None),
            sender,
        ))
    }

    fn recorded(&self, path: &Path, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
        let name = path.display().to_string();
        let mut reader = Reader::open(path)?;
        let blocks = reader.blocks().with_context(|| name.clone())?;
        let span = self
            .span
            .within(reader.header(), &blocks)
            .map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
        let clock = Clock {
            boot: reader.header().boot_offset.into(),
        };
        let (mut agent, _) = Events::agent()?;
        let mut watching = false;
        let mut damaged = None;
        for event in reader.until(span.until) {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            match event {
                Ok(event) if event.at > span.until => {}
                Ok(event) if event.at < span.from => agent.prepare(&event),
                Ok(event) => {
                    if !watching {
                        let out = BufWriter::new(anstream::stdout().lock());
                        agent.show_to(self.printer(out, clock, stop));
                        watching = true;
                    }
                    agent.take(event);
                }
                Err(error) => {
                    say(format_args!("{name}: {error}"));
                    damaged = Some(error);
                }
            }
        }
        // What is still in the printer's buffer goes out with it.
        drop(agent);
        match damaged {
            Some(error) => {
                Err(error).with_context(|| format!("{name}: not all of it could be read"))
            }
            None => Ok(()),
        }
    }

    fn live(&self, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
        Features::probe().sufficient()?;
        let (mut agent, sender) = Events::agent()?;
        let sensor = Sensor::start(&Options::default(), &Filter::context())
            .context("the sensor could not be started")?;
        let clock = Clock::of_this_machine();
        let out = anstream::stdout().lock();
        agent.show_to(self.printer(out, clock, stop));
        let runtimes = self.runtimes.start(sensor.waker())?;
        let wanted = self.selection.filter();
        let mut live = Live::begin(sensor, wanted, &mut agent, sender, runtimes)?;
        say("watching; end it with Ctrl-C");
        if let Some(duration) = self.duration {
            stop_after(duration, stop.clone());
        }
        let ended = live.run(&mut agent, stop);
        let lost: u64 = live.lost.by_cause().values().sum();
        if lost > 0 {
            say(format_args!(
                "{lost} events were lost; a narrower selection loses less"
            ));
        }
        ended.context("the sensor failed")
    }

    /// Prints what is selected, and sets `stop` when that was enough or nobody reads any more.
    fn printer(
        &self,
        mut out: impl Write + 'static,
        clock: Clock,
        stop: &Arc<AtomicBool>,
    ) -> Watcher {
        let selection = self.selection.clone();
        let as_json = !self.text && (self.json || !std::io::stdout().is_terminal());
        let mut left = self.count.unwrap_or(u64::MAX);
        let stop = stop.clone();
        Box::new(move |record: &Record| {
            if left == 0 || !selection.fits(record) || is_made(&selection, record) {
                return;
            }
            left -= 1;
            let text = if as_json {
                json::event(record, &clock).to_string()
            } else {
                line::line(record, &clock)
            };
            // Whoever closes the pipe has seen enough.
            if writeln!(out, "{text}").is_err() {
                left = 0;
            }
            if left == 0 {
                // A full disk or a closed pipe: there is nobody to tell.
                let _ = out.flush();
                stop.store(true, Ordering::Relaxed);
            }
        })
    }
}

/// What the agent makes by itself, each second and of what was there before, is shown to those who
/// ask for it by name.
fn is_made(selection: &Selection, record: &Record) -> bool {
    let event = &record.event;
    let found = event.kind == kind::CGROUP && event.marks & event_mark::SYNTHETIC != 0;
    (found || matches!(event.kind, kind::TICK | kind::EXISTING)) && !selection.names(event.kind)
}

/// Sets `stop` when the time is over.
pub fn stop_after(duration: Duration, stop: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        std::thread::sleep(duration);
        stop.store(true, Ordering::Relaxed);
    });
}
