use super::*;
use vedette_contract::values::{process_mark, stream_kind};
use vedette_sensor::event::{Stream, Task};

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

#[test]
fn the_first_event_of_a_container_is_in_it_and_its_names_come_in_a_new_row() {
    let mut context = context();
    let id = "ab".repeat(32);
    context.apply(&cgroup(500, &format!("/docker/{id}")));
    let asked = context.next_unexplained().unwrap();
    assert!(asked.certain && asked.id == id && asked.cgroup == 500);
    let first = task(20, INSIDE, 500);
    let before = context.apply(&exec(&first, "/bin/true")).process.unwrap();
    let early = before.container.as_ref().unwrap();
    assert_eq!(early.id, id);
    assert!(early.is_pending());
    let mut said = container(&id, 500, "web");
    said.at = 77;
    context.apply(&said);
    let after = context.apply(&event(kind::OPEN, &first)).process.unwrap();
    let late = after.container.as_ref().unwrap();
    assert_eq!(late.name, "web");
    assert_eq!(late.key, early.key);
    assert!(early.name.is_empty(), "a row never changes");
    assert_eq!(early.later.by(77).unwrap().name, "web");
    assert!(early.later.by(76).is_none());
}

#[test]
fn a_container_is_asked_for_once_though_it_has_a_group_in_each_hierarchy() {
    let mut context = context();
    let path = format!("/docker/{}", "ab".repeat(32));
    context.apply(&cgroup(500, &path));
    let v1 = |id, path: &str| Event {
        b: 8,
        ..cgroup(id, path)
    };
    context.apply(&v1(900, &path));
    context.apply(&cgroup(501, &format!("{path}/init.scope")));
    assert!(context.next_unexplained().is_some());
    assert_eq!(context.next_unexplained(), None);
    let mut inside = task(20, INSIDE, 0);
    inside.cgroup_v1 = 900;
    let row = context.apply(&exec(&inside, "/bin/sh")).process.unwrap();
    let by_v1 = row.container.as_ref().unwrap().key;
    let row = context.apply(&exec(&task(21, INSIDE, 501), "/bin/sh"));
    assert_eq!(row.process.unwrap().container.as_ref().unwrap().key, by_v1);
}

#[test]
fn a_group_that_only_its_runtime_knows_to_be_a_container_becomes_one() {
    let mut context = context();
    context.apply(&cgroup(500, "/demo"));
    let asked = context.next_unexplained().unwrap();
    assert!(!asked.certain && asked.id == "demo");
    context.apply(&container("demo", 500, "demo"));
    let row = context.apply(&exec(&task(20, HOST, 500), "/bin/sh"));
    let found = row.process.unwrap().container.clone().unwrap();
    assert!(!found.is_pending());
    // What is said of a container that is not there makes none.
    context.apply(&container("gone", 600, "gone"));
    assert_eq!(context.container_sizes(), (2, 1));
}

#[test]
fn removed_groups_and_their_containers_are_forgotten_a_while_later() {
    let mut context = context();
    for number in 0..5_000_u64 {
        let at = number * 10_000_000;
        let group = 1_000 + number;
        let mut made = cgroup(group, &format!("/docker/{number:064x}"));
        made.at = at;
        context.apply(&made);
        let mut first = exec(&task(20 + number as u32, INSIDE, group), "/bin/true");
        first.at = at;
        let row = context.apply(&first).process.unwrap();
        assert_eq!(row.container.as_ref().unwrap().id, format!("{number:064x}"));
        context.apply(&cgroup_removed(group, at));
    }
    let (groups, containers) = context.container_sizes();
    assert!(groups < 600 && containers < 600, "{groups} {containers}");
}

#[test]
fn a_container_made_inside_of_another_knows_it_and_moving_into_it_is_not_joining() {
    let mut context = context();
    let (outer, inner) = ("ab".repeat(32), "cd".repeat(32));
    context.apply(&cgroup(500, &format!("/docker/{outer}")));
    let inside = task(20, INSIDE, 500);
    let row = context.apply(&exec(&inside, "/bin/sh")).process.unwrap();
    assert_eq!(row.container.as_ref().unwrap().id, outer);
    context.apply(&cgroup(501, &format!("/docker/{outer}/{inner}")));
    let moved = task(20, INSIDE, 501);
    let row = context.apply(&event(kind::MOUNT, &moved)).process.unwrap();
    let container = row.container.as_ref().unwrap();
    assert_eq!(container.id, inner);
    assert_eq!(container.text(container::attr::OUTER), outer.as_bytes());
    assert_eq!(row.marks & process_mark::JOINING, 0);
}

#[test]
fn a_group_that_is_not_known_leads_out_of_no_container() {
    let mut context = context();
    context.apply(&cgroup(500, &format!("/docker/{}", "ab".repeat(32))));
    context.apply(&exec(&task(20, INSIDE, 500), "/bin/sh"));
    let row = context.apply(&event(kind::OPEN, &task(20, INSIDE, 999)));
    let row = row.process.unwrap();
    assert!(row.container.is_some());
    assert_eq!(row.marks & process_mark::JOINING, 0);
    let row = context.apply(&event(kind::OPEN, &task(20, INSIDE, 1)));
    assert!(row.process.unwrap().container.is_none());
}

#[test]
fn a_pods_uid_is_known_before_its_runtime_says_anything() {
    let mut context = context();
    let uid = "11111111-2222-3333-4444-555555555555";
    let path = format!("/kubepods/besteffort/pod{uid}/{}", "ab".repeat(32));
    context.apply(&cgroup(500, &path));
    let row = context.apply(&exec(&task(20, INSIDE, 500), "/bin/sh"));
    let row = row.process.unwrap();
    let container = row.container.as_ref().unwrap();
    assert_eq!(container.text(container::attr::POD_UID), uid.as_bytes());
}

#[test]
fn the_past_answers_as_of_a_moment_and_keeps_no_more_than_is_asked_for() {
    let mut context = context();
    let parent = task(100, INSIDE, 50);
    context.apply(&cgroup(
        50,
        "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ));
    context.apply(&exec(&parent, "/bin/sh"));
    let past = context.past();
    assert!(past.now().is_none(), "nothing is kept before somebody asks");
    context.keep_past(true);
    let fork = |context: &mut Context, pid: u32| {
        let mut event = event(kind::FORK, &parent);
        event.target = Some(task(pid, INSIDE, 50).process);
        context.apply(&event);
    };
    fork(&mut context, 102);
    fork(&mut context, 101);
    let before = past.now().unwrap();
    let row = context.row(parent.process).unwrap();
    let container = row.container.as_ref().unwrap().key;
    let pids =
        |(rows, _): (Vec<Arc<Process>>, usize)| rows.iter().map(|p| p.id.pid).collect::<Vec<_>>();
    assert_eq!(pids(before.children(row.key, 9)), [101, 102]);
    assert_eq!(pids(before.children(row.key, 1)), [101]);
    assert_eq!(pids(before.members(container, 9)), [100, 101, 102]);
    let child = key(task(101, INSIDE, 50).process);
    // It executes, and ends, and long after that it is forgotten.
    context.apply(&exec(&task(101, INSIDE, 50), "/bin/id"));
    let between = past.now().unwrap();
    context.apply(&event(kind::EXIT, &task(101, INSIDE, 50)));
    let after = past.now().unwrap();
    assert_eq!(&*before.process(child).unwrap().exe, b"/bin/sh");
    assert_eq!(&*between.process(child).unwrap().exe, b"/bin/id");
    assert_eq!(pids(between.children(row.key, 9)), [101, 102]);
    assert_eq!(pids(after.children(row.key, 9)), [102]);
    context.apply(&Event {
        at: u64::MAX / 2,
        ..event(kind::TICK, &Task::default())
    });
    let last = past.now().unwrap();
    assert!(last.process(child).is_none());
    assert_eq!(&*before.process(child).unwrap().exe, b"/bin/sh");
    assert!(past.earlier() > 0);
    // Once nobody holds those moments, nothing of them is left.
    drop((before, between, after));
    fork(&mut context, 103);
    fork(&mut context, 104);
    drop(last);
    fork(&mut context, 105);
    assert_eq!(past.earlier(), 0);
    let now = past.now().unwrap();
    assert_eq!(pids(now.children(row.key, 9)), [102, 103, 104, 105]);
    context.keep_past(false);
    assert!(past.now().is_none());
    assert!(!now.is_known());
}
