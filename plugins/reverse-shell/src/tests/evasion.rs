//! Attacks: ways around the search for a relay.

use super::*;

#[test]
fn what_the_shell_reads_is_a_file_to_it() {
    /// Where anonymous pipes are.
    const PIPES: u64 = 0x5049_5045;
    for fifo in [false, true] {
        let mut scene = Scene::new();
        let parent = quiet_shell(&mut scene);
        let into = match fifo {
            true => Fd::fifo_write(2),
            false => Fd::pipe_write(2),
        };
        let first = start(&mut scene, parent, None, Some(into), tool(&["r"]));
        scene.connect(first, HOME, 4444, 7);
        let out_of = Some(Fd::pipe_write(1));
        let shell = start(&mut scene, parent, None, out_of, bash(&["bash", "x"]));
        let last = start(
            &mut scene,
            parent,
            Some(Fd::pipe_read(1)),
            None,
            tool(&["r"]),
        );
        scene.connect(last, HOME, 4444, 8);
        none(&scene);
        let act = Act {
            b: 2,
            c: if fifo { 1 } else { 15 | PIPES << 32 },
            a: u64::from(open_mark::FIFO) << 32,
            ..Act::new(kind::OPEN)
        };
        scene.tell(shell, act);
        one(&scene, "reverse-shell", shell);
    }
}

#[test]
fn many_connections_do_not_hide_the_first() {
    for (count, closed) in [(8, 8), (200, 200), (200, 0)] {
        let mut scene = Scene::new();
        let relay = scene.process(tool(&["relay"]));
        scene.connect(relay, HOME, 4444, 7);
        for socket in 100..100 + count {
            scene.connect(relay, LOOPBACK, 80, socket);
        }
        for socket in 100..100 + closed {
            let act = Act {
                a: 1 << 32,
                b: socket,
                ..Act::new(kind::DISCONNECT)
            };
            scene.tell(relay, act);
        }
        let shell = start_on_pipes(&mut scene, relay, 1, sh());
        one(&scene, "reverse-shell", shell);
    }
}

#[test]
fn many_connections_do_not_hide_one_among_them() {
    let mut scene = Scene::new();
    let relay = scene.process(tool(&["relay"]));
    let over = |scene: &mut Scene, socket| {
        let act = Act {
            a: 1 << 32,
            b: socket,
            ..Act::new(kind::DISCONNECT)
        };
        scene.tell(relay, act);
    };
    scene.connect(relay, LOOPBACK, 80, 6);
    scene.connect(relay, HOME, 4444, 7);
    for socket in 100..200 {
        scene.connect(relay, LOOPBACK, 80, socket);
    }
    over(&mut scene, 6);
    for socket in 100..200 {
        over(&mut scene, socket);
    }
    let shell = start_on_pipes(&mut scene, relay, 1, sh());
    one(&scene, "reverse-shell", shell);
    // Once the last one is over there is none.
    over(&mut scene, 7);
    scene.exit(shell);
    let before = scene.findings::<ReverseShell>().len();
    start_on_pipes(&mut scene, relay, 3, sh());
    assert_eq!(scene.findings::<ReverseShell>().len(), before);
}

#[test]
fn a_connect_that_a_signal_breaks_off() {
    for ret in [-4, -512, -516] {
        let mut scene = Scene::new();
        let relay = scene.process(tool(&["relay"]));
        let act = Act {
            ret,
            a: 4444 | (2 | 1 << 16) << 32,
            b: 7,
            text: HOME.to_vec(),
            ..Act::new(kind::CONNECT)
        };
        scene.tell(relay, act);
        let shell = start_on_pipes(&mut scene, relay, 1, sh());
        one(&scene, "reverse-shell", shell);
    }
}

/// A relay outside of the control group that its shell is in, as a container's runtime is.
fn in_a_group(describe: impl FnOnce(&mut Scene, Actor), host_mounts: bool) -> (Scene, Actor) {
    let mut scene = Scene::new();
    let relay = scene.process(tool(&["relay"]));
    scene.connect(relay, HOME, 4444, 7);
    scene.pipe(relay, 1);
    scene.pipe(relay, 2);
    let shell = scene.fork(relay);
    scene.contain(shell, 77);
    scene.change(shell, |row| {
        row.container_marks = container_mark::PENDING;
        if !host_mounts {
            row.marks &= !process_mark::HOST_MOUNT_NAMESPACE;
        }
    });
    scene.dup(shell, 0, Fd::pipe_read(1));
    scene.dup(shell, 1, Fd::pipe_write(2));
    scene.exec(shell, sh());
    scene.wait(2);
    none(&scene);
    describe(&mut scene, shell);
    scene.wait(5);
    (scene, shell)
}

#[test]
fn a_group_that_looks_like_a_container() {
    let (scene, shell) = in_a_group(|_, _| {}, true);
    assert_eq!(
        one(&scene, "reverse-shell", shell).severity,
        Severity::Critical
    );
    // It may be the container of a runtime that nobody knows.
    let (scene, shell) = in_a_group(|_, _| {}, false);
    let finding = one(&scene, "reverse-shell", shell);
    assert_eq!(finding.severity, Severity::Medium);
    assert!(finding.proposals.is_empty());
}

#[test]
fn a_container_that_its_runtime_describes_late() {
    for pending in [0, container_mark::PENDING] {
        let describe = |scene: &mut Scene, shell| {
            let act = Act {
                b: pending.into(),
                text: format!("{:064x}", 77).into(),
                ..Act::new(kind::CONTAINER)
            };
            scene.tell(shell, act);
        };
        let (scene, shell) = in_a_group(describe, false);
        match pending {
            0 => none(&scene),
            _ => drop(one(&scene, "reverse-shell", shell)),
        }
    }
}
