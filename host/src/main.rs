//! The `vedette` command.

use clap::{CommandFactory, Parser, Subcommand};
use std::io::IsTerminal as _;
use std::process::ExitCode;
use vedette::commands::{doctor, events, plugin, record, replay, run, sensor};
use vedette::output::{messages, printer::Full};

/// Runtime threat detection and response for containers and hosts: kernel events, judged by
/// sandboxed plugins.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Detect on this machine until Ctrl-C.
    Run(run::Run),
    /// Feed a recorded capture through the plugins.
    Replay(replay::Replay),
    /// Record this machine's events into a capture.
    Record(record::Record),
    /// Print this machine's events as they happen, or those of a capture.
    Events(events::Events),
    /// Say what this kernel offers, what is degraded and what that blinds.
    Doctor(doctor::Doctor),
    /// Say what the kernel is asked for and why; look after what an agent has put into it.
    Sensor(sensor::Sensor),
    /// Build and look into plugins; operate those of a running agent.
    Plugin(plugin::Plugin),
    /// Print the completion script of a shell.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// Whether it may end at once when nobody reads any more what it prints. The others have
    /// something to take down or to complete, and look after their output by themselves.
    fn ends_with_its_reader(&self) -> bool {
        match self {
            Command::Plugin(plugin) => plugin.ends_with_its_reader(),
            Command::Doctor(_) | Command::Sensor(_) | Command::Completion { .. } => true,
            Command::Run(_) | Command::Replay(_) | Command::Record(_) | Command::Events(_) => false,
        }
    }

    /// What it does with messages that nobody reads. Commands that neither watch nor judge write
    /// them themselves.
    fn with_unread(&self) -> Option<Full> {
        match self {
            Command::Run(_) | Command::Record(_) | Command::Events(_) => Some(Full::LeaveOut),
            Command::Replay(_) => Some(Full::Wait),
            Command::Doctor(_)
            | Command::Sensor(_)
            | Command::Plugin(_)
            | Command::Completion { .. } => None,
        }
    }
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("VEDETTE_LOG")
                .unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(messages::Log)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let command = Cli::parse().command;
    if command.ends_with_its_reader() {
        // SAFETY: it is the default of every process, and no other thread runs yet.
        unsafe {
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        }
    }
    let begun = command.with_unread().map_or(Ok(()), messages::begin);
    let done = begun
        .map_err(anyhow::Error::from)
        .and_then(|()| match command {
            Command::Run(run) => run.execute(),
            Command::Replay(replay) => replay.execute(),
            Command::Record(record) => record.execute(),
            Command::Events(events) => events.execute(),
            Command::Doctor(doctor) => doctor.execute(),
            Command::Sensor(sensor) => sensor.execute(),
            Command::Plugin(plugin) => plugin.execute(),
            Command::Completion { shell } => {
                clap_complete::generate(
                    shell,
                    &mut Cli::command(),
                    "vedette",
                    &mut std::io::stdout(),
                );
                Ok(())
            }
        });
    if let Err(error) = &done {
        messages::say(format_args!("vedette: {}", told(error)));
    }
    messages::end();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The error with its causes, each said once: many say their cause in their own words already.
fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
