//! Figures, and how they are printed.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};
use vedette_tests::{
    agent::{Agent, Options},
    guests::{Component, PluginDirectory},
    process::{status_field, wait_for},
};

/// One row of the table.
pub fn row(name: &str, value: &str) {
    println!("| {name} | {value} |");
}

/// The value below which this share of the values lies.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let at = ((values.len() as f64 - 1.0) * share).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// "median unit (lowest–highest)"
pub fn spread(values: &[f64], unit: &str) -> String {
    let at = |share| quantile(values, share);
    format!("{:.1} {unit} ({:.1}–{:.1})", at(0.5), at(0.0), at(1.0))
}

/// ns of one call.
pub fn timed(count: u32, mut act: impl FnMut()) -> f64 {
    let begin = Instant::now();
    for _ in 0..count {
        act();
    }
    begin.elapsed().as_nanos() as f64 / f64::from(count)
}

/// What the machine is watched by while something is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// Nothing.
    None,
    /// An agent whose plugins want execs alone: the context's needs.
    NoOpens,
    /// An agent with the bundled plugins.
    Bundled,
    /// An agent with a plugin that wants every open.
    AllOpens,
}

impl Watch {
    /// What the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Watch::None => "without agent",
            Watch::NoOpens => "no plugin wants opens",
            Watch::Bundled => "bundled plugins",
            Watch::AllOpens => "a plugin wants all opens",
        }
    }

    /// Starts the agent, if there is to be one.
    pub fn start(self) -> Option<Watched> {
        let directory = PluginDirectory::new();
        let options = match self {
            Watch::None => return None,
            Watch::NoOpens => {
                directory.put("keeper", &Component::guest("keeper"));
                Options::default().plugins(directory.path())
            }
            Watch::Bundled => Options::default(),
            Watch::AllOpens => {
                directory.put("tally", &Component::guest("tally"));
                Options::default().plugins(directory.path())
            }
        };
        Some(Watched {
            agent: options.start(),
            _plugins: directory,
        })
    }
}

/// An agent and the directory that it reads its plugins from.
pub struct Watched {
    pub agent: Agent,
    _plugins: PluginDirectory,
}

/// CPU seconds that a process has used, to a hundredth.
pub fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(PathBuf::from(format!("/proc/{pid}/stat"))).ok()?;
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

/// The agent's CPU seconds once it uses no more: it has caught up.
pub fn settled(agent: &Agent) -> Option<f64> {
    wait_for(Duration::from_secs(30), || {
        let one = cpu_seconds(agent.pid());
        thread::sleep(Duration::from_millis(300));
        (cpu_seconds(agent.pid()) == one).then_some(one).flatten()
    })
}

/// Resident memory, MB.
pub fn resident(agent: &Agent) -> f64 {
    let field = status_field(agent.pid(), "VmRSS").unwrap_or_default();
    let kilobytes = field.split_whitespace().next().and_then(|n| n.parse().ok());
    kilobytes.unwrap_or(f64::NAN) / 1024.0
}

/// One act in turns under each watch: ns (or another unit) of each round.
pub fn in_turns<const N: usize>(
    watches: [Watch; N],
    rounds: usize,
    mut act: impl FnMut() -> f64,
) -> [Measured; N] {
    let mut measured = watches.map(|watch| Measured {
        watch,
        values: Vec::new(),
        cpu: Vec::new(),
    });
    for _ in 0..rounds {
        for one in &mut measured {
            let watched = one.watch.start();
            let before = watched.as_ref().and_then(|w| settled(&w.agent));
            one.values.push(act());
            if let Some(watched) = watched {
                let after = settled(&watched.agent);
                one.cpu.extend(after.zip(before).map(|(a, b)| a - b));
                watched.agent.stop();
            }
        }
    }
    measured
}

/// What came of one watch.
pub struct Measured {
    pub watch: Watch,
    pub values: Vec<f64>,
    /// CPU seconds of the agent in each round.
    pub cpu: Vec<f64>,
}

/// A row for each watch, with its ratio to the first.
pub fn compare(name: &str, unit: &str, measured: &[Measured]) {
    let bare = measured
        .first()
        .map_or(f64::NAN, |m| quantile(&m.values, 0.5));
    for one in measured {
        let mut value = spread(&one.values, unit);
        if one.watch != Watch::None {
            let ratio = quantile(&one.values, 0.5) / bare;
            value += &format!(
                ", ×{ratio:.3}, agent's CPU {:.2} s",
                quantile(&one.cpu, 0.5)
            );
        }
        row(&format!("{name}, {}", one.watch.name()), &value);
    }
}
