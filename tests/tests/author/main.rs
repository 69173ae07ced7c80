//! The author's loop, from an empty directory with nothing but the binary: a plugin is begun,
//! tested, checked, measured, changed while it is tried, and its captures are made small.

mod dev;

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use vedette_tests::{agent::command, need::Need, require, workspace};

/// Long enough for a build on a machine that is busy with other things.
const BUILD: Duration = Duration::from_secs(240);

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn run(arguments: &[&str], at: &Path) -> Output {
    command(arguments)
        .current_dir(at)
        .output()
        .expect("the agent is built")
}

fn succeed(arguments: &[&str], at: &Path) -> String {
    let output = run(arguments, at);
    assert!(
        output.status.success(),
        "{arguments:?}: {}{}",
        stdout(&output),
        stderr(&output)
    );
    stdout(&output)
}

fn fail(arguments: &[&str], at: &Path) -> String {
    let output = run(arguments, at);
    assert!(!output.status.success(), "{arguments:?} does not fail");
    stderr(&output)
}

/// A plugin that was begun a moment ago. Where the compiler puts what it makes is kept from test
/// to test.
struct Begun {
    directory: TempDir,
    target: PathBuf,
}

impl Begun {
    fn new(name: &str) -> Begun {
        let directory = TempDir::new().expect("a temporary directory");
        let said = succeed(&["plugin", "new", name], directory.path());
        assert!(said.contains("vedette plugin test"), "{said}");
        Begun {
            directory,
            target: workspace::cache().join("author"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(file)).expect("it is there");
        assert!(text.contains(from), "{from} is in {file}");
        fs::write(self.path(file), text.replace(from, to)).expect("written");
    }
}

#[test]
fn from_an_empty_directory_to_a_tested_plugin() {
    require!(Need::Agent);
    let begun = Begun::new("ghost");
    let home = begun.path("ghost");
    let target = begun.target.display().to_string();
    let junit = begun.path("report.xml").display().to_string();
    let said = succeed(
        &["plugin", "test", "--target-dir", &target, "--junit", &junit],
        &home,
    );
    assert!(said.contains("2 passed, 0 failed"), "{said}");
    let xml = fs::read_to_string(&junit).expect("a report");
    assert!(xml.contains("tests=\"2\" failures=\"0\""), "{xml}");

    // The code's own tests pass too, without the network.
    let native = Command::new("cargo")
        .args(["test", "--release", "--offline", "--target-dir", &target])
        .current_dir(&home)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo runs");
    assert!(native.status.success(), "{}", stderr(&native));
    assert!(stdout(&native).contains("2 passed"), "{}", stdout(&native));

    // What it is and costs, and that nothing is to complain of.
    let checked = succeed(&["plugin", "check", "ghost.wasm", "--json"], &home);
    let checked: serde_json::Value = serde_json::from_str(&checked).expect("JSON");
    assert_eq!(checked["sees"][0]["kind"], "exec");
    assert!(checked["cost"]["offered"].as_f64() > Some(1.0), "{checked}");
    assert_eq!(checked["warnings"], serde_json::json!([]));

    // It is measured on what it gets: the mix of the design holds nothing for it.
    let nothing = fail(&["plugin", "bench", "ghost.wasm"], &home);
    assert!(nothing.contains("--capture"), "{nothing}");
    let capture = "fixtures/memfd.capture";
    let bench = ["plugin", "bench", "ghost.wasm", "--capture", capture];
    let bench = [&bench[..], &["--time", "100ms", "--json"]].concat();
    let figures = succeed(&bench, &home);
    let figures: serde_json::Value = serde_json::from_str(&figures).expect("JSON");
    assert_eq!(figures["delivered"], 1);
    assert!(figures["mean-ns"].as_f64() > Some(0.0), "{figures}");

    // The code's own tests pass in the sandbox as well.
    let both = ["plugin", "test", "--unit", "--target-dir", &target];
    let said = succeed(&both, &home);
    assert!(said.contains("2 passed, 0 failed"), "{said}");

    // A fixture that is not as declared fails, and says how.
    begun.edit("ghost/plugin.toml", "findings = [\"fileless\"]", "");
    let wrong = run(&["plugin", "test", "--target-dir", &target], &home);
    assert!(!wrong.status.success());
    let said = stdout(&wrong);
    assert!(said.contains("FAILED  fixtures/memfd.capture"), "{said}");
    assert!(said.contains("not to be found: fileless"), "{said}");

    // What the plugin is not to see it does not find in the sandbox.
    begun.edit("ghost/plugin.toml", "equals = 0", "equals = 7");
    let said = fail(&both, &home);
    assert!(said.contains("in the sandbox (right)"), "{said}");
}

#[test]
fn all_that_fails_stands_in_the_report() {
    require!(Need::Agent);
    let begun = Begun::new("ghost");
    let home = begun.path("ghost");
    let target = begun.target.display().to_string();
    let path = begun.path("report.xml");
    let junit = path.display().to_string();
    let test = |more: &[&str]| {
        let test = ["plugin", "test", "--target-dir", &target, "--junit", &junit];
        let output = run(&[&test[..], more].concat(), &home);
        let xml = fs::read_to_string(&path).expect("a report");
        fs::remove_file(&path).expect("it is there");
        (output, xml)
    };
    // The plugin's own tests are a case of their own.
    let (passed, xml) = test(&["--unit", "--json"]);
    assert!(passed.status.success(), "{}", stderr(&passed));
    assert!(xml.contains("tests=\"3\" failures=\"0\""), "{xml}");
    let report: serde_json::Value = serde_json::from_str(&stdout(&passed)).expect("JSON");
    let name = report["steps"][0]["name"].as_str();
    assert!(
        name.is_some_and(|n| n.starts_with("cargo test")),
        "{report}"
    );
    // One that fails keeps none of the fixtures from being tried.
    begun.edit(
        "ghost/src/lib.rs",
        "mod tests {",
        "mod tests {\n    #[test]\n    fn wrong() {\n        panic!(\"as it must\");\n    }\n",
    );
    let (wrong, xml) = test(&["--unit", "--json"]);
    assert!(!wrong.status.success());
    assert!(stderr(&wrong).contains("the plugin's own tests (cargo)"));
    assert!(xml.contains("tests=\"3\" failures=\"1\""), "{xml}");
    assert!(xml.contains("as it must"), "{xml}");
    let report: serde_json::Value = serde_json::from_str(&stdout(&wrong)).expect("JSON");
    assert_eq!(report["fixtures"].as_array().map(Vec::len), Some(2));
    let said = report["steps"][0]["faults"][1].as_str();
    assert!(
        said.is_some_and(|said| said.contains("as it must")),
        "{report}"
    );
    // What cannot be built is told where the build server looks.
    begun.edit("ghost/src/lib.rs", "use vedette_sdk", "use vedette-sdk");
    let (broken, xml) = test(&[]);
    assert!(!broken.status.success());
    assert!(xml.contains("classname=\"ghost\" name=\"build\""), "{xml}");
    assert!(xml.contains("tests=\"1\" failures=\"1\""), "{xml}");
}

#[test]
fn whoever_closes_the_pipe_has_seen_enough() {
    require!(Need::Agent);
    let home = workspace::root().join("plugins/escape");
    let component = workspace::plugins().join("escape.wasm");
    let component = component.display().to_string();
    let closed = || {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        writer
    };
    for arguments in [
        &["plugin", "check", &component, "--json"][..],
        &["plugin", "inspect", &component],
        &["plugin", "test", "--component", &component],
        &["plugin", "replay", &component, "fixtures/inside.capture"],
        &["doctor"],
        &["completion", "bash"],
    ] {
        let output = command(arguments)
            .current_dir(&home)
            .stdout(closed())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the agent is built")
            .wait_with_output()
            .expect("it ends");
        let said = stderr(&output);
        assert_eq!(said, "", "{arguments:?}");
        // As `cat` does.
        let pipe = rustix::process::Signal::PIPE.as_raw();
        assert_eq!(output.status.signal(), Some(pipe), "{arguments:?}");
    }
    // What has something to take down does so.
    let arguments = ["plugin", "dev", "--no-agent", "--component", &component];
    let output = command(arguments)
        .current_dir(&home)
        .stdout(closed())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the agent is built")
        .wait_with_output()
        .expect("it ends");
    let said = stderr(&output);
    assert!(output.status.success(), "{}: {said}", output.status);
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn names_and_places_that_will_not_do() {
    require!(Need::Agent);
    let directory = TempDir::new().expect("a temporary directory");
    let at = directory.path();
    for name in ["Web Shell", "../up", "1st", "vedette"] {
        let said = fail(&["plugin", "new", name], at);
        assert!(said.contains(name), "{said}");
    }
    fs::create_dir(at.join("taken")).expect("a directory");
    fs::write(at.join("taken/file"), "mine").expect("a file");
    let said = fail(&["plugin", "new", "taken"], at);
    assert!(said.contains("is there already"), "{said}");
    assert!(!at.join("taken/plugin.toml").exists());
    let said = fail(&["plugin", "new", "ghost", "--lang", "cobol"], at);
    assert!(said.contains("rust"), "{said}");
    succeed(&["plugin", "new", "ghost", "--path", "deep/er"], at);
    assert!(at.join("deep/er/plugin.toml").exists());
    let said = fail(&["plugin", "test", "nowhere"], at);
    assert!(
        said.contains("nowhere") && said.contains("plugin.toml"),
        "{said}"
    );
    let said = fail(&["plugin", "sdk", "taken"], at);
    assert!(said.contains("vedette plugin new"), "{said}");
}

#[test]
fn fixtures_are_tried_with_an_operators_settings() {
    require!(Need::Agent);
    let home = workspace::root().join("plugins/miner");
    let component = workspace::plugins().join("miner.wasm");
    let component = component.display().to_string();
    let settings = TempDir::new().expect("a temporary directory");
    let named = settings.path().display().to_string();
    let test = |directory| {
        let test = ["plugin", "test", "--component", &component];
        run(
            &[&test[..], &["--plugin-config", directory]].concat(),
            &home,
        )
    };
    let without = test(&named);
    assert!(without.status.success(), "{}", stderr(&without));
    fs::write(settings.path().join("miner.toml"), "no-such = 1").expect("written");
    let wrong = test(&named);
    assert!(!wrong.status.success());
    let said = stdout(&wrong) + &stderr(&wrong);
    assert!(said.contains("miner.toml:1"), "{said}");
    let nowhere = stderr(&test("nowhere"));
    assert!(nowhere.contains("nowhere: no directory"), "{nowhere}");
}

#[test]
fn the_bundled_plugins_find_what_their_fixtures_hold() {
    require!(Need::Agent);
    for name in ["escape", "miner", "reverse-shell"] {
        let home = workspace::root().join("plugins").join(name);
        let component = workspace::plugins().join(format!("{name}.wasm"));
        let component = component.display().to_string();
        // With the stories of its own tests, natively and in the sandbox.
        let said = succeed(
            &["plugin", "test", "--unit", "--component", &component],
            &home,
        );
        assert!(said.contains(", 0 failed"), "{said}");
        let json = ["plugin", "test", "--component", &component, "--json"];
        let report = succeed(&json, &home);
        let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
        let fixtures = report["fixtures"].as_array().expect("fixtures");
        assert!(fixtures.iter().any(|f| f["malicious"] == true));
        assert!(fixtures.iter().any(|f| f["malicious"] == false));
        for fixture in fixtures {
            assert!(fixture["delivered"].as_u64() > Some(0), "{fixture}");
        }
    }
}

#[test]
fn a_capture_is_made_small_and_finds_the_same() {
    require!(Need::Agent);
    let directory = TempDir::new().expect("a temporary directory");
    let fixtures = workspace::root().join("plugins/reverse-shell/fixtures");
    let component = workspace::plugins().join("reverse-shell.wasm");
    let component = component.display().to_string();
    let whole = fixtures
        .join("install-script.capture")
        .display()
        .to_string();
    let to = directory.path().join("small").display().to_string();
    let minimise = ["plugin", "minimise", "--plugin", &component];
    let with = |rest: &[&'static str], capture: &str| {
        let more = ["-o", to.as_str(), capture];
        run(&[&minimise[..], rest, &more[..]].concat(), directory.path())
    };
    // Of harmless work there is nothing to keep for a rule.
    let nothing = with(&["--rule", "bind-shell"], &whole);
    assert!(!nothing.status.success());
    assert!(
        stderr(&nothing).contains("--benign"),
        "{}",
        stderr(&nothing)
    );
    let no_rule = with(&["--rule", "teapot"], &whole);
    assert!(
        stderr(&no_rule).contains("bind-shell"),
        "{}",
        stderr(&no_rule)
    );
    // An attack is none of the benign.
    let attack = fixtures.join("fifo-relay.capture").display().to_string();
    let refused = with(&["--benign"], &attack);
    assert!(
        stderr(&refused).contains("not benign"),
        "{}",
        stderr(&refused)
    );
    // What a fixture holds is needed already; twice made small is the same.
    let again = with(&["--rule", "reverse-shell"], &attack);
    assert!(again.status.success(), "{}", stderr(&again));
    let findings = |capture: &str| {
        let arguments = ["plugin", "replay", &component, capture, "--json"];
        let told = succeed(&arguments, directory.path());
        let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
        told["findings"].clone()
    };
    assert_eq!(findings(&attack), findings(&to));
    assert_eq!(findings(&to).as_array().map(Vec::len), Some(1));
}
