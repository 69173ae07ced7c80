//! People and jobs that are served by something with connections of its own.

use super::*;

const PROXY: [u8; 4] = [10, 9, 9, 9];

/// An agent that reads what its job prints, and a job that feeds what it fetches to a shell.
fn job(controller: [u8; 4], server: [u8; 4]) -> (Scene, Actor) {
    let mut scene = Scene::new();
    let agent = scene.process(tool(&["agent"]));
    scene.connect(agent, controller, 443, 20);
    scene.pipe(agent, 1);
    let output = || Some(Fd::pipe_write(1));
    let job = start(
        &mut scene,
        agent,
        None,
        output(),
        bash(&["sh", "-e", "x.sh"]),
    );
    scene.pipe(job, 2);
    let fetch = start(
        &mut scene,
        job,
        None,
        Some(Fd::pipe_write(2)),
        tool(&["fetch"]),
    );
    let shell = start(
        &mut scene,
        job,
        Some(Fd::pipe_read(2)),
        output(),
        bash(&["sh"]),
    );
    scene.connect(fetch, server, 443, 30);
    scene.tick();
    (scene, shell)
}

#[test]
fn an_installer_in_a_job() {
    none(&job(HOME, PROXY).0);
    // Both through one proxy.
    let (scene, shell) = job(PROXY, PROXY);
    let finding = one(&scene, "reverse-shell", shell);
    assert_eq!(finding.severity, Severity::Medium);
    assert!(finding.proposals.is_empty());
}

#[test]
fn a_login_whose_session_accepts_connections() {
    for seconds in [0, 60] {
        let mut scene = Scene::new();
        let (shell, session) = login_and_session(&mut scene);
        scene.wait(seconds);
        accept(&mut scene, session, LOOPBACK, 61);
        scene.connect(session, LOOPBACK, 8081, 62);
        start(&mut scene, shell, None, None, bash(&["bash"]));
        none(&scene);
    }
}

#[test]
fn a_fork_of_a_server_that_accepts_is_no_session() {
    let mut scene = Scene::new();
    let server = scene.process(tool(&["server"]));
    accept(&mut scene, server, HOME, 7);
    let worker = scene.fork(server);
    accept(&mut scene, worker, HOME, 8);
    scene.connect(worker, HOME, 4444, 9);
    let shell = start_on_pipes(&mut scene, worker, 1, sh());
    assert_eq!(one(&scene, "reverse-shell", shell).severity, Severity::High);
}

/// A server that shows terminals to who connects from this address, and is itself connected to
/// that one since so many seconds.
fn web_terminal(visitor: [u8; 4], connected: [u8; 4], seconds: u32) -> (Scene, Actor) {
    let mut scene = Scene::new();
    let server = scene.process(python(&["py", "server.py"]));
    accept(&mut scene, server, visitor, 10);
    accept(&mut scene, server, visitor, 11);
    over(&mut scene, server, 11);
    scene.connect(server, connected, 443, 20);
    scene.wait(seconds);
    let shell = start_on_terminal(&mut scene, server, 3, bash(&["bash", "-l"]));
    scene.tick();
    (scene, shell)
}

fn over(scene: &mut Scene, actor: Actor, socket: u64) {
    let act = Act {
        b: socket,
        a: 2 << 32,
        ..Act::new(kind::DISCONNECT)
    };
    scene.tell(actor, act);
}

#[test]
fn terminals_in_a_browser() {
    // What it connects to is on this machine: kernels, language servers.
    for seconds in [0, 60] {
        none(&web_terminal(HOME, LOOPBACK, seconds).0);
        none(&web_terminal(LOOPBACK, LOOPBACK, seconds).0);
    }
    none(&web_terminal(HOME, PROXY, 60).0);
    // It calls out for updates just then, or whoever sees the terminal is on this machine.
    for (visitor, seconds) in [(HOME, 0), (LOOPBACK, 0), (LOOPBACK, 60)] {
        let (scene, shell) = web_terminal(visitor, PROXY, seconds);
        let finding = one(&scene, "reverse-shell", shell);
        assert_eq!(finding.severity, Severity::Low);
        assert!(finding.proposals.is_empty());
    }
}

#[test]
fn nobody_looks_at_the_terminal() {
    // Who was connected is gone: this is for somebody else.
    let mut scene = Scene::new();
    let server = scene.process(python(&["py", "server.py"]));
    accept(&mut scene, server, HOME, 10);
    over(&mut scene, server, 10);
    scene.connect(server, HOME, 4444, 20);
    let shell = start_on_terminal(&mut scene, server, 3, bash(&["bash"]));
    assert_eq!(one(&scene, "reverse-shell", shell).severity, Severity::High);
}

#[test]
fn an_editor_with_connections_and_a_shell_inside() {
    for multiplexed in [false, true] {
        let mut scene = Scene::new();
        let (mut shell, _) = login_and_session(&mut scene);
        if multiplexed {
            let server = scene.process(tool(&["multiplexer"]));
            let passed = Act {
                a: 8 | u64::from(stream_kind::TERMINAL) << 32,
                b: 24,
                c: 9 << 32,
                ..Act::new(kind::PASSED)
            };
            scene.tell(server, passed);
            shell = start_on_terminal(&mut scene, server, 5, bash(&["-bash"]));
        }
        let editor = start(&mut scene, shell, None, None, tool(&["editor"]));
        scene.connect(editor, HOME, 6697, 70);
        scene.wait(60);
        let inner = start_on_terminal(&mut scene, editor, 4, bash(&["bash", "-i"]));
        let finding = one(&scene, "reverse-shell", inner);
        assert_eq!(finding.severity, Severity::Medium);
        assert!(finding.proposals.is_empty());
    }
    // The same at once looks worse, but still somebody sits there.
    let mut scene = Scene::new();
    let shell = login(&mut scene);
    let editor = start(&mut scene, shell, None, None, tool(&["editor"]));
    scene.connect(editor, HOME, 21, 70);
    let inner = start_on_terminal(&mut scene, editor, 4, bash(&["bash", "-i"]));
    let finding = one(&scene, "reverse-shell", inner);
    assert!(finding.severity >= Severity::High && finding.proposals.is_empty());
}

#[test]
fn a_connection_long_after_the_shell() {
    let mut scene = Scene::new();
    let manager = scene.process(tool(&["file-manager"]));
    let shell = start_on_terminal(&mut scene, manager, 4, bash(&["bash"]));
    scene.wait(60);
    scene.connect(manager, HOME, 21, 70);
    let finding = one(&scene, "reverse-shell", shell);
    assert_eq!(finding.severity, Severity::Medium);
    assert!(finding.proposals.is_empty());
}
