//! Attacks and honest work as stories.

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
    let listener = scene.process(tool(&["sshd", "-D"]));
    let session = scene.fork(listener);
    scene.set_fd(session, 0, Fd::inet(50).accepted(LOOPBACK, 50022));
    scene.set_fd(session, 1, Fd::inet(50).accepted(LOOPBACK, 50022));
    scene.exec(session, tool(&["sshd", "-R"]));
    scene.dup(session, 0, Fd::null());
    scene.dup(session, 1, Fd::null());
    scene.terminal(session, 9);
    scene.connect(session, LOOPBACK, 8080, 51);
    start(
        scene,
        session,
        Some(Fd::terminal(9)),
        Some(Fd::terminal(9)),
        bash(&["-bash"]),
    )
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

// ------------------------------------------------------------------ on the connection itself

#[test]
fn bash_on_dev_tcp() {
    let mut scene = Scene::new();
    let outer = quiet_shell(&mut scene);
    let inner = scene.fork(outer);
    scene.connect(inner, HOME, 4444, 7);
    for fd in [1, 2, 0] {
        scene.dup(inner, fd, out(7));
    }
    scene.exec(inner, bash(&["bash", "-i"]));
    scene.tick();
    // What is typed into it adds nothing, and neither does another shell.
    start(&mut scene, inner, None, None, tool(&["id"]));
    scene.exec(inner, sh());
    scene.tick();
    let finding = one(&scene, "reverse-shell", inner);
    assert_eq!(finding.severity, Severity::Critical);
    assert_eq!(killed(&finding), [inner.key()]);
}

#[test]
fn an_interpreter_that_executes_a_shell() {
    let mut scene = Scene::new();
    let attacker = scene.process(python(&["py", "-c", "…"]));
    scene.connect(attacker, HOME, 4444, 7);
    for fd in 0..3 {
        scene.dup(attacker, fd, out(7));
    }
    let shell = start(&mut scene, attacker, None, None, sh());
    scene.tick();
    one(&scene, "reverse-shell", shell);
}

#[test]
fn input_and_errors_are_enough() {
    let mut scene = Scene::new();
    let attacker = scene.process(tool(&["a"]));
    scene.set_fd(attacker, 1, Fd::file(1));
    scene.connect(attacker, HOME, 4444, 7);
    scene.dup(attacker, 0, out(7));
    scene.dup(attacker, 2, out(7));
    scene.exec(attacker, sh());
    one(&scene, "reverse-shell", attacker);
}

#[test]
fn two_connections_one_for_each_way() {
    let mut scene = Scene::new();
    let attacker = quiet_shell(&mut scene);
    let shell = start(&mut scene, attacker, Some(out(7)), Some(out(8)), sh());
    one(&scene, "reverse-shell", shell);
}

#[test]
fn any_command_on_a_connection() {
    let mut scene = Scene::new();
    let attacker = scene.process(tool(&["a"]));
    scene.connect(attacker, HOME, 4444, 7);
    let command = start(
        &mut scene,
        attacker,
        Some(out(7)),
        Some(out(7)),
        tool(&["b"]),
    );
    assert_eq!(
        one(&scene, "reverse-shell", command).severity,
        Severity::High
    );
}

#[test]
fn an_interpreter_that_uses_its_streams_itself() {
    let mut scene = Scene::new();
    let attacker = scene.process(python(&["py", "-c", "…"]));
    scene.connect(attacker, HOME, 4444, 7);
    scene.dup(attacker, 0, out(7));
    scene.dup(attacker, 1, out(7));
    scene.tick();
    scene.tick();
    start(&mut scene, attacker, None, None, sh());
    one(&scene, "reverse-shell", attacker);
}

#[test]
fn a_bind_shell() {
    let mut scene = Scene::new();
    let server = scene.process(tool(&["a"]));
    let conn = || Fd::inet(7).accepted(HOME, 5000);
    let shell = start(&mut scene, server, Some(conn()), Some(conn()), sh());
    one(&scene, "bind-shell", shell);
}

#[test]
fn a_shell_that_moves_itself_onto_a_connection() {
    let mut scene = Scene::new();
    let parent = quiet_shell(&mut scene);
    let shell = start(
        &mut scene,
        parent,
        Some(Fd::pipe_read(1)),
        None,
        bash(&["bash"]),
    );
    scene.connect(shell, HOME, 4444, 7);
    scene.dup(shell, 0, out(7));
    scene.dup(shell, 1, out(7));
    one(&scene, "reverse-shell", shell);
}

#[test]
fn commands_read_line_by_line() {
    // exec 5<>/dev/tcp/…; cat <&5 | while read l; do $l 2>&5 >&5; done
    let mut scene = Scene::new();
    let shell = quiet_shell(&mut scene);
    scene.connect(shell, HOME, 4444, 7);
    scene.pipe(shell, 1);
    start(
        &mut scene,
        shell,
        Some(out(7)),
        Some(Fd::pipe_write(1)),
        tool(&["cat"]),
    );
    let looping = scene.fork(shell);
    scene.dup(looping, 0, Fd::pipe_read(1));
    for command in ["id", "ls"] {
        let child = scene.fork(looping);
        scene.dup(child, 2, out(7));
        scene.dup(child, 1, out(7));
        scene.exec(child, tool(&[command]));
    }
    one(&scene, "reverse-shell", looping);
}

#[test]
fn commands_read_and_evaluated_in_the_shell_itself() {
    // exec 5<>/dev/tcp/…; while read -r l <&5; do eval "$l" >&5 2>&5; done
    let mut scene = Scene::new();
    let shell = quiet_shell(&mut scene);
    scene.connect(shell, HOME, 4444, 7);
    for _ in 0..2 {
        scene.dup(shell, 0, out(7));
        scene.dup(shell, 0, Fd::null());
        scene.dup(shell, 1, out(7));
        scene.dup(shell, 2, out(7));
        scene.dup(shell, 1, Fd::null());
        scene.dup(shell, 2, Fd::null());
    }
    one(&scene, "reverse-shell", shell);
}

#[test]
fn a_fifo_that_is_opened_by_name() {
    // cat f | sh | relay > f
    let mut scene = Scene::new();
    let parent = quiet_shell(&mut scene);
    let cat = start(
        &mut scene,
        parent,
        None,
        Some(Fd::pipe_write(1)),
        tool(&["cat", "f"]),
    );
    let shell = start(
        &mut scene,
        parent,
        Some(Fd::pipe_read(1)),
        Some(Fd::pipe_write(2)),
        sh(),
    );
    let relay = start(
        &mut scene,
        parent,
        Some(Fd::pipe_read(2)),
        Some(Fd::fifo_write(3)),
        tool(&["r"]),
    );
    scene.connect(relay, HOME, 4444, 7);
    let act = Act {
        b: 3,
        c: 1,
        a: u64::from(open_mark::FIFO) << 32,
        ..Act::new(kind::OPEN)
    };
    scene.tell(cat, act);
    one(&scene, "reverse-shell", shell);
}

#[test]
fn commands_run_by_an_interpreter_onto_its_connection() {
    let mut scene = Scene::new();
    let attacker = scene.process(python(&["py", "-c", "…"]));
    scene.connect(attacker, HOME, 4444, 7);
    let child = scene.fork(attacker);
    scene.dup(child, 1, out(7));
    scene.dup(child, 2, out(7));
    scene.exec(child, bash(&["sh", "-c", "id"]));
    one(&scene, "reverse-shell", attacker);
}

// ------------------------------------------------------------------ through relays

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

#[test]
fn fifo_and_relay_in_any_order() {
    for order in [[0, 1, 2], [1, 0, 2], [1, 2, 0]] {
        let (scene, shell, relay) = fifo_and_relay(order, false);
        let finding = one(&scene, "reverse-shell", shell);
        assert_eq!(killed(&finding), [shell.key(), relay.key()]);
        let (scene, shell, _) = fifo_and_relay(order, true);
        one(&scene, "bind-shell", shell);
    }
}

#[test]
fn fifo_and_relay_around_a_shell_with_a_command() {
    let mut scene = Scene::new();
    let parent = quiet_shell(&mut scene);
    let relay = start(
        &mut scene,
        parent,
        Some(Fd::pipe_read(1)),
        Some(Fd::fifo_write(2)),
        tool(&["r"]),
    );
    scene.connect(relay, HOME, 4444, 7);
    let looping = bash(&["bash", "-c", "while read l; do eval \"$l\"; done"]);
    let shell = start(
        &mut scene,
        parent,
        Some(Fd::fifo_read(2)),
        Some(Fd::pipe_write(1)),
        looping,
    );
    one(&scene, "reverse-shell", shell);
}

#[test]
fn telnet_shell_telnet_with_hops_between() {
    let mut scene = Scene::new();
    let parent = quiet_shell(&mut scene);
    let first = start(
        &mut scene,
        parent,
        None,
        Some(Fd::pipe_write(1)),
        tool(&["telnet"]),
    );
    start(
        &mut scene,
        parent,
        Some(Fd::pipe_read(1)),
        Some(Fd::pipe_write(2)),
        tool(&["cat"]),
    );
    let shell = start(
        &mut scene,
        parent,
        Some(Fd::pipe_read(2)),
        Some(Fd::pipe_write(3)),
        sh(),
    );
    start(
        &mut scene,
        parent,
        Some(Fd::pipe_read(3)),
        Some(Fd::pipe_write(4)),
        tool(&["tee"]),
    );
    let last = start(
        &mut scene,
        parent,
        Some(Fd::pipe_read(4)),
        None,
        tool(&["telnet"]),
    );
    scene.connect(first, HOME, 4444, 7);
    scene.connect(last, HOME, 4445, 8);
    one(&scene, "reverse-shell", shell);
}

#[test]
fn a_parent_relays_through_pipes() {
    for connects_late in [false, true] {
        let mut scene = Scene::new();
        let parent = scene.process(python(&["py", "/x/a"]));
        if !connects_late {
            scene.connect(parent, HOME, 4444, 7);
        }
        scene.pipe(parent, 1);
        scene.pipe(parent, 2);
        let shell = start(
            &mut scene,
            parent,
            Some(Fd::pipe_read(1)),
            Some(Fd::pipe_write(2)),
            sh(),
        );
        if connects_late {
            scene.connect(parent, HOME, 4444, 7);
        }
        // A shell that is typed into the first one.
        start(&mut scene, shell, None, None, bash(&["bash"]));
        let finding = one(&scene, "reverse-shell", shell);
        assert_eq!(killed(&finding), [shell.key()]);
    }
}

#[test]
fn a_parent_relays_through_a_socket_pair() {
    let mut scene = Scene::new();
    let parent = scene.process(tool(&["a"]));
    scene.connect(parent, HOME, 4444, 7);
    scene.socketpair(parent, 1, 2);
    let shell = start(
        &mut scene,
        parent,
        Some(Fd::unix(2, 1)),
        Some(Fd::unix(2, 1)),
        sh(),
    );
    one(&scene, "reverse-shell", shell);
}

/// A descriptor from another process, as `what` is told of a standard stream.
fn pass(scene: &mut Scene, to: Actor, fd: u32, kind: u32, id: u64, other: u64, marks: u32) {
    let act = Act {
        a: u64::from(fd) | u64::from(kind) << 32,
        b: id,
        c: u64::from(marks) | 4444 << 32,
        text: if kind == stream_kind::INET {
            HOME.to_vec()
        } else {
            Vec::new()
        },
        attrs: vec![(1, other, Vec::new())],
        ..Act::new(kind::PASSED)
    };
    scene.tell(to, act);
}

#[test]
fn a_relay_is_handed_its_connection() {
    for (marks, beside) in [
        (stream_mark::OUTBOUND, false),
        (stream_mark::OUTBOUND, true),
        (stream_mark::ACCEPTED, true),
    ] {
        for late in [false, true] {
            let mut scene = Scene::new();
            let parent = match beside {
                true => quiet_shell(&mut scene),
                false => scene.process(tool(&["relay"])),
            };
            scene.pipe(parent, 1);
            scene.pipe(parent, 2);
            let relay = match beside {
                true => {
                    let (input, output) = (Some(Fd::pipe_read(2)), Some(Fd::pipe_write(1)));
                    start(&mut scene, parent, input, output, tool(&["relay"]))
                }
                false => parent,
            };
            let hand = |scene: &mut Scene| {
                pass(scene, relay, 9, stream_kind::INET, 7, 0, marks);
            };
            if !late {
                hand(&mut scene);
            }
            let (input, output) = (Some(Fd::pipe_read(1)), Some(Fd::pipe_write(2)));
            let shell = start(&mut scene, parent, input, output, sh());
            if late {
                hand(&mut scene);
            }
            let rule = match marks {
                stream_mark::OUTBOUND => "reverse-shell",
                _ => "bind-shell",
            };
            one(&scene, rule, shell);
        }
    }
}

#[test]
fn a_relay_is_handed_what_a_shell_is_driven_by() {
    let (both, unix) = (
        stream_mark::READABLE | stream_mark::WRITABLE,
        stream_kind::UNIX,
    );
    for (kind, id, other) in [(stream_kind::TERMINAL_MASTER, 0, 0), (unix, 31, 30)] {
        let mut scene = Scene::new();
        let shell = quiet_shell(&mut scene);
        let relay = scene.process(tool(&["relay"]));
        let fd = match kind {
            stream_kind::UNIX => Fd::unix(30, 31),
            _ => Fd::terminal(4444),
        };
        scene.dup(shell, 0, fd.clone());
        scene.dup(shell, 1, fd);
        scene.exec(shell, sh());
        scene.connect(relay, HOME, 4444, 7);
        // The device of the scene's terminals.
        let id = if kind == unix { id } else { 24 };
        pass(&mut scene, relay, 5, kind, id, other, both);
        one(&scene, "reverse-shell", shell);
    }
}

#[test]
fn a_session_that_is_handed_its_connection_is_a_login() {
    let mut scene = Scene::new();
    let session = scene.process(tool(&["session"]));
    pass(
        &mut scene,
        session,
        9,
        stream_kind::INET,
        7,
        0,
        stream_mark::ACCEPTED,
    );
    scene.terminal(session, 9);
    scene.connect(session, HOME, 8080, 51);
    let terminal = Some(Fd::terminal(9));
    start(
        &mut scene,
        session,
        terminal.clone(),
        terminal,
        bash(&["-bash"]),
    );
    scene.tick();
    none(&scene);
}

#[test]
fn a_shell_on_a_unix_socket_that_a_relay_accepts() {
    for accepted_late in [false, true] {
        let mut scene = Scene::new();
        let relay = scene.process(tool(&["relay"]));
        scene.connect(relay, HOME, 4444, 7);
        let shell = quiet_shell(&mut scene);
        let accept = |scene: &mut Scene| {
            let act = Act {
                a: 0x10001 << 32,
                b: 41,
                attrs: vec![(2, 40, Vec::new())],
                ..Act::new(kind::ACCEPT)
            };
            scene.tell(relay, act);
        };
        // Before it is accepted the other end has no identity.
        let fd = Fd::unix(40, if accepted_late { 0 } else { 41 });
        if !accepted_late {
            accept(&mut scene);
        }
        scene.dup(shell, 0, fd.clone());
        scene.dup(shell, 1, fd);
        scene.exec(shell, sh());
        if accepted_late {
            accept(&mut scene);
        }
        one(&scene, "reverse-shell", shell);
    }
}

#[test]
fn a_parent_drives_a_terminal() {
    let mut scene = Scene::new();
    let parent = scene.process(tool(&["a"]));
    scene.connect(parent, HOME, 4444, 7);
    scene.terminal(parent, 3);
    let shell = start(
        &mut scene,
        parent,
        Some(Fd::terminal(3)),
        Some(Fd::terminal(3)),
        bash(&["bash"]),
    );
    one(&scene, "reverse-shell", shell);
}

#[test]
fn the_next_shell_on_a_terminal_of_the_same_index() {
    let mut scene = Scene::new();
    for socket in [7, 8] {
        let parent = scene.process(tool(&["a"]));
        scene.connect(parent, HOME, 4444, socket);
        scene.terminal(parent, 3);
        let slave = || Some(Fd::terminal(3));
        let shell = start(&mut scene, parent, slave(), slave(), bash(&["bash"]));
        scene.exit(shell);
        scene.exit(parent);
    }
    assert_eq!(scene.findings::<ReverseShell>().len(), 2);
}

#[test]
fn a_terminal_over_streams_that_are_a_connection() {
    // dup2 onto 0, 1 and 2, then pty.spawn.
    let mut scene = Scene::new();
    let parent = scene.process(python(&["py", "-c", "…"]));
    scene.connect(parent, HOME, 4444, 7);
    for fd in 0..3 {
        scene.dup(parent, fd, out(7));
    }
    scene.terminal(parent, 3);
    let shell = start(
        &mut scene,
        parent,
        Some(Fd::terminal(3)),
        Some(Fd::terminal(3)),
        bash(&["bash"]),
    );
    scene.tick();
    scene.tick();
    one(&scene, "reverse-shell", shell);
}

#[test]
fn a_better_terminal_inside_of_a_found_shell_adds_nothing() {
    let mut scene = Scene::new();
    let parent = scene.process(python(&["py", "/x/a"]));
    scene.connect(parent, HOME, 4444, 7);
    scene.pipe(parent, 1);
    scene.pipe(parent, 2);
    let shell = start(
        &mut scene,
        parent,
        Some(Fd::pipe_read(1)),
        Some(Fd::pipe_write(2)),
        sh(),
    );
    let script = start(
        &mut scene,
        shell,
        None,
        None,
        tool(&["script", "/dev/null"]),
    );
    scene.terminal(script, 3);
    start(
        &mut scene,
        script,
        Some(Fd::terminal(3)),
        Some(Fd::terminal(3)),
        bash(&["bash"]),
    );
    one(&scene, "reverse-shell", shell);
}

#[test]
fn what_ran_before_is_found_at_the_start() {
    let mut scene = Scene::new();
    let parent = scene.process(tool(&["a"]));
    let shell = scene.child(parent, bash(&["bash"]));
    for fd in 0..3 {
        scene.set_fd(shell, fd, Fd::terminal(3));
    }
    scene.set_fd(parent, 0, Fd::master(3));
    scene.set_fd(parent, 1, out(7));
    scene.existing(shell);
    scene.existing(parent);
    one(&scene, "reverse-shell", shell);
}

#[test]
fn a_service_with_many_connections_is_believed_less() {
    let mut scene = Scene::new();
    let service = scene.process(tool(&["service"]));
    for n in 0..10 {
        scene.connect(service, HOME, 5432, 100 + n);
    }
    for _ in 0..20 {
        scene.tick();
    }
    scene.pipe(service, 1);
    scene.pipe(service, 2);
    let shell = start(
        &mut scene,
        service,
        Some(Fd::pipe_read(1)),
        Some(Fd::pipe_write(2)),
        sh(),
    );
    let finding = one(&scene, "reverse-shell", shell);
    assert_eq!(finding.severity, Severity::Medium);
    assert!(finding.proposals.is_empty());
}

#[test]
fn a_server_that_calls_out_when_the_shell_starts() {
    let mut scene = Scene::new();
    let server = scene.process(tool(&["java"]));
    let accept = Act {
        a: 8080 | (2 | 1 << 16) << 32,
        b: 5,
        text: HOME.to_vec(),
        ..Act::new(kind::ACCEPT)
    };
    scene.tell(server, accept);
    scene.connect(server, HOME, 4444, 7);
    scene.pipe(server, 1);
    scene.pipe(server, 2);
    let shell = start(
        &mut scene,
        server,
        Some(Fd::pipe_read(1)),
        Some(Fd::pipe_write(2)),
        sh(),
    );
    assert_eq!(one(&scene, "reverse-shell", shell).severity, Severity::High);
}

// ------------------------------------------------------------------ honest work

#[test]
fn ssh_with_a_terminal_and_clients_typed_there() {
    let mut scene = Scene::new();
    let shell = login(&mut scene);
    let client = start(&mut scene, shell, None, None, tool(&["ssh", "x"]));
    scene.connect(client, HOME, 22, 60);
    scene.pipe(shell, 1);
    let curl = start(
        &mut scene,
        shell,
        None,
        Some(Fd::pipe_write(1)),
        tool(&["curl"]),
    );
    scene.connect(curl, HOME, 443, 61);
    start(
        &mut scene,
        shell,
        Some(Fd::pipe_read(1)),
        None,
        bash(&["sh"]),
    );
    scene.tick();
    none(&scene);
}

#[test]
fn ssh_without_a_terminal() {
    let mut scene = Scene::new();
    let listener = scene.process(tool(&["sshd", "-D"]));
    let session = scene.fork(listener);
    scene.set_fd(session, 0, Fd::inet(50).accepted(HOME, 50022));
    scene.exec(session, tool(&["sshd", "-R"]));
    scene.pipe(session, 1);
    scene.pipe(session, 2);
    start(
        &mut scene,
        session,
        Some(Fd::pipe_read(1)),
        Some(Fd::pipe_write(2)),
        bash(&["bash", "-s"]),
    );
    scene.socketpair(session, 3, 4);
    start(
        &mut scene,
        session,
        Some(Fd::unix(4, 3)),
        Some(Fd::unix(4, 3)),
        bash(&["bash"]),
    );
    none(&scene);
}

#[test]
fn a_terminal_multiplexer_with_a_client_in_another_window() {
    let mut scene = Scene::new();
    let server = scene.process(tool(&["tmux"]));
    for index in [1, 2] {
        scene.terminal(server, index);
        let shell = start(
            &mut scene,
            server,
            Some(Fd::terminal(index)),
            Some(Fd::terminal(index)),
            bash(&["-bash"]),
        );
        let client = start(&mut scene, shell, None, None, tool(&["ssh", "x"]));
        scene.connect(client, HOME, 22, 60 + u64::from(index));
    }
    none(&scene);
}

#[test]
fn health_checks_over_dev_tcp() {
    let mut scene = Scene::new();
    let shell = login(&mut scene);
    scene.connect(shell, HOME, 80, 7);
    // printf >&3 and read <&3 in the shell itself.
    scene.dup(shell, 1, out(7));
    scene.dup(shell, 1, Fd::terminal(9));
    scene.dup(shell, 0, out(7));
    scene.dup(shell, 0, Fd::terminal(9));
    start(&mut scene, shell, Some(out(7)), None, tool(&["cat"]));
    // Work goes on with the connection open.
    scene.pipe(shell, 1);
    scene.pipe(shell, 2);
    let left = scene.fork(shell);
    scene.dup(left, 1, Fd::pipe_write(1));
    start(
        &mut scene,
        shell,
        Some(Fd::pipe_read(1)),
        Some(Fd::pipe_write(2)),
        bash(&["sh"]),
    );
    start(
        &mut scene,
        shell,
        Some(Fd::pipe_read(2)),
        None,
        tool(&["cat"]),
    );
    scene.tick();
    scene.tick();
    none(&scene);
}

#[test]
fn cgi_scripts_on_the_accepted_connection() {
    let mut scene = Scene::new();
    let server = scene.process(tool(&["httpd"]));
    let conn = || Fd::inet(7).accepted(HOME, 5000);
    start(
        &mut scene,
        server,
        Some(conn()),
        Some(conn()),
        bash(&["/bin/sh", "/cgi-bin/x"]),
    );
    start(
        &mut scene,
        server,
        Some(conn()),
        Some(conn()),
        python(&["python3", "/cgi-bin/y"]),
    );
    start(
        &mut scene,
        server,
        Some(conn()),
        Some(conn()),
        tool(&["z.cgi"]),
    );
    none(&scene);
}

#[test]
fn tools_that_run_commands_while_connected() {
    let mut scene = Scene::new();
    let tool_ = scene.process(python(&["pip", "install"]));
    scene.connect(tool_, HOME, 443, 7);
    for n in 0..4u64 {
        scene.pipe(tool_, 10 + 2 * n);
        scene.pipe(tool_, 11 + 2 * n);
        let exec = match n {
            0 => bash(&["sh", "-c", "make"]),
            1 => bash(&["bash", "/x/configure"]),
            2 => python(&["python3", "setup.py"]),
            _ => tool(&["git", "fetch-pack"]),
        };
        let (stdin, stdout) = (Fd::pipe_read(10 + 2 * n), Fd::pipe_write(11 + 2 * n));
        start(&mut scene, tool_, Some(stdin), Some(stdout), exec);
    }
    scene.tick();
    none(&scene);
}

#[test]
fn connections_do_not_outlive_an_image() {
    // A tool that was connected starts another, which feeds a shell.
    let mut scene = Scene::new();
    let cargo = scene.process(tool(&["cargo"]));
    scene.connect(cargo, HOME, 443, 7);
    let build = start(&mut scene, cargo, None, None, tool(&["build-script"]));
    scene.pipe(build, 1);
    scene.pipe(build, 2);
    start(
        &mut scene,
        build,
        Some(Fd::pipe_read(1)),
        Some(Fd::pipe_write(2)),
        bash(&["bash", "-s"]),
    );
    none(&scene);
}

#[test]
fn the_runtime_that_carries_a_containers_streams() {
    let mut scene = Scene::new();
    let runtime = scene.process(tool(&["dockerd"]));
    scene.connect(runtime, HOME, 443, 7);
    scene.pipe(runtime, 1);
    scene.pipe(runtime, 2);
    let init = scene.fork(runtime);
    scene.contain(init, 77);
    scene.dup(init, 0, Fd::pipe_read(1));
    scene.dup(init, 1, Fd::pipe_write(2));
    scene.exec(init, bash(&["sh"]));
    none(&scene);
}

#[test]
fn refused_and_datagram_connections_do_not_count() {
    let mut scene = Scene::new();
    let parent = scene.process(python(&["py", "/x/a"]));
    let family = |kind: u64| (2 | kind << 16) << 32;
    let connect = |ret, kind| Act {
        ret,
        a: 53 | family(kind),
        b: 7,
        text: HOME.to_vec(),
        ..Act::new(kind::CONNECT)
    };
    scene.tell(parent, connect(-111, 1));
    scene.tell(parent, connect(0, 2));
    scene.pipe(parent, 1);
    scene.pipe(parent, 2);
    start(
        &mut scene,
        parent,
        Some(Fd::pipe_read(1)),
        Some(Fd::pipe_write(2)),
        sh(),
    );
    none(&scene);
}

#[test]
fn a_storm_leaves_little_behind() {
    let mut scene = Scene::new();
    let parent = quiet_shell(&mut scene);
    for n in 0..3000u64 {
        scene.pipe(parent, n);
        let child = start(
            &mut scene,
            parent,
            None,
            Some(Fd::pipe_write(n)),
            tool(&["x"]),
        );
        scene.exit(child);
    }
    let mut plugin = ReverseShell::default();
    assert!(scene.run(&mut plugin, 64).is_empty());
    assert_eq!(plugin.graph.nodes().count(), 0);
    assert!(plugin.save().len() < 200);
}

#[test]
fn damaged_snapshots_are_refused() {
    let (scene, ..) = fifo_and_relay([0, 1, 2], false);
    let mut plugin = ReverseShell::default();
    scene.run(&mut plugin, 64);
    let saved = plugin.save();
    for end in 0..saved.len() {
        assert!(
            ReverseShell::default().restore(1, &saved[..end]).is_err(),
            "cut at {end}"
        );
    }
    for at in 0..saved.len() {
        let mut damaged = saved.clone();
        damaged[at] ^= 0xff;
        let _ = ReverseShell::default().restore(1, &damaged);
    }
    assert!(ReverseShell::default().restore(2, b"anything").is_ok());
}
