//! Attacks: a shell whose bytes go through others.

use super::*;

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
    for (seconds, severity) in [(0, Severity::High), (3, Severity::Medium)] {
        let mut scene = Scene::new();
        let server = scene.process(tool(&["java"]));
        accept(&mut scene, server, HOME, 5);
        scene.connect(server, HOME, 4444, 7);
        scene.wait(seconds);
        let shell = start_on_pipes(&mut scene, server, 1, sh());
        let finding = one(&scene, "reverse-shell", shell);
        assert_eq!(finding.severity, severity);
        assert_eq!(finding.proposals.is_empty(), seconds > 0);
    }
}
