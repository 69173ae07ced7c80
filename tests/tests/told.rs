//! What the author's commands have made, told as JSON to whoever builds on them.

use serde_json::{Value, json};
use std::{fs, path::Path};
use tempfile::TempDir;
use vedette_tests::{agent::command, need::Need, require, workspace};

fn told(at: &Path, arguments: &[&str]) -> Value {
    let output = command(arguments).arg("--json").current_dir(at).output();
    let output = output.expect("the agent is built");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    // Nothing else is on standard output.
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let said = String::from_utf8_lossy(&output.stdout);
        panic!("{arguments:?}: {error}: {said}")
    })
}

#[test]
fn from_a_name_to_a_signed_component() {
    require!(Need::Agent);
    let directory = TempDir::new().expect("a temporary directory");
    let at = directory.path();
    let begun = told(at, &["plugin", "new", "ghost"]);
    let contract = begun["contract"].clone();
    let source = begun["source"].as_str().unwrap_or_default();
    assert!(at.join("ghost").join(source).exists(), "{begun}");
    assert_eq!(
        begun,
        json!({
            "directory": "ghost", "id": "ghost", "language": "rust",
            "contract": contract, "source": source, "first": null,
        })
    );
    let home = at.join("ghost");
    let sdk = told(&home, &["plugin", "sdk"]);
    assert_eq!(sdk["contract"], contract);
    let place = sdk["sdk"].as_str().unwrap_or_default();
    assert!(home.join(place).is_dir(), "{sdk}");

    let target = workspace::cache().join("author").display().to_string();
    let build = ["plugin", "build", "--target-dir", &target, "-o", "g.wasm"];
    let built = told(&home, &build);
    let size = fs::metadata(home.join("g.wasm"))
        .expect("it is there")
        .len();
    assert_eq!(
        built,
        json!({
            "component": "g.wasm", "id": "ghost", "version": built["version"],
            "digest": built["digest"], "size": size, "publisher": null,
        })
    );
    let key = told(&home, &["plugin", "keygen", "key"]);
    let signed = told(&home, &["plugin", "sign", "g.wasm", "--key", "key"]);
    assert!(key["publisher"].is_string(), "{key}");
    assert_eq!(signed["publisher"], key["publisher"]);
    assert_ne!(signed["digest"], built["digest"]);
    // Other commands tell the same of it.
    let seen = told(&home, &["plugin", "inspect", "g.wasm"]);
    for field in ["digest", "size", "publisher"] {
        assert_eq!(seen[field], signed[field], "{field}");
    }
    assert_eq!(seen["manifest"]["version"], signed["version"]);
}

#[test]
fn a_capture_that_was_made_small() {
    require!(Need::Agent);
    let directory = TempDir::new().expect("a temporary directory");
    let plugin = workspace::plugins().join("reverse-shell.wasm");
    let capture = "plugins/reverse-shell/fixtures/fifo-relay.capture";
    let capture = workspace::root().join(capture).display().to_string();
    let plugin = plugin.display().to_string();
    let minimise = ["plugin", "minimise", &capture, "--plugin", &plugin];
    let to = ["--rule", "reverse-shell", "-o", "small"];
    let made = told(directory.path(), &[&minimise[..], &to[..]].concat());
    let size = |path: &Path| fs::metadata(path).expect("it is there").len();
    assert_eq!(made["capture"], "small");
    assert_eq!(made["size"], size(&directory.path().join("small")));
    assert_eq!(made["of"]["size"], size(Path::new(&capture)));
    let [kept, of] = [&made["events"], &made["of"]["events"]].map(Value::as_u64);
    assert!(kept > Some(0) && kept <= of, "{made}");
}
