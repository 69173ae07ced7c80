//! From a Python module to a component, by componentize-py.

use super::{
    BuildError,
    kept::Made,
    tools::{self, Stage, missing, run},
};
use crate::{author::sdk, manifest::Manifest};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The version of componentize-py that components are made with: one that was tried.
const VERSION: &str = "0.25.1";

/// The module of the SDK that a component is made of: it imports the author's.
const COMPONENT: &str = "vedette_component";

/// What loads a plugin natively before it is built.
const CHECK: &str = "check.py";

/// Makes a component of the plugin in a directory.
pub(super) fn component_of(directory: &Path, manifest: &Manifest) -> Result<Vec<u8>, BuildError> {
    let tools = tools()?;
    let stage = Stage::new()?;
    for (path, bytes) in sdk::below("sdk/python/src/") {
        stage.write(&Path::new("sdk").join(path), bytes)?;
    }
    for (path, bytes) in sdk::below("sdk/python/build/") {
        stage.write(&Path::new("sdk").join(path), bytes)?;
    }
    let snapshot = load(directory, &stage, &tools)?;
    stage.write_world(manifest, snapshot)?;
    Made::by(&format!("componentize-py {VERSION}"))
        .of(stage.path(), |_| false)
        .of(directory, no_source)
        .component(|| make(directory, &stage, &tools))
}

/// Whether a file of a plugin's directory cannot change its component: the manifest is put into that
/// afterwards, and the SDK is the agent's own.
fn no_source(place: &Path) -> bool {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let made = ["target", "__pycache__", "fixtures", "venv"];
    name.starts_with('.')
        || made.contains(&&*name)
        || [".wasm", ".capture", ".all", ".md", ".sh", ".tmp"]
            .iter()
            .any(|end| name.ends_with(end))
        || place == Path::new("plugin.toml")
        || place == Path::new("vendor/vedette")
}

/// Has componentize-py make the component.
fn make(directory: &Path, stage: &Stage, tools: &Path) -> Result<Vec<u8>, BuildError> {
    let output = stage.path().join("component.wasm");
    tools::say(&format!(
        "making a component of {} and Python (some ten seconds)",
        directory.display()
    ));
    let status = Command::new(tools.join("bin/componentize-py"))
        .arg("--quiet")
        .arg("--wit-path")
        .arg(stage.path().join("wit"))
        .args(["--world", tools::WORLD, "componentize", "--stub-wasi"])
        .arg("--python-path")
        .arg(directory)
        .arg("--python-path")
        .arg(stage.path().join("sdk"))
        .arg("--output")
        .arg(&output)
        .arg(COMPONENT)
        // Packages of an environment that the author works in are not the plugin's.
        .env_remove("VIRTUAL_ENV")
        .stdin(Stdio::null())
        .stdout(tools::to_stderr())
        .status()
        .map_err(|error| missing(&format!("componentize-py does not run: {error}")))?;
    if !status.success() {
        return Err(BuildError::Componentize("componentize-py"));
    }
    fs::read(&output).map_err(|source| BuildError::Read {
        path: output,
        source,
    })
}

/// Loads the plugin natively: what is wrong with its code is told in a second, in Python's own
/// words. Returns whether it hands over a snapshot.
fn load(directory: &Path, stage: &Stage, tools: &Path) -> Result<bool, BuildError> {
    let path = std::env::join_paths([directory, &stage.path().join("sdk")])
        .map_err(|error| missing(&format!("{}: {error}", directory.display())))?;
    let output = Command::new(tools.join("bin/python"))
        .arg("-B")
        .arg(stage.path().join("sdk").join(CHECK))
        .env("PYTHONPATH", path)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| missing(&format!("python does not run: {error}")))?;
    if !output.status.success() {
        return Err(BuildError::Sources);
    }
    Ok(output.stdout.trim_ascii_end().ends_with(b"snapshot"))
}

/// The environment that holds componentize-py: made the first time, in the user's cache directory.
fn tools() -> Result<PathBuf, BuildError> {
    tools::ready(&format!("componentize-py-{VERSION}"), |directory| {
        tools::say(&format!(
            "setting up componentize-py {VERSION} in {} (once; about 60 MB)",
            directory.display()
        ));
        let python = run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(directory));
        python.map_err(|why| {
            missing(&format!(
                "python3 -m venv {why}; install Python 3.10 or newer with venv (Debian: apt-get install python3 python3-venv)"
            ))
        })?;
        let pip = run(Command::new(directory.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args(["--no-deps", "--only-binary", ":all:"])
            .arg(format!("componentize-py=={VERSION}")));
        pip.map_err(|why| {
            missing(&format!(
                "pip {why}: componentize-py {VERSION} could not be had; see above, or install it into {} by hand",
                directory.display()
            ))
        })
    })
}
