//! From a Python module to a component, by componentize-py.

use super::{
    BuildError,
    tools::{self, Stage, missing, run},
};
use crate::manifest::Manifest;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The version of componentize-py that components are made with: one that was tried.
const VERSION: &str = "0.25.1";

/// The module of the SDK that a component is made of: it imports the author's.
const COMPONENT: &str = "vedette_component";

macro_rules! sdk {
    ($path:literal) => {
        (
            $path,
            include_str!(concat!("../../../../sdk/python/src/", $path)),
        )
    };
}

/// The SDK without its test kit.
const SDK: &[(&str, &str)] = &[
    sdk!("vedette_sdk/__init__.py"),
    sdk!("vedette_sdk/_guest.py"),
    sdk!("vedette_sdk/_host.py"),
    sdk!("vedette_sdk/_plugin.py"),
    sdk!("vedette_sdk/_raw.py"),
    sdk!("vedette_sdk/_slots.py"),
    sdk!("vedette_sdk/_view.py"),
    sdk!("vedette_sdk/batch.py"),
    sdk!("vedette_sdk/bounded.py"),
    sdk!("vedette_sdk/cmdline.py"),
    sdk!("vedette_sdk/context.py"),
    sdk!("vedette_sdk/failure.py"),
    sdk!("vedette_sdk/file.py"),
    sdk!("vedette_sdk/finding.py"),
    sdk!("vedette_sdk/intel.py"),
    sdk!("vedette_sdk/kind.py"),
    sdk!("vedette_sdk/lineage.py"),
    sdk!("vedette_sdk/log.py"),
    sdk!("vedette_sdk/metrics.py"),
    sdk!("vedette_sdk/net.py"),
    sdk!("vedette_sdk/process.py"),
    sdk!("vedette_sdk/sequence.py"),
    sdk!("vedette_sdk/state.py"),
    sdk!("vedette_sdk/stream.py"),
    sdk!("vedette_sdk/timer.py"),
    sdk!("vedette_sdk/values.py"),
    sdk!("vedette_sdk/views.py"),
    sdk!("vedette_sdk/window.py"),
    (
        "vedette_component.py",
        include_str!("../../../../sdk/python/component.py"),
    ),
];

/// What loads a plugin natively before it is built.
const CHECK: &str = include_str!("../../../../sdk/python/check.py");

/// Makes a component of the plugin in a directory.
pub(super) fn component_of(directory: &Path, manifest: &Manifest) -> Result<Vec<u8>, BuildError> {
    let tools = tools()?;
    let stage = Stage::new()?;
    for (path, text) in SDK {
        stage.write(&Path::new("sdk").join(path), text)?;
    }
    stage.write(Path::new("check.py"), CHECK)?;
    let snapshot = load(directory, &stage, &tools)?;
    stage.write_world(manifest, snapshot)?;

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
        .arg(stage.path().join("check.py"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_whole_sdk_goes_into_a_component() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/python/src/vedette_sdk");
        let there: BTreeSet<String> = fs::read_dir(sdk)
            .expect("the SDK is beside the host")
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with(".py"))
            .map(|name| format!("vedette_sdk/{name}"))
            .collect();
        let carried = SDK.iter().map(|(path, _)| (*path).to_owned());
        let carried: BTreeSet<String> = carried.filter(|p| p.contains('/')).collect();
        assert_eq!(carried, there);
    }
}
