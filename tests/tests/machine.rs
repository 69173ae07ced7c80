//! What plugins ask about files and sockets while an agent runs, and what a replay answers in its
//! place.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output},
};
use tempfile::TempDir;
use vedette_tests::{
    agent::{Agent, Options, command},
    container::{Container, Spec},
    guests::{Component, PluginDirectory},
    need::Need,
    network::Network,
    require, workspace,
};

/// A copy of a program whose path says what the asker asks.
fn asks(directory: &Path, of: &str, what: &str) -> PathBuf {
    let program = directory.join("do").join(what);
    fs::create_dir_all(program.parent().expect("it has one")).expect("an own directory");
    fs::copy(of, &program).expect("there is a program");
    program
}

/// Ends it however the test does.
struct Running(Child);

impl Running {
    fn start(program: &Path, argument: &str) -> Running {
        Running(
            Command::new(program)
                .arg(argument)
                .spawn()
                .expect("it runs"),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn digest(path: impl AsRef<Path>) -> String {
    let said = Command::new("sha256sum").arg(path.as_ref()).output();
    let said = String::from_utf8_lossy(&said.expect("coreutils").stdout).into_owned();
    let digest = said.split(' ').next().unwrap_or_default().to_owned();
    assert_eq!(digest.len(), 64, "{said}");
    digest
}

/// What the asker was told when this was executed.
fn told(agent: &Agent, exe: &str) -> String {
    let of_it = |finding: &vedette_tests::agent::Finding| {
        finding.text("/plugin") == "asker" && finding.text("/process/exe") == exe
    };
    let finding = agent.expect(&format!("an answer for {exe}"), of_it);
    finding.text("/message").to_owned()
}

/// Replays a capture through a plugin; its findings by the executed file, in order.
fn replayed(capture: &Path, plugins: &Path) -> Vec<(String, String)> {
    let mut command = command(["replay", "--json", "--quiet", "--plugins"]);
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .arg(plugins)
        .arg(capture)
        .output()
        .expect("the agent is built");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let out = String::from_utf8_lossy(&stdout).into_owned();
    let findings = out.lines().map(|line| -> serde_json::Value {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    });
    let text = |f: &serde_json::Value, at: &str| {
        f.pointer(at)
            .and_then(|v| v.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let mut told: Vec<_> = findings
        .map(|f| (text(&f, "/process/exe"), text(&f, "/message")))
        .collect();
    told.sort();
    told
}

/// A listener, a connection to it and its other end, handed on to the program that is executed.
const SOCKETS: &str = r#"
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
for one in (listener, client, server):
    one.set_inheritable(True)
print(listener.getsockname()[1], client.getsockname()[1], flush=True)
os.execv(sys.argv[1], ["sockets", "600"])
"#;

#[test]
fn files_and_sockets_are_answered_and_recorded() {
    require!(Need::Agent, Need::Kernel, Need::Tool("runc"));
    let _alone = workspace::alone();
    let plugins = PluginDirectory::new();
    plugins.put("asker", &Component::guest("asker"));
    let own = TempDir::new().expect("a directory");
    let capture = own.path().join("answers.capture");
    let at = |name: &str| own.path().join(name);
    let (short, swapped, deleted, sockets) = (
        asks(&at("short"), "/bin/true", "sha256 1"),
        asks(&at("swapped"), "/bin/sleep", "sha256 1"),
        asks(&at("deleted"), "/bin/sleep", "sha256 1"),
        asks(&at("sockets"), "/bin/sleep", "sockets"),
    );
    let (of_true, of_sleep) = (digest("/bin/true"), digest("/bin/sleep"));
    let agent = Options::default()
        .plugins(plugins.path())
        .argument(format!("--record={}", capture.display()))
        .start();
    let path = |path: &Path| path.display().to_string();

    // It has ended before anybody can look: its name is what is left of it.
    assert!(Command::new(&short).status().expect("it runs").success());
    assert_eq!(told(&agent, &path(&short)), of_true);

    let _swapped = Running::start(&swapped, "600");
    fs::rename(asks(&at("other"), "/bin/true", "other"), &swapped).expect("one file system");
    assert_eq!(told(&agent, &path(&swapped)), of_sleep);

    let _deleted = Running::start(&deleted, "600");
    fs::remove_file(&deleted).expect("an own file");
    assert_eq!(told(&agent, &path(&deleted)), of_sleep);

    let mut scripted = Command::new("python3");
    scripted.args(["-c", SOCKETS]).arg(&sockets);
    let child = scripted.stdout(std::process::Stdio::piped()).spawn();
    let mut child = Running(child.expect("there is a Python"));
    let mut ports = String::new();
    let out = child.0.stdout.take().expect("it is piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut ports).expect("two ports");
    let (listener, client) = ports.trim().split_once(' ').expect("two ports");
    let of_sockets = told(&agent, &path(&sockets));
    // Readable and writable are 0x18, listening 0x4, accepted 0x2.
    for expected in [
        format!("4:{listener}->0:0 marks 1c"),
        format!("4:{client}->4:{listener} marks 18"),
        format!("4:{listener}->4:{client} marks 1a"),
    ] {
        assert!(of_sockets.contains(&expected), "{expected} in {of_sockets}");
    }

    // In a container the path is that of its own root, and the file lies in an overlay: once from
    // its image, once written since.
    let layer = TempDir::new().expect("a directory");
    asks(layer.path(), "/bin/true", "sha256 1");
    let container = Container::start(
        Spec {
            script: "'/do/sha256 1'; cp /usr/bin/sleep '/do/sha256 2'; '/do/sha256 2' 600"
                .to_owned(),
            layer: Some(layer.path().to_owned()),
            ..Spec::default()
        },
        Network::private(),
    );
    assert_eq!(told(&agent, "/do/sha256 1"), of_true);
    assert_eq!(
        told(&agent, "/do/sha256 2"),
        digest(container.rootfs().join("usr/bin/sleep"))
    );
    drop(container);

    let live = agent.stop();
    let of_asker = live
        .findings
        .iter()
        .filter(|f| f.text("/plugin") == "asker");
    let mut live: Vec<_> = of_asker
        .map(|f| {
            (
                f.text("/process/exe").to_owned(),
                f.text("/message").to_owned(),
            )
        })
        .collect();
    live.sort();
    assert_eq!(live.len(), 6);

    // Nothing of what was looked at is there any more.
    drop(child);
    for name in ["short", "swapped", "sockets"] {
        fs::remove_dir_all(at(name)).expect("own directories");
    }
    assert_eq!(replayed(&capture, plugins.path()), live);
    // Another plugin has asked nothing, so nothing is known of what it would have been told.
    let others = PluginDirectory::new();
    let other = Component::guest("asker").with("id = \"asker\"", "id = \"other\"");
    others.put("other", &other);
    let told = replayed(&capture, others.path());
    assert_eq!(told.len(), 6);
    assert!(
        told.iter().all(|(_, answer)| answer == "failure 3"),
        "{told:?}"
    );
}
