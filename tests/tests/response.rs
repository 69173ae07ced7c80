//! Whom the agent does not touch, whatever a plugin proposes.

use std::{fs, path::Path};
use vedette_tests::{
    agent::{Options, PATIENCE},
    listener::Wire,
    need::Need,
    process::alive,
    remote_shell::RemoteShell,
    require,
    tools::{Names, Place, find},
    workspace,
};

/// A shell that is this very file.
fn shell_of(image: &Path) -> RemoteShell {
    let image = image.display().to_string();
    RemoteShell::start(Place::Host, Names::Own, Wire::Clear, move |tools, port| {
        let bash = tools.get("bash");
        format!("{bash} -c 'exec 7<>/dev/tcp/127.0.0.1/{port}; exec {image} <&7 >&7 2>&7'")
    })
}

#[test]
fn what_is_on_the_never_list_is_spared_under_any_name() {
    require!(Need::Agent, Need::Kernel);
    let _alone = workspace::alone();
    let directory =
        tempfile::TempDir::with_prefix("vedette-never-").expect("a temporary directory");
    let [spared, link, copy] = ["spared", "link", "copy"].map(|name| directory.path().join(name));
    let dash = find("sh").expect("every machine has a shell");
    fs::copy(&dash, &spared).expect("an own directory");
    fs::copy(&dash, &copy).expect("an own directory");
    fs::hard_link(&spared, &link).expect("an own directory");

    let never = spared.display().to_string();
    let agent = Options::default()
        .enforcing()
        .argument("--never")
        .argument(never)
        .start();
    let found = |running: &RemoteShell| {
        let root = running.root();
        agent.expect("a reverse shell", |finding| {
            finding.ancestors().contains(&root)
        })
    };

    // Another name of the same file.
    let running = shell_of(&link);
    let finding = found(&running);
    assert!(!finding.killed(), "it is spared: {}", finding.json);
    let shell = running.shell(PATIENCE);
    assert!(
        shell.is_some_and(alive),
        "it lives and answers: {}",
        running.log()
    );
    drop(running);

    // Another file with the same content.
    let running = shell_of(&copy);
    let finding = found(&running);
    assert!(finding.killed(), "a copy is not spared: {}", finding.json);
    drop(running);
    agent.stop();
}
