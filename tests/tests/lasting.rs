//! What plugins keep on disk, over agents that are killed, stopped, and find a damaged file.

use jiff::Timestamp;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use vedette_tests::{
    agent::{Agent, Options, PATIENCE, command},
    guests::{Component, PluginDirectory},
    need::Need,
    process::wait_for,
    require,
    storm::Site,
    workspace,
};

/// An agent's name and directories, over its lives.
struct Node {
    plugins: PluginDirectory,
    state: tempfile::TempDir,
    name: String,
}

impl Node {
    fn new() -> Node {
        let witness = Component::witness('a').eager();
        let keeps = witness.with("restart = \"forget\"", "restart = \"keep\"  ");
        let plugins = PluginDirectory::new();
        plugins.put("witness", &keeps);
        Node {
            plugins,
            state: tempfile::tempdir().expect("a directory"),
            name: format!("lasting-{}", std::process::id()),
        }
    }

    fn start(&self) -> Agent {
        Options::default()
            .named(&self.name)
            .everything()
            .plugins(self.plugins.path())
            .argument("--state")
            .argument(self.state.path().display().to_string())
            .start()
    }

    fn file(&self) -> PathBuf {
        self.state.path().join(format!("{}.state.redb", self.name))
    }

    /// What the running agent says of the witness's state on disk.
    fn stored(&self) -> serde_json::Value {
        let info = command(["plugin", "info", "witness-a", "--json", "--instance"])
            .arg(&self.name)
            .output()
            .expect("the agent is built");
        let info: serde_json::Value = serde_json::from_slice(&info.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&info.stdout)));
        find(&info, "stored").cloned().expect("it is told")
    }

    /// Waits until all that is so now was written.
    fn is_saved(&self) {
        let now = Timestamp::now();
        let saved = wait_for(PATIENCE, || {
            let stored = self.stored();
            let saved: Timestamp = stored["saved"].as_str()?.parse().ok()?;
            (saved > now).then_some(())
        });
        assert!(saved.is_some(), "it is not written: {}", self.stored());
    }
}

/// The first value under this name, however deep.
fn find<'v>(value: &'v serde_json::Value, name: &str) -> Option<&'v serde_json::Value> {
    match value {
        serde_json::Value::Object(map) => map
            .get(name)
            .or_else(|| map.values().find_map(|value| find(value, name))),
        serde_json::Value::Array(list) => list.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}

/// Executes the site's program; the witness has then been given so many.
fn execute(agent: &Agent, count: usize) {
    let status = Command::new(Site::program()).stdin(Stdio::null()).status();
    assert!(status.expect("the program is there").success());
    agent.expect(&format!("execution {count}"), |finding| {
        let message = finding.text("/message");
        message.starts_with(&format!("counted {count}:"))
    });
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path)
        .expect("it is there")
        .permissions()
        .mode()
        & 0o777
}

#[test]
fn what_a_plugin_keeps_outlasts_an_agent_that_is_killed_stopped_or_finds_it_damaged() {
    require!(Need::Agent, Need::Kernel, Need::Tool("cc"));
    let _alone = workspace::alone();
    let _site = Site::new();
    let node = Node::new();

    let first = node.start();
    execute(&first, 1);
    execute(&first, 2);
    node.is_saved();
    assert_eq!(mode(&node.file()), 0o600);
    // Dropped, an agent is killed with SIGKILL.
    drop(first);

    let second = node.start();
    assert_eq!(node.stored()["loaded"], 1);
    execute(&second, 3);
    // Ended in order at once, it has written the last second too.
    second.stop();

    let third = node.start();
    execute(&third, 4);
    third.stop();

    let mut bytes = fs::read(node.file()).expect("root reads it");
    bytes.iter_mut().skip(16).for_each(|byte| *byte ^= 0x5a);
    fs::write(node.file(), &bytes).expect("root writes it");
    let fourth = node.start();
    let finding = fourth.expect("that it is not kept", |finding| {
        finding.text("/rule") == "state-not-kept"
    });
    let named = node.file().display().to_string();
    assert!(finding.text("/message").contains(&named), "{finding:?}");
    assert!(fourth.errors().contains("move it away"));
    let failing = node.stored()["failing"].to_string();
    assert!(failing.contains(&named), "{failing}");
    // It runs on without.
    execute(&fourth, 1);
    let stopped = fourth.stop();
    assert!(!stopped.errors.contains("panicked"), "{}", stopped.errors);
    assert_eq!(fs::read(node.file()).expect("root reads it"), bytes);

    fs::remove_file(node.file()).expect("root removes it");
    let fifth = node.start();
    execute(&fifth, 1);
    fifth.stop();
    let sixth = node.start();
    execute(&sixth, 2);
    sixth.stop();
}
