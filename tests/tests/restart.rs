//! An agent that is killed and started again: what happened in between is found, where that was
//! asked for.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use vedette_tests::{
    agent::{Agent, Options, PATIENCE, command, loaded},
    guests::{Component, PluginDirectory},
    need::Need,
    process::wait_for,
    require,
    storm::Site,
    workspace,
};

/// A directory for pins; dropped, they are gone.
struct Pins(PathBuf);

impl Drop for Pins {
    fn drop(&mut self) {
        let _ = command(["sensor", "unpin"]).arg(&self.0).output();
    }
}

/// Executes the site's program.
fn execute() {
    let status = Command::new(Site::program()).stdin(Stdio::null()).status();
    assert!(status.expect("the program is there").success());
}

fn start(directory: &PluginDirectory, pins: &Path) -> Agent {
    Options::default()
        .plugins(directory.path())
        .argument("--pin")
        .argument(pins.display().to_string())
        .start()
}

/// Waits until the witness has been given so many executions.
fn expect(agent: &Agent, what: &str, count: usize) {
    agent.expect(what, |finding| {
        let message = finding.text("/message");
        message.starts_with(&format!("counted {count}:"))
    });
}

#[test]
fn what_happens_while_no_agent_runs_is_found_by_the_next() {
    require!(Need::Agent, Need::Kernel, Need::Tool("cc"));
    let base = Path::new("/sys/fs/bpf");
    if rustix::fs::statfs(base).map_or(0, |s| s.f_type) != 0xcafe_4a11 {
        println!("no BPF file system is mounted on {}", base.display());
        return;
    }
    let _alone = workspace::alone();
    let _site = Site::new();
    let pins = Pins(base.join(format!("vedette-restart-{}", std::process::id())));
    let directory = PluginDirectory::new();
    directory.put("witness", &Component::witness('a').eager());

    let first = start(&directory, &pins.0);
    execute();
    expect(&first, "under the first agent", 1);
    // Dropped, an agent is killed: nothing is left that it could do.
    drop(first);
    (0..3).for_each(|_| execute());
    let second = start(&directory, &pins.0);
    expect(&second, "while no agent ran", 3);
    execute();
    expect(&second, "under the second agent", 4);
    assert!(second.errors().contains("took over"), "{}", second.errors());

    let programs = second.programs();
    drop(second);
    assert!(
        !loaded().is_disjoint(&programs),
        "they outlive the agent until they are removed"
    );
    let removed = command(["sensor", "unpin"]).arg(&pins.0).output();
    let removed = removed.expect("the agent is built");
    assert!(removed.status.success(), "{removed:?}");
    let gone = wait_for(PATIENCE, || loaded().is_disjoint(&programs).then_some(()));
    assert!(gone.is_some(), "programs are left: {:?}", loaded());
    assert!(!pins.0.exists());
}
