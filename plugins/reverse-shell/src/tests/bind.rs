//! Shells for whoever connects.

use super::*;

fn listener(scene: &mut Scene) -> Actor {
    let listener = scene.process(tool(&["relay", "listen", "shell"]));
    for fd in 0..3 {
        scene.set_fd(listener, fd, Fd::null());
    }
    listener
}

/// A shell whose errors have a pipe of their own.
fn start_on_three_pipes(scene: &mut Scene, parent: Actor, exec: Exec) -> Actor {
    for pipe in [1, 2, 3] {
        scene.pipe(parent, pipe);
    }
    let child = scene.fork(parent);
    scene.dup(child, 0, Fd::pipe_read(1));
    scene.dup(child, 1, Fd::pipe_write(2));
    scene.dup(child, 2, Fd::pipe_write(3));
    scene.exec(child, exec);
    child
}

#[test]
fn a_relay_that_forks_for_each_connection() {
    for socketpair in [false, true] {
        let mut scene = Scene::new();
        let listener = listener(&mut scene);
        for (n, socket) in [7, 8].into_iter().enumerate() {
            accept(&mut scene, listener, HOME, socket);
            let relay = scene.fork(listener);
            let shell = if socketpair {
                scene.socketpair(relay, 1, 2);
                let end = || Some(Fd::unix(2, 1));
                start(&mut scene, relay, end(), end(), sh())
            } else {
                start_on_pipes(&mut scene, relay, 10, sh())
            };
            scene.tick();
            let found = scene.findings::<ReverseShell>();
            assert_eq!(found.len(), n + 1, "{found:#?}");
            assert_eq!(found[n].rule, "bind-shell");
            assert_eq!(found[n].severity, Severity::Critical);
            assert_eq!(killed(&found[n]), [shell.key()]);
            scene.exit(shell);
            scene.exit(relay);
        }
    }
}

#[test]
fn a_relay_that_accepts_once() {
    // Three pipes are what many libraries make.
    for three in [false, true] {
        let mut scene = Scene::new();
        let relay = listener(&mut scene);
        accept(&mut scene, relay, HOME, 7);
        let shell = match three {
            true => start_on_three_pipes(&mut scene, relay, sh()),
            false => start_on_pipes(&mut scene, relay, 1, bash(&["bash", "-norc"])),
        };
        let finding = one(&scene, "bind-shell", shell);
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(killed(&finding), [shell.key()]);
    }
}

#[test]
fn a_relay_that_starts_it_with_a_command() {
    // Its errors go where the output goes, or nowhere.
    let mut scene = Scene::new();
    let listener = listener(&mut scene);
    accept(&mut scene, listener, HOME, 7);
    let relay = scene.fork(listener);
    let shell = start_on_pipes(&mut scene, relay, 1, bash(&["sh", "-c", "bash"]));
    scene.exec(shell, bash(&["bash"]));
    one(&scene, "bind-shell", shell);
}

#[test]
fn a_server_that_goes_on_serving() {
    let mut scene = Scene::new();
    let server = listener(&mut scene);
    accept(&mut scene, server, HOME, 6);
    accept(&mut scene, server, HOME, 7);
    let shell = start_on_pipes(&mut scene, server, 1, sh());
    let finding = one(&scene, "bind-shell", shell);
    assert_eq!(finding.severity, Severity::Medium);
    assert!(finding.proposals.is_empty());
}

#[test]
fn a_terminal_for_each_connection() {
    for (name, found) in [("bash", true), ("-bash", false)] {
        let mut scene = Scene::new();
        let listener = listener(&mut scene);
        accept(&mut scene, listener, HOME, 7);
        let relay = scene.fork(listener);
        let shell = start_on_terminal(&mut scene, relay, 3, bash(&[name]));
        if found {
            let finding = one(&scene, "bind-shell", shell);
            assert_eq!(finding.severity, Severity::Medium);
            assert!(finding.proposals.is_empty());
        } else {
            none(&scene);
        }
    }
}

#[test]
fn login_servers_that_execute_nothing_for_a_session() {
    // `ssh host < script`, `ssh host bash -s`, `ssh host "env a=b bash -s"`.
    for line in [&["-sh"][..], &["sh", "-c", "bash -s"]] {
        for through in [false, true] {
            let mut scene = Scene::new();
            let listener = listener(&mut scene);
            accept(&mut scene, listener, HOME, 7);
            let session = scene.fork(listener);
            // It forwards a connection, too.
            scene.connect(session, HOME, 8080, 51);
            let shell = start_on_three_pipes(&mut scene, session, bash(line));
            if line.len() > 1 {
                if through {
                    scene.exec(shell, tool(&["env"]));
                }
                scene.exec(shell, bash(&["bash", "-s"]));
            }
            none(&scene);
        }
    }
}

#[test]
fn servers_with_old_connections_that_feed_scripts_to_shells() {
    let mut scene = Scene::new();
    let server = listener(&mut scene);
    for socket in 7..12 {
        accept(&mut scene, server, LOOPBACK, socket);
    }
    scene.wait(11);
    start_on_pipes(&mut scene, server, 1, bash(&["bash"]));
    none(&scene);
    // And programs to interpreters, at once.
    accept(&mut scene, server, HOME, 20);
    start_on_pipes(&mut scene, server, 3, python(&["py", "-"]));
    none(&scene);
}
