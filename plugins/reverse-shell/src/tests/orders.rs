//! Programs that run what they are told over a connection.

use super::*;

/// Something comes in over a connection that a process made.
fn hears(scene: &mut Scene, actor: Actor, socket: u64, payload: &str) {
    let act = Act {
        a: 4444 | (payload.len() as u64) << 32,
        b: socket,
        text: payload.as_bytes().to_vec(),
        text2: HOME.to_vec(),
        attrs: vec![(2, stream_mark::OUTBOUND.into(), Vec::new())],
        ..Act::new(kind::RECEIVED)
    };
    scene.tell(actor, act);
}

/// An interpreter with a connection of its own.
fn connected(scene: &mut Scene) -> Actor {
    let agent = scene.process(python(&["py", "agent.py"]));
    scene.connect(agent, HOME, 4444, 7);
    agent
}

fn runs(scene: &mut Scene, parent: Actor, exec: Exec) -> Actor {
    start_on_pipes(scene, parent, 100, exec)
}

#[test]
fn every_line_by_a_shell_of_its_own() {
    for given in ["id; ls", "cd /tmp && id; ls 2>&1", "id ;ls"] {
        let mut scene = Scene::new();
        let agent = connected(&mut scene);
        hears(&mut scene, agent, 7, "id; ls\n");
        runs(&mut scene, agent, bash(&["sh", "-c", given]));
        // The next adds nothing.
        hears(&mut scene, agent, 7, "uname\n");
        runs(&mut scene, agent, bash(&["sh", "-c", "uname"]));
        let finding = one(&scene, "reverse-shell", agent);
        assert!(killed(&finding).contains(&agent.key()), "{finding:?}");
    }
}

#[test]
fn a_program_in_a_fork_of_it_and_in_pieces() {
    let mut scene = Scene::new();
    let agent = connected(&mut scene);
    for piece in ["una", "me ", "-a", "\r\n"] {
        hears(&mut scene, agent, 7, piece);
    }
    let worker = scene.fork(agent);
    runs(&mut scene, worker, tool(&["uname", "-a"]));
    one(&scene, "reverse-shell", agent);
}

#[test]
fn what_is_run_for_something_else() {
    let mut scene = Scene::new();
    let agent = connected(&mut scene);
    hears(&mut scene, agent, 7, "backend.example\nOK\nid\n");
    runs(&mut scene, agent, tool(&["ping", "-c1", "backend.example"]));
    runs(&mut scene, agent, bash(&["sh", "-c", "echo OK"]));
    // A shell that somebody else feeds: judged by where it is led from.
    let shell = runs(&mut scene, agent, bash(&["sh", "/x/script"]));
    start(&mut scene, shell, None, None, tool(&["id"]));
    // Somebody who was told nothing.
    let other = scene.process(python(&["py", "other.py"]));
    runs(&mut scene, other, tool(&["id"]));
    none(&scene);
}

#[test]
fn long_after_it_was_said() {
    let mut scene = Scene::new();
    let agent = connected(&mut scene);
    hears(&mut scene, agent, 7, "id\n");
    scene.wait(61);
    runs(&mut scene, agent, tool(&["id"]));
    none(&scene);
}
