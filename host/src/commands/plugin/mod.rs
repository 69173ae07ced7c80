//! `vedette plugin`: the author's commands, one file each; the operator's are in
//! [`super::operate`].

mod bench;
mod build;
mod check;
mod dev;
mod grant;
mod inspect;
mod minimise;
mod new;
mod place;
mod replay;
mod scene;
mod sign;
mod test;

use super::operate::Operate;
use crate::manifest::ManifestError;
use crate::plugin::build::BuildError;
use clap::{Args, Subcommand};
use miette::Diagnostic;
use std::fmt;

/// Arguments of `vedette plugin`.
#[derive(Debug, Args)]
pub struct Plugin {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Begin a plugin that works, with its tests and all that it is built from.
    New(new::New),
    /// Bring the SDK in a plugin's directory up to that of this agent.
    Sdk(new::Sdk),
    /// Build a plugin's crate into a component with its manifest inside.
    Build(build::Build),
    /// Replay the fixtures of a plugin: each must raise exactly what the manifest declares.
    Test(test::Test),
    /// Say what a plugin asks for, what it would see, what that costs, and what is missing.
    Check(check::Check),
    /// Build, try and reload on every change, until Ctrl-C.
    Dev(dev::Dev),
    /// Measure what an event costs the plugin, and hold it against the budget.
    Bench(bench::Bench),
    /// Replay a capture through one plugin; tell what it finds and how long it takes.
    Replay(replay::Replay),
    /// Give a component the story of a test, as JSON, and tell what it finds: for the test kits.
    #[command(hide = true)]
    Scene(scene::Scene),
    /// Make a capture small: keep of it what a finding needs.
    Minimise(minimise::Minimise),
    /// Show what a component is and asks for, without running it.
    Inspect(inspect::Inspect),
    /// Make a publisher's key; prints the public one.
    Keygen(sign::Keygen),
    /// Sign a component in a publisher's name.
    Sign(sign::Sign),
    /// Grant a component what it asks for.
    Grant(grant::Allow),
    /// Take from a plugin all that it was granted.
    Revoke(grant::Revoke),
    /// List what plugins are granted.
    Grants(grant::Show),
    #[command(flatten)]
    Operate(Operate),
}

impl Plugin {
    /// Whether a reader who leaves may end it at once: nothing of it outlasts its process.
    pub fn ends_with_its_reader(&self) -> bool {
        // Its agent and its directory are to go as well.
        !matches!(self.command, Command::Dev(_))
    }

    /// Runs the command.
    pub fn execute(self) -> anyhow::Result<()> {
        match self.command {
            Command::New(new) => new.execute(),
            Command::Sdk(sdk) => sdk.execute(),
            Command::Build(build) => build.execute(),
            Command::Test(test) => test.execute(),
            Command::Check(check) => check.execute(),
            Command::Dev(dev) => dev.execute(),
            Command::Bench(bench) => bench.execute(),
            Command::Replay(replay) => replay.execute(),
            Command::Scene(scene) => scene.execute(),
            Command::Minimise(minimise) => minimise.execute(),
            Command::Inspect(inspect) => inspect.execute(),
            Command::Keygen(keygen) => keygen.execute(),
            Command::Sign(sign) => sign.execute(),
            Command::Grant(allow) => allow.execute(),
            Command::Revoke(revoke) => revoke.execute(),
            Command::Grants(show) => show.execute(),
            Command::Operate(operate) => operate.execute(),
        }
    }
}

/// An error with the place in the author's file that it is about.
fn shown(error: BuildError) -> anyhow::Error {
    match error {
        BuildError::Manifest(error) => {
            let report = miette::Report::new(InFile(error));
            anyhow::anyhow!("the manifest cannot be used\n\n{report:?}")
        }
        other => other.into(),
    }
}

/// An error whose file, line and remedy are shown beside what is wrong, and not in it as well.
#[derive(Debug)]
struct InFile(Box<ManifestError>);

impl fmt::Display for InFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.message())
    }
}

impl std::error::Error for InFile {}

impl Diagnostic for InFile {
    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.0.help()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        self.0.labels()
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.0.source_code()
    }
}
