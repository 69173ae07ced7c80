//! The operator's lists: given to a running agent, changed while it runs, and in the capture that
//! it writes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;
use vedette_tests::{
    agent::{Agent, Options, command},
    guests::{Component, PluginDirectory},
    need::Need,
    require, workspace,
};

/// A program whose path says what the asker asks.
fn asks(directory: &Path, what: &str) -> PathBuf {
    let program = directory.join("do").join(what);
    fs::create_dir_all(program.parent().expect("it has one")).expect("an own directory");
    fs::copy("/bin/true", &program).expect("there is a program");
    program
}

fn told(agent: &Agent, program: &Path, answer: &str) {
    agent.expect(&format!("{answer} for {}", program.display()), |finding| {
        finding.text("/process/exe") == program.display().to_string()
            && finding.text("/message") == answer
    });
}

fn run(program: &Path) {
    let status = Command::new(program).status().expect("it runs");
    assert!(status.success());
}

/// Replays a capture through the asker; what it was answered, and what was said.
fn replayed(capture: &Path, plugins: &Path, intel: Option<&Path>) -> (Vec<String>, String) {
    let mut command = command(["replay", "--json", "--quiet", "--plugins"]);
    command.arg(plugins).arg(capture);
    if let Some(intel) = intel {
        command.arg("--intel").arg(intel);
    }
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the agent is built");
    let said = String::from_utf8_lossy(&stderr).into_owned();
    assert!(status.success(), "{said}");
    let out = String::from_utf8_lossy(&stdout);
    let lines = out.lines().map(|line| -> serde_json::Value {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    });
    let told = lines.map(|f| f["message"].as_str().unwrap_or_default().to_owned());
    (told.collect(), said)
}

#[test]
fn lists_are_asked_followed_and_recorded() {
    require!(Need::Agent, Need::Kernel);
    let _alone = workspace::alone();
    let plugins = PluginDirectory::new();
    plugins.put("asker", &Component::guest("asker"));
    let intel = PluginDirectory::new();
    let list = intel.path().join("feed.txt");
    fs::write(&list, "evil.example c2\nevil.example:443\n").expect("an own directory");
    let own = TempDir::new().expect("a directory");
    let capture = own.path().join("lists.capture");
    let evil = asks(own.path(), "domain www.evil.example");
    let address = asks(own.path(), "address 192.0.2.7");

    let agent = Options::default()
        .plugins(plugins.path())
        .argument(format!("--intel={}", intel.path().display()))
        .argument(format!("--record={}", capture.display()))
        .start();
    let said = agent.errors();
    assert!(said.contains("1 lists with 1 entries"), "{said}");
    assert!(said.contains("feed.txt:2: "), "{said}");
    run(&evil);
    told(&agent, &evil, "[feed has evil.example (c2)]");
    run(&address);
    told(&agent, &address, "[]");

    fs::write(&list, "192.0.2.0/24 a network\n").expect("an own directory");
    // Each run is an answer of its own; the new lists take the place of the old at some moment.
    let changed = || {
        run(&address);
        let found = agent.findings();
        let found = found.iter().filter(|f| f.text("/plugin") == "asker");
        let mut answers = found.map(|f| f.text("/message").to_owned());
        answers.any(|answer| answer == "[feed has 192.0.2.0/24 (a network)]")
    };
    let end = std::time::Instant::now() + 3 * vedette_tests::agent::PATIENCE;
    while !changed() {
        assert!(std::time::Instant::now() < end, "{}", agent.describe());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    run(&evil);
    told(&agent, &evil, "[]");
    let live = agent.stop();
    assert!(live.errors.contains("1 lists with 1 entries"));
    let live: Vec<_> = live
        .findings
        .iter()
        .filter(|f| f.text("/plugin") == "asker")
        .map(|f| f.text("/message").to_owned())
        .collect();

    // The directory has the second lists now: what the first answered is unavailable.
    let (told, said) = replayed(&capture, plugins.path(), Some(intel.path()));
    let first = |answer: &String| answer.starts_with("failure") || answer.contains("evil");
    let of_second: Vec<_> = told.iter().filter(|a| a.contains("192.0.2")).collect();
    assert_eq!(told.len(), live.len());
    assert!(first(&told[0]) && !of_second.is_empty(), "{told:?}");
    assert!(said.contains("unavailable"), "{said}");
    let (told, said) = replayed(&capture, plugins.path(), None);
    assert!(told.iter().all(|answer| answer == "failure 3"), "{told:?}");
    assert_eq!(told.len(), live.len());
    assert!(said.contains("--intel"), "{said}");
}
