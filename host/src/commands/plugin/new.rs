//! `vedette plugin new` and `vedette plugin sdk`: how a plugin begins and keeps up.

use crate::author::project::{self, Language};
use anyhow::Context as _;
use clap::Args;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Arguments of `vedette plugin new`.
#[derive(Debug, Args)]
pub struct New {
    /// The plugin's id: a-z, 0-9 and -, a letter first. It names the directory too.
    #[arg(value_name = "NAME")]
    name: String,

    /// The language to write it in.
    #[arg(long, value_name = "LANGUAGE", value_enum, default_value = "rust")]
    lang: Language,

    /// The directory to make [default: NAME here].
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

impl New {
    /// Writes the plugin and says what comes next.
    pub fn execute(self) -> anyhow::Result<()> {
        let directory = self.path.unwrap_or_else(|| PathBuf::from(&self.name));
        project::create(self.lang, &self.name, &directory)?;
        println!(
            "{}: a plugin that finds programs without a file. Next:\n\n  \
             cd {}\n  \
             vedette plugin test     # build it and replay its fixtures\n  \
             {}\n  \
             vedette plugin check    # what it asks for and what it costs\n  \
             vedette plugin dev      # try every change at once\n\n\
             Then write what you look for into plugin.toml and {}.",
            directory.display(),
            directory.display(),
            self.lang.native_tests(),
            self.lang.source(),
        );
        if let Some(missing) = missing(self.lang) {
            println!("\nFirst: {missing}");
        }
        Ok(())
    }
}

/// What this machine lacks to build in a language, and how to get it.
fn missing(language: Language) -> Option<&'static str> {
    let says = |program: &str, arguments: &[&str]| {
        Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()
            .filter(|output| output.status.success())
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    match language {
        Language::Rust => {
            if std::env::var_os("VEDETTE_GUEST_RUSTC").is_some() {
                return None;
            }
            let target = [
                "--print",
                "target-libdir",
                "--target",
                "wasm32-unknown-unknown",
            ];
            match says("rustc", &target) {
                None => Some("install Rust from https://rustup.rs"),
                Some(directory) if !std::path::Path::new(&directory).is_dir() => {
                    Some("rustup target add wasm32-unknown-unknown")
                }
                Some(_) => None,
            }
        }
        Language::Python => says("python3", &["-c", "import ensurepip"]).is_none().then_some(
            "install Python 3.10 or newer with venv (Debian: apt-get install python3 python3-venv)",
        ),
        Language::JavaScript => says("npm", &["--version"]).is_none().then_some(
            "install Node.js 20 or newer with npm (Debian: apt-get install nodejs npm)",
        ),
    }
}

/// Arguments of `vedette plugin sdk`.
#[derive(Debug, Args)]
pub struct Sdk {
    /// Directory of the plugin.
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

impl Sdk {
    /// Writes the SDK.
    pub fn execute(self) -> anyhow::Result<()> {
        let language = project::language_of(&self.directory).with_context(|| {
            format!(
                "{}: no plugin lies there; name its directory, or begin one with `vedette plugin new`",
                self.directory.display()
            )
        })?;
        project::write_sdk(language, &self.directory)?;
        println!(
            "{}: the SDK of contract {}",
            self.directory.join(crate::author::sdk::PLACE).display(),
            vedette_contract::VERSION
        );
        Ok(())
    }
}
