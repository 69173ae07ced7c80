//! `vedette plugin bench`: what an event costs, held against what it may cost.

use super::place::BuildArgs;
use crate::author::bench::{Figures, bench};
use crate::author::trial::Capture;
use crate::span::duration;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Arguments of `vedette plugin bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// The plugin: its directory, which is built first, or its component.
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    plugin: PathBuf,

    /// Measure on this capture rather than on the mix of the design: 10 % exec, 40 % open, 30 %
    /// connect, the rest fork and exit.
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,

    /// How long to measure.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    time: Duration,

    #[command(flatten)]
    build: BuildArgs,

    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

impl Bench {
    /// Measures. To be over the budget is no failure: that is for people to judge, on their
    /// machine.
    pub fn execute(self) -> anyhow::Result<()> {
        let plugin = self.build.ready(&self.plugin)?;
        let path = self.capture.as_deref();
        let name = path.map(|path| path.display().to_string());
        let capture = path.map(Capture::read).transpose()?;
        let figures = bench(&plugin.subject, name.as_deref().zip(capture), self.time)?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&figures)?);
        } else {
            print(&figures);
        }
        Ok(())
    }
}

fn print(f: &Figures) {
    let ms = |ns: u64| ns as f64 / 1e6;
    let budget = match f.within_budget() {
        true => "within",
        false => "OVER",
    };
    anstream::println!(
        "on        {}: {} of {} events are for it",
        f.on,
        f.delivered,
        f.offered
    );
    anstream::println!(
        "event     p50 {:.0} ns, p99 {:.0}, mean {:.0}: {budget} the budget of {:.0}, which is for a plugin in Rust and full batches",
        f.p50_ns,
        f.p99_ns,
        f.mean_ns,
        f.budget_ns
    );
    anstream::println!(
        "calls     {} of {:.1} events each, the longest {:.3} ms of {:.0} ms",
        f.calls,
        f.events_a_call,
        ms(f.longest_call_ns),
        ms(f.deadline_ns)
    );
    anstream::println!(
        "memory    {} KiB of {} KiB",
        f.memory >> 10,
        f.memory_limit >> 10
    );
    anstream::println!("start     {:.1} ms", ms(f.start_ns));
}
