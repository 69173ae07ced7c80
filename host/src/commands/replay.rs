//! `vedette replay`: a capture through the same path.

use super::lists::IntelArgs;
use super::{MAX_OUTCOMES, OutputArgs, PluginArgs, handle_outcomes, summary::Summary};
use crate::agent::Agent;
use crate::answers::Recorded;
use crate::loss::Lost;
use crate::output::{Clock, messages::say, printer::Full};
use crate::plugin::host::PluginHost;
use crate::response::Policy;
use crate::span::SpanArgs;
use crate::verdict::{Form, Verdicts};
use anyhow::Context as _;
use clap::Args;
use crossbeam_channel::bounded;
use std::io::{Read, Seek};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use vedette_contract::kind;
use vedette_sensor::capture::{CaptureError, Reader};

/// Arguments of `vedette replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// The capture, as `vedette record` or `vedette run --record` wrote it.
    #[arg(value_name = "FILE")]
    capture: PathBuf,

    #[command(flatten)]
    plugins: PluginArgs,

    #[command(flatten)]
    output: OutputArgs,

    /// Print no summary at the end.
    #[arg(long)]
    quiet: bool,

    #[command(flatten)]
    intel: IntelArgs,

    #[command(flatten)]
    span: SpanArgs,

    /// Replay as fast as it happened, or so many times as fast. The findings are the same.
    #[arg(long, value_name = "SPEED", num_args = 0..=1, default_missing_value = "1", value_parser = speed)]
    event_time: Option<f64>,
}

/// How many times as fast as it happened.
fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed > 0.0 => Ok(speed),
        _ => Err("give a number above 0".to_owned()),
    }
}

impl Replay {
    /// Replays. Responses are only told, never done.
    pub fn execute(self) -> anyhow::Result<()> {
        let name = self.capture.display().to_string();
        let file = std::fs::File::open(&self.capture)
            .with_context(|| format!("{name}: cannot open the capture"))?;
        let file = std::io::BufReader::new(file);
        let how = How {
            intel: self.intel,
            span: self.span,
            speed: self.event_time,
            summary: !self.quiet,
        };
        run(file, &name, self.plugins, self.output.form(), how)
    }
}

/// How a capture is replayed.
pub struct How {
    /// The lists that plugins are answered from.
    pub intel: IntelArgs,
    /// The part of it that the plugins see.
    pub span: SpanArgs,
    /// How many times as fast as it happened; at full speed if none.
    pub speed: Option<f64>,
    /// Whether a summary is printed at the end.
    pub summary: bool,
}

/// Waits until an event is due, so that events come with the distances that they had.
struct Pace {
    speed: Option<f64>,
    begin: Option<(Instant, u64)>,
}

impl Pace {
    fn wait_for(&mut self, at: u64) {
        let Some(speed) = self.speed else {
            return;
        };
        let (begin, first) = *self.begin.get_or_insert((Instant::now(), at));
        let since = at.saturating_sub(first) as f64 / 1e9 / speed;
        let due = Duration::try_from_secs_f64(since).unwrap_or(Duration::MAX);
        std::thread::sleep(due.saturating_sub(begin.elapsed()));
    }
}

/// The answers that a capture holds. What cannot be read of it is told when it is replayed.
fn recorded(capture: &mut (impl Read + Seek)) -> Result<Recorded, CaptureError> {
    let mut recorded = Recorded::default();
    for event in Reader::new(capture)?.flatten() {
        recorded.take(&event);
    }
    if recorded.left_out > 0 {
        let (left_out, kept) = (recorded.left_out, recorded.len());
        say(format_args!(
            "the capture holds more answers of services than a replay uses: after the first {kept}, \
             {left_out} are unavailable"
        ));
    }
    Ok(recorded)
}

/// Feeds a capture to the plugins and prints what they find.
pub fn run(
    mut capture: impl Read + Seek,
    name: &str,
    plugins: PluginArgs,
    form: Form,
    how: How,
) -> anyhow::Result<()> {
    let mut reader = Reader::new(&mut capture).with_context(|| name.to_owned())?;
    let blocks = reader.blocks().with_context(|| name.to_owned())?;
    let span = how
        .span
        .within(reader.header(), &blocks)
        .map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
    let mut pace = Pace {
        speed: how.speed,
        begin: None,
    };
    let clock = Clock {
        boot: i128::from(reader.header().boot_offset),
    };
    drop(reader);
    let (sender, outcomes) = bounded(MAX_OUTCOMES);
    let mut host = PluginHost::new(plugins.options(false), sender)?;
    plugins.load_into(&mut host);
    if let Some(loaded) = how.intel.load()? {
        host.begin_with(loaded.lists);
    }
    if host.asks_machine() {
        capture.rewind()?;
        let recorded = recorded(&mut capture).with_context(|| name.to_owned())?;
        host.answers().know(recorded);
    }
    capture.rewind()?;
    let reader = Reader::new(capture).with_context(|| name.to_owned())?;
    let reader = reader.until(span.until);
    let mut prepared = false;
    let mut agent = Agent::new(host, None);
    let policy = Policy::new(false, &[])?;
    let handler = handle_outcomes(
        Verdicts::new(policy, form, clock, form.printer(Full::Wait)?),
        outcomes,
        agent.watch_moment(),
    )?;
    let mut lost = Lost::default();
    let mut damaged = None;
    for event in reader {
        match event {
            Ok(event) if event.at > span.until => {}
            Ok(event) if event.at < span.from => {
                agent.prepare(&event);
                prepared = true;
            }
            Ok(event) => {
                if std::mem::take(&mut prepared) {
                    agent.begin_here();
                }
                if how.speed.is_some() {
                    agent.plugins.flush();
                }
                pace.wait_for(event.at);
                if event.kind == kind::LOSS {
                    lost.add(&event);
                }
                agent.take(event);
            }
            Err(error) => {
                say(format_args!("{name}: {error}"));
                damaged = Some(error);
            }
        }
    }
    agent.finish()?;
    let totals = Summary::new(&agent, lost);
    drop(agent);
    let told = handler
        .join()
        .map_err(|_| anyhow::anyhow!("the thread that handles findings ended in a panic"))?;
    if how.summary {
        totals.print(&told, form);
    }
    match damaged {
        Some(error) => Err(error).with_context(|| format!("{name}: not all of it could be read")),
        None => Ok(()),
    }
}
