//! From a JavaScript module to a component, by componentize-js.

use super::{
    BuildError,
    kept::Made,
    tools::{self, Stage, missing, run},
};
use crate::{author::sdk, manifest::Manifest};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use vedette_contract::VERSION as CONTRACT;

/// The version of componentize-js that components are made with: one that was tried. What it
/// depends on is pinned beside it.
const VERSION: &str = "0.23.0";

/// The oldest Node.js that it runs on.
const NODE: u32 = 20;

/// The plugin's module unless package.json names another as `main`.
const ENTRY: &str = "plugin.js";

/// Makes a component of the plugin in a directory.
pub(super) fn component_of(directory: &Path, manifest: &Manifest) -> Result<Vec<u8>, BuildError> {
    let tools = tools()?;
    let entry = entry(directory)?;
    let stage = Stage::new()?;
    let place = Path::new("vedette-sdk");
    for (path, bytes) in sdk::below("sdk/javascript/src/") {
        stage.write(&place.join(path), bytes)?;
    }
    stage.write(Path::new("package.json"), b"{ \"type\": \"module\" }\n")?;
    let snapshot = load(&tools, &stage, directory, &entry)?;

    stage.write(&place.join("host.js"), host(manifest).as_bytes())?;
    stage.write(Path::new("component.js"), component(&entry).as_bytes())?;
    stage.write_world(manifest, snapshot)?;
    // The author's modules lie in the stage by now.
    Made::by(&format!("componentize-js {VERSION}"))
        .of(stage.path(), |_| false)
        .component(|| {
            tools::say(&format!(
                "making a component of {} and a JavaScript engine (some ten seconds)",
                directory.display()
            ));
            let made = run(node(&tools).arg("make").arg(stage.path()));
            made.map_err(|_| BuildError::Componentize("componentize-js"))?;
            let path = stage.path().join("component.wasm");
            fs::read(&path).map_err(|source| BuildError::Read { path, source })
        })
}

/// The module of the SDK that stands for the host: the imports that the manifest declares.
fn host(manifest: &Manifest) -> String {
    let mut module = String::new();
    let names: Vec<&str> = manifest.services.iter().map(|s| s.name()).collect();
    for name in &names {
        // Writing to a String cannot fail.
        let _ = writeln!(
            module,
            "import * as {name} from 'vedette:detect/{name}@{CONTRACT}';"
        );
    }
    let _ = writeln!(
        module,
        "export const services = {{ {} }};",
        names.join(", ")
    );
    module
}

/// The module that the component is made of, with the plugin's filled in.
fn component(entry: &str) -> String {
    // As JSON it is a string of JavaScript, whatever the file is called.
    let module = serde_json::Value::from(format!("./author/{entry}"));
    format!(
        "import Declared from {module};\n\
         import {{ exportsOf }} from './vedette-sdk/guest.js';\n\
         export const {{ detector, snapshot }} = exportsOf(Declared);\n"
    )
}

/// The plugin's module as package.json names it.
fn entry(directory: &Path) -> Result<String, BuildError> {
    let path = directory.join("package.json");
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(ENTRY.to_owned());
    };
    let package: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| missing(&format!("{}: {error}", path.display())))?;
    let main = package["main"].as_str().unwrap_or(ENTRY);
    Ok(main.trim_start_matches("./").to_owned())
}

/// Loads the plugin natively: what is wrong with its code is told in a second. Returns whether it
/// hands over a snapshot.
fn load(tools: &Path, stage: &Stage, directory: &Path, entry: &str) -> Result<bool, BuildError> {
    let output = node(tools)
        .arg("load")
        .arg(stage.path())
        .arg(directory)
        .arg(entry)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| missing(&format!("node does not run: {error}")))?;
    if !output.status.success() {
        return Err(BuildError::Sources);
    }
    Ok(output.stdout.trim_ascii_end().ends_with(b"snapshot"))
}

fn node(tools: &Path) -> Command {
    let mut node = Command::new("node");
    node.arg(tools.join("build.mjs"));
    node
}

/// The directory that holds componentize-js: made the first time, in the user's cache directory.
fn tools() -> Result<PathBuf, BuildError> {
    let remedy =
        format!("install Node.js {NODE} or newer with npm (Debian: apt-get install nodejs npm)");
    let node = Command::new("node").arg("--version").output();
    let version =
        node.map_err(|error| missing(&format!("node does not run: {error}; {remedy}")))?;
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next();
    if major.and_then(|major| major.parse().ok()).unwrap_or(0) < NODE {
        return Err(missing(&format!("node {version} is too old; {remedy}")));
    }
    let tools = tools::ready(&format!("componentize-js-{VERSION}"), |directory| {
        tools::say(&format!(
            "setting up componentize-js {VERSION} in {} (once; about 190 MB)",
            directory.display()
        ));
        let cannot = |error| BuildError::Write {
            path: directory.to_owned(),
            source: error,
        };
        fs::create_dir_all(directory).map_err(cannot)?;
        for (name, bytes) in sdk::below("sdk/javascript/build/") {
            fs::write(directory.join(name), bytes).map_err(cannot)?;
        }
        let npm = run(Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
            .args(["--loglevel", "error"])
            .current_dir(directory));
        npm.map_err(|why| {
            missing(&format!(
                "npm {why}: componentize-js {VERSION} could not be had; see above, or {remedy}"
            ))
        })
    })?;
    // This agent's own, whatever agent set the tools up.
    for (name, bytes) in sdk::below("sdk/javascript/build/") {
        if name.ends_with(".mjs") {
            tools::write(&tools.join(name), bytes)?;
        }
    }
    Ok(tools)
}
