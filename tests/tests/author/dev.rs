//! A plugin that is tried at every change.

use super::{BUILD, Begun};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};
use vedette_tests::{
    agent::command,
    need::Need,
    process::{alive, kill, wait_for},
    require, workspace,
};

/// A `vedette plugin dev` that is going on, and the lines that it says.
struct Dev {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Dev {
    fn start(home: &Path, further: &[&str]) -> Dev {
        let mut child = command(["plugin", "dev"])
            .args(further)
            .current_dir(home)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the agent is built");
        let (send, lines) = channel();
        let out = child.stdout.take().expect("it is piped");
        let errors = child.stderr.take().expect("it is piped");
        let more = send.clone();
        thread::spawn(move || {
            let lines = BufReader::new(out).lines().map_while(Result::ok);
            lines.for_each(|line| drop(send.send(line)));
        });
        thread::spawn(move || {
            let lines = BufReader::new(errors).lines().map_while(Result::ok);
            lines.for_each(|line| drop(more.send(line)));
        });
        Dev {
            child,
            lines,
            said: Vec::new(),
        }
    }

    fn expect(&mut self, text: &str) {
        loop {
            match self.lines.recv_timeout(BUILD) {
                Ok(line) => {
                    let found = line.contains(text);
                    self.said.push(line);
                    if found {
                        return;
                    }
                }
                Err(_) => panic!("{text:?} is not said: {:#?}", self.said),
            }
        }
    }

    fn stop(mut self) {
        kill(self.child.id(), rustix::process::Signal::INT);
        let ended = wait_for(Duration::from_secs(30), || {
            self.child.try_wait().expect("it is our child")
        });
        let ended = ended.unwrap_or_else(|| panic!("it does not end: {:#?}", self.said));
        assert!(ended.success(), "{ended}: {:#?}", self.said);
        let left = std::env::temp_dir().join(format!("vedette-dev-{}", self.child.id()));
        assert!(!left.exists());
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if alive(self.child.id()) {
            kill(self.child.id(), rustix::process::Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

#[test]
fn every_change_is_tried_at_once() {
    require!(Need::Agent);
    let begun = Begun::new("ghost");
    let home = begun.path("ghost");
    let target = begun.target.display().to_string();
    let capture = home.join("fixtures/benign.capture").display().to_string();
    let arguments = ["--no-agent", "--target-dir", &target, "--capture", &capture];
    let mut dev = Dev::start(&home, &arguments);
    dev.expect("2 passed, 0 failed");
    dev.expect("found     0 cases");
    // What does not compile is said; what was there before is waited for.
    begun.edit("ghost/src/lib.rs", "use vedette_sdk", "use vedette-sdk");
    dev.expect("error");
    dev.expect("cargo failed");
    // A new detection finds more at once: the deleted program of the benign capture too.
    begun.edit("ghost/src/lib.rs", "use vedette-sdk", "use vedette_sdk");
    dev.expect("2 passed, 0 failed");
    begun.edit(
        "ghost/src/lib.rs",
        "!process.has(process_mark::MEMFD_IMAGE)",
        "process.exe().is_empty()",
    );
    dev.expect("FAILED  fixtures/benign.capture");
    dev.expect("found     1 cases");
    dev.stop();
}

#[test]
fn every_change_goes_to_work_on_this_machine() {
    require!(Need::Agent, Need::Kernel, Need::Tool("python3"));
    let _alone = workspace::alone();
    let begun = Begun::new("ghost");
    let home = begun.path("ghost");
    let target = begun.target.display().to_string();
    let mut dev = Dev::start(&home, &["--target-dir", &target]);
    dev.expect("vedette is ready");
    let act = || {
        let act = "import os
fd = os.memfd_create('drill')
os.write(fd, open('/bin/true', 'rb').read())
os.execve(fd, ['drill-of-the-test'], {})";
        let done = Command::new("python3").args(["-c", act]).status();
        assert!(done.is_ok_and(|status| status.success()));
    };
    act();
    dev.expect("drill-of-the-test");
    begun.edit(
        "ghost/src/lib.rs",
        "runs without a file",
        "has no file at all",
    );
    dev.expect("took over as generation 2");
    act();
    dev.expect("has no file at all");
    dev.stop();
}
