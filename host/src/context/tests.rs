mod containers;
mod past;

use super::{row::LINEAGE_CAP, *};
use vedette_contract::values::{process_mark, stream_kind};
use vedette_sensor::event::{Image, Stream, Task};

const HOST: Namespaces = Namespaces {
    mount: 1,
    pid: 2,
    network: 3,
    user: 4,
};
const INSIDE: Namespaces = Namespaces {
    mount: 11,
    pid: 12,
    network: 13,
    user: 4,
};

fn task(pid: u32, namespaces: Namespaces, cgroup: u64) -> Task {
    Task {
        process: TaskRef {
            pid,
            start: u64::from(pid) * 1_000_000_007,
        },
        tid: pid,
        namespaces,
        cgroup,
        ..Task::default()
    }
}

fn event(kind: u16, task: &Task) -> Event {
    Event {
        kind,
        task: task.clone(),
        at: 1,
        ..Event::default()
    }
}

fn exec(task: &Task, path: &str) -> Event {
    Event {
        text: path.as_bytes().into(),
        image: Some(Box::default()),
        ..event(kind::EXEC, task)
    }
}

fn cgroup(id: u64, path: &str) -> Event {
    Event {
        a: id,
        text: path.as_bytes().into(),
        ..event(kind::CGROUP, &Task::default())
    }
}

/// A context that knows the machine's init.
fn context() -> Context {
    let mut context = Context::default();
    let init = Event {
        image: Some(Box::default()),
        ..event(kind::EXISTING, &task(1, HOST, 1))
    };
    context.apply(&cgroup(1, "/"));
    context.apply(&init);
    context
}

/// What a runtime says of the container with this id.
fn container(id: &str, cgroup: u64, name: &str) -> Event {
    Event {
        a: cgroup,
        text: id.as_bytes().into(),
        text2: name.as_bytes().into(),
        ..event(kind::CONTAINER, &Task::default())
    }
}

fn cgroup_removed(id: u64, at: u64) -> Event {
    Event {
        a: id,
        at,
        ..event(kind::CGROUP_REMOVED, &Task::default())
    }
}

#[test]
fn an_init_that_hides_its_namespaces_is_told_by_the_thread_beside_it() {
    let mut context = Context::default();
    let existing = |task: &Task, marks| Event {
        image: Some(Box::new(Image {
            marks,
            ..Image::default()
        })),
        ..event(kind::EXISTING, task)
    };
    context.apply(&existing(&task(1, Namespaces::default(), 1), 0));
    let thread = existing(&task(2, HOST, 1), process_mark::KERNEL_THREAD);
    context.apply(&thread);
    let row = context.apply(&exec(&task(10, HOST, 1), "/bin/sh"));
    let marks = row.process.unwrap().marks;
    assert_ne!(marks & process_mark::HOST_MOUNT_NAMESPACE, 0);
    assert_ne!(marks & process_mark::HOST_PID_NAMESPACE, 0);
}

#[test]
fn rows_of_the_moment_do_not_change_later() {
    let mut context = context();
    let shell = task(10, HOST, 1);
    let before = context.apply(&exec(&shell, "/bin/sh")).process.unwrap();
    let after = context.apply(&exec(&shell, "/bin/ls")).process.unwrap();
    assert_eq!(before.exe.as_ref(), b"/bin/sh");
    assert_eq!(after.exe.as_ref(), b"/bin/ls");
    assert_eq!(before.key, after.key);
}

#[test]
fn a_child_has_its_parents_image_and_streams() {
    let mut context = context();
    let shell = task(10, HOST, 1);
    context.apply(&exec(&shell, "/bin/sh"));
    let mut dup = event(kind::DUP, &shell);
    dup.stream = Some(Box::new(Stream {
        fd: 1,
        kind: stream_kind::PIPE,
        id: 77,
        ..Stream::default()
    }));
    context.apply(&dup);
    let mut fork = event(kind::FORK, &shell);
    fork.target = Some(TaskRef { pid: 11, start: 5 });
    let child = context.apply(&fork).target.unwrap();
    assert_eq!(child.exe.as_ref(), b"/bin/sh");
    assert_eq!(child.streams[0].id, 77);
    assert_eq!(child.parent.as_ref().unwrap().id.pid, 10);
}

#[test]
fn a_runtime_is_joining_until_it_executes_inside() {
    let mut context = context();
    let outside = task(20, HOST, 1);
    context.apply(&exec(&outside, "/usr/sbin/runc"));
    context.apply(&cgroup(500, "/demo"));
    let set_up = task(20, INSIDE, 500);
    let row = context.apply(&event(kind::MOUNT, &set_up)).process.unwrap();
    assert_eq!(row.container.as_ref().unwrap().id, "demo");
    assert_ne!(row.marks & process_mark::JOINING, 0);
    let row = context.apply(&exec(&set_up, "/bin/sh")).process.unwrap();
    assert_eq!(row.marks & process_mark::JOINING, 0);
    assert_eq!(row.marks & process_mark::HOST_MOUNT_NAMESPACE, 0);
}

#[test]
fn a_process_that_another_one_moves_is_in_its_new_container_at_once() {
    let mut context = context();
    let runtime = task(20, HOST, 1);
    let moved = task(21, INSIDE, 1);
    context.apply(&exec(&runtime, "/usr/sbin/runc"));
    let before = context.apply(&exec(&moved, "/bin/sh")).process.unwrap();
    assert!(before.container.is_none());
    context.apply(&cgroup(500, "/demo"));
    let join = |group, hierarchy| Event {
        a: group,
        b: hierarchy,
        target: Some(moved.process),
        ..event(kind::CGROUP_MOVE, &runtime)
    };
    let row = context.apply(&join(500, 0)).target.unwrap();
    assert_eq!(row.container.as_ref().unwrap().id, "demo");
    assert_eq!((row.cgroup, row.cgroup_v1), (500, 0));
    assert!(before.container.is_none(), "rows do not change");
    // By the hierarchy of version 1 alone, and out of the container again.
    let row = context.apply(&join(7, 4)).target.unwrap();
    assert_eq!((row.cgroup, row.cgroup_v1), (500, 7));
    let row = context.apply(&join(1, 0)).target.unwrap();
    assert!(row.container.is_none());
}

#[test]
fn credentials_of_the_moment_are_in_the_row() {
    let mut context = context();
    let mut shell = task(10, HOST, 1);
    shell.uid = 1000;
    let before = context.apply(&exec(&shell, "/bin/sh")).process.unwrap();
    shell.uid = 0;
    shell.capabilities = 0xff;
    let changed = event(kind::CREDENTIALS, &shell);
    let after = context.apply(&changed).process.unwrap();
    assert_eq!((before.uid, before.capabilities), (1000, 0));
    assert_eq!((after.uid, after.capabilities), (0, 0xff));
    assert_eq!(
        context.counters().repaired,
        1,
        "the shell was found, not forked"
    );
}

#[test]
fn a_runtime_that_executes_a_copy_of_itself_is_still_joining() {
    let mut context = context();
    context.apply(&exec(&task(20, HOST, 1), "/usr/sbin/runc"));
    context.apply(&cgroup(500, "/demo"));
    // In the container's group, but not in its mounts yet.
    context.apply(&exec(&task(20, HOST, 500), "/"));
    let set_up = task(20, INSIDE, 500);
    let row = context.apply(&event(kind::MOUNT, &set_up)).process.unwrap();
    assert_ne!(row.marks & process_mark::JOINING, 0);
    let row = context.apply(&exec(&set_up, "/bin/sh")).process.unwrap();
    assert_eq!(row.marks & process_mark::JOINING, 0);
}

#[test]
fn a_container_seen_late_has_its_image_inside() {
    let mut context = context();
    context.apply(&cgroup(500, "/demo"));
    // Executed in the container's group before it was known to be one.
    let early = task(20, HOST, 500);
    context.apply(&exec(&early, "/bin/sh"));
    let row = context
        .apply(&event(kind::OPEN, &task(20, INSIDE, 500)))
        .process
        .unwrap();
    assert_eq!(row.marks & process_mark::JOINING, 0);
}

#[test]
fn a_lost_fork_is_mended_and_said() {
    let mut context = context();
    let row = context
        .apply(&event(kind::OPEN, &task(30, HOST, 1)))
        .process
        .unwrap();
    assert_ne!(row.marks & process_mark::INCOMPLETE, 0);
    assert_eq!(context.counters().repaired, 1);
}

#[test]
fn the_dead_are_forgotten_and_a_reused_pid_is_another_process() {
    let mut context = context();
    let one = task(40, HOST, 1);
    let first = context.apply(&exec(&one, "/bin/a")).process.unwrap();
    context.apply(&event(kind::EXIT, &one));
    let mut two = one.clone();
    two.process.start += 123_456_789;
    let second = context.apply(&exec(&two, "/bin/b")).process.unwrap();
    assert_ne!(first.key, second.key);
    let mut late = event(kind::TICK, &Task::default());
    late.at = 60_000_000_000;
    context.apply(&late);
    assert!(context.knows(two.process));
    assert!(!context.knows(one.process));
}

#[test]
fn a_lineage_without_end_is_cut() {
    let mut context = context();
    let mut current = task(100, HOST, 1);
    context.apply(&exec(&current, "/bin/worm"));
    for pid in 101..1_000 {
        let next = task(pid, HOST, 1);
        let mut fork = event(kind::FORK, &current);
        fork.target = Some(next.process);
        let child = context.apply(&fork).target.unwrap();
        let kept = child.lineage().count();
        assert!(kept <= LINEAGE_CAP as usize + 2);
        assert!(kept >= (pid as usize - 99).min(LINEAGE_CAP as usize / 2));
        current = next;
    }
}

#[test]
fn a_start_from_proc_matches_within_its_tick() {
    let mut context = context();
    let mut coarse = task(50, HOST, 1);
    coarse.process.start = 70_000_000;
    let found = Event {
        image: Some(Box::default()),
        text: b"/bin/old"[..].into(),
        ..event(kind::EXISTING, &coarse)
    };
    let row = context.apply(&found).process.unwrap();
    let mut exact = coarse.clone();
    exact.process.start = 73_456_789;
    let later = context.apply(&event(kind::OPEN, &exact)).process.unwrap();
    assert_eq!(row.key, later.key);
}

#[test]
fn news_of_a_birth_that_comes_late_changes_no_image() {
    let mut context = context();
    let shell = task(10, HOST, 1);
    context.apply(&exec(&shell, "/bin/sh"));
    let child = task(11, HOST, 1);
    context.apply(&exec(&child, "/bin/ls"));
    let mut fork = event(kind::FORK, &shell);
    fork.target = Some(child.process);
    let row = context.apply(&fork).target.unwrap();
    assert_eq!(row.exe.as_ref(), b"/bin/ls");
    assert_eq!(row.parent.as_ref().unwrap().id.pid, 10);
    assert_eq!(row.marks & process_mark::INCOMPLETE, 0);
}

#[test]
fn a_repair_completes_a_row_and_says_so() {
    let mut context = context();
    // Neither the parent's fork nor the child's was seen; the child acts first.
    let parent = task(50, HOST, 1);
    let mut child = task(51, HOST, 1);
    child.parent = parent.process;
    let row = context.apply(&event(kind::DUP, &child)).process.unwrap();
    assert!(row.parent.is_none());
    let found = |of: &Task, path: &str| {
        let mut event = exec(of, path);
        event.kind = kind::EXISTING;
        event.image.as_mut().unwrap().marks = process_mark::INCOMPLETE;
        event
    };
    context.apply(&found(&parent, "/bin/a"));
    let row = context.apply(&found(&child, "/bin/b")).process.unwrap();
    assert_eq!(&*row.exe, b"/bin/b");
    assert_eq!(row.parent.as_ref().unwrap().id, parent.process);
    assert_ne!(row.marks & process_mark::INCOMPLETE, 0);
    assert_eq!(row.marks & process_mark::EXISTING, 0);
}
