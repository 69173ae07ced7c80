//! Attacks: a shell, or what runs commands, on the connection itself.

use super::*;

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

#[test]
fn a_socket_of_which_the_kernel_does_not_say_who_connected() {
    /// AF_INET and AF_VSOCK with SOCK_STREAM.
    const FAMILIES: [u64; 2] = [2 | 1 << 16, 40 | 1 << 16];
    for family in FAMILIES {
        let mut scene = Scene::new();
        let outer = quiet_shell(&mut scene);
        let act = Act {
            a: 4444 | family << 32,
            b: 7,
            text: vec![2, 0, 0, 0],
            ..Act::new(kind::CONNECT)
        };
        scene.tell(outer, act);
        let socket = || {
            let fd = Fd::inet(7);
            Some(if family == FAMILIES[1] {
                fd.of_kind(stream_kind::SOCKET)
            } else {
                fd
            })
        };
        let shell = start(&mut scene, outer, socket(), socket(), bash(&["bash", "-i"]));
        let finding = one(&scene, "reverse-shell", shell);
        let from = if family == FAMILIES[1] {
            "vsock 2:4444"
        } else {
            "2.0.0.0:4444"
        };
        assert!(finding.message.contains(from), "{}", finding.message);
    }
    // Any other socket is none of these.
    let mut scene = Scene::new();
    let outer = quiet_shell(&mut scene);
    let socket = || Some(Fd::inet(8));
    start(&mut scene, outer, socket(), socket(), bash(&["bash", "-i"]));
    none(&scene);
}
