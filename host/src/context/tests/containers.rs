//! Control groups and the containers that they are.

use super::*;

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
fn what_there_is_no_room_for_is_counted() {
    let mut context = context();
    for number in 0..8_200u64 {
        context.apply(&cgroup(10_000 + number, &format!("/docker/{number:064x}")));
    }
    let counters = context.counters();
    assert_eq!(counters.containers_left_out, 8_200 - 8_192);
    assert_eq!(counters.groups_left_out, 0);
    for number in 0..60_000 {
        context.apply(&cgroup(20_000 + number, &format!("/a/{number}")));
    }
    let known = context.container_sizes().0 as u64;
    let left_out = context.counters().groups_left_out;
    assert!(
        left_out > 0 && known + left_out >= 68_200,
        "{known} {left_out}"
    );
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
}

#[test]
fn only_who_is_outside_leads_out_of_a_container() {
    let mut context = context();
    context.apply(&cgroup(500, &format!("/docker/{}", "ab".repeat(32))));
    let inside = task(20, INSIDE, 500);
    context.apply(&exec(&inside, "/bin/sh"));
    context.apply(&exec(&task(10, HOST, 1), "/sbin/service"));
    let moves = |mover: &Task, moved: &Task| Event {
        a: 1,
        target: Some(moved.process),
        ..event(kind::CGROUP_MOVE, mover)
    };
    // It writes itself into a group of the machine's, executes there, enters the machine's mounts
    // and comes back.
    let out = task(20, INSIDE, 1);
    let rows = context.apply(&moves(&out, &out));
    assert!(rows.process.unwrap().container.is_some());
    assert!(rows.target.unwrap().container.is_some());
    context.apply(&exec(&out, "/bin/sh"));
    let entered = context.apply(&event(kind::SETNS, &task(20, HOST, 1)));
    let entered = entered.process.unwrap();
    assert!(entered.container.is_some());
    assert_ne!(entered.marks & process_mark::HOST_MOUNT_NAMESPACE, 0);
    let back = context.apply(&event(kind::OPEN, &inside)).process.unwrap();
    assert_eq!(back.marks & process_mark::JOINING, 0);
    // A child that is made in that group.
    let mut child = task(21, INSIDE, 1);
    child.parent = inside.process;
    let fork = Event {
        target: Some(child.process),
        ..event(kind::FORK, &inside)
    };
    context.apply(&fork);
    let row = context.apply(&event(kind::OPEN, &child)).process.unwrap();
    assert!(row.container.is_some());
    // The machine moves it.
    let rows = context.apply(&moves(&task(10, HOST, 1), &out));
    assert!(rows.target.unwrap().container.is_none());
    let row = context.apply(&event(kind::OPEN, &out)).process.unwrap();
    assert!(row.container.is_none());
}

#[test]
fn a_runtime_inside_of_a_container_is_told_from_who_is_executed_in_the_inner_one() {
    let mut context = context();
    let (outer, inner) = ("ab".repeat(32), "cd".repeat(32));
    context.apply(&cgroup(500, &format!("/docker/{outer}")));
    let runtime = task(20, INSIDE, 500);
    context.apply(&exec(&runtime, "/bin/runc"));
    context.apply(&cgroup(501, &format!("/docker/{outer}/{inner}")));
    let mut init = task(21, INSIDE, 500);
    init.parent = runtime.process;
    let fork = Event {
        target: Some(init.process),
        ..event(kind::FORK, &runtime)
    };
    context.apply(&fork);
    // In the inner one's group it executes a copy of itself, before it has mounts of its own.
    init.cgroup = 501;
    let marks = |context: &mut Context, event: &Event| context.apply(event).process.unwrap().marks;
    let joining = process_mark::JOINING | process_mark::JOINING_INNER;
    let copied = marks(&mut context, &exec(&init, "/bin/runc"));
    assert_eq!(copied & joining, process_mark::JOINING_INNER);
    init.namespaces.mount = 77;
    let mounting = marks(&mut context, &event(kind::MOUNT, &init));
    assert_eq!(mounting & joining, process_mark::JOINING_INNER);
    let executed = marks(&mut context, &exec(&init, "/bin/sh"));
    assert_eq!(executed & joining, 0);
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
