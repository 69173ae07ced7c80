//! Honest work that looks like it, and what is kept of it.

use super::*;

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

/// A request, and then a shell that is fed a script through pipes.
fn fed_after_a_request(end: impl FnOnce(&mut Scene, Actor)) -> (Scene, Actor) {
    let mut scene = Scene::new();
    let runner = scene.process(python(&["py", "runner.py"]));
    let fetcher = scene.fork(runner);
    scene.connect(fetcher, HOME, 443, 60);
    end(&mut scene, fetcher);
    scene.pipe(fetcher, 1);
    scene.pipe(fetcher, 2);
    let shell = start(
        &mut scene,
        fetcher,
        Some(Fd::pipe_read(1)),
        Some(Fd::pipe_write(2)),
        bash(&["bash"]),
    );
    (scene, shell)
}

fn over(scene: &mut Scene, actor: Actor, socket: u64) {
    let act = Act {
        b: socket,
        ..Act::new(kind::DISCONNECT)
    };
    scene.tell(actor, act);
}

#[test]
fn a_connection_that_is_over_leads_nobody() {
    let (scene, shell) = fed_after_a_request(|_, _| {});
    one(&scene, "reverse-shell", shell);
    let (scene, _) = fed_after_a_request(|scene, fetcher| over(scene, fetcher, 60));
    none(&scene);
    // The one that began it is gone, and this one had inherited it.
    let (scene, _) = fed_after_a_request(|scene, _| {
        let other = scene.process(tool(&["other"]));
        over(scene, other, 60);
    });
    none(&scene);
    // The same socket again.
    let (scene, shell) = fed_after_a_request(|scene, fetcher| {
        over(scene, fetcher, 60);
        scene.connect(fetcher, HOME, 4444, 60);
    });
    one(&scene, "reverse-shell", shell);
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
            ReverseShell::default()
                .restore(ReverseShell::SCHEMA, &saved[..end])
                .is_err(),
            "cut at {end}"
        );
    }
    for at in 0..saved.len() {
        let mut damaged = saved.clone();
        damaged[at] ^= 0xff;
        let _ = ReverseShell::default().restore(ReverseShell::SCHEMA, &damaged);
    }
    let newer = ReverseShell::SCHEMA + 1;
    assert!(ReverseShell::default().restore(newer, b"anything").is_ok());
    for older in 1..ReverseShell::SCHEMA {
        let mut restored = ReverseShell::default();
        restored.restore(older, &plugin.form(older)).unwrap();
        assert_eq!(restored.form(older), plugin.form(older));
        // The same shell is not found again.
        let found = scene.run(&mut restored, 64);
        assert!(found.is_empty(), "{found:#?}");
    }
}
