//! Attacks and honest work as stories.

mod bind;
mod connection;
mod evasion;
mod honest;
mod orders;
mod relay;
mod served;

use crate::ReverseShell;
use vedette_sdk::prelude::*;
use vedette_sdk::raw;
use vedette_sdk::testkit::{Act, Actor, Exec, Fd, Scene};

const HOME: [u8; 4] = [10, 1, 2, 3];
const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

fn bash(args: &[&str]) -> Exec {
    Exec::new("/usr/bin/bash", args).shell()
}

fn sh() -> Exec {
    Exec::new("/x/renamed", &["renamed", "-i"]).shell()
}

fn tool(args: &[&str]) -> Exec {
    Exec::new("/x/tool", args)
}

fn python(args: &[&str]) -> Exec {
    Exec::new("/x/py", args).interpreter()
}

fn out(socket: u64) -> Fd {
    Fd::inet(socket).outbound(HOME, 4444)
}

/// A process accepts a connection from this address.
fn accept(scene: &mut Scene, actor: Actor, address: [u8; 4], socket: u64) {
    let act = Act {
        a: 5000 | (2 | 1 << 16) << 32,
        b: socket,
        text: address.to_vec(),
        ..Act::new(kind::ACCEPT)
    };
    scene.tell(actor, act);
}

/// A shell or another program with two pipes to and from its parent.
fn start_on_pipes(scene: &mut Scene, parent: Actor, first: u64, exec: Exec) -> Actor {
    scene.pipe(parent, first);
    scene.pipe(parent, first + 1);
    let (input, output) = (Fd::pipe_read(first), Fd::pipe_write(first + 1));
    start(scene, parent, Some(input), Some(output), exec)
}

/// One on a terminal that its parent makes.
fn start_on_terminal(scene: &mut Scene, parent: Actor, index: u32, exec: Exec) -> Actor {
    scene.terminal(parent, index);
    let terminal = || Some(Fd::terminal(index));
    start(scene, parent, terminal(), terminal(), exec)
}

/// A child that executes after its streams were set up, as a shell starts its commands.
fn start(
    scene: &mut Scene,
    parent: Actor,
    stdin: Option<Fd>,
    stdout: Option<Fd>,
    exec: Exec,
) -> Actor {
    let child = scene.fork(parent);
    if let Some(fd) = stdin {
        scene.dup(child, 0, fd);
    }
    if let Some(fd) = stdout {
        scene.dup(child, 1, fd);
    }
    scene.exec(child, exec);
    child
}

/// Somebody's shell on a terminal under a session of sshd, one that forwards a connection, too.
fn login(scene: &mut Scene) -> Actor {
    login_and_session(scene).0
}

fn login_and_session(scene: &mut Scene) -> (Actor, Actor) {
    let listener = scene.process(tool(&["sshd", "-D"]));
    let session = scene.fork(listener);
    scene.set_fd(session, 0, Fd::inet(50).accepted(LOOPBACK, 50022));
    scene.set_fd(session, 1, Fd::inet(50).accepted(LOOPBACK, 50022));
    scene.exec(session, tool(&["sshd", "-R"]));
    scene.dup(session, 0, Fd::null());
    scene.dup(session, 1, Fd::null());
    let shell = start_on_terminal(scene, session, 9, bash(&["-bash"]));
    scene.connect(session, LOOPBACK, 8080, 51);
    (shell, session)
}

/// A shell that was started by something with nothing on its streams.
fn quiet_shell(scene: &mut Scene) -> Actor {
    let shell = scene.process(bash(&["bash", "/x/script"]));
    for fd in 0..3 {
        scene.set_fd(shell, fd, Fd::null());
    }
    shell
}

/// The one finding of a story, the same whatever the batches and the reloads between them.
#[track_caller]
fn one(scene: &Scene, rule: &str, subject: Actor) -> raw::Finding {
    let found = scene.findings::<ReverseShell>();
    assert_eq!(found.len(), 1, "{found:#?}");
    let reloaded = scene.findings_reloaded::<ReverseShell>();
    assert_eq!(format!("{found:?}"), format!("{reloaded:?}"));
    assert_eq!(found[0].rule, rule);
    assert_eq!(found[0].process, subject.key(), "{found:#?}");
    assert!(!found[0].evidence.is_empty() && !found[0].dedup.is_empty());
    found.into_iter().next().expect("there is one")
}

#[track_caller]
fn none(scene: &Scene) {
    let found = scene.findings::<ReverseShell>();
    assert!(found.is_empty(), "{found:#?}");
}

fn killed(finding: &raw::Finding) -> Vec<u64> {
    finding.proposals.iter().map(|p| p.target).collect()
}

/// mkfifo f; sh -i <f 2>&1 | relay >f, in the order of these three steps.
fn fifo_and_relay(order: [u8; 3], accepted: bool) -> (Scene, Actor, Actor) {
    let mut scene = Scene::new();
    let parent = quiet_shell(&mut scene);
    scene.pipe(parent, 1);
    let shell = scene.fork(parent);
    let relay = scene.fork(parent);
    for step in order {
        match step {
            0 => {
                scene.dup(shell, 0, Fd::fifo_read(2));
                scene.dup(shell, 1, Fd::pipe_write(1));
                scene.exec(shell, sh());
            }
            1 => {
                scene.dup(relay, 0, Fd::pipe_read(1));
                scene.dup(relay, 1, Fd::fifo_write(2));
                scene.exec(relay, tool(&["relay"]));
            }
            _ if accepted => {
                let act = Act {
                    a: 5000 | (2 | 1 << 16) << 32,
                    b: 7,
                    text: HOME.to_vec(),
                    ..Act::new(kind::ACCEPT)
                };
                scene.tell(relay, act);
            }
            _ => {
                scene.connect(relay, HOME, 4444, 7);
            }
        }
    }
    (scene, shell, relay)
}
