//! An author's way in each language, from an empty directory: the template, and a plugin that asks
//! every service, natively and in the sandbox.

use std::{fs, path::Path};
use tempfile::TempDir;
use vedette_tests::{agent::command, need::Need, require, workspace};

/// A language: what `--lang` calls it, its directory below `tests/kits`, the directory that its
/// sources lie in, and the program that runs tests in it.
struct Language {
    name: &'static str,
    kit: &'static str,
    sources: &'static str,
    runs: &'static str,
}

const RUST: Language = Language {
    name: "rust",
    kit: "rust",
    sources: "src",
    runs: "cargo test",
};

const PYTHON: Language = Language {
    name: "python",
    kit: "python",
    sources: "",
    runs: "python3 -m unittest",
};

const JAVASCRIPT: Language = Language {
    name: "js",
    kit: "javascript",
    sources: "",
    runs: "node --test",
};

fn succeed(arguments: &[&str], at: &Path) -> String {
    let target = workspace::cache().join("author");
    let output = command(arguments)
        .current_dir(at)
        .env("CARGO_TARGET_DIR", target)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("the agent is built");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}{errors}");
    said
}

fn json(arguments: &[&str], at: &Path) -> serde_json::Value {
    let said = succeed(&[arguments, &["--json"]].concat(), at);
    serde_json::from_str(&said).expect("JSON")
}

/// The plugin that one begins with is tested, built and complete.
fn the_template(language: &Language) {
    let directory = TempDir::new().expect("a temporary directory");
    let said = succeed(
        &["plugin", "new", "ghost", "--lang", language.name],
        directory.path(),
    );
    assert!(
        !said.contains("First:"),
        "this machine lacks a tool: {said}"
    );
    let home = directory.path().join("ghost");
    let report = json(&["plugin", "test", "--unit"], &home);
    let own = report["steps"][0]["name"].as_str();
    assert!(
        own.is_some_and(|own| own.starts_with(language.runs)),
        "{report}"
    );
    for of in ["steps", "fixtures"] {
        let all = report[of].as_array().expect("a list");
        assert!(!all.is_empty(), "{report}");
        let faults = all
            .iter()
            .filter(|one| one["faults"] != serde_json::json!([]));
        assert_eq!(faults.count(), 0, "{report}");
    }
    let checked = json(&["plugin", "check"], &home);
    assert_eq!(checked["warnings"], serde_json::json!([]));
    assert!(checked["cost"]["offered"].as_f64() > Some(1.0), "{checked}");
    succeed(&["plugin", "build", "-o", "made.wasm"], &home);
    let made = json(&["plugin", "inspect", "made.wasm"], &home);
    assert_eq!(made["manifest"]["id"], "ghost", "{made}");
}

/// The test kit answers as in the other languages, and the agent as the test kit.
fn the_test_kit(language: &Language) {
    let directory = TempDir::new().expect("a temporary directory");
    let new = ["plugin", "new", "asks", "--lang", language.name];
    succeed(&new, directory.path());
    let home = directory.path().join("asks");
    let kits = workspace::root().join("tests/kits");
    let copy = |from: &Path, to: &Path| {
        fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    };
    copy(&kits.join("plugin.toml"), &home.join("plugin.toml"));
    for name in ["answers.txt", "described.txt", "nothing.txt"] {
        copy(&kits.join(name), &home.join(language.sources).join(name));
    }
    let sources = fs::read_dir(kits.join(language.kit)).expect("the kit is there");
    for source in sources.flatten() {
        let to = home.join(language.sources).join(source.file_name());
        copy(&source.path(), &to);
    }
    let report = json(&["plugin", "test", "--unit"], &home);
    assert_eq!(
        report["steps"][0]["faults"],
        serde_json::json!([]),
        "{report}"
    );
}

/// The example of each language finds what its fixtures hold: an act and honest work like it.
#[test]
fn the_examples_find_what_their_fixtures_hold() {
    require!(Need::Agent, Need::Tool("python3"), Need::Tool("npm"));
    let place = TempDir::new().expect("a temporary directory");
    for example in [
        "sdk/examples/search",
        "sdk/python/examples/dropped",
        "sdk/javascript/examples/beacon",
    ] {
        let home = workspace::root().join(example);
        let made = place.path().join("made.wasm").display().to_string();
        succeed(&["plugin", "build", "-o", &made], &home);
        let report = json(&["plugin", "test", "--component", &made], &home);
        let fixtures = report["fixtures"].as_array().expect("a list");
        let passed = |malicious: bool| {
            let all = fixtures.iter();
            all.filter(|f| f["malicious"] == malicious && f["faults"] == serde_json::json!([]))
                .count()
        };
        assert_eq!((passed(true), passed(false)), (1, 1), "{report}");
    }
}

#[test]
fn rust_from_the_template_to_a_component() {
    require!(Need::Agent);
    the_template(&RUST);
}

#[test]
fn python_from_the_template_to_a_component() {
    require!(Need::Agent, Need::Tool("python3"));
    the_template(&PYTHON);
}

#[test]
fn javascript_from_the_template_to_a_component() {
    require!(Need::Agent, Need::Tool("npm"));
    the_template(&JAVASCRIPT);
}

#[test]
fn the_test_kit_of_rust_answers_as_the_agent_does() {
    require!(Need::Agent);
    the_test_kit(&RUST);
}

#[test]
fn the_test_kit_of_python_answers_as_the_agent_does() {
    require!(Need::Agent, Need::Tool("python3"));
    the_test_kit(&PYTHON);
}

#[test]
fn the_test_kit_of_javascript_answers_as_the_agent_does() {
    require!(Need::Agent, Need::Tool("npm"));
    the_test_kit(&JAVASCRIPT);
}
