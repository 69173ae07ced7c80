//! `vedette replay`: a capture through the same path.

use super::{OutputArgs, PluginArgs, handle_outcomes, summary::Summary};
use crate::agent::Agent;
use crate::loss::Lost;
use crate::output::Clock;
use crate::plugin::host::PluginHost;
use crate::response::Policy;
use crate::verdict::{Form, Verdicts};
use anyhow::Context as _;
use clap::Args;
use crossbeam_channel::unbounded;
use std::io::{Read, Seek};
use std::path::PathBuf;
use vedette_contract::kind;
use vedette_sensor::capture::Reader;

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
}

impl Replay {
    /// Replays at full speed. Responses are only told, never done.
    pub fn execute(self) -> anyhow::Result<()> {
        let name = self.capture.display().to_string();
        let file = std::fs::File::open(&self.capture)
            .with_context(|| format!("{name}: cannot open the capture"))?;
        let file = std::io::BufReader::new(file);
        run(file, &name, self.plugins, self.output.form(), !self.quiet)
    }
}

/// Feeds a capture to the plugins and prints what they find.
pub fn run(
    capture: impl Read + Seek,
    name: &str,
    plugins: PluginArgs,
    form: Form,
    summary: bool,
) -> anyhow::Result<()> {
    let reader = Reader::new(capture).with_context(|| name.to_owned())?;
    let clock = Clock {
        boot: i128::from(reader.header().boot_offset),
    };
    let (sender, outcomes) = unbounded();
    let mut host = PluginHost::new(plugins.options(false), sender)?;
    plugins.load_into(&mut host);
    let mut agent = Agent::new(host, None);
    let policy = Policy::new(false, &[])?;
    let handler = handle_outcomes(
        Verdicts::new(policy, form, clock),
        outcomes,
        agent.watch_moment(),
    );
    let mut lost = Lost::default();
    let mut damaged = None;
    for event in reader {
        match event {
            Ok(event) => {
                if event.kind == kind::LOSS {
                    lost.add(&event);
                }
                agent.take(event);
            }
            Err(error) => {
                anstream::eprintln!("{name}: {error}");
                damaged = Some(error);
            }
        }
    }
    agent.finish()?;
    let totals = Summary::new(&agent, lost);
    drop(agent);
    let verdicts = handler
        .join()
        .map_err(|_| anyhow::anyhow!("the thread that handles findings ended in a panic"))?;
    if summary {
        totals.print(&verdicts, form);
    }
    match damaged {
        Some(error) => Err(error).with_context(|| format!("{name}: not all of it could be read")),
        None => Ok(()),
    }
}
