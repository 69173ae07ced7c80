//! `vedette plugin new` and `vedette plugin sdk`: how a plugin begins and keeps up.

use crate::author::project::{self, Language};
use crate::commands::operate::print_json;
use anyhow::Context as _;
use clap::Args;
use serde_json::json;
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

    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl New {
    /// Writes the plugin and says what comes next.
    pub fn execute(self) -> anyhow::Result<()> {
        let directory = self.path.unwrap_or_else(|| PathBuf::from(&self.name));
        project::create(self.lang, &self.name, &directory)?;
        let missing = missing(self.lang);
        if self.json {
            return print_json(&json!({
                "directory": directory,
                "id": self.name,
                "language": self.lang,
                "contract": vedette_contract::VERSION,
                "source": self.lang.source(),
                "first": missing,
            }));
        }
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
        if let Some(missing) = missing {
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

    /// As JSON.
    #[arg(long)]
    json: bool,
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
        let place = self.directory.join(crate::author::sdk::PLACE);
        if self.json {
            let contract = vedette_contract::VERSION;
            return print_json(&json!({ "sdk": place, "contract": contract }));
        }
        println!(
            "{}: the SDK of contract {}",
            place.display(),
            vedette_contract::VERSION
        );
        Ok(())
    }
}
