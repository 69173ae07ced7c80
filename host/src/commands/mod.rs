//! The commands of the `vedette` binary, one file each.

pub mod doctor;
pub mod events;
pub mod lists;
pub mod operate;
pub mod plugin;
pub mod record;
pub mod replay;
pub mod run;
pub mod sensor;
pub mod summary;

use crate::agent::Moment;
use crate::answers::Answers;
use crate::output::{messages::say, printable};
use crate::plugin::outcome::Outcome;
use crate::plugin::queue::Overflow;
use crate::plugin::{HostOptions, PluginHost, PluginInfo};
use crate::runtimes::{self, Runtimes, SocketPath};
use crate::verdict::{Form, Told, Verdicts};
use anyhow::Context as _;
use clap::Args;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::thread::JoinHandle;
use vedette_sensor::live::Waker;

/// Where plugins and their compiled form are, for every command that runs some.
#[derive(Debug, Clone, Args)]
pub struct PluginArgs {
    /// Directory of plugins (*.wasm). It is watched: what is added, replaced or removed there
    /// takes effect at once.
    #[arg(
        long,
        value_name = "DIR",
        env = "VEDETTE_PLUGINS",
        default_value = "/usr/lib/vedette/plugins"
    )]
    pub plugins: PathBuf,

    /// Directory for compiled plugins, kept from run to run.
    #[arg(
        long,
        value_name = "DIR",
        env = "VEDETTE_CACHE",
        default_value = "/var/cache/vedette"
    )]
    pub cache: PathBuf,

    /// Directory of plugins' settings, each in a file called ID.toml.
    #[arg(
        long,
        value_name = "DIR",
        env = "VEDETTE_PLUGIN_CONFIG",
        default_value = "/etc/vedette/plugins"
    )]
    pub plugin_config: PathBuf,

    /// Threads that run plugins [default: one a core].
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,

    /// Most events that a plugin gets in one call.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub batch: u16,
}

impl PluginArgs {
    /// The runtime's options; `live` agents follow their directory and shed what they cannot
    /// hold, replays do neither.
    fn options(&self, live: bool) -> HostOptions {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        HostOptions {
            sources: vec![self.plugins.clone()],
            cache: Some(self.cache.clone()),
            settings: Some(self.plugin_config.clone()),
            workers: self.workers.unwrap_or(cores).max(1),
            batch: self.batch.into(),
            watch: live,
            overflow: if live { Overflow::Shed } else { Overflow::Wait },
            answers: match live {
                true => Answers::of_machine(),
                false => Answers::of_capture(),
            },
            ..HostOptions::default()
        }
    }
}

impl PluginArgs {
    /// Loads the plugins, and says so where there is none: an agent without any finds nothing.
    fn load_into(&self, host: &mut PluginHost) {
        host.load_all();
        self.say_where_none(host);
    }

    /// Says so where no plugin is in service.
    fn say_where_none(&self, host: &PluginHost) {
        if host.plugins().is_empty() {
            say(format_args!(
                "{}: no plugin here could be loaded, so nothing will be found; build the bundled \
                 ones with `make plugins` and name their directory with --plugins",
                self.plugins.display()
            ));
        }
    }
}

/// Whom to ask what containers are, for every command that watches this machine.
#[derive(Debug, Clone, Default, Args)]
pub struct RuntimeArgs {
    /// Ask this container engine too, besides those at well-known sockets. ENGINE is cri,
    /// containerd, podman or docker. Can be given several times.
    #[arg(long, value_name = "ENGINE=SOCKET")]
    pub container_runtime: Vec<SocketPath>,
}

impl RuntimeArgs {
    /// Begins to ask them.
    fn start(&self, waker: Waker) -> anyhow::Result<Runtimes> {
        let sockets = runtimes::sockets(&self.container_runtime);
        Runtimes::start(sockets, Some(waker))
            .context("the thread that asks container runtimes cannot be started")
    }
}

/// A time like `60s`, as ns.
fn nanoseconds(text: &str) -> Result<u64, String> {
    let time: jiff::SignedDuration = text.parse().map_err(|error| format!("{error}"))?;
    u64::try_from(time.as_nanos()).map_err(|_| "give a time like 60s".to_owned())
}

/// How findings are printed, for every command that prints some.
#[derive(Debug, Clone, Copy, Args)]
pub struct OutputArgs {
    /// Print findings as JSON lines, also on a terminal. Into a pipe they always are.
    #[arg(long)]
    pub json: bool,
}

impl OutputArgs {
    /// JSON where asked for or where no person reads.
    pub fn form(self) -> Form {
        use std::io::IsTerminal;
        if self.json || !std::io::stdout().is_terminal() {
            Form::Json
        } else {
            Form::Text
        }
    }
}

/// Outcomes that wait to be handled: handling waits for nobody, so there are more only when plugins
/// raise them faster than a processor can handle them. Then the plugins wait.
pub const MAX_OUTCOMES: usize = 16_384;

/// Handles outcomes on a thread of its own until all their senders are gone, then says what has
/// become of the findings. `moment` tells how far the stream has been taken in.
///
/// # Errors
/// No thread can be made.
pub fn handle_outcomes(
    mut verdicts: Verdicts,
    outcomes: Receiver<Outcome>,
    moment: Moment,
) -> std::io::Result<JoinHandle<Told>> {
    let handle = move || {
        let mut leaves_out = false;
        loop {
            let outcome = match verdicts.waits() {
                Some(time) => outcomes.recv_timeout(time),
                None => outcomes.recv().map_err(RecvTimeoutError::from),
            };
            match outcome {
                Ok(Outcome::Finding(finding)) => verdicts.take(*finding, moment.get()),
                Ok(other) => {
                    if let Some(line) = said(&other) {
                        say(line);
                    }
                }
                Err(RecvTimeoutError::Timeout) => verdicts.release(moment.get()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if verdicts.leaves_out() && !leaves_out {
                say(NOBODY_READS);
            }
            leaves_out = verdicts.leaves_out();
        }
        verdicts.end()
    };
    std::thread::Builder::new()
        .name("verdicts".to_owned())
        .spawn(handle)
}

const NOBODY_READS: &str = "nobody reads the findings: they are left out from now on, and counted; what they lead to is done all the same";

/// One line on a plugin in service.
pub fn describe(plugin: &PluginInfo) -> String {
    let kinds: BTreeSet<&str> = plugin
        .manifest
        .subscriptions
        .iter()
        .map(|s| s.kind.name)
        .collect();
    format!(
        "plugin {} {} sha256:{} wants {}",
        plugin.id,
        plugin.manifest.version,
        plugin.digest.short(),
        kinds.into_iter().collect::<Vec<_>>().join(", ")
    )
}

/// What is told on standard error of what became of a plugin.
fn said(outcome: &Outcome) -> Option<String> {
    let line = match outcome {
        Outcome::Finding(_) => return None,
        Outcome::Loaded { plugin } => {
            format!("plugin {} {} is in service", plugin.id, plugin.version)
        }
        Outcome::Reloaded { plugin, pause_ns } => format!(
            "plugin {} {} sha256:{} took over as generation {}, pause {:.3} ms",
            plugin.id,
            plugin.version,
            plugin.digest.short(),
            plugin.generation,
            *pause_ns as f64 / 1e6
        ),
        Outcome::RolledBack {
            plugin,
            from,
            reason,
            unlearned,
        } => format!(
            "plugin {} {} serves again as generation {}: {} was rolled back: {}; {unlearned}",
            plugin.id,
            plugin.version,
            plugin.generation,
            from.version,
            printable(reason.as_bytes())
        ),
        Outcome::Shadowed {
            plugin,
            report,
            accepted,
        } => format!(
            "plugin {} {} {} after its shadow: {}",
            plugin.id,
            plugin.version,
            if *accepted {
                "takes over"
            } else {
                "is refused"
            },
            printable(report.to_string().as_bytes())
        ),
        Outcome::Refused { path, reason } => format!("plugin {} refused: {reason}", path.display()),
        Outcome::Removed { plugin } => {
            format!("plugin {} {} was removed", plugin.id, plugin.version)
        }
        Outcome::OtherLists { recorded, given } => crate::intel::not_at_hand(recorded, *given),
        Outcome::Log {
            plugin,
            level,
            message,
        } => format!(
            "plugin {plugin} {level:?}: {}",
            printable(message.as_bytes())
        ),
    };
    Some(line)
}
