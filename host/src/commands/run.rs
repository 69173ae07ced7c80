//! `vedette run`: detection on this machine.

use super::lists::{IntelArgs, tell};
use super::sensor::PINS;
use super::{
    MAX_OUTCOMES, OutputArgs, PluginArgs, RuntimeArgs, handle_outcomes, replay, summary::Summary,
};
use crate::agent::Agent;
use crate::control::{server::Control, socket_of};
use crate::grants::{self, Grants};
use crate::instance::{Instance, RUNTIME};
use crate::live::{Live, boot_time};
use crate::mute::{MuteArgs, Mutes};
use crate::output::{Clock, messages::say, printer::Full};
use crate::plugin::{host::PluginHost, shadow::ShadowAccept, store};
use crate::recorder::Recorder;
use crate::response::Policy;
use crate::span::SpanArgs;
use crate::verdict::Verdicts;
use anyhow::Context as _;
use clap::Args;
use crossbeam_channel::bounded;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use vedette_sensor::filter::Filter;
use vedette_sensor::live::{Options, Sensor, SensorError};
use vedette_sensor::probe::{Features, ProbeError};

/// A real reverse shell in a container, for machines whose kernel cannot be sensed. Made by
/// `tests/src/bin/record-demo.rs`.
static DEMO: &[u8] = include_bytes!("../../assets/reverse-shell.capture");

/// How long the first event waits for plugins that are still being made ready: most are by then, and
/// need no introduction to what runs already.
const FIRST: Duration = Duration::from_secs(1);

/// How long the agent, which judges meanwhile, is not said to be ready because of plugins that are
/// not: long enough for an interpreter to be compiled.
const READY: Duration = Duration::from_secs(60);

/// Arguments of `vedette run`.
#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    plugins: PluginArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    runtimes: RuntimeArgs,

    #[command(flatten)]
    intel: IntelArgs,

    /// Let responses happen: kill what a finding proposes to kill. Without it they are only told.
    #[arg(long)]
    enforce: bool,

    /// Never act on processes that run this executable, whatever it is called. Can be given
    /// several times.
    #[arg(long, value_name = "PATH")]
    never: Vec<PathBuf>,

    /// Write this file, with one line of JSON, once detection is on.
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,

    /// Record the events into this capture file as well.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Name of this agent. Of each name one can run on a machine; several agents each judge and
    /// answer everything, so use it for trials.
    #[arg(long, value_name = "NAME", default_value = "default")]
    instance: String,

    /// Socket through which root controls the agent [default: /run/vedette/NAME.sock]. `none`
    /// makes none.
    #[arg(long, value_name = "PATH|none")]
    control: Option<PathBuf>,

    /// Let each new generation of a plugin run beside the one in service for so long, like 60s,
    /// before it takes over, whatever its manifest says; 0s takes over at once.
    #[arg(long, value_name = "DURATION", value_parser = super::nanoseconds)]
    shadow: Option<u64>,

    /// Which differences between the two let it take over then.
    #[arg(long, value_name = "POLICY", default_value = "no-fewer")]
    shadow_accept: ShadowAccept,

    /// Directory for what is to outlast the agent: which plugins are disabled, what plugins keep.
    #[arg(
        long,
        value_name = "DIR",
        env = "VEDETTE_STATE",
        default_value = "/var/lib/vedette"
    )]
    state: PathBuf,

    /// File of what plugins are granted [default: grants.toml in the directory of --state].
    #[arg(long, value_name = "FILE")]
    grants: Option<PathBuf>,

    /// What a plugin may do that was granted nothing expressly. first-use: what it asks for when
    /// it is first seen, more only when granted; non-sensitive: all but sensitive fields and looks
    /// at files and processes; strict: nothing.
    #[arg(long, value_name = "POLICY", value_enum, default_value_t)]
    grant_defaults: grants::Policy,

    #[command(flatten)]
    mutes: MuteArgs,

    #[command(flatten)]
    sensor: SensorArgs,
}

/// How the sensor's lanes are made.
#[derive(Debug, Clone, Args)]
pub struct SensorArgs {
    /// KiB of the ring for events that matter most, a power of two.
    #[arg(long, value_name = "KIB", default_value_t = 4096, value_parser = kib)]
    security_ring: u32,

    /// KiB of the ring for all other events, a power of two.
    #[arg(long, value_name = "KIB", default_value_t = 8192, value_parser = kib)]
    bulk_ring: u32,

    /// Most events of one bulk kind, like opens, that a control group may cause in a second; what
    /// is beyond is counted as lost. 0 sets no limit: a group that floods is held to its share of
    /// a filling ring all the same.
    #[arg(long, value_name = "N", default_value_t = 0)]
    bulk_rate: u64,

    /// Let the sensor outlive the agent: pin it below this directory of a BPF file system. What
    /// happens until the next agent starts with the same directory is then told by that one; a
    /// ring's size of it at most, the rest is counted. `vedette sensor unpin` ends it.
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = PINS)]
    pin: Option<PathBuf>,
}

impl SensorArgs {
    /// The sensor's options.
    pub fn options(&self) -> Options {
        Options {
            security_ring: self.security_ring << 10,
            bulk_ring: self.bulk_ring << 10,
            bulk_rate: self.bulk_rate,
            pin: self.pin.clone(),
        }
    }
}

/// KiB of a ring: a power of two, of pages, of no more than a gigabyte.
fn kib(text: &str) -> Result<u32, String> {
    let number: u32 = text.parse().map_err(|error| format!("{error}"))?;
    match number.is_power_of_two() && (64..=1 << 20).contains(&number) {
        true => Ok(number),
        false => Err("give a power of two from 64 to 1048576".to_owned()),
    }
}

impl Run {
    /// Runs until SIGINT or SIGTERM.
    pub fn execute(self) -> anyhow::Result<()> {
        let begin = Instant::now();
        let mutes = self.mutes.rules()?;
        // Without root nothing can be sensed, and it is said below what is shown instead.
        let _instance = rustix::process::geteuid()
            .is_root()
            .then(|| Instance::claim(Path::new(RUNTIME), &self.instance))
            .transpose()?;
        let options = self.sensor.options();
        // Plugins load while the kernel verifies the sensor's programs: both take the most of
        // the time until detection is on.
        let starting = std::thread::spawn(move || Sensor::start(&options, &Filter::context()));
        let reading = self.intel.start();
        let stop = stop_on_signals()?;
        let clock = Clock::of_this_machine();
        let policy = Policy::new(self.enforce, &self.never)?;
        let (sender, outcomes) = bounded(MAX_OUTCOMES);
        let mut options = self.plugins.options(true);
        options.shadow = self.shadow;
        options.shadow_accept = self.shadow_accept;
        options.decisions = Some(self.state.join(format!("{}.plugins.json", self.instance)));
        options.grants = self.grants()?;
        let root = rustix::process::geteuid().is_root();
        options.store = root.then(|| store::file_of(&self.state, &self.instance));
        let mut plugins = PluginHost::new(options, sender.clone())?;
        plugins.load_meanwhile();
        let started = starting
            .join()
            .map_err(|_| anyhow::anyhow!("the thread that starts the sensor ended in a panic"))?;
        let sensor = match started {
            Ok(sensor) => sensor,
            Err(SensorError::Probe(missing)) => {
                // They are compiled by then.
                plugins.take_first(READY);
                drop(plugins);
                return self.replay_demo(&missing);
            }
            Err(error) => return Err(error).context("the sensor could not be started"),
        };
        say(sensor.features());
        plugins.take_first(FIRST);
        let recorder = self
            .record
            .as_deref()
            .map(|path| super::record::create(path, &clock))
            .transpose()?
            .map(Recorder::new);
        let mut agent = Agent::new(plugins, recorder);
        for rule in &mutes {
            say(format_args!("MUTED {}", rule.words()));
        }
        agent.mutes = Mutes::new(mutes);
        let form = self.output.form();
        let handler = handle_outcomes(
            Verdicts::new(policy, form, clock, form.printer(Full::LeaveOut)?),
            outcomes,
            agent.watch_moment(),
        )?;
        let runtimes = self.runtimes.start(sensor.waker())?;
        let control = self.listen(&sensor)?;
        let lists = reading
            .map(|reading| reading.join())
            .transpose()
            .map_err(|_| anyhow::anyhow!("the thread that reads the lists ended in a panic"))?
            .transpose()?;
        let feed = lists.map(|(loaded, feed)| {
            tell(&loaded);
            agent.take_lists(loaded.lists, boot_time());
            feed
        });
        let mut live = Live::begin(sensor, Filter::context(), &mut agent, sender, runtimes)?;
        if let Some(control) = control {
            live.controlled_by(control);
        }
        if let Some(feed) = feed {
            live.with_lists(feed);
        }
        let first = live.run_while(&mut agent, |agent| {
            let waits = agent.plugins.awaited() > 0 && begin.elapsed() < READY;
            waits && !stop.load(Ordering::Relaxed)
        });
        self.ready(begin, &agent)?;
        let ended = first.and_then(|()| live.run(&mut agent, &stop));
        let lost = std::mem::take(&mut live.lost);
        // The sensor goes first: nothing stays attached while the rest winds up.
        drop(live);
        let recorded = agent.finish();
        let summary = Summary::new(&agent, lost);
        drop(agent);
        let told = handler
            .join()
            .map_err(|_| anyhow::anyhow!("the thread that handles findings ended in a panic"))?;
        summary.print(&told, form);
        recorded.context("the capture could not be completed")?;
        ended.context("the sensor failed")?;
        Ok(())
    }

    /// The operator's grants. Without root nothing is watched, and a replay shows nobody's data.
    fn grants(&self) -> anyhow::Result<Grants> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Grants::default());
        }
        let usual = || grants::file_of(&self.state, &self.instance);
        let path = self.grants.clone().unwrap_or_else(usual);
        Ok(Grants::open(&path, self.grant_defaults)?)
    }

    /// Makes the control socket, unless none is wanted.
    fn listen(&self, sensor: &Sensor) -> anyhow::Result<Option<Control>> {
        let path = match self.control.as_deref() {
            Some(path) if path == Path::new("none") => return Ok(None),
            Some(path) => path.to_owned(),
            None => socket_of(&self.instance),
        };
        Ok(Some(Control::start(&path, Some(sensor.waker()))?))
    }

    /// Says that detection is on: to people, to whoever waits for the file, and to systemd.
    fn ready(&self, begin: Instant, agent: &Agent) -> anyhow::Result<()> {
        let plugins = agent.plugins.plugins();
        for plugin in &plugins {
            say(super::describe(plugin));
        }
        let awaited = agent.plugins.awaited();
        let without = match awaited {
            0 => String::new(),
            some => format!(" ({some} more are still being made ready)"),
        };
        if awaited == 0 {
            self.plugins.say_where_none(&agent.plugins);
        }
        let took = begin.elapsed();
        let mode = if self.enforce { "enforce" } else { "observe" };
        say(format_args!(
            "vedette is ready: {} plugins{without}, {} processes, mode {mode}, after {} ms",
            plugins.len(),
            agent.context().counters().rows,
            took.as_millis()
        ));
        if let Some(path) = &self.ready_file {
            let line = serde_json::json!({
                "ready": true,
                "pid": std::process::id(),
                "mode": mode,
                "plugins": plugins.len(),
                "awaited": awaited,
                "start_ms": took.as_secs_f64() * 1e3,
            });
            write_whole(path, &format!("{line}\n"))?;
        }
        notify_systemd("READY=1");
        Ok(())
    }

    /// What a machine that cannot be sensed shows instead, plainly labelled.
    fn replay_demo(&self, missing: &ProbeError) -> anyhow::Result<()> {
        say(Features::probe());
        say(format_args!(
            "\n{missing}\n\
             Nothing on this machine is being watched. What follows is a REPLAY of a recorded\n\
             reverse shell in a container, through the same plugins.\n"
        ));
        let plugins = self.plugins.clone();
        replay::run(
            std::io::Cursor::new(DEMO),
            "the bundled capture",
            plugins,
            self.output.form(),
            replay::How {
                intel: IntelArgs::default(),
                span: SpanArgs::default(),
                speed: None,
                summary: true,
            },
        )
    }
}

/// Set when SIGINT or SIGTERM arrives. A second one ends the process at once.
pub fn stop_on_signals() -> anyhow::Result<Arc<AtomicBool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let (mut interrupt, mut terminate) = {
        let _context = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    let set = stop.clone();
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                loop {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                    if set.swap(true, Ordering::Relaxed) {
                        std::process::exit(130);
                    }
                }
            });
        })?;
    Ok(stop)
}

/// Writes a file so that who waits for it finds it whole.
fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let beside = path.with_extension("tmp");
    std::fs::write(&beside, text)
        .and_then(|()| std::fs::rename(&beside, path))
        .with_context(|| format!("{}: cannot write the ready file", path.display()))
}

/// Tells the service manager, if one asked to be told (sd_notify's protocol).
fn notify_systemd(state: &str) {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&path),
    };
    let sent = address.and_then(|to| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &to));
    if let Err(error) = sent {
        tracing::warn!("the service manager could not be told: {error}");
    }
}
